//! Which ids and addresses earlier rows of a file have, in 6 bytes each.

use std::hash::{BuildHasher as _, RandomState};

use super::result::DuplicateKey;

/// One for each value of the first 12 bits of a hash. Small buckets would differ more in size, and leave gaps between them.
const BUCKETS: usize = 1 << 12;
/// A bucket grows by so many marks, and later by a sixteenth: by doubling, half of the memory would be unused.
const GROWTH: usize = 16;

/// The rest of a hash.
type Mark = [u8; 6];

/// The keys of earlier rows, as 60 bits of a keyed hash. That two different ones of a million rows have the same bits has a
/// probability of 2 · 10⁻⁶. The hash has a key of its own in each process, so that no row can be made to meet another.
pub(super) struct SeenKeys {
    hasher: RandomState,
    /// Each is sorted.
    buckets: Box<[Vec<Mark>]>,
}

impl SeenKeys {
    pub(super) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            buckets: vec![Vec::new(); BUCKETS].into(),
        }
    }

    pub(super) fn contains(&self, pool: i64, key: DuplicateKey, text: &str) -> bool {
        let (bucket, mark) = self.place(pool, key, text);
        self.buckets[bucket].binary_search(&mark).is_ok()
    }

    pub(super) fn insert(&mut self, pool: i64, key: DuplicateKey, text: &str) {
        let (bucket, mark) = self.place(pool, key, text);
        let marks = &mut self.buckets[bucket];
        let Err(at) = marks.binary_search(&mark) else { return };
        if marks.len() == marks.capacity() {
            marks.reserve_exact(GROWTH.max(marks.len() / 16));
        }
        marks.insert(at, mark);
    }

    fn place(&self, pool: i64, key: DuplicateKey, text: &str) -> (usize, Mark) {
        let hash = self.hasher.hash_one((pool, key == DuplicateKey::Email, text));
        let [high, low, mark @ ..] = hash.to_be_bytes();
        (usize::from(u16::from_be_bytes([high, low]) >> 4), mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_by_pool_and_kind() {
        let mut seen = SeenKeys::new();
        for n in 0..50_000 {
            seen.insert(1, DuplicateKey::Id, &n.to_string());
        }
        for n in 0..60_000 {
            assert_eq!(seen.contains(1, DuplicateKey::Id, &n.to_string()), n < 50_000, "{n}");
        }
        assert!(!seen.contains(1, DuplicateKey::Email, "7"));
        assert!(!seen.contains(2, DuplicateKey::Id, "7"));
    }

    #[test]
    fn million_rows_take_less_than_14_mib() {
        let mut seen = SeenKeys::new();
        for n in 0..1_000_000 {
            seen.insert(1, DuplicateKey::Id, &n.to_string());
            seen.insert(1, DuplicateKey::Email, &n.to_string());
        }
        let used: usize = seen.buckets.iter().map(Vec::len).sum();
        let room: usize = seen.buckets.iter().map(Vec::capacity).sum();
        assert_eq!(used, 2_000_000);
        assert!(
            room * size_of::<Mark>() + size_of_val(&*seen.buckets) < 14 << 20,
            "{room}"
        );
    }
}
