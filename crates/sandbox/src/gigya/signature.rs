//! Request signatures, checked by what SAP's PHP library and guide describe; written apart from every adapter.
//!
//! `base64(HMAC-SHA1(base64decode(secret), METHOD & enc(URL) & enc(parameters)))`, where the parameters (all but `sig`)
//! are `name=enc(value)`, sorted by name and joined by `&`, and `enc` leaves only letters, digits and `-._~` as they are.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use super::params::Params;

/// The text that is signed.
pub(super) fn base_string(method: &str, url: &str, params: &Params) -> String {
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

/// Whether the `sig` among the parameters is the one that this secret makes.
pub(super) fn is_right(secret: &str, method: &str, url: &str, params: &Params) -> bool {
    let (Ok(key), Some(Ok(given))) = (
        STANDARD.decode(secret),
        params.get("sig").map(|sig| STANDARD.decode(sig)),
    ) else {
        return false;
    };
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key);
    hmac::verify(&key, base_string(method, url, params).as_bytes(), &given).is_ok()
}

/// A signature over any text, as Gigya itself signs what it hands out.
pub(super) fn over(secret: &str, text: &str) -> String {
    let key = STANDARD.decode(secret).unwrap_or_default();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key);
    STANDARD.encode(hmac::sign(&key, text.as_bytes()))
}

fn strict(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            other => {
                let _ = write!(out, "%{other:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://accounts.eu1.gigya.com/accounts.search";

    fn vector<'a>(sig: &'a str, query: &'a str) -> Params {
        Params::of(&[
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
    fn the_known_answer_is_right_and_its_neighbours_are_not() {
        // Produced by npm gigya 3.0.1 and computed again, independently, in Python; the key is no real one.
        let secret = STANDARD.encode("0123456789abcdef0123");
        let sig = "1zm0tVs8bUT1TCvHoE+aRTsKqEE=";
        let query = r#"SELECT * FROM accounts WHERE profile.email = "a'b@x.com" LIMIT 10"#;
        assert!(is_right(&secret, "post", URL, &vector(sig, query)));
        assert!(!is_right(&secret, "GET", URL, &vector(sig, query)));
        assert!(!is_right(
            &secret,
            "POST",
            "https://accounts.us1.gigya.com/accounts.search",
            &vector(sig, query)
        ));
        assert!(!is_right(&secret, "POST", URL, &vector(sig, "SELECT * FROM accounts")));
        assert!(!is_right(&STANDARD.encode("another"), "POST", URL, &vector(sig, query)));
        assert!(!is_right(&secret, "POST", URL, &vector("no base64!", query)));
        assert!(!is_right(&secret, "POST", URL, &vector("", query)));
    }

    #[test]
    fn everything_but_the_unreserved_is_escaped() {
        assert_eq!(strict("aZ09-._~"), "aZ09-._~");
        assert_eq!(strict("'<>()*!+&=% é"), "%27%3C%3E%28%29%2A%21%2B%26%3D%25%20%C3%A9");
    }

    #[test]
    fn parameters_are_sorted_and_the_signature_is_left_out() {
        let params = Params::of(&[("b", "2 3"), ("a", "~"), ("sig", "x"), ("B", "")]);
        assert_eq!(
            base_string("get", "http://h/p", &params),
            "GET&http%3A%2F%2Fh%2Fp&B%3D%26a%3D~%26b%3D2%25203"
        );
    }
}
