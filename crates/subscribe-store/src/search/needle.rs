//! Parts of addresses as conditions on the grams of the search index.
//!
//! The index holds the *grams* of each address: every four bytes in a row, as the function `address_grams` numbers them (migration
//! 0030). A condition selects candidates, among them all matches (ADR 0146).

/// The bits of a byte that a gram has: without the case of letters and the highest bit. Those of letters, digits and the punctuation of
/// addresses differ.
const MASK: u8 = 0b101_1111;

/// How many bits each byte has in a gram.
const SHIFT: usize = 7;

/// How many bytes a gram has.
const LENGTH: usize = 4;

/// The longest part that is found by the grams of its ends alone.
const SHORT: usize = 2 * LENGTH;

/// How many values a byte can have in a gram.
const VALUES: usize = 64;

/// A condition on the grams of an address.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NeedleCondition {
    pub(super) grams: Grams,
    /// Addresses with a character that is not printable ASCII are candidates, too.
    pub(super) or_not_ascii: bool,
}

/// Grams that an address must have.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Grams {
    All(Vec<i32>),
    Any(Vec<i32>),
}

impl NeedleCondition {
    /// The condition for addresses that contain this text; `None` for one of less than two bytes.
    pub(super) fn new(needle: &str) -> Option<Self> {
        let grams = match *needle.as_bytes() {
            [] | [_] => return None,
            [_, _] | [_, _, _] => Grams::Any(all_that_begin_with(needle.as_bytes())),
            ref bytes => Grams::All(covering(bytes)),
        };
        Some(Self {
            grams,
            or_not_ascii: false,
        })
    }

    /// The condition for addresses that contain this text, and for all that have a character that is not printable ASCII.
    pub(super) fn or_not_ascii(needle: &str) -> Option<Self> {
        Self::new(needle).map(|condition| Self {
            or_not_ascii: true,
            ..condition
        })
    }

    /// Whether the index finds the candidates by few grams.
    pub(super) const fn is_selective(&self) -> bool {
        !self.or_not_ascii && !self.has_many_grams()
    }

    /// Whether so many grams are looked for that all candidates of a common part take a second: those of two bytes.
    pub(super) const fn has_many_grams(&self) -> bool {
        match &self.grams {
            Grams::All(_) => false,
            Grams::Any(grams) => grams.len() > VALUES,
        }
    }
}

/// Few grams of a part: those of its ends, and of a longer one that of its middle. Each further gram costs more than it excludes.
fn covering(bytes: &[u8]) -> Vec<i32> {
    let last = bytes.len() - LENGTH;
    let middle = (bytes.len() > SHORT).then_some(last / 2);
    let mut starts: Vec<usize> = [0].into_iter().chain(middle).chain([last]).collect();
    starts.dedup();
    starts.into_iter().map(|start| gram(&bytes[start..])).collect()
}

/// All grams of which these are the first bytes.
fn all_that_begin_with(bytes: &[u8]) -> Vec<i32> {
    let values = || (0..=MASK).filter(|value| value & !MASK == 0);
    let add_byte = |grams: Vec<i32>, _| {
        let followed = |gram| values().map(move |value| gram << SHIFT | i32::from(value));
        grams.into_iter().flat_map(followed).collect()
    };
    (bytes.len()..LENGTH).fold(vec![gram(bytes)], add_byte)
}

/// The number of the first four bytes, or of fewer.
fn gram(bytes: &[u8]) -> i32 {
    let first = bytes.iter().take(LENGTH);
    first.fold(0, |gram, byte| gram << SHIFT | i32::from(byte & MASK))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grams(needle: &str) -> Grams {
        NeedleCondition::new(needle).unwrap().grams
    }

    #[test]
    fn parts_have_grams_of_their_ends_and_middle() {
        let all = |parts: &[&str]| Grams::All(parts.iter().map(|part| gram(part.as_bytes())).collect());
        assert_eq!(grams("ann@"), all(&["ann@"]));
        assert_eq!(grams("ann@x"), all(&["ann@", "nn@x"]));
        assert_eq!(grams("ann@x.co"), all(&["ann@", "x.co"]));
        assert_eq!(grams("ann@x.com"), all(&["ann@", "n@x.", ".com"]));
        assert_eq!(grams(&"abcdefgh".repeat(100)), all(&["abcd", "ghab", "efgh"]));
    }

    #[test]
    fn short_parts_have_the_grams_of_all_followers() {
        let Grams::Any(three) = grams("q@x") else {
            panic!("three bytes are part of any of several grams");
        };
        assert_eq!(three.len(), VALUES);
        let Grams::Any(two) = grams("q@") else {
            panic!("two bytes are part of any of many grams");
        };
        assert_eq!(two.len(), VALUES * VALUES);
        for follower in ["a", "z", "0", "9", ".", "-", "_", "+", "@", "\u{e9}", "%", "\0"] {
            assert!(
                three.contains(&gram(format!("q@x{follower}").as_bytes())),
                "{follower:?}"
            );
            assert!(two.contains(&gram(format!("q@{follower}x").as_bytes())), "{follower:?}");
        }
    }

    #[test]
    fn single_bytes_have_no_condition() {
        for needle in ["", "a", "%"] {
            assert_eq!(NeedleCondition::new(needle), None, "{needle}");
        }
    }

    #[test]
    fn characters_of_addresses_differ() {
        let characters: std::collections::BTreeSet<u8> = (b'a'..=b'z').chain(b'0'..=b'9').chain(*b"@.-_+").collect();
        let masked: std::collections::BTreeSet<u8> = characters.iter().map(|byte| byte & MASK).collect();
        assert_eq!(masked.len(), characters.len());
    }

    #[test]
    fn only_few_grams_are_selective() {
        let is_selective = |needle| NeedleCondition::new(needle).unwrap().is_selective();
        assert_eq!(["ab", "abc", "abcd"].map(is_selective), [false, true, true]);
        assert!(!NeedleCondition::or_not_ascii("abcd").unwrap().is_selective());
    }
}
