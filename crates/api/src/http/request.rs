//! What is known of a request before its headers are verified: its id, its deadline and its network address.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use http::{HeaderMap, HeaderName, HeaderValue};
use masthead_domain::caller_address::CallerAddress;

use super::{
    limits::ApiLimits,
    personal_text::{WITHHELD, may_name_person},
    room::AnswerRoom,
};

/// The header that carries the request's id, in both directions.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-requestid");

/// The longest id that is echoed, in bytes; a longer one is replaced.
pub const MAX_REQUEST_ID_BYTES: usize = 128;

/// What the server knows of a request when its head has arrived.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// The id under which the request is answered and logged.
    pub request_id: RequestId,
    /// When the client stops waiting.
    pub deadline: Instant,
    /// The address of the client; `None` where the server does not know it.
    pub caller: Option<CallerAddress>,
    /// The memory for its answer.
    pub room: AnswerRoom,
}

impl RequestContext {
    /// The context where the server gives none: the client's id or the next number, and the usual time from now on.
    pub(crate) fn from_headers(headers: &HeaderMap, limits: &ApiLimits) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        Self {
            request_id: RequestId::from_headers(headers)
                .unwrap_or_else(|| RequestId::from_number(COUNT.fetch_add(1, Ordering::Relaxed))),
            // Timeouts use tokio's clock, which tests can pause.
            deadline: tokio::time::Instant::now().into_std() + limits.deadline,
            caller: None,
            room: AnswerRoom::default(),
        }
    }
}

/// The id under which a request is answered and logged, in visible ASCII: the client's ([`RequestId::from_headers`]), or a
/// generated one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The client's id: the `X-RequestId` header, when it is 1 to [`MAX_REQUEST_ID_BYTES`] visible ASCII characters.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        headers
            .get(&REQUEST_ID)
            .filter(|value| is_valid(value))
            .cloned()
            .map(Self)
    }

    /// A generated id; `None` under the same conditions as for [`RequestId::from_headers`].
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        HeaderValue::from_str(text).ok().filter(is_valid).map(Self)
    }

    /// A number as an id.
    #[must_use]
    pub fn from_number(number: u64) -> Self {
        Self(HeaderValue::from(number))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// Its last eight characters, padded with zeros: the form of the customers export.
    #[must_use]
    pub fn short(&self) -> String {
        let text = self.as_str();
        format!("{:0>8}", &text[text.len().saturating_sub(8)..])
    }

    /// The text for logs and events, withheld where it may name a person: an address, a telephone number, a name.
    #[must_use]
    pub fn redacted(&self) -> &str {
        let text = self.as_str();
        if may_name_person(text) { WITHHELD } else { text }
    }

    pub(crate) fn into_header(self) -> HeaderValue {
        self.0
    }
}

fn is_valid(value: &HeaderValue) -> bool {
    (1..=MAX_REQUEST_ID_BYTES).contains(&value.len()) && value.as_bytes().iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_is_bounded_visible_ascii() {
        for good in ["7", "b1946ac9-2492", &"x".repeat(128)] {
            assert_eq!(RequestId::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a\tb", "é", &"x".repeat(129)] {
            assert_eq!(RequestId::new(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn address_as_id_is_redacted() {
        for (id, logged) in [
            ("b1946ac9-2492", "b1946ac9-2492"),
            ("ann@example.org", "withheld"),
            ("ann%40example.org", "withheld"),
        ] {
            assert_eq!(RequestId::new(id).unwrap().redacted(), logged);
        }
    }

    #[test]
    fn short_id_has_eight_characters() {
        for (id, short) in [
            ("b1946ac9-2492", "ac9-2492"),
            ("7", "00000007"),
            ("12345678", "12345678"),
        ] {
            assert_eq!(RequestId::new(id).unwrap().short(), short);
        }
    }

    #[test]
    fn generated_ids_differ() {
        let generate = || RequestContext::from_headers(&HeaderMap::new(), &ApiLimits::default()).request_id;
        assert_ne!(generate(), generate());
    }
}
