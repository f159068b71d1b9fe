//! What the connection loop knows of a request before its headers are understood, such as its id and its deadline.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use http::{HeaderMap, HeaderName, HeaderValue};

#[cfg(doc)]
use crate::state::ApiLimits;
use crate::state::ApiState;

/// The header that carries the request's id, in and out.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-requestid");

/// The longest id that is echoed, in bytes; a longer one is replaced.
pub const MAX_REQUEST_ID_BYTES: usize = 128;

/// What the binary knows of a request when its head has arrived. Where it is absent the API helps itself.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// The id under which the request is answered and logged; where it is absent, the caller's, else a number that counts
    /// up, which is unique in this process alone.
    pub request_id: RequestId,
    /// When the answer is of no more use; where it is absent, the time that [`ApiLimits::deadline`] allows starts with the
    /// handler.
    pub deadline: Instant,
    /// Where the request comes from; needed where [`wants_caller_address`](crate::wants_caller_address) says so.
    pub caller: Option<CallerAddress>,
}

/// What every handler knows before it looks at the caller.
pub(crate) struct Asked {
    pub(crate) request_id: RequestId,
    pub(crate) deadline: Instant,
    pub(crate) from: Option<CallerAddress>,
}

impl Asked {
    pub(crate) fn of(api: &ApiState, arrival: Option<RequestContext>, headers: &HeaderMap) -> Self {
        match arrival {
            Some(arrival) => Self {
                request_id: arrival.request_id,
                deadline: arrival.deadline,
                from: arrival.caller,
            },
            None => Self {
                request_id: RequestId::of(headers),
                // tokio's clock is the one that the deadline is held against, also where a test has stopped it.
                deadline: tokio::time::Instant::now().into_std() + api.limits.deadline,
                from: None,
            },
        }
    }
}

/// The address from which a request comes, as far as proxies that are trusted tell it. It names a household: it is never
/// kept, and `Debug` does not show it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CallerAddress(IpAddr);

impl CallerAddress {
    /// This address; one of IPv4 in the clothes of IPv6 is one of IPv4.
    #[must_use]
    pub const fn new(address: IpAddr) -> Self {
        Self(address.to_canonical())
    }

    /// The network in its place, which may be kept: the first 24 bits, or 48 of IPv6.
    pub(crate) fn network(self) -> String {
        match self.0 {
            IpAddr::V4(address) => format!("{}/24", Ipv4Addr::from_bits(address.to_bits() & !0xff)),
            IpAddr::V6(address) => format!("{}/48", Ipv6Addr::from_bits(address.to_bits() >> 80 << 80)),
        }
    }

    /// What a limit counts by: the address, of IPv6 its first 64 bits, the least that a caller has to choose from.
    pub(crate) const fn counted(self) -> IpAddr {
        match self.0 {
            IpAddr::V4(_) => self.0,
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        }
    }
}

impl fmt::Debug for CallerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallerAddress(<redacted>)")
    }
}

/// The id under which a request is answered and logged, in visible ASCII: the caller's own ([`RequestId::from_headers`]), or one
/// that was made up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The caller's own id: the `X-RequestId` header, when it is 1 to [`MAX_REQUEST_ID_BYTES`] visible ASCII characters.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        headers
            .get(&REQUEST_ID)
            .filter(|value| is_good(value))
            .cloned()
            .map(Self)
    }

    /// An id that somebody made up; `None` under the same conditions as for [`RequestId::from_headers`].
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        HeaderValue::from_str(text).ok().filter(is_good).map(Self)
    }

    /// A number as an id, for where nothing better can be made up.
    #[must_use]
    pub fn from_number(number: u64) -> Self {
        Self(HeaderValue::from(number))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// Its last eight characters, zeros before where it has fewer: the form of the customers export.
    #[must_use]
    pub fn short(&self) -> String {
        let text = self.as_str();
        format!("{:0>8}", &text[text.len().saturating_sub(8)..])
    }

    /// The text as it may be kept, in logs and events: what looks like an address is withheld.
    #[must_use]
    pub fn redacted(&self) -> &str {
        kept(self.as_str())
    }

    /// The caller's own, or the next number.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        Self::from_headers(headers).unwrap_or_else(|| Self::from_number(COUNT.fetch_add(1, Ordering::Relaxed)))
    }

    pub(crate) fn into_header(self) -> HeaderValue {
        self.0
    }
}

/// What may be kept of a text that the caller chose: an address, also a percent-encoded one, is not.
pub(crate) fn kept(text: &str) -> &str {
    if text.contains(['@', '%']) { "withheld" } else { text }
}

fn is_good(value: &HeaderValue) -> bool {
    (1..=MAX_REQUEST_ID_BYTES).contains(&value.len()) && value.as_bytes().iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_bounded_visible_ascii() {
        for good in ["7", "b1946ac9-2492", &"x".repeat(128)] {
            assert_eq!(RequestId::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a\tb", "é", &"x".repeat(129)] {
            assert_eq!(RequestId::new(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn an_address_as_an_id_is_not_kept() {
        for (id, kept) in [
            ("b1946ac9-2492", "b1946ac9-2492"),
            ("ann@example.org", "withheld"),
            ("ann%40example.org", "withheld"),
        ] {
            assert_eq!(RequestId::new(id).unwrap().redacted(), kept);
        }
    }

    #[test]
    fn a_short_id_has_eight_characters() {
        for (id, short) in [
            ("b1946ac9-2492", "ac9-2492"),
            ("7", "00000007"),
            ("12345678", "12345678"),
        ] {
            assert_eq!(RequestId::new(id).unwrap().short(), short);
        }
    }

    #[test]
    fn of_an_address_its_network_is_kept_and_of_ipv6_its_64_bits_are_counted() {
        for (address, network, counted) in [
            ("203.0.113.195", "203.0.113.0/24", "203.0.113.195"),
            ("::ffff:203.0.113.195", "203.0.113.0/24", "203.0.113.195"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48", "2001:db8:1:2::"),
        ] {
            let address = CallerAddress::new(address.parse().unwrap());
            assert_eq!(address.network(), network);
            assert_eq!(address.counted().to_string(), counted);
            assert_eq!(format!("{address:?}"), "CallerAddress(<redacted>)");
        }
    }

    #[test]
    fn an_id_is_made_up_anew_each_time() {
        let made_up = || RequestId::of(&HeaderMap::new());
        assert_ne!(made_up(), made_up());
    }
}
