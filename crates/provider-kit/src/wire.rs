//! Reads the values that a provider sends: a value of an undocumented type counts as missing.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use masthead_domain::{customer_registration_id::CustomerRegistrationId, email::Email};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Map, Value};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use zeroize::Zeroizing;

/// A text.
///
/// # Errors
/// The input is not JSON.
pub fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => Some(text),
        _ => None,
    })
}

/// A flag; some providers send it as a text.
///
/// # Errors
/// The input is not JSON.
pub fn flag<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Bool(flag) => Some(flag),
        Value::String(word) => word.parse().ok(),
        _ => None,
    })
}

/// The members of an object.
///
/// # Errors
/// The input is not JSON.
pub fn members<'de, D: Deserializer<'de>>(from: D) -> Result<Map<String, Value>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Object(members) => members,
        _ => Map::new(),
    })
}

/// The claims of an id token that the issuer itself has answered with over TLS, so that its signature proves nothing more
/// (OpenID Connect Core §3.1.3.7, 6).
#[must_use]
pub fn id_token_claims<T: DeserializeOwned>(id_token: &str) -> Option<T> {
    let payload = Zeroizing::new(URL_SAFE_NO_PAD.decode(id_token.split('.').nth(1)?).ok()?);
    serde_json::from_slice(&payload).ok()
}

/// A scalar as a text, the form of metadata values; `None` for lists and objects.
#[must_use]
pub fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A time as an RFC 3339 text; `None` for anything else.
#[must_use]
pub fn time(value: &Value) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(value.as_str()?, &Rfc3339).ok()
}

/// The UNIX milliseconds of a time, rounded down.
#[must_use]
pub fn milliseconds(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos().div_euclid(1_000_000)).unwrap_or(i64::MAX)
}

/// A name, trimmed and without NULs, which no store accepts; empty where there is none.
#[must_use]
pub fn name(text: Option<&str>) -> Box<str> {
    text.unwrap_or_default().trim().replace('\0', "").into()
}

/// The id of a user; `None` when it is invalid. An id that JSON repair changed is invalid ([`json::read`](crate::json::read)):
/// it may be another user's.
#[must_use]
pub fn id(text: &str) -> Option<CustomerRegistrationId> {
    CustomerRegistrationId::parse(text).ok()
}

/// An e-mail address of any form; `None` when it is invalid. An address that JSON repair changed is invalid: it may be
/// another user's.
#[must_use]
pub fn address(text: &str) -> Option<Email> {
    Email::from_source(text).ok()
}

/// Implements `Debug` without the data that a provider sent.
#[macro_export]
macro_rules! redacted {
    ($($type:ident),*) => {$(
        impl ::std::fmt::Debug for $type {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_struct(stringify!($type)).finish_non_exhaustive()
            }
        }
    )*};
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_read_from_the_payload() {
        #[derive(Deserialize)]
        struct Subject {
            sub: String,
        }
        let subject = |token: &str| id_token_claims::<Subject>(token).map(|claims| claims.sub);
        let token = format!("h.{}.s", URL_SAFE_NO_PAD.encode(r#"{"sub":"auth0|1","aud":"x"}"#));
        assert_eq!(subject(&token).as_deref(), Some("auth0|1"));
        for bad in ["", "h", "h.!.s", "h.e30.s"] {
            assert_eq!(subject(bad), None, "{bad}");
        }
    }

    #[test]
    fn repaired_id_or_address_is_none() {
        let read = |json: &str| crate::json::read::<String>(json.as_bytes()).unwrap();
        assert_eq!(id("auth0|\u{fffd}").unwrap().as_str(), "auth0|\u{fffd}");
        assert_eq!(address(" Ann@Example.org").unwrap().as_str(), "Ann@Example.org");
        let lost = read(r#""ann\ud83d@example.org""#);
        assert!(id(&lost).is_none() && address(&lost).is_none());
        assert_eq!(&*name(Some(&lost)), "ann\u{fffd}@example.org");
    }
}
