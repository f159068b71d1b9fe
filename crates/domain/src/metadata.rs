//! What a newspaper keeps about a reader beside the name: standard keys in published order, then custom ones.

use std::{cmp::Ordering, collections::BTreeMap, fmt, sync::LazyLock};

use compact_str::CompactString;
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

use crate::case;

/// The standard keys, in the order in which they are answered (contract §2.4).
pub const STANDARD_KEYS: [&str; 41] = [
    "title",
    "phoneNumber",
    "gender",
    "age",
    "dob",
    "dobYYYY",
    "acceptsEmailOffers",
    "acceptsEmailAds",
    "acceptsEmailPromotions",
    "address",
    "city",
    "country",
    "position",
    "isOkToEmail",
    "isOkToPhone",
    "isOkToMail",
    "workPhone",
    "timeZone",
    "scoreMember",
    "companyName",
    "postalCode",
    "cellPhone",
    "acceptsEENotification",
    "ebill_flag",
    "eadvan_flag",
    "eedition_flag",
    "ee_email_flag",
    "promo_flag",
    "feat_flag",
    "dealdigger_flag",
    "ads_flag",
    "member_event_flag",
    "contentEngagement_flag",
    "subcom_flag",
    "survey_flag",
    "accountUpdates_flag",
    "photo",
    "displayName",
    "optOutMarketing",
    "agreeToTerms",
    "bounceType",
];

/// The longest key, in bytes.
pub const MAX_KEY_BYTES: usize = 128;

/// Pairs of key and value; values are kept verbatim, and no two keys differ only in case.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    /// Sorted: standard keys in published order, then custom ones by their bytes.
    pairs: Vec<Pair>,
}

/// One stored pair. The derived order is the published one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    key: Key,
    value: CompactString,
}

/// Standard keys come before the others, and cost no memory of their own: most keys of most users are standard.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    /// The place among [`STANDARD_KEYS`].
    Standard(u8),
    Custom(Box<str>),
}

impl Key {
    fn new<K: AsRef<str> + Into<Box<str>>>(key: K) -> Self {
        match standard(key.as_ref()) {
            Some(place) => Self::Standard(place),
            None => Self::Custom(key.into()),
        }
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Standard(place) => STANDARD_KEYS[usize::from(*place)],
            Self::Custom(key) => key,
        }
    }
}

/// The place of a standard key.
fn standard(key: &str) -> Option<u8> {
    static PLACES: LazyLock<[(&str, u8); STANDARD_KEYS.len()]> = LazyLock::new(|| {
        let mut places = STANDARD_KEYS.map(|key| (key, 0));
        for (place, (_, at)) in (0..).zip(&mut places) {
            *at = place;
        }
        places.sort_unstable_by_key(|(key, _)| (key.len(), *key));
        places
    });
    // By length first: most comparisons are of two numbers.
    let at = PLACES.binary_search_by(|(known, _)| (known.len(), *known).cmp(&(key.len(), key)));
    let at = at.ok()?;
    Some(PLACES[at].1)
}

/// Metadata that is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MetadataError {
    /// A key is empty, longer than [`MAX_KEY_BYTES`], or holds a control character.
    #[error("a metadata key must be 1 to {MAX_KEY_BYTES} bytes without control characters")]
    BadKey,
    /// Two keys differ only in case.
    #[error("two metadata keys differ only in case")]
    KeysDifferOnlyInCase,
    /// A value holds a NUL, which no store can keep.
    #[error("a metadata value holds a NUL")]
    NulInValue,
}

/// One `metadata.{key}` filter, in the form in which it is compared: equal but for case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetadataPair {
    key: Box<str>,
    value: Box<str>,
}

impl Metadata {
    /// Takes pairs in any order.
    ///
    /// # Errors
    /// A key that cannot be one, two keys that differ only in case, or a NUL in a value.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, MetadataError> {
        let metadata = Self::from_valid(pairs);
        for (key, value) in metadata.iter() {
            if !is_key(key) {
                return Err(MetadataError::BadKey);
            }
            if value.contains('\0') {
                return Err(MetadataError::NulInValue);
            }
        }
        let mut folded_keys: Vec<String> = metadata.iter().map(|(key, _)| fold_case(key)).collect();
        folded_keys.sort_unstable();
        if folded_keys.windows(2).any(|two| two[0] == two[1]) {
            return Err(MetadataError::KeysDifferOnlyInCase);
        }
        Ok(metadata)
    }

    /// Takes pairs whose keys are known to be valid and distinct: out of other metadata, or out of a store that checked
    /// them.
    #[must_use]
    pub fn from_valid<K, V>(pairs: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: AsRef<str> + Into<Box<str>>,
        V: Into<CompactString>,
    {
        let pair = |(key, value): (K, V)| Pair {
            key: Key::new(key),
            value: value.into(),
        };
        let mut pairs: Vec<Pair> = pairs.into_iter().map(pair).collect();
        pairs.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Self { pairs }
    }

    /// Takes what a source has: of keys that differ only in case the first stays; what cannot be kept is left out.
    #[must_use]
    pub fn from_source(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut taken: BTreeMap<String, (String, String)> = BTreeMap::new();
        for (key, value) in pairs {
            if is_key(&key) && !value.contains('\0') {
                taken.entry(fold_case(&key)).or_insert((key, value));
            }
        }
        Self::from_valid(taken.into_values())
    }

    /// The value of this key, spelt as it is stored.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        let wanted = standard(key);
        let found = self.pairs.binary_search_by(|pair| match (&pair.key, wanted) {
            (Key::Standard(place), Some(wanted)) => place.cmp(&wanted),
            (Key::Standard(_), None) => Ordering::Less,
            (Key::Custom(_), Some(_)) => Ordering::Greater,
            (Key::Custom(custom), None) => (**custom).cmp(key),
        });
        found.ok().map(|at| &*self.pairs[at].value)
    }

    /// The pairs that are stored, standard keys first in published order, then custom ones by their bytes.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|pair| (pair.key.as_str(), &*pair.value))
    }

    /// The standard keys that are stored, each as its place among [`STANDARD_KEYS`], in that order.
    pub fn standard(&self) -> impl Iterator<Item = (usize, &str)> {
        self.pairs.iter().map_while(|pair| match &pair.key {
            Key::Standard(place) => Some((usize::from(*place), &*pair.value)),
            Key::Custom(_) => None,
        })
    }

    /// The custom keys, by their bytes.
    pub fn custom(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().filter_map(|pair| match &pair.key {
            Key::Standard(_) => None,
            Key::Custom(key) => Some((&**key, &*pair.value)),
        })
    }

    /// Every pair as it is answered: each standard key, empty when unset, then the custom ones.
    pub fn published(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut stored = self.standard().peekable();
        let all = STANDARD_KEYS.iter().enumerate().map(move |(place, name)| {
            let value = stored.next_if(|(at, _)| *at == place).map_or("", |(_, value)| value);
            (*name, value)
        });
        all.chain(self.custom())
    }

    /// How many pairs are stored.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether none is stored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }
}

/// Whether a text can be a key.
fn is_key(text: &str) -> bool {
    (1..=MAX_KEY_BYTES).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// The form in which keys and values are compared: equal ignoring case, accents kept. Unicode's canonical caseless match (The
/// Unicode Standard, section 3.13, D145), composed. Folding again changes nothing.
#[must_use]
pub fn fold_case(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let decomposed: String = text.nfd().collect();
    case::fold(&decomposed).nfc().collect()
}

impl MetadataPair {
    /// The pair as it is compared.
    #[must_use]
    pub fn new(key: &str, value: &str) -> Self {
        Self {
            key: fold_case(key).into(),
            value: fold_case(value).into(),
        }
    }

    /// The folded key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The folded value.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }
}

/// The pairs under which an account is found by metadata: its metadata, and its names as `firstname` and `lastname`
/// (contract §3.1: `metadata.firstName` also matches the top-level field).
#[must_use]
pub fn searchable_pairs(metadata: &Metadata, first_name: &str, last_name: &str) -> Vec<MetadataPair> {
    let names = [("firstname", first_name), ("lastname", last_name)];
    let mut pairs: Vec<MetadataPair> = metadata
        .iter()
        .chain(names)
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| MetadataPair::new(key, value))
        .collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Metadata({} pairs, redacted)", self.pairs.len())
    }
}

impl fmt::Debug for MetadataPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MetadataPair(<redacted>)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(pairs: &[(&str, &str)]) -> Result<Metadata, MetadataError> {
        Metadata::new(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
    }

    #[test]
    fn every_standard_key_is_answered_in_order_then_the_custom_ones() {
        let metadata = metadata(&[("zodiac", "leo"), ("city", "Oslo"), ("badge", "gold"), ("title", "Dr")]).unwrap();
        let answered: Vec<_> = metadata.published().collect();
        assert_eq!(answered.len(), STANDARD_KEYS.len() + 2);
        for ((key, _), standard) in answered.iter().zip(STANDARD_KEYS) {
            assert_eq!(*key, standard);
        }
        assert_eq!(answered[0], ("title", "Dr"));
        assert_eq!(answered[1], ("phoneNumber", ""));
        assert_eq!(answered[10], ("city", "Oslo"));
        assert_eq!(&answered[STANDARD_KEYS.len()..], [("badge", "gold"), ("zodiac", "leo")]);
        assert_eq!((metadata.get("city"), metadata.get("City")), (Some("Oslo"), None));
    }

    #[test]
    fn keys_that_differ_only_in_case_are_refused() {
        assert_eq!(
            metadata(&[("city", "a"), ("City", "b")]),
            Err(MetadataError::KeysDifferOnlyInCase)
        );
        assert_eq!(metadata(&[("", "a")]), Err(MetadataError::BadKey));
        assert_eq!(metadata(&[("a", "\0")]), Err(MetadataError::NulInValue));
    }

    #[test]
    fn names_are_found_as_metadata_and_empty_values_are_not() {
        let pairs = searchable_pairs(&metadata(&[("City", "Oslo"), ("title", "")]).unwrap(), "Ann", "");
        assert_eq!(
            pairs,
            [MetadataPair::new("city", "OSLO"), MetadataPair::new("firstName", "ann")]
        );
    }

    #[test]
    fn of_what_a_source_has_the_first_of_each_key_stays_and_what_cannot_be_kept_goes() {
        let pairs = [
            ("Team", "a"),
            ("team", "b"),
            ("bad", "x\0"),
            ("city", "Oslo"),
            (&"k".repeat(129), "v"),
        ];
        let pairs = pairs.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let metadata = Metadata::from_source(pairs);
        assert_eq!(metadata.iter().collect::<Vec<_>>(), [("city", "Oslo"), ("Team", "a")]);
    }
}
