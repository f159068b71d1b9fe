//! Which ids and addresses earlier rows of a file have, in 8 bytes each.

use std::hash::{BuildHasher as _, RandomState};

use super::result::DuplicateKey;

/// Small tables that grow one by one: one large table would need its size again while it grows.
const TABLES: usize = 256;
/// Entries of a new table.
const FIRST: usize = 16;

/// The keys of earlier rows, as 64 bits of a keyed hash. That two different ones of a million rows have the same bits has a
/// probability of 10⁻⁷. The hash has a key of its own in each process, so that no row can be made to meet another.
pub(super) struct SeenKeys {
    hasher: RandomState,
    tables: Vec<Table>,
}

impl SeenKeys {
    pub(super) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            tables: (0..TABLES).map(|_| Table::default()).collect(),
        }
    }

    pub(super) fn contains(&self, pool: i64, key: DuplicateKey, text: &str) -> bool {
        let (table, mark) = self.place(pool, key, text);
        self.tables[table].find(mark).is_ok()
    }

    pub(super) fn insert(&mut self, pool: i64, key: DuplicateKey, text: &str) {
        let (table, mark) = self.place(pool, key, text);
        self.tables[table].insert(mark);
    }

    fn place(&self, pool: i64, key: DuplicateKey, text: &str) -> (usize, u64) {
        let hash = self.hasher.hash_one((pool, key == DuplicateKey::Email, text));
        let [table, ..] = hash.to_be_bytes();
        // 0 marks a free entry.
        (usize::from(table), hash.max(1))
    }
}

/// Open addressing with linear probing; at most 7 of 8 entries are used.
#[derive(Default)]
struct Table {
    entries: Box<[u64]>,
    used: usize,
}

impl Table {
    /// Where the mark is, or where it would be.
    fn find(&self, mark: u64) -> Result<usize, usize> {
        let count = self.entries.len();
        if count == 0 {
            return Err(0);
        }
        let mut at = first_of(mark, count);
        loop {
            match self.entries[at] {
                0 => return Err(at),
                found if found == mark => return Ok(at),
                _ => at = if at + 1 == count { 0 } else { at + 1 },
            }
        }
    }

    fn insert(&mut self, mark: u64) {
        let Err(mut at) = self.find(mark) else { return };
        if (self.used + 1) * 8 > self.entries.len() * 7 {
            self.grow();
            at = self.find(mark).unwrap_or_else(|at| at);
        }
        self.entries[at] = mark;
        self.used += 1;
    }

    fn grow(&mut self) {
        let count = (self.entries.len() + self.entries.len() / 2).max(FIRST);
        let before = std::mem::replace(&mut self.entries, vec![0; count].into_boxed_slice());
        for mark in before.into_iter().filter(|mark| *mark != 0) {
            if let Err(at) = self.find(mark) {
                self.entries[at] = mark;
            }
        }
    }
}

/// Spreads the bits that did not choose the table over the entries.
fn first_of(mark: u64, count: usize) -> usize {
    let spread = u128::from(mark << 8) * count as u128;
    usize::try_from(spread >> 64).unwrap_or_default()
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
    fn million_rows_take_less_than_32_mib() {
        let mut seen = SeenKeys::new();
        for n in 0..1_000_000 {
            seen.insert(1, DuplicateKey::Id, &n.to_string());
            seen.insert(1, DuplicateKey::Email, &n.to_string());
        }
        let entries: usize = seen.tables.iter().map(|table| table.entries.len()).sum();
        let used: usize = seen.tables.iter().map(|table| table.used).sum();
        assert_eq!(used, 2_000_000);
        assert!(entries * size_of::<u64>() < 32 << 20, "{entries}");
    }
}
