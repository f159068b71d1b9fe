//! Counts what a format has no place for.

use std::collections::BTreeMap;

/// Hashes of a family that the format cannot express.
pub(crate) const HASHES: &str = "hashes";

/// What was left out because the format has no place for it, by its kind.
#[derive(Debug, Default)]
pub(crate) struct LeftOut(BTreeMap<&'static str, u64>);

impl LeftOut {
    pub(crate) fn of(&self, kind: &str) -> u64 {
        self.0.get(kind).copied().unwrap_or_default()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().map(|(kind, count)| (*kind, *count))
    }

    pub(crate) fn count(&mut self, kind: &'static str) {
        *self.0.entry(kind).or_default() += 1;
    }
}
