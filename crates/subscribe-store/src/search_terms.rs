//! Search terms: the hashes that the GIN index of a partial search contains.
//!
//! A term is a hash of pool, kind and text, so that a posting list has rows of one pool only. Terms only select candidates;
//! each result is checked against the filter.

use std::hash::Hasher as _;

use masthead_domain::{
    metadata::{MetadataPair, searchable_pairs},
    order::SortColumn,
    query::{EmailFilter, UserFilter},
    tenant::PoolId,
};
use siphasher::sip::SipHasher24;

use crate::search_keys::SearchKeys;

/// The hash key. Stored terms depend on it: another key requires recomputing the terms of all rows.
const HASH_KEY: (u64, u64) = (0x6d61_7374_6865_6164, 0x746f_6b65_6e73_2e31);

/// The number of leading characters of a name or an address that have terms.
const BEGINNING: usize = 4;

const GRAM: usize = 3;

/// The maximum number of grams per needle: more narrow the candidates too little to pay for reading their lists.
const GRAMS_PER_NEEDLE: usize = 4;

/// The minimum length of a stored array. Postgres moves values out of line only in rows of more than about 2 KB
/// (`TOAST_TUPLE_THRESHOLD`): padded to that, the array is compressed and stored out of line, and the rows that searches
/// read stay narrow. Figures in ADR 0010.
const STORED: usize = 256;

#[derive(Clone, Copy)]
enum TermKind {
    Gram = 1,
    FirstName = 2,
    LastName = 3,
    Metadata = 4,
    Address = 5,
}

/// The terms of a row: all runs of one to three characters of the address, all beginnings of address and names, and all
/// metadata pairs. Sorted, without duplicates.
pub(crate) fn for_row(pool: PoolId, keys: &SearchKeys, metadata: &masthead_domain::metadata::Metadata) -> Vec<i64> {
    let mut terms = Vec::with_capacity(keys.email.len() * 3 + 16);
    let starts: Vec<usize> = bounds(&keys.email);
    for size in 1..=GRAM {
        for window in starts.windows(size + 1) {
            terms.push(term(pool, TermKind::Gram, &[&keys.email[window[0]..window[size]]]));
        }
    }
    for (kind, name) in [
        (TermKind::FirstName, &keys.first),
        (TermKind::LastName, &keys.last),
        (TermKind::Address, &keys.email),
    ] {
        for end in bounds(name).into_iter().skip(1).take(BEGINNING) {
            terms.push(term(pool, kind, &[&name[..end]]));
        }
    }
    for pair in searchable_pairs(metadata, &keys.first_name, &keys.last_name) {
        terms.push(for_pair(pool, &pair));
    }
    terms.sort_unstable();
    terms.dedup();
    terms
}

/// Pads the terms for storage: the last is repeated until the array is long enough to be stored out of line.
pub(crate) fn padded(mut terms: Vec<i64>) -> Vec<i64> {
    if let Some(last) = terms.last().copied()
        && terms.len() < STORED
    {
        terms.resize(STORED, last);
    }
    terms
}

/// The terms that every match of a filter has. Sorted, without duplicates.
pub(crate) fn for_filter(pool: PoolId, filter: &UserFilter) -> Vec<i64> {
    let mut terms = Vec::new();
    for email in &filter.emails {
        match email {
            EmailFilter::Exact(key) => terms.extend(for_needle(pool, key.as_str())),
            EmailFilter::Contains(needle) => terms.extend(for_needle(pool, needle.as_str())),
            EmailFilter::Prefix(needle) => {
                terms.extend(for_beginning(pool, TermKind::Address, needle.as_str()));
                if !is_within(needle.as_str(), BEGINNING) {
                    terms.extend(for_needle(pool, needle.as_str()));
                }
            }
        }
    }
    for (kind, prefix) in [
        (TermKind::FirstName, &filter.first_name),
        (TermKind::LastName, &filter.last_name),
    ] {
        terms.extend(
            prefix
                .as_ref()
                .and_then(|prefix| for_beginning(pool, kind, prefix.as_str())),
        );
    }
    terms.extend(for_pairs(pool, &filter.metadata));
    terms.sort_unstable();
    terms.dedup();
    terms
}

/// The terms of the single ASCII characters from U+0001 on as the beginning of this column; none for columns that are not
/// texts.
pub(crate) fn for_initials(pool: PoolId, column: SortColumn) -> Vec<i64> {
    let kind = match column {
        SortColumn::Email => TermKind::Address,
        SortColumn::FirstName => TermKind::FirstName,
        SortColumn::LastName => TermKind::LastName,
        SortColumn::CustomerRegistrationId
        | SortColumn::State
        | SortColumn::Verified
        | SortColumn::DateRegistered
        | SortColumn::ChangeDate => return Vec::new(),
    };
    ('\u{1}'..='\u{7f}')
        .map(|initial| term(pool, kind, &[initial.encode_utf8(&mut [0; 4])]))
        .collect()
}

/// The terms of metadata conditions.
pub(crate) fn for_pairs(pool: PoolId, pairs: &[MetadataPair]) -> Vec<i64> {
    pairs.iter().map(|pair| for_pair(pool, pair)).collect()
}

/// Whether every row with the terms of the filter meets it, except for hash collisions.
pub(crate) fn decide(filter: &UserFilter) -> bool {
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

/// Whether the text has at most this many characters.
fn is_within(text: &str, most: usize) -> bool {
    text.chars().nth(most).is_none()
}

/// The term of the first characters; `None` for the empty text.
fn for_beginning(pool: PoolId, kind: TermKind, text: &str) -> Option<i64> {
    let end = bounds(text).into_iter().take(BEGINNING + 1).next_back()?;
    (end > 0).then(|| term(pool, kind, &[&text[..end]]))
}

/// At most [`GRAMS_PER_NEEDLE`] grams, spread evenly over the needle.
fn for_needle(pool: PoolId, needle: &str) -> Vec<i64> {
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
            term(pool, TermKind::Gram, &[&needle[windows[at][0]..windows[at][size]]])
        })
        .collect()
}

fn for_pair(pool: PoolId, pair: &MetadataPair) -> i64 {
    term(pool, TermKind::Metadata, &[pair.key(), pair.value()])
}

fn term(pool: PoolId, kind: TermKind, texts: &[&str]) -> i64 {
    let mut hasher = SipHasher24::new_with_keys(HASH_KEY.0, HASH_KEY.1);
    hasher.write(&pool.0.to_le_bytes());
    hasher.write(&[kind as u8]);
    for text in texts {
        hasher.write(&(text.len() as u64).to_le_bytes());
        hasher.write(text.as_bytes());
    }
    hasher.finish().cast_signed()
}

/// The offsets of all characters, and of the end.
fn bounds(text: &str) -> Vec<usize> {
    text.char_indices().map(|(at, _)| at).chain([text.len()]).collect()
}

#[cfg(test)]
mod tests {
    use masthead_domain::{email::EmailFragment, metadata::Metadata, query::NamePrefix};

    use super::*;

    fn row(pool: i64, email: &str, first: &str) -> Vec<i64> {
        let keys = SearchKeys {
            email: email.into(),
            first: first.to_lowercase().into(),
            last: "".into(),
            first_name: first.into(),
            last_name: "".into(),
        };
        let metadata = Metadata::new([("City".to_owned(), "Oslo".to_owned())]).unwrap();
        for_row(PoolId(pool), &keys, &metadata)
    }

    fn contains(needle: &str) -> UserFilter {
        UserFilter {
            emails: vec![EmailFilter::Contains(EmailFragment::from_text(needle))],
            ..UserFilter::default()
        }
    }

    #[test]
    fn terms_are_stable() {
        assert_eq!(term(PoolId(1), TermKind::Gram, &["gma"]), 5_064_206_850_436_376_045);
    }

    #[test]
    fn match_has_all_terms_of_filter() {
        let row = row(7, "jos\u{e9}.o'neil%_\\@example.com", "Zo\u{eb}");
        for needle in [
            "j",
            "%",
            "_\\",
            "\u{e9}.o",
            "neil%_\\@ex",
            "jos\u{e9}.o'neil%_\\@example.com",
        ] {
            let own = for_filter(PoolId(7), &contains(needle));
            assert!(!own.is_empty() && own.len() <= GRAMS_PER_NEEDLE);
            assert!(own.iter().all(|term| row.binary_search(term).is_ok()), "{needle}");
            let other_pool = for_filter(PoolId(8), &contains(needle));
            assert!(
                other_pool.iter().all(|term| row.binary_search(term).is_err()),
                "{needle}"
            );
        }
        let filter = UserFilter {
            first_name: Some(NamePrefix::from_text("zo\u{eb}")),
            metadata: vec![
                MetadataPair::new("CITY", "oslo"),
                MetadataPair::new("firstName", "ZO\u{cb}"),
            ],
            ..UserFilter::default()
        };
        let wanted = for_filter(PoolId(7), &filter);
        assert_eq!(wanted.len(), 3);
        // The test's row has a first key that is not folded: the term of a name with an accent is missing.
        assert_eq!(wanted.iter().filter(|term| row.binary_search(term).is_ok()).count(), 2);
    }

    #[test]
    fn long_needle_has_few_spread_grams() {
        let long: String = ('a'..='z').cycle().take(65_536).collect();
        assert!(for_filter(PoolId(1), &contains(&long)).len() <= GRAMS_PER_NEEDLE);
        let ends = for_filter(PoolId(1), &contains("abcdefghijklmnopq"));
        for gram in ["abc", "opq"] {
            assert!(ends.contains(&term(PoolId(1), TermKind::Gram, &[gram])));
        }
    }

    #[test]
    fn terms_decide_short_texts_only() {
        for (needle, all) in [("gma", true), ("gmai", false), ("\u{e9}\u{e9}\u{e9}", true)] {
            assert_eq!(decide(&contains(needle)), all);
        }
        let prefix = |text| UserFilter {
            first_name: Some(NamePrefix::from_text(text)),
            ..UserFilter::default()
        };
        assert!(decide(&prefix("mari")) && !decide(&prefix("maria")));
    }
}
