//! Search tokens: what partial search looks for in the one GIN index.
//!
//! A token is a hash of pool, kind and text, so that a posting list never holds rows of two pools. Tokens only choose
//! candidates; what was asked is checked again on every row that is answered.

use std::hash::Hasher as _;

use masthead_domain::{
    metadata::{MetadataPair, searchable_pairs},
    order::SortColumn,
    query::{EmailFilter, UserFilter},
    tenant::PoolId,
};
use siphasher::sip::SipHasher24;

use crate::record::Keys;

/// The key of the hash. Stored tokens depend on it: a new one means computing every row's tokens again.
const HASH_KEY: (u64, u64) = (0x6d61_7374_6865_6164, 0x746f_6b65_6e73_2e31);

/// How many characters of the beginning of a name or an address have tokens.
const BEGINNING: usize = 4;

/// How many characters a gram has at most.
const GRAM: usize = 3;

/// How many grams of one needle are looked for: more do not narrow enough to pay for reading their lists.
const GRAMS_PER_NEEDLE: usize = 4;

/// How many elements a stored array has at least. Postgres looks at the size of a row's values only where the row exceeds
/// about 2 KB (`TOAST_TUPLE_THRESHOLD`); padded to that, the array is compressed and moved out of line, and what is left
/// are narrow rows, of which searches read many. ADR 0010 has the figures.
const STORED: usize = 256;

#[derive(Clone, Copy)]
enum Kind {
    Gram = 1,
    FirstName = 2,
    LastName = 3,
    Metadata = 4,
    Address = 5,
}

/// The tokens of a row: each run of one, two and three characters of the address, each beginning of address and
/// names, and each pair of metadata. Sorted, without duplicates.
pub(crate) fn of_row(pool: PoolId, keys: &Keys, metadata: &masthead_domain::metadata::Metadata) -> Vec<i64> {
    let mut tokens = Vec::with_capacity(keys.email.len() * 3 + 16);
    let starts: Vec<usize> = bounds(&keys.email);
    for size in 1..=GRAM {
        for window in starts.windows(size + 1) {
            tokens.push(token(pool, Kind::Gram, &[&keys.email[window[0]..window[size]]]));
        }
    }
    for (kind, name) in [
        (Kind::FirstName, &keys.first),
        (Kind::LastName, &keys.last),
        (Kind::Address, &keys.email),
    ] {
        for end in bounds(name).into_iter().skip(1).take(BEGINNING) {
            tokens.push(token(pool, kind, &[&name[..end]]));
        }
    }
    for pair in searchable_pairs(metadata, &keys.first_name, &keys.last_name) {
        tokens.push(of_pair(pool, &pair));
    }
    tokens.sort_unstable();
    tokens.dedup();
    tokens
}

/// The form in which a row's tokens are stored: the last is repeated until the array is long enough to leave the row.
pub(crate) fn padded(mut tokens: Vec<i64>) -> Vec<i64> {
    if let Some(last) = tokens.last().copied()
        && tokens.len() < STORED
    {
        tokens.resize(STORED, last);
    }
    tokens
}

/// The tokens that every match of a filter has. Sorted, without duplicates.
pub(crate) fn of_filter(pool: PoolId, filter: &UserFilter) -> Vec<i64> {
    let mut tokens = Vec::new();
    for email in &filter.emails {
        match email {
            EmailFilter::Exact(key) => tokens.extend(of_needle(pool, key.as_str())),
            EmailFilter::Contains(needle) => tokens.extend(of_needle(pool, needle.as_str())),
            EmailFilter::Prefix(needle) => {
                tokens.extend(of_beginning(pool, Kind::Address, needle.as_str()));
                if !is_within(needle.as_str(), BEGINNING) {
                    tokens.extend(of_needle(pool, needle.as_str()));
                }
            }
        }
    }
    for (kind, prefix) in [
        (Kind::FirstName, &filter.first_name),
        (Kind::LastName, &filter.last_name),
    ] {
        tokens.extend(
            prefix
                .as_ref()
                .and_then(|prefix| of_beginning(pool, kind, prefix.as_str())),
        );
    }
    tokens.extend(of_pairs(pool, &filter.metadata));
    tokens.sort_unstable();
    tokens.dedup();
    tokens
}

/// The tokens that a row has by the first character of this column's key, for each of ASCII's from U+0001 on; of columns that are
/// no texts none.
pub(crate) fn of_initials(pool: PoolId, column: SortColumn) -> Vec<i64> {
    let kind = match column {
        SortColumn::Email => Kind::Address,
        SortColumn::FirstName => Kind::FirstName,
        SortColumn::LastName => Kind::LastName,
        SortColumn::CustomerRegistrationId
        | SortColumn::State
        | SortColumn::Verified
        | SortColumn::DateRegistered
        | SortColumn::ChangeDate => return Vec::new(),
    };
    ('\u{1}'..='\u{7f}')
        .map(|initial| token(pool, kind, &[initial.encode_utf8(&mut [0; 4])]))
        .collect()
}

/// The tokens of the metadata conditions.
pub(crate) fn of_pairs(pool: PoolId, pairs: &[MetadataPair]) -> Vec<i64> {
    pairs.iter().map(|pair| of_pair(pool, pair)).collect()
}

/// Whether having the tokens of the filter is meeting it, but for collisions of the hash.
pub(crate) fn say_all(filter: &UserFilter) -> bool {
    filter.crids.is_empty()
        && !filter.only_active
        && filter.emails.iter().all(|email| match email {
            EmailFilter::Exact(_) => false,
            EmailFilter::Prefix(needle) => is_within(needle.as_str(), BEGINNING),
            EmailFilter::Contains(needle) => is_within(needle.as_str(), GRAM),
        })
        && [&filter.first_name, &filter.last_name]
            .into_iter()
            .flatten()
            .all(|prefix| is_within(prefix.as_str(), BEGINNING))
}

/// Whether the text has this many characters or fewer.
fn is_within(text: &str, most: usize) -> bool {
    text.chars().nth(most).is_none()
}

/// The token of the first few characters; none of the empty text.
fn of_beginning(pool: PoolId, kind: Kind, text: &str) -> Option<i64> {
    let end = bounds(text).into_iter().take(BEGINNING + 1).next_back()?;
    (end > 0).then(|| token(pool, kind, &[&text[..end]]))
}

/// At most [`GRAMS_PER_NEEDLE`] grams, spread evenly from the first to the last.
fn of_needle(pool: PoolId, needle: &str) -> Vec<i64> {
    let starts = bounds(needle);
    let size = GRAM.min(starts.len() - 1);
    if size == 0 {
        return Vec::new();
    }
    let windows: Vec<&[usize]> = starts.windows(size + 1).collect();
    let wanted = windows.len().min(GRAMS_PER_NEEDLE);
    (0..wanted)
        .map(|n| {
            let at = if wanted == 1 {
                0
            } else {
                n * (windows.len() - 1) / (wanted - 1)
            };
            token(pool, Kind::Gram, &[&needle[windows[at][0]..windows[at][size]]])
        })
        .collect()
}

fn of_pair(pool: PoolId, pair: &MetadataPair) -> i64 {
    token(pool, Kind::Metadata, &[pair.key(), pair.value()])
}

fn token(pool: PoolId, kind: Kind, texts: &[&str]) -> i64 {
    let mut hasher = SipHasher24::new_with_keys(HASH_KEY.0, HASH_KEY.1);
    hasher.write(&pool.0.to_le_bytes());
    hasher.write(&[kind as u8]);
    for text in texts {
        hasher.write(&(text.len() as u64).to_le_bytes());
        hasher.write(text.as_bytes());
    }
    hasher.finish().cast_signed()
}

/// Where characters begin, and where the text ends.
fn bounds(text: &str) -> Vec<usize> {
    text.char_indices().map(|(at, _)| at).chain([text.len()]).collect()
}

#[cfg(test)]
mod tests {
    use masthead_domain::{email::EmailFragment, metadata::Metadata, query::NamePrefix};

    use super::*;

    fn row(pool: i64, email: &str, first: &str) -> Vec<i64> {
        let keys = Keys {
            email: email.into(),
            first: first.to_lowercase().into(),
            last: "".into(),
            first_name: first.into(),
            last_name: "".into(),
        };
        let metadata = Metadata::new([("City".to_owned(), "Oslo".to_owned())]).unwrap();
        of_row(PoolId(pool), &keys, &metadata)
    }

    fn contains(needle: &str) -> UserFilter {
        UserFilter {
            emails: vec![EmailFilter::Contains(EmailFragment::from_text(needle))],
            ..UserFilter::default()
        }
    }

    #[test]
    fn tokens_are_the_same_for_all_time() {
        assert_eq!(token(PoolId(1), Kind::Gram, &["gma"]), 5_064_206_850_436_376_045);
    }

    #[test]
    fn a_match_has_every_token_of_the_filter_and_another_pool_none() {
        let row = row(7, "jos\u{e9}.o'neil%_\\@example.com", "Zo\u{eb}");
        for needle in [
            "j",
            "%",
            "_\\",
            "\u{e9}.o",
            "neil%_\\@ex",
            "jos\u{e9}.o'neil%_\\@example.com",
        ] {
            let ours = of_filter(PoolId(7), &contains(needle));
            assert!(!ours.is_empty() && ours.len() <= GRAMS_PER_NEEDLE);
            assert!(ours.iter().all(|token| row.binary_search(token).is_ok()), "{needle}");
            let theirs = of_filter(PoolId(8), &contains(needle));
            assert!(theirs.iter().all(|token| row.binary_search(token).is_err()), "{needle}");
        }
        let filter = UserFilter {
            first_name: Some(NamePrefix::from_text("zo\u{eb}")),
            metadata: vec![
                MetadataPair::new("CITY", "oslo"),
                MetadataPair::new("firstName", "ZO\u{cb}"),
            ],
            ..UserFilter::default()
        };
        let wanted = of_filter(PoolId(7), &filter);
        assert_eq!(wanted.len(), 3);
        // The test's row has an unfolded first key, which is what a name without accents would be.
        assert_eq!(
            wanted.iter().filter(|token| row.binary_search(token).is_ok()).count(),
            2
        );
    }

    #[test]
    fn a_long_needle_is_looked_for_by_a_few_grams_from_end_to_end() {
        let long: String = ('a'..='z').cycle().take(65_536).collect();
        assert!(of_filter(PoolId(1), &contains(&long)).len() <= GRAMS_PER_NEEDLE);
        let ends = of_filter(PoolId(1), &contains("abcdefghijklmnopq"));
        for gram in ["abc", "opq"] {
            assert!(ends.contains(&token(PoolId(1), Kind::Gram, &[gram])));
        }
    }

    #[test]
    fn tokens_say_all_only_of_what_they_hold_whole() {
        for (needle, all) in [("gma", true), ("gmai", false), ("\u{e9}\u{e9}\u{e9}", true)] {
            assert_eq!(say_all(&contains(needle)), all);
        }
        let prefix = |text| UserFilter {
            first_name: Some(NamePrefix::from_text(text)),
            ..UserFilter::default()
        };
        assert!(say_all(&prefix("mari")) && !say_all(&prefix("maria")));
    }
}
