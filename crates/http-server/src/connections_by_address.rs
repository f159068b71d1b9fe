//! How many connections each address has.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

/// The open connections of each address: only addresses that have some are kept.
#[derive(Clone, Default)]
pub(crate) struct ConnectionsByAddress(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// Counts one connection of an address until it is dropped.
pub(crate) struct AddressGuard {
    counts: ConnectionsByAddress,
    key: IpAddr,
}

impl ConnectionsByAddress {
    /// Counts one more connection of an address; `None` if it has `limit` already.
    pub(crate) fn try_count(&self, address: IpAddr, limit: usize) -> Option<AddressGuard> {
        let key = counted_address(address);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let open = counts.entry(key).or_insert(0);
        // One without a connection was not in the map, and limits are at least 1.
        if *open >= limit.max(1) {
            return None;
        }
        *open += 1;
        drop(counts);
        Some(AddressGuard {
            counts: self.clone(),
            key,
        })
    }
}

impl Drop for AddressGuard {
    fn drop(&mut self) {
        let mut counts = self.counts.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = counts.get_mut(&self.key) {
            *open -= 1;
            if *open == 0 {
                counts.remove(&self.key);
            }
        }
    }
}

/// The address; of IPv6 the first 64 bits, since a client chooses the rest freely.
fn counted_address(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_of_an_address_are_limited() {
        let counts = ConnectionsByAddress::default();
        let count = |address: &str| counts.try_count(address.parse().unwrap(), 2);
        let first = count("192.0.2.1");
        let second = count("::ffff:192.0.2.1");
        assert!(first.is_some() && second.is_some());
        assert!(count("192.0.2.1").is_none());
        assert!(count("192.0.2.2").is_some());
        drop(first);
        assert!(count("192.0.2.1").is_some());
        drop(second);
        assert!(counts.0.lock().unwrap().is_empty(), "no address is kept");
    }

    #[test]
    fn ipv6_network_counts_as_one_address() {
        let counts = ConnectionsByAddress::default();
        let first = counts.try_count("2001:db8::1".parse().unwrap(), 1);
        assert!(first.is_some());
        assert!(counts.try_count("2001:db8::2".parse().unwrap(), 1).is_none());
        assert!(counts.try_count("2001:db8:0:1::1".parse().unwrap(), 1).is_some());
    }
}
