//! Search terms: numbers by which the search index finds metadata pairs and unusual characters of addresses.
//!
//! A term is a hash, so that different texts may share one: terms only select candidates, and each result is checked against
//! the filter. Common texts of addresses have no terms: they are found by grams (see `search::needle`).

use std::hash::Hasher as _;

use masthead_domain::{
    metadata::{Metadata, MetadataPair, searchable_pairs},
    query::{EmailFilter, UserFilter},
};
use siphasher::sip::SipHasher24;

use crate::search_keys::SearchKeys;

/// The hash key. Stored terms depend on it: another key requires recomputing the terms of all rows.
const HASH_KEY: (u64, u64) = (0x6d61_7374_6865_6164, 0x746f_6b65_6e73_2e31);

#[derive(Clone, Copy)]
enum TermKind {
    Metadata = 4,
    /// A character of an address that few addresses have.
    UnusualCharacter = 6,
    /// The address has a character that is not printable ASCII.
    NotPrintableAscii = 7,
}

/// The terms of a row. Sorted, without duplicates.
pub(crate) fn for_row(keys: &SearchKeys, metadata: &Metadata) -> Vec<i32> {
    let pairs = searchable_pairs(metadata, &keys.first_name, &keys.last_name);
    let mut terms: Vec<i32> = pairs.iter().map(for_pair).chain(for_unusual(&keys.email)).collect();
    if !keys.email.chars().all(|c| matches!(c, ' '..='~')) {
        terms.push(not_printable_ascii());
    }
    terms.sort_unstable();
    terms.dedup();
    terms
}

/// The terms that every match of a filter has. Sorted, without duplicates.
pub(crate) fn for_filter(filter: &UserFilter) -> Vec<i32> {
    let needles = filter.emails.iter().filter_map(|email| match email {
        // A domain has the part with other characters.
        EmailFilter::Contains(needle) if needle.in_domain().is_some() => None,
        EmailFilter::Contains(needle) | EmailFilter::Prefix(needle) => Some(needle.as_str()),
        EmailFilter::Exact(_) => None,
    });
    let mut terms: Vec<i32> = needles
        .flat_map(for_unusual)
        .chain(filter.metadata.iter().map(for_pair))
        .collect();
    terms.sort_unstable();
    terms.dedup();
    terms
}

/// The terms of metadata pairs.
pub(crate) fn for_pairs(pairs: &[MetadataPair]) -> Vec<i32> {
    pairs.iter().map(for_pair).collect()
}

/// The term of addresses with a character that is not printable ASCII.
pub(crate) fn not_printable_ascii() -> i32 {
    term(TermKind::NotPrintableAscii, &[])
}

/// The characters that nearly every pool has in many addresses have no term: their lists would be long and select nothing.
fn for_unusual(text: &str) -> impl Iterator<Item = i32> {
    let unusual = text.chars().filter(|c| !matches!(c, 'a'..='z' | '0'..='9' | '@' | '.'));
    unusual.map(|c| term(TermKind::UnusualCharacter, &[c.encode_utf8(&mut [0; 4])]))
}

fn for_pair(pair: &MetadataPair) -> i32 {
    term(TermKind::Metadata, &[pair.key(), pair.value()])
}

fn term(kind: TermKind, texts: &[&str]) -> i32 {
    let mut hasher = SipHasher24::new_with_keys(HASH_KEY.0, HASH_KEY.1);
    hasher.write(&[kind as u8]);
    for text in texts {
        hasher.write(&(text.len() as u64).to_le_bytes());
        hasher.write(text.as_bytes());
    }
    let [a, b, c, d, ..] = hasher.finish().to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use masthead_domain::email::EmailFragment;

    use super::*;

    fn row(email: &str) -> Vec<i32> {
        let keys = SearchKeys {
            email: email.into(),
            first: "zoe".into(),
            last: "".into(),
            first_name: "Zo\u{eb}".into(),
            last_name: "".into(),
        };
        let metadata = Metadata::new([("City".to_owned(), "Oslo".to_owned())]).unwrap();
        for_row(&keys, &metadata)
    }

    #[test]
    fn terms_are_stable() {
        assert_eq!(term(TermKind::Metadata, &["city", "oslo"]), -1_662_738_228);
    }

    #[test]
    fn match_has_all_terms_of_filter() {
        let row = row("jos\u{e9}.o'neil%_\\@example.com");
        for needle in ["%", "_\\", "\u{e9}.o'neil%_\\@ex", "neil%_\\@ex"] {
            let filter = UserFilter {
                emails: vec![EmailFilter::Contains(EmailFragment::from_text(needle))],
                metadata: vec![
                    MetadataPair::new("CITY", "oslo"),
                    MetadataPair::new("firstName", "ZO\u{cb}"),
                ],
                ..UserFilter::default()
            };
            let wanted = for_filter(&filter);
            assert!(wanted.len() > 2, "{needle}");
            assert!(wanted.iter().all(|term| row.binary_search(term).is_ok()), "{needle}");
        }
        assert!(row.contains(&not_printable_ascii()));
    }

    #[test]
    fn part_that_a_domain_has_in_ascii_has_no_terms() {
        let filter = |part| UserFilter {
            emails: vec![EmailFilter::Contains(EmailFragment::from_text(part))],
            ..UserFilter::default()
        };
        assert!(for_filter(&filter("m\u{fc}nchen")).is_empty());
        assert_eq!(for_filter(&filter("j\u{fc}rgen@")).len(), 1, "no domain has it");
    }

    #[test]
    fn usual_address_has_terms_of_metadata_only() {
        assert_eq!(row("ann.lee7@example.com").len(), 2);
    }
}
