//! Request signatures, verified as SAP's PHP library and guide describe; shares no code with the adapter.
//!
//! `base64(HMAC-SHA1(base64decode(secret), METHOD & enc(URL) & enc(parameters)))`, where the parameters (all but `sig`)
//! are `name=enc(value)`, sorted by name and joined by `&`, and `enc` escapes all but letters, digits and `-._~`.

use std::fmt::Display;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::hmac;

use super::params::GigyaParams;

const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The signed text.
pub(super) fn base_string(method: &str, url: &str, params: &GigyaParams) -> String {
    let pairs: Vec<String> = params
        .all()
        .filter(|(name, _)| *name != "sig")
        .map(|(name, value)| format!("{name}={}", strict(value)))
        .collect();
    format!(
        "{}&{}&{}",
        method.to_ascii_uppercase(),
        strict(url),
        strict(&pairs.join("&"))
    )
}

/// Whether the parameter `sig` is the signature with this secret.
pub(super) fn is_valid(secret: &str, method: &str, url: &str, params: &GigyaParams) -> bool {
    let (Ok(key), Some(Ok(given))) = (
        STANDARD.decode(secret),
        params.get("sig").map(|sig| STANDARD.decode(sig)),
    ) else {
        return false;
    };
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key);
    hmac::verify(&key, base_string(method, url, params).as_bytes(), &given).is_ok()
}

/// Escapes all but the unreserved characters.
fn strict(text: &str) -> impl Display {
    utf8_percent_encode(text, RESERVED)
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://accounts.eu1.gigya.com/accounts.search";

    fn vector<'a>(sig: &'a str, query: &'a str) -> GigyaParams {
        GigyaParams::from_pairs(&[
            ("apiKey", "3_api"),
            ("format", "json"),
            ("nonce", "28646487289"),
            ("timestamp", "1795315416502"),
            ("userKey", "ukey"),
            ("query", query),
            ("sig", sig),
        ])
    }

    #[test]
    fn known_signature_is_valid_and_changed_requests_are_not() {
        // Produced by npm gigya 3.0.1 and verified independently in Python; the key is invented.
        let secret = STANDARD.encode("0123456789abcdef0123");
        let sig = "1zm0tVs8bUT1TCvHoE+aRTsKqEE=";
        let query = r#"SELECT * FROM accounts WHERE profile.email = "a'b@x.com" LIMIT 10"#;
        assert!(is_valid(&secret, "post", URL, &vector(sig, query)));
        assert!(!is_valid(&secret, "GET", URL, &vector(sig, query)));
        assert!(!is_valid(
            &secret,
            "POST",
            "https://accounts.us1.gigya.com/accounts.search",
            &vector(sig, query)
        ));
        assert!(!is_valid(&secret, "POST", URL, &vector(sig, "SELECT * FROM accounts")));
        assert!(!is_valid(&STANDARD.encode("another"), "POST", URL, &vector(sig, query)));
        assert!(!is_valid(&secret, "POST", URL, &vector("no base64!", query)));
        assert!(!is_valid(&secret, "POST", URL, &vector("", query)));
    }

    #[test]
    fn all_but_unreserved_characters_are_escaped() {
        assert_eq!(strict("aZ09-._~").to_string(), "aZ09-._~");
        assert_eq!(
            strict("'<>()*!+&=% é").to_string(),
            "%27%3C%3E%28%29%2A%21%2B%26%3D%25%20%C3%A9"
        );
    }

    #[test]
    fn parameters_are_sorted_without_the_signature() {
        let params = GigyaParams::from_pairs(&[("b", "2 3"), ("a", "~"), ("sig", "x"), ("B", "")]);
        assert_eq!(
            base_string("get", "http://h/p", &params),
            "GET&http%3A%2F%2Fh%2Fp&B%3D%26a%3D~%26b%3D2%25203"
        );
    }
}
