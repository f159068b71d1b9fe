//! How far a recomputation has come, and what it has written.

use masthead_domain::case::ALIKE_BY_ALL_RULES;

/// The result of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeysMade {
    /// Registrations with new keys.
    pub registrations: u64,
    /// Mirror entries with new keys.
    pub entries: u64,
    /// Rows that keep their old keys, because the new ones are too long.
    pub left: u64,
}

impl KeysMade {
    pub(super) fn add(&mut self, other: Self) {
        self.registrations += other.registrations;
        self.entries += other.entries;
        self.left += other.left;
    }
}

/// The first rules with search terms of the form of today: all rows of older ones get new terms.
const NARROW_TERMS: i16 = 3;

/// How far a run has come, and from which rules it comes.
pub(super) struct RefoldPosition {
    pub(super) rules: i16,
    pub(super) new_rules: Option<i16>,
    pub(super) registrations_pool: i64,
    pub(super) registrations_id: i64,
    pub(super) entries_pool: i64,
    pub(super) entries_crid: String,
}

impl RefoldPosition {
    /// A regular expression for texts of rows whose keys or terms may differ between the rules.
    pub(super) fn affected_pattern(&self) -> String {
        if self.rules < NARROW_TERMS {
            return String::new();
        }
        let range = |(first, last): &(char, char)| format!("\\u{:04x}-\\u{:04x}", u32::from(*first), u32::from(*last));
        let alike: Vec<String> = ALIKE_BY_ALL_RULES.iter().map(range).collect();
        format!("[^{}]", alike.concat())
    }
}
