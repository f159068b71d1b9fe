//! The network address of a client.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

/// The network address of a client, as far as trusted proxies report it. It is personal data: `Debug` does not show it, and
/// only the audit log keeps it, as far as [`AuditAddress`] allows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CallerAddress {
    address: IpAddr,
    /// A trusted proxy has reported it; otherwise it is the address of the connection.
    is_reported: bool,
}

/// What the audit log keeps of the address of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AuditAddress {
    /// Its network.
    #[default]
    Network,
    /// The address itself.
    Address,
    /// Nothing.
    None,
}

impl CallerAddress {
    /// What the audit log keeps of it.
    #[must_use]
    pub fn for_audit(self, kept: AuditAddress) -> Option<Box<str>> {
        match kept {
            AuditAddress::Network => Some(self.network().into()),
            AuditAddress::Address => Some(self.address.to_string().into()),
            AuditAddress::None => None,
        }
    }

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
    #[must_use]
    pub const fn sign_in_key(self) -> Option<IpAddr> {
        if self.is_reported {
            Some(self.rate_limit_key())
        } else {
            None
        }
    }

    /// The network of the address, which may be stored: the first 24 bits of IPv4, 48 of IPv6.
    #[must_use]
    pub fn network(self) -> String {
        match self.address {
            // Each read has one: `Ipv4Addr` takes four times as long to write.
            IpAddr::V4(address) => {
                let [first, second, third, _] = address.octets().map(|octet| octet.to_string());
                [&first, ".", &second, ".", &third, ".0/24"].concat()
            }
            IpAddr::V6(address) => format!("{}/48", Ipv6Addr::from_bits(address.to_bits() >> 80 << 80)),
        }
    }

    /// The key of rate limits: the address; of IPv6 the first 64 bits, since a client chooses the rest freely.
    #[must_use]
    pub const fn rate_limit_key(self) -> IpAddr {
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
