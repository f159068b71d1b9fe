//! What is known of a request before its headers are verified: its id, its deadline and its network address.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{limits::ApiLimits, room::AnswerRoom};

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
    /// The address of the client; needed where [`Route::needs_caller_address`](crate::Route::needs_caller_address) holds.
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

/// The network address of a client, as far as trusted proxies report it. It is personal data: it is never stored, and
/// `Debug` does not show it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CallerAddress {
    address: IpAddr,
    /// A trusted proxy has reported it; otherwise it is the address of the connection.
    is_reported: bool,
}

impl CallerAddress {
    /// This address; an IPv4 address mapped into IPv6 becomes the IPv4 address.
    #[must_use]
    pub const fn new(address: IpAddr) -> Self {
        Self {
            address: address.to_canonical(),
            is_reported: false,
        }
    }

    /// The same address, which a trusted proxy has reported.
    #[must_use]
    pub const fn reported(self) -> Self {
        Self {
            is_reported: true,
            ..self
        }
    }

    /// The key of the limit of failed sign-ins. `None` where no proxy has reported it: then it is the address of a login
    /// page's server, which all its readers share.
    pub(crate) const fn sign_in_key(self) -> Option<IpAddr> {
        if self.is_reported {
            Some(self.rate_limit_key())
        } else {
            None
        }
    }

    /// The network of the address, which may be stored: the first 24 bits of IPv4, 48 of IPv6.
    pub(crate) fn network(self) -> String {
        match self.address {
            IpAddr::V4(address) => format!("{}/24", Ipv4Addr::from_bits(address.to_bits() & !0xff)),
            IpAddr::V6(address) => format!("{}/48", Ipv6Addr::from_bits(address.to_bits() >> 80 << 80)),
        }
    }

    /// The key of rate limits: the address; of IPv6 the first 64 bits, since a client chooses the rest freely.
    pub(crate) const fn rate_limit_key(self) -> IpAddr {
        match self.address {
            IpAddr::V4(_) => self.address,
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        }
    }
}

impl fmt::Debug for CallerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallerAddress(<redacted>)")
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

    /// The text for logs and events, withheld where it looks like an e-mail address.
    #[must_use]
    pub fn redacted(&self) -> &str {
        redacted(self.as_str())
    }

    pub(crate) fn into_header(self) -> HeaderValue {
        self.0
    }
}

/// A text of the client for logs and events, withheld where it may be an e-mail address, also a percent-encoded one.
pub(crate) fn redacted(text: &str) -> &str {
    if text.contains(['@', '%']) { "withheld" } else { text }
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
    fn addresses_are_masked_for_storage_and_counting() {
        for (address, network, counted) in [
            ("203.0.113.195", "203.0.113.0/24", "203.0.113.195"),
            ("::ffff:203.0.113.195", "203.0.113.0/24", "203.0.113.195"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48", "2001:db8:1:2::"),
        ] {
            let address = CallerAddress::new(address.parse().unwrap());
            assert_eq!(address.network(), network);
            assert_eq!(address.rate_limit_key().to_string(), counted);
            assert_eq!(format!("{address:?}"), "CallerAddress(<redacted>)");
        }
    }

    #[test]
    fn generated_ids_differ() {
        let generate = || RequestContext::from_headers(&HeaderMap::new(), &ApiLimits::default()).request_id;
        assert_ne!(generate(), generate());
    }
}
