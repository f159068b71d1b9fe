//! Request signatures (`providers.md` §2.2 b): `base64(HMAC-SHA1(key, METHOD & enc(URL) & enc(parameters)))`.
//!
//! Gigya requires SHA-1. Its collisions do not weaken HMAC, so that it is still safe here.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use ring::hmac;

/// The characters that are escaped: all but the unreserved ones of RFC 3986 §2.3. If any other is left unescaped, Gigya
/// returns error 403005 instead of 403003.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Percent-encodes a text for a form body and for the base string of a signature.
pub(crate) fn escaped(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, UNRESERVED)
}

/// A form body, `name=value&…`, with each value escaped; names need no escaping.
pub(crate) fn form<'a>(parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let pairs = parameters
        .into_iter()
        .map(|(name, value)| format!("{name}={}", escaped(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// The signature of a POST to this URL with these parameters. The URL must not contain a default port.
pub(crate) fn signature(key: &hmac::Key, address: &str, parameters: &[(&str, &str)]) -> String {
    let mut sorted = parameters.to_vec();
    sorted.sort_unstable();
    let base = format!("POST&{}&{}", escaped(address), escaped(&form(sorted)));
    STANDARD.encode(hmac::sign(key, base.as_bytes()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(bytes: &[u8]) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, bytes)
    }

    /// Produced by npm gigya 3.0.1 and computed again, independently, in Python; the key is not a real one.
    #[test]
    fn known_signature_is_reproduced() {
        let query = r#"SELECT * FROM accounts WHERE profile.email = "a'b@x.com" LIMIT 10"#;
        let parameters = [
            ("query", query),
            ("apiKey", "3_api"),
            ("format", "json"),
            ("nonce", "28646487289"),
            ("timestamp", "1795315416502"),
            ("userKey", "ukey"),
        ];
        let address = "https://accounts.eu1.gigya.com/accounts.search";
        assert_eq!(
            signature(&key(b"0123456789abcdef0123"), address, &parameters),
            "1zm0tVs8bUT1TCvHoE+aRTsKqEE="
        );
    }

    /// Recorded requests of Gigya's Node SDK, some with unusual characters in names and addresses, have the signature
    /// that this module computes.
    #[test]
    fn recorded_signatures_are_reproduced() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../sandbox/fixtures/gigya-node");
        let mut checked = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let Ok(text) = std::fs::read(&path) else { continue };
            let Ok(recording) = serde_json::from_slice::<serde_json::Value>(&text) else {
                continue;
            };
            for request in recording["requests"].as_array().into_iter().flatten() {
                let body = request["body"].as_str().unwrap();
                let decoded: Vec<(String, String)> = body
                    .split('&')
                    .map(|pair| {
                        let (name, value) = pair.split_once('=').unwrap();
                        let value = percent_encoding::percent_decode_str(value).decode_utf8().unwrap();
                        (name.to_owned(), value.into_owned())
                    })
                    .collect();
                let all = decoded.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                let (sig, rest): (Vec<_>, Vec<_>) = all.partition(|(name, _)| *name == "sig");
                let Some((_, sig)) = sig.first() else { continue };
                let address = format!("https://accounts.eu1.gigya.com{}", request["path"].as_str().unwrap());
                assert_eq!(
                    signature(&key(b"sandbox-gigya-secret"), &address, &rest),
                    *sig,
                    "{path:?}"
                );
                checked += 1;
            }
        }
        assert!(checked >= 30, "only {checked} signatures");
    }

    #[test]
    fn reserved_characters_are_escaped() {
        assert_eq!(escaped("aZ09-._~").to_string(), "aZ09-._~");
        assert_eq!(
            escaped("'<>()*!+&=% \u{e9}").to_string(),
            "%27%3C%3E%28%29%2A%21%2B%26%3D%25%20%C3%A9"
        );
    }

    proptest! {
        #[test]
        fn value_never_becomes_a_parameter(value in any::<String>()) {
            let text = form([("a", &*value), ("b", "2")]);
            prop_assert_eq!(text.matches('&').count(), 1);
            prop_assert_eq!(text.matches('=').count(), 2);
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%&=".contains(&byte)));
        }
    }
}
