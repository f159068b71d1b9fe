//! Which proxies are trusted to report a client's address (ADR 0097).

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, header::FORWARDED};
use ipnet::{IpNet, Ipv4Net};

use super::forwarded;

/// The header that the trusted proxies write. They pass on the other one as the client sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The networks of the trusted proxies, and the header that they write.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    header: ForwardedHeader,
}

impl TrustedProxies {
    /// Trusts these networks only. A network of IPv4 addresses in IPv6 becomes an IPv4 network.
    #[must_use]
    pub fn new(networks: Vec<IpNet>, header: ForwardedHeader) -> Self {
        let networks = networks.into_iter().map(canonical).collect();
        Self { networks, header }
    }

    /// Whether this is the address of a trusted proxy.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// The client address of a request from this peer: the nearest address that is not a trusted proxy's.
    ///
    /// The header lines form one list, read from its end, where the nearest proxy wrote. Entries left of the first untrusted
    /// address, or of the first without an address (`unknown`, `_hidden`, garbage), are ignored: any client can forge them.
    /// In the second case the result is the nearest known hop.
    #[must_use]
    pub fn caller(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut caller = peer.to_canonical();
        if !self.trusts(caller) {
            return caller;
        }
        let name = match self.header {
            ForwardedHeader::XForwardedFor => X_FORWARDED_FOR,
            ForwardedHeader::Forwarded => FORWARDED,
        };
        let lines = headers.get_all(name).iter().rev();
        for element in lines.flat_map(|line| forwarded::elements(line.as_bytes())) {
            let named = match self.header {
                ForwardedHeader::XForwardedFor => forwarded::address(element),
                ForwardedHeader::Forwarded => forwarded::forwarded_for(element),
            };
            let Some(address) = named else { break };
            caller = address;
            if !self.trusts(caller) {
                break;
            }
        }
        caller
    }
}

/// Addresses are compared in their canonical form, so networks are stored in it.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(mapped) = network else { return network };
    let length = mapped.prefix_len().checked_sub(96);
    match (mapped.addr().to_ipv4_mapped(), length) {
        (Some(address), Some(length)) => Ipv4Net::new(address, length).map_or(network, IpNet::V4),
        _ => network,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// The client address behind this peer, where proxies write `header` and these lines are received.
    fn caller_by(header: ForwardedHeader, peer: &str, lines: &[(&'static str, &str)]) -> String {
        let networks = ["10.0.0.0/8", "2001:db8::/32", "::ffff:127.0.0.0/104"];
        let proxies = TrustedProxies::new(networks.map(|network| network.parse().unwrap()).into(), header);
        let mut headers = HeaderMap::new();
        for (name, line) in lines {
            // Not `from_str`, which rejects bytes that are possible on the wire.
            headers.append(*name, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        proxies.caller(peer.parse().unwrap(), &headers).to_string()
    }

    fn caller(peer: &str, lines: &[&str]) -> String {
        let lines: Vec<_> = lines.iter().map(|line| ("x-forwarded-for", *line)).collect();
        caller_by(ForwardedHeader::XForwardedFor, peer, &lines)
    }

    #[test]
    fn header_of_an_untrusted_peer_is_ignored() {
        assert_eq!(caller("203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
        assert_eq!(caller("203.0.113.9", &[]), "203.0.113.9");
    }

    #[test]
    fn caller_is_the_nearest_untrusted_address() {
        assert_eq!(caller("10.1.1.1", &[]), "10.1.1.1");
        assert_eq!(caller("10.1.1.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(caller("::ffff:10.1.1.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(caller("10.1.1.1", &["198.51.100.1, 10.2.2.2"]), "198.51.100.1");
        assert_eq!(
            caller("10.1.1.1", &["198.51.100.1", "2001:db8::7, 10.2.2.2"]),
            "198.51.100.1"
        );
        assert_eq!(
            caller("10.1.1.1", &["192.0.2.66, 198.51.100.1, 10.2.2.2"]),
            "198.51.100.1"
        );
    }

    #[test]
    fn element_without_an_address_ends_the_search() {
        for odd in [
            "unknown",
            "_hidden",
            "\"",
            "é",
            "198.51.100.1 10.0.0.9",
            "198.51.100.1:port",
        ] {
            assert_eq!(caller("10.1.1.1", &[odd]), "10.1.1.1", "{odd:?}");
            assert_eq!(
                caller("10.1.1.1", &[&format!("{odd}, 10.2.2.2")]),
                "10.2.2.2",
                "{odd:?}"
            );
            // The trusted proxy's own entry counts, independent of what its client sent before it.
            assert_eq!(
                caller("10.1.1.1", &[&format!("{odd}, 198.51.100.7")]),
                "198.51.100.7",
                "{odd:?}"
            );
        }
    }

    /// RFC 9110 §5.6.1.2: blank elements of a list are ignored.
    #[test]
    fn blank_elements_are_skipped() {
        for line in ["198.51.100.1,", ",198.51.100.1, ,", "198.51.100.1,\t, 10.2.2.2 ,"] {
            assert_eq!(caller("10.1.1.1", &[line]), "198.51.100.1", "{line:?}");
        }
        assert_eq!(caller("10.1.1.1", &["198.51.100.1", "", " , "]), "198.51.100.1");
    }

    /// RFC 7239 §6.1: ports, brackets and quotes are part of a node's name, not of its address.
    #[test]
    fn notation_of_the_proxy_does_not_matter() {
        for (line, expected) in [
            ("198.51.100.1:5678", "198.51.100.1"),
            ("\"198.51.100.1:5678\", 10.2.2.2:80", "198.51.100.1"),
            ("2606:4700::1, [2001:db8::7]:443", "2606:4700::1"),
            ("[2606:4700::1]:443", "2606:4700::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("198.51.100.1, [::ffff:10.2.2.2]:80", "198.51.100.1"),
        ] {
            assert_eq!(caller("10.1.1.1", &[line]), expected, "{line:?}");
        }
    }

    /// RFC 7239 §4: several lines are one list.
    #[test]
    fn forwarded_header_is_read_when_configured() {
        let lines = [
            ("forwarded", "for=203.0.113.66"),
            ("x-forwarded-for", "203.0.113.66"),
            (
                "forwarded",
                "For=\"[2606:4700::1]:4711\";proto=https, for=10.2.2.2;by=10.1.1.1",
            ),
            ("forwarded", "proto=http;for=\"10.3.3.3:_a\","),
        ];
        let by = |header| caller_by(header, "10.1.1.1", &lines);
        assert_eq!(by(ForwardedHeader::Forwarded), "2606:4700::1");
        assert_eq!(by(ForwardedHeader::XForwardedFor), "203.0.113.66");
        for hidden in ["for=unknown", "for=_secret", "proto=https"] {
            let lines = [("forwarded", hidden)];
            assert_eq!(
                caller_by(ForwardedHeader::Forwarded, "10.1.1.1", &lines),
                "10.1.1.1",
                "{hidden}"
            );
        }
    }

    #[test]
    fn ipv4_network_in_ipv6_matches_ipv4() {
        assert_eq!(caller("127.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(caller("::ffff:127.0.0.1", &["198.51.100.1"]), "198.51.100.1");
    }
}
