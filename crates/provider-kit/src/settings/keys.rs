//! The setting that maps a provider's metadata fields to Masthead's metadata keys.

use std::collections::BTreeMap;

use masthead_domain::metadata::{MAX_KEY_BYTES, STANDARD_KEYS, fold_case};

/// Maps places in a provider's profile (`P`) to metadata keys.
///
/// Each standard key (contract §2.4) has a place by default. An entry of the setting can move it, add other keys, or
/// exclude a place; other places are not mapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyMap<P> {
    keys: BTreeMap<P, Box<str>>,
    excluded: Vec<P>,
    all_others: bool,
}

impl<P: Ord> KeyMap<P> {
    /// The map without entries: each standard key at its default place.
    #[must_use]
    pub fn standard(place: impl Fn(&str) -> P) -> Self {
        Self {
            keys: STANDARD_KEYS.iter().map(|key| (place(key), (*key).into())).collect(),
            excluded: Vec::new(),
            all_others: false,
        }
    }

    /// Adds the entries `field=key, field, field=, {prefix}field=key, *`. `place` parses what is left of `=`; where an
    /// entry has no `=`, the prefix is not part of the key.
    ///
    /// `None` when an entry has another form, or two entries claim the same key.
    #[must_use]
    pub fn with(mut self, text: &str, prefix: &str, place: impl Fn(&str) -> Option<P>) -> Option<Self> {
        let mut claimed: Vec<String> = Vec::new();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            if entry == "*" {
                self.all_others = true;
                continue;
            }
            let (field, key) = match entry.split_once('=') {
                Some((field, key)) => (field.trim(), key.trim()),
                None => (entry, entry.strip_prefix(prefix).unwrap_or(entry)),
            };
            let place = place(field)?;
            self.keys.remove(&place);
            if key.is_empty() {
                self.excluded.push(place);
                continue;
            }
            let folded = fold_case(key);
            if !is_key(key) || claimed.contains(&folded) {
                return None;
            }
            claimed.push(folded);
            // A claimed key has one place only.
            self.keys.retain(|_, kept| !kept.eq_ignore_ascii_case(key));
            self.keys.insert(place, key.into());
        }
        Some(self)
    }

    /// Every mapped place with its key.
    pub fn places(&self) -> impl Iterator<Item = (&P, &str)> {
        self.keys.iter().map(|(place, key)| (place, &**key))
    }

    /// The key of a mapped place.
    #[must_use]
    pub fn key(&self, place: &P) -> Option<&str> {
        self.keys.get(place).map(|key| &**key)
    }

    /// The place of a mapped key.
    #[must_use]
    pub fn place(&self, key: &str) -> Option<&P> {
        self.places().find(|(_, known)| *known == key).map(|(place, _)| place)
    }

    /// Whether `*` maps this place to this key: the place is neither mapped nor excluded, and the key is not claimed.
    #[must_use]
    pub fn takes(&self, place: &P, key: &str) -> bool {
        self.all_others
            && is_key(key)
            && !self.excluded.contains(place)
            && !self.keys.contains_key(place)
            && !self.keys.values().any(|claimed| claimed.eq_ignore_ascii_case(key))
    }
}

/// Whether a text can be a metadata key in an entry of the setting.
#[must_use]
pub fn is_key(text: &str) -> bool {
    (1..=MAX_KEY_BYTES).contains(&text.len()) && !text.chars().any(|char| char.is_control() || char == '=')
}

#[cfg(test)]
mod tests {
    use super::*;

    type TextMap = KeyMap<Box<str>>;

    fn standard() -> TextMap {
        KeyMap::standard(|key| key.into())
    }

    fn parse(text: &str) -> Option<TextMap> {
        standard().with(text, "app.", |field| is_key(field).then(|| field.into()))
    }

    fn place<'a>(map: &'a TextMap, key: &str) -> Option<&'a str> {
        map.place(key).map(|place| &**place)
    }

    #[test]
    fn standard_keys_are_mapped_by_default() {
        let map = standard();
        assert_eq!(map.key(&"phoneNumber".into()), Some("phoneNumber"));
        assert_eq!(place(&map, "timeZone"), Some("timeZone"));
        assert_eq!(map.places().count(), STANDARD_KEYS.len());
        assert!(map.key(&"team".into()).is_none() && place(&map, "team").is_none());
        assert!(!map.takes(&"team".into(), "team"));
    }

    #[test]
    fn entries_rename_add_and_exclude() {
        let map = parse("phone=phoneNumber, team, gender=, app.plan=plan, app.seat").unwrap();
        assert_eq!(place(&map, "phoneNumber"), Some("phone"));
        assert_eq!(map.key(&"phoneNumber".into()), None);
        assert_eq!(map.key(&"team".into()), Some("team"));
        assert_eq!((map.key(&"gender".into()), place(&map, "gender")), (None, None));
        assert_eq!(
            (place(&map, "plan"), place(&map, "seat")),
            (Some("app.plan"), Some("app.seat"))
        );
    }

    #[test]
    fn star_takes_unclaimed_and_unexcluded_keys() {
        let map = parse("*, phone=phoneNumber, internal=").unwrap();
        assert!(map.takes(&"team".into(), "team"));
        for no in ["internal", "PhoneNumber", "phone", "displayName", ""] {
            assert!(!map.takes(&no.into(), no), "{no:?}");
        }
    }

    #[test]
    fn invalid_entry_is_rejected() {
        for bad in ["=x", "a=b=c", "a=x,b=X", "a\u{7f}=b"] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }
}
