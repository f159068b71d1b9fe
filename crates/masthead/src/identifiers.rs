//! Request ids: the port, and the numbers behind it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use masthead_api::RequestId;
use masthead_ports::clock::Clock;
use uuid::{Builder, Uuid};

/// Makes up ids for requests that bring none.
pub trait RequestIds: Send + Sync {
    /// An id that no other request has.
    fn next(&self) -> RequestId;
}

/// UUIDs of version 7 (RFC 9562 §5.7): they sort by time. The random part is a counter, stirred with a seed of this
/// process: ids need to differ, not to be unguessable, and the operating system is not asked for every request.
pub struct TimedIds {
    clock: Arc<dyn Clock>,
    of_process: [u8; 2],
    seed: u64,
    count: AtomicU64,
}

impl TimedIds {
    /// Ids under a fresh random seed.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the room of request ids")]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let (_, random) = Uuid::now_v7().as_u64_pair();
        let [.., high, low] = Uuid::now_v7().into_bytes();
        Self {
            clock,
            of_process: [high, low],
            seed: random,
            count: AtomicU64::new(0),
        }
    }
}

/// A name that no other process has, for what is held in the database in its name.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the room of random ids")]
pub(crate) fn holder() -> Box<str> {
    Uuid::now_v7().to_string().into()
}

impl RequestIds for TimedIds {
    fn next(&self) -> RequestId {
        let milliseconds = self.clock.now().unix_timestamp_nanos() / 1_000_000;
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let mut random = [0; 10];
        random[..2].copy_from_slice(&self.of_process);
        random[2..].copy_from_slice(&stirred(count ^ self.seed).to_be_bytes());
        let id = Builder::from_unix_timestamp_millis(u64::try_from(milliseconds).unwrap_or_default(), &random);
        let mut text = Uuid::encode_buffer();
        let text = id.into_uuid().hyphenated().encode_lower(&mut text);
        // A UUID is an id: the count is only what the types ask for.
        RequestId::new(text).unwrap_or_else(|| RequestId::from_number(count))
    }
}

/// The mixing step of SplitMix64 (Steele, Lea, Flood 2014): no two inputs have the same output.
const fn stirred(mut bits: u64) -> u64 {
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

    struct Stopped;

    impl Clock for Stopped {
        fn now(&self) -> OffsetDateTime {
            datetime!(2026-03-04 05:06:07 UTC)
        }
    }

    #[test]
    fn ids_of_one_moment_differ_and_are_uuids_of_version_7() {
        let ids = TimedIds::new(Arc::new(Stopped));
        let many: HashSet<String> = (0..10_000).map(|_| ids.next().as_str().to_owned()).collect();
        assert_eq!(many.len(), 10_000);
        for id in &many {
            let id = Uuid::parse_str(id).unwrap();
            assert_eq!(id.get_version_num(), 7);
            assert_eq!(id.get_timestamp().unwrap().to_unix().0, 1_772_600_767);
        }
    }
}
