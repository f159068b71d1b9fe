//! Whose word is taken for where a request comes from.

use std::net::IpAddr;

use http::HeaderMap;
use ipnet::IpNet;

/// The networks of the proxies that are believed.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Believes these, and nobody else.
    #[must_use]
    pub const fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The caller of a request that this peer sent: the nearest address of `X-Forwarded-For` that is no trusted proxy's. The
    /// header is read from its end, where the last proxy wrote; what stands before an address that nobody vouches for, or
    /// that is none, is anybody's invention.
    #[must_use]
    pub fn caller(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut caller = peer.to_canonical();
        let lines = headers.get_all("x-forwarded-for").iter().rev();
        let told = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
        for text in told {
            if !self.trusts(caller) {
                break;
            }
            match text.trim().parse::<IpAddr>() {
                Ok(address) => caller = address.to_canonical(),
                Err(_) => break,
            }
        }
        caller
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn caller(peer: &str, lines: &[&str]) -> String {
        let networks = ["10.0.0.0/8", "2001:db8::/32", "127.0.0.1/32"];
        let proxies = TrustedProxies::new(networks.map(|network| network.parse().unwrap()).into());
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", HeaderValue::from_str(line).unwrap());
        }
        proxies.caller(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn a_stranger_is_not_believed() {
        assert_eq!(caller("203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
        assert_eq!(caller("203.0.113.9", &[]), "203.0.113.9");
    }

    #[test]
    fn the_caller_is_the_nearest_that_no_trusted_proxy_is() {
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
    fn what_is_no_address_ends_the_belief() {
        for odd in ["unknown", "", "198.51.100.1:80", "198.51.100.1 10.0.0.9"] {
            assert_eq!(caller("10.1.1.1", &[odd]), "10.1.1.1", "{odd:?}");
            assert_eq!(
                caller("10.1.1.1", &[&format!("{odd}, 10.2.2.2")]),
                "10.2.2.2",
                "{odd:?}"
            );
        }
    }
}
