//! A setting that says which of a user's metadata at a provider are ours, and under which key.

use std::collections::BTreeMap;

use masthead_domain::metadata::{MAX_KEY_BYTES, STANDARD_KEYS, fold_case};

/// Where a provider keeps each key of ours; `P` is a place there.
///
/// The standard keys (contract §2.4) are ours where the provider keeps them of itself, unless an entry of the setting says
/// otherwise; nothing else is, unless an entry names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyMap<P> {
    ours: BTreeMap<P, Box<str>>,
    left_out: Vec<P>,
    all_others: bool,
}

impl<P: Ord> KeyMap<P> {
    /// The map without an entry: each standard key at its own place.
    #[must_use]
    pub fn standard(place: impl Fn(&str) -> P) -> Self {
        Self {
            ours: STANDARD_KEYS.iter().map(|key| (place(key), (*key).into())).collect(),
            left_out: Vec::new(),
            all_others: false,
        }
    }

    /// Adds the entries `theirs=ours, theirs, theirs=, {prefix}theirs=ours, *`. `place` makes a place of what stands before
    /// `=`; without one, the prefix is no part of our key.
    ///
    /// `None` when an entry is none of these, or two entries claim the same key.
    #[must_use]
    pub fn with(mut self, text: &str, prefix: &str, place: impl Fn(&str) -> Option<P>) -> Option<Self> {
        let mut claimed: Vec<String> = Vec::new();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            if entry == "*" {
                self.all_others = true;
                continue;
            }
            let (theirs, ours) = match entry.split_once('=') {
                Some((theirs, ours)) => (theirs.trim(), ours.trim()),
                None => (entry, entry.strip_prefix(prefix).unwrap_or(entry)),
            };
            let place = place(theirs)?;
            self.ours.remove(&place);
            if ours.is_empty() {
                self.left_out.push(place);
                continue;
            }
            let key = fold_case(ours);
            if !is_key(ours) || claimed.contains(&key) {
                return None;
            }
            claimed.push(key);
            // A key that is claimed is kept at one place only.
            self.ours.retain(|_, kept| !kept.eq_ignore_ascii_case(ours));
            self.ours.insert(place, ours.into());
        }
        Some(self)
    }

    /// Every place that the map names, with the key that it is ours under.
    pub fn places(&self) -> impl Iterator<Item = (&P, &str)> {
        self.ours.iter().map(|(place, key)| (place, &**key))
    }

    /// The key that this place is ours under, where the map names it.
    #[must_use]
    pub fn key(&self, place: &P) -> Option<&str> {
        self.ours.get(place).map(|key| &**key)
    }

    /// Where a key of ours is kept, where the map names it.
    #[must_use]
    pub fn place(&self, ours: &str) -> Option<&P> {
        self.places().find(|(_, key)| *key == ours).map(|(place, _)| place)
    }

    /// Whether a place that the map does not name is ours under the key that it has there: all others are, and neither the
    /// place is left out nor the key claimed.
    #[must_use]
    pub fn takes(&self, place: &P, key: &str) -> bool {
        self.all_others
            && is_key(key)
            && !self.left_out.contains(place)
            && !self.ours.contains_key(place)
            && !self.ours.values().any(|ours| ours.eq_ignore_ascii_case(key))
    }
}

/// Whether a text can be a key, and stand in an entry.
#[must_use]
pub fn is_key(text: &str) -> bool {
    (1..=MAX_KEY_BYTES).contains(&text.len()) && !text.chars().any(|char| char.is_control() || char == '=')
}
