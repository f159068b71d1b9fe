//! Request ids: the port and its implementation.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use masthead_api::RequestId;
use masthead_ports::clock::Clock;
use uuid::{Builder, Uuid};

/// Creates ids for requests without one.
pub trait RequestIds: Send + Sync {
    /// A unique id.
    fn next(&self) -> RequestId;
}

/// UUIDs of version 7 (RFC 9562 §5.7): they sort by time. The random part is a counter, mixed with a seed of this process:
/// ids must be unique, not unguessable, and no request needs a system call.
pub struct TimedIds {
    clock: Arc<dyn Clock>,
    process_bytes: [u8; 2],
    seed: u64,
    count: AtomicU64,
}

impl TimedIds {
    /// Ids with a new random seed.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the only use of random request ids")]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let (_, random) = Uuid::now_v7().as_u64_pair();
        let [.., high, low] = Uuid::now_v7().into_bytes();
        Self {
            clock,
            process_bytes: [high, low],
            seed: random,
            count: AtomicU64::new(0),
        }
    }
}

/// A name of this process for locks and leases in the database.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the only use of random ids of a process")]
pub(crate) fn process_name() -> Box<str> {
    Uuid::now_v7().to_string().into()
}

impl RequestIds for TimedIds {
    fn next(&self) -> RequestId {
        let milliseconds = self.clock.now().unix_timestamp_nanos() / 1_000_000;
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let mut random = [0; 10];
        random[..2].copy_from_slice(&self.process_bytes);
        random[2..].copy_from_slice(&mixed(count ^ self.seed).to_be_bytes());
        let id = Builder::from_unix_timestamp_millis(u64::try_from(milliseconds).unwrap_or_default(), &random);
        let mut text = Uuid::encode_buffer();
        let text = id.into_uuid().hyphenated().encode_lower(&mut text);
        // A UUID is a valid id: the fallback only satisfies the type.
        RequestId::new(text).unwrap_or_else(|| RequestId::from_number(count))
    }
}

/// The mixing step of SplitMix64 (Steele, Lea, Flood 2014): different inputs have different outputs.
const fn mixed(mut bits: u64) -> u64 {
    bits = bits.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use time::{OffsetDateTime, macros::datetime};

    use super::*;

    struct FixedClock;

    impl Clock for FixedClock {
        fn now(&self) -> OffsetDateTime {
            datetime!(2026-03-04 05:06:07 UTC)
        }
    }

    #[test]
    fn ids_are_unique_uuids_of_version_7() {
        let ids = TimedIds::new(Arc::new(FixedClock));
        let many: HashSet<String> = (0..10_000).map(|_| ids.next().as_str().to_owned()).collect();
        assert_eq!(many.len(), 10_000);
        for id in &many {
            let id = Uuid::parse_str(id).unwrap();
            assert_eq!(id.get_version_num(), 7);
            assert_eq!(id.get_timestamp().unwrap().to_unix().0, 1_772_600_767);
        }
    }
}
