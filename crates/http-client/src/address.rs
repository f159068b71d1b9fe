//! Which addresses are public: only these may be called at an external party's request.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use ipnet::IpNet;

use crate::error::TransportError;

/// The addresses that a client may call.
#[derive(Debug, Clone)]
pub(crate) struct AllowedAddresses {
    allow_private: bool,
    networks: Arc<[IpNet]>,
}

impl AllowedAddresses {
    /// Public addresses and those of `networks`, or all.
    pub(crate) fn new(allow_private: bool, networks: &[IpNet]) -> Self {
        Self {
            allow_private,
            networks: networks.into(),
        }
    }

    /// Refuses an address that must not be called, or not by plain http: that is for the listed networks alone.
    pub(crate) fn check(&self, address: IpAddr, is_plain: bool) -> Result<(), TransportError> {
        if self.allow_private || self.is_listed(address) {
            Ok(())
        } else if !is_public(address) {
            Err(TransportError::PrivateAddress)
        } else if is_plain {
            Err(TransportError::PlainHttp)
        } else {
            Ok(())
        }
    }

    /// A mapped address (`::ffff:a.b.c.d`) is called over IPv4, so it is compared as such. A translated one
    /// (`64:ff9b::a.b.c.d`) goes to a gateway: only a listed IPv6 network has it.
    fn is_listed(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }
}

/// Whether the address is public: not loopback, private, link-local, shared (CGNAT), reserved, multicast, documentation or
/// a cloud metadata service, also when IPv6 embeds the IPv4 address.
///
/// From the IANA special-purpose address registries (RFC 6890 and what was added since).
#[must_use]
pub const fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

const fn is_public_v4(address: Ipv4Addr) -> bool {
    let octets = address.octets();
    let local = matches!(
        octets,
        [0 | 10 | 127, ..] | [100, 64..=127, ..] | [169, 254, ..] | [172, 16..=31, ..] | [192, 168, ..]
    );
    let reserved = matches!(
        octets,
        [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
            | [224..=255, ..]
    );
    // The wire server of Azure's virtual machines is the one metadata address inside public space.
    let metadata = matches!(octets, [168, 63, 129, 16]);
    !(local || reserved || metadata)
}

const fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let [.., high, low] = segments;
    let [a, b] = high.to_be_bytes();
    let [c, d] = low.to_be_bytes();
    let embedded = Ipv4Addr::new(a, b, c, d);
    match segments {
        // Mapped (::ffff:a.b.c.d) and translated (64:ff9b::a.b.c.d) addresses reach the IPv4 address inside.
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => is_public_v4(embedded),
        // Protocol assignments with Teredo, documentation, 6to4: no provider is there.
        [0x2001, 0..=0x01ff | 0x0db8, ..] | [0x2002, ..] | [0x3fff, 0..=0x0fff, ..] => false,
        // Global unicast; everything else is local, reserved or multicast.
        [0x2000..=0x3fff, ..] => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listed_networks_are_called_and_others_are_not() {
        let networks =
            ["10.1.0.0/16", "127.0.0.1/32", "fd00:1::/32", "198.51.100.0/24"].map(|text| text.parse().unwrap());
        let allowed = AllowedAddresses::new(false, &networks);
        let check = |address: &str, is_plain| allowed.check(address.parse().unwrap(), is_plain);
        for listed in ["10.1.2.3", "::ffff:10.1.2.3", "127.0.0.1", "fd00:1::7", "198.51.100.7"] {
            assert_eq!(
                [check(listed, true), check(listed, false)],
                [Ok(()), Ok(())],
                "{listed}"
            );
        }
        for private in [
            "10.2.0.1",
            "::ffff:10.2.0.1",
            "::10.1.2.3",
            "64:ff9b::a01:203",
            "127.0.0.2",
            "::1",
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "fd00:2::7",
            "2002:a01:203::",
        ] {
            let refused = Err(TransportError::PrivateAddress);
            assert_eq!(
                [check(private, true), check(private, false)],
                [refused, refused],
                "{private}"
            );
        }
        for public in ["1.1.1.1", "2606:4700::1111", "64:ff9b::101:101"] {
            assert_eq!(check(public, false), Ok(()), "{public}");
            assert_eq!(check(public, true), Err(TransportError::PlainHttp), "{public}");
        }
    }

    #[test]
    fn only_public_addresses_are_public() {
        for private in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.0.1",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "5f00::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450:4001::5",
            "2001:4860:4860::8888",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }
}
