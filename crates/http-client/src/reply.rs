//! A complete reply.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use time::{OffsetDateTime, PrimitiveDateTime, macros::format_description};

use crate::{
    error::{HttpError, TransportError},
    json,
};

/// The longest accepted `Retry-After`.
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(1);

/// A reply. `Debug` shows its status and size, never its content.
#[derive(Clone)]
pub struct HttpReply {
    /// The status; also of a redirect, which is not followed.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, decompressed.
    pub body: Bytes,
}

impl HttpReply {
    /// Parses the body as JSON with [`json::read`]. The content type must be `application/json` or `…+json`.
    ///
    /// # Errors
    /// [`TransportError::NotJson`] for another content type, [`TransportError::BadJson`] when it does not parse.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, HttpError> {
        self.json_labelled(&[])
    }

    /// Like [`Self::json`], and also accepts these content types, in lower case.
    ///
    /// # Errors
    /// As [`Self::json`].
    pub fn json_labelled<T: DeserializeOwned>(&self, also: &[&str]) -> Result<T, HttpError> {
        if !self.is_json(also) {
            return Err(HttpError::sent(TransportError::NotJson));
        }
        json::read(&self.body).map_err(|_| HttpError::sent(TransportError::BadJson))
    }

    fn is_json(&self, also: &[&str]) -> bool {
        self.headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| {
                let media = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
                media == "application/json"
                    || (media.starts_with("application/") && media.ends_with("+json"))
                    || also.contains(&&*media)
            })
    }

    /// The delay of `Retry-After`, in seconds or as a date (RFC 9110 §10.2.3); at most an hour.
    #[must_use]
    pub fn retry_after(&self, now: OffsetDateTime) -> Option<Duration> {
        let text = self.headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
        let wait = if let Ok(seconds) = text.parse::<u64>() {
            Duration::from_secs(seconds)
        } else {
            Duration::try_from(http_date(text)? - now).unwrap_or_default()
        };
        Some(wait.min(LONGEST_RETRY_AFTER))
    }

    /// The time of the `Date` header.
    #[must_use]
    pub fn date(&self) -> Option<OffsetDateTime> {
        http_date(self.headers.get(header::DATE)?.to_str().ok()?)
    }
}

/// Parses the preferred date format of HTTP (RFC 9110 §5.6.7).
fn http_date(text: &str) -> Option<OffsetDateTime> {
    let format =
        format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
    Some(PrimitiveDateTime::parse(text, format).ok()?.assume_utc())
}

impl fmt::Debug for HttpReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status.as_u16())
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, headers: &[(&'static str, &str)], body: &str) -> HttpReply {
        HttpReply {
            status: StatusCode::from_u16(status).unwrap(),
            headers: headers
                .iter()
                .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
                .collect(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    fn class(reply: &HttpReply) -> TransportError {
        reply.json::<serde_json::Value>().unwrap_err().cause
    }

    #[test]
    fn only_json_content_types_are_read() {
        let json = "application/json";
        for good in [json, "Application/JSON; charset=utf-8", "application/problem+json"] {
            assert!(
                reply(200, &[("content-type", good)], "[1]").json::<Vec<u8>>().is_ok(),
                "{good}"
            );
        }
        for bad in ["text/html", "text/json", "application/jsonp", ""] {
            assert_eq!(
                class(&reply(200, &[("content-type", bad)], "[1]")),
                TransportError::NotJson,
                "{bad}"
            );
        }
        assert_eq!(class(&reply(200, &[], "[1]")), TransportError::NotJson);
        for bad in ["", "[1", "<html></html>", "\u{feff}[1]", "[1] x", &"[".repeat(10_000)] {
            assert_eq!(
                class(&reply(200, &[("content-type", json)], bad)),
                TransportError::BadJson
            );
        }
    }

    #[test]
    fn extra_content_type_is_read_when_named() {
        let script = reply(200, &[("content-type", "text/JavaScript; charset=utf-8")], "[1]");
        assert!(script.json_labelled::<Vec<u8>>(&["text/javascript"]).is_ok());
        assert_eq!(class(&script), TransportError::NotJson);
        for other in ["text/plain", "text/html"] {
            let reply = reply(200, &[("content-type", other)], "[1]");
            assert!(reply.json_labelled::<Vec<u8>>(&["text/javascript"]).is_err(), "{other}");
        }
    }

    #[test]
    fn retry_after_is_parsed_and_bounded() {
        let now = time::macros::datetime!(2026-11-06 08:49:30 UTC);
        let wait = |text: &str| reply(503, &[("retry-after", text)], "").retry_after(now);
        assert_eq!(wait("3"), Some(Duration::from_secs(3)));
        assert_eq!(wait("Fri, 06 Nov 2026 08:49:37 GMT"), Some(Duration::from_secs(7)));
        assert_eq!(wait("Fri, 06 Nov 2020 08:49:37 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("99999999"), Some(LONGEST_RETRY_AFTER));
        for nonsense in ["soon", "-1", "1.5", ""] {
            assert_eq!(wait(nonsense), None, "{nonsense}");
        }
    }
}
