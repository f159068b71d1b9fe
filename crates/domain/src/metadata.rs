//! Metadata of a user: standard keys in published order, then custom keys.

use std::{cmp::Ordering, collections::BTreeMap, fmt, sync::LazyLock};

use compact_str::CompactString;
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

use crate::case;

/// The standard keys, in published order (contract §2.4).
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

/// The longest metadata of one user, as JSON without blanks, in bytes.
pub const MAX_JSON_BYTES: usize = 64 * 1024;

/// Pairs of key and value. Values are stored verbatim; no two keys differ only in case.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    /// Sorted: standard keys in published order, then custom ones by their bytes.
    pairs: Vec<StoredPair>,
}

/// One stored pair. The derived order is the published one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct StoredPair {
    key: MetadataKey,
    value: CompactString,
}

/// Standard keys sort before custom keys and need no allocation: most keys are standard.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum MetadataKey {
    /// The index in [`STANDARD_KEYS`].
    Standard(u8),
    Custom(Box<str>),
}

impl MetadataKey {
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

/// The index of a standard key.
fn standard(key: &str) -> Option<u8> {
    static PLACES: LazyLock<[(&str, u8); STANDARD_KEYS.len()]> = LazyLock::new(|| {
        let mut places = STANDARD_KEYS.map(|key| (key, 0));
        for (place, (_, at)) in (0..).zip(&mut places) {
            *at = place;
        }
        places.sort_unstable_by_key(|(key, _)| (key.len(), *key));
        places
    });
    // By length first: most comparisons then compare only two numbers.
    let at = PLACES.binary_search_by(|(known, _)| (known.len(), *known).cmp(&(key.len(), key)));
    let at = at.ok()?;
    Some(PLACES[at].1)
}

/// Why metadata is rejected.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MetadataError {
    /// A key is empty, longer than [`MAX_KEY_BYTES`], or contains a control character.
    #[error("a metadata key must be 1 to {MAX_KEY_BYTES} bytes without control characters")]
    BadKey,
    /// Two keys are equal, or differ only in case.
    #[error("two metadata keys are equal, or differ only in case")]
    KeysDifferOnlyInCase,
    /// A value contains a NUL, which cannot be stored.
    #[error("a metadata value holds a NUL")]
    NulInValue,
}

/// One `metadata.{key}` filter, with case folded.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetadataPair {
    key: Box<str>,
    value: Box<str>,
}

impl Metadata {
    /// Validates pairs in any order.
    ///
    /// # Errors
    /// A key is invalid, two keys differ only in case, or a value contains a NUL.
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

    /// Takes pairs with valid and distinct keys, such as those of other metadata or of the store.
    #[must_use]
    pub fn from_valid<K, V>(pairs: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: AsRef<str> + Into<Box<str>>,
        V: Into<CompactString>,
    {
        let pair = |(key, value): (K, V)| StoredPair {
            key: MetadataKey::new(key),
            value: value.into(),
        };
        let mut pairs: Vec<StoredPair> = pairs.into_iter().map(pair).collect();
        pairs.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Self { pairs }
    }

    /// Takes the pairs of a source: of keys that differ only in case the first is kept; invalid pairs are dropped.
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

    /// The value of this key, in exact spelling.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        let wanted = standard(key);
        let found = self.pairs.binary_search_by(|pair| match (&pair.key, wanted) {
            (MetadataKey::Standard(place), Some(wanted)) => place.cmp(&wanted),
            (MetadataKey::Standard(_), None) => Ordering::Less,
            (MetadataKey::Custom(_), Some(_)) => Ordering::Greater,
            (MetadataKey::Custom(custom), None) => (**custom).cmp(key),
        });
        found.ok().map(|at| &*self.pairs[at].value)
    }

    /// The stored pairs: standard keys in published order, then custom keys by their bytes.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|pair| (pair.key.as_str(), &*pair.value))
    }

    /// The stored standard keys, each by its index in [`STANDARD_KEYS`], in that order.
    pub fn standard(&self) -> impl Iterator<Item = (usize, &str)> {
        self.pairs.iter().map_while(|pair| match &pair.key {
            MetadataKey::Standard(place) => Some((usize::from(*place), &*pair.value)),
            MetadataKey::Custom(_) => None,
        })
    }

    /// The custom keys, by their bytes.
    pub fn custom(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().filter_map(|pair| match &pair.key {
            MetadataKey::Standard(_) => None,
            MetadataKey::Custom(key) => Some((&**key, &*pair.value)),
        })
    }

    /// The published pairs: each standard key, empty when unset, then the custom keys.
    pub fn published(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut stored = self.standard().peekable();
        let all = STANDARD_KEYS.iter().enumerate().map(move |(place, name)| {
            let value = stored.next_if(|(at, _)| *at == place).map_or("", |(_, value)| value);
            (*name, value)
        });
        all.chain(self.custom())
    }

    /// The number of stored pairs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether no pair is stored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }
}

/// Whether a text is a valid key.
fn is_key(text: &str) -> bool {
    (1..=MAX_KEY_BYTES).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// Folds the case of a key or value for comparison; accents count. Unicode's canonical caseless match (The Unicode Standard,
/// section 3.13, D145), composed. Folding is idempotent.
#[must_use]
pub fn fold_case(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let decomposed: String = text.nfd().collect();
    case::fold(&decomposed).nfc().collect()
}

impl MetadataPair {
    /// Folds the case of a pair.
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

/// The pairs by which an account can be found: its metadata, and its names as `firstname` and `lastname` (contract §3.1:
/// `metadata.firstName` also matches the top-level field).
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
    fn standard_keys_come_first_in_order() {
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
    fn keys_differing_only_in_case_are_rejected() {
        assert_eq!(
            metadata(&[("city", "a"), ("City", "b")]),
            Err(MetadataError::KeysDifferOnlyInCase)
        );
        assert_eq!(metadata(&[("", "a")]), Err(MetadataError::BadKey));
        assert_eq!(metadata(&[("a", "\0")]), Err(MetadataError::NulInValue));
    }

    #[test]
    fn names_are_searchable_and_empty_values_are_not() {
        let pairs = searchable_pairs(&metadata(&[("City", "Oslo"), ("title", "")]).unwrap(), "Ann", "");
        assert_eq!(
            pairs,
            [MetadataPair::new("city", "OSLO"), MetadataPair::new("firstName", "ann")]
        );
    }

    #[test]
    fn invalid_and_repeated_pairs_of_a_source_are_dropped() {
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
