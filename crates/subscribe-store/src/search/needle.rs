//! Parts of addresses as conditions on the trigrams of the search index.
//!
//! The index holds the trigrams (`pg_trgm`) of each address with its punctuation replaced by rare letters, since `pg_trgm`
//! takes punctuation for the end of a word. A condition selects candidates, among them all matches.

/// What is replaced, and by which letters: the translation of the index in migration 0014, for any alias of the row.
const PUNCTUATION: &str = " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
const LETTERS: &str = "wwwwwwwwwwwkwzxwwwwwwwqwwwwjwwwww";

/// The longest part that is compared as a whole. Of a longer one, half as much is compared at each end: more trigrams cost more
/// than they exclude.
const LONGEST: usize = 8;

/// A condition on the trigrams of an address.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NeedleCondition {
    /// `LIKE` this pattern.
    Like(String),
    /// `LIKE` one of these patterns, or the address has a character that is not printable ASCII.
    LikeAny(Vec<String>),
}

/// The indexed text of an address, as an SQL expression on the row `alias`.
pub(super) fn indexed_address(alias: &str) -> String {
    format!(
        "translate({alias}.email_key, '{}', '{LETTERS}')",
        PUNCTUATION.replace('\'', "''")
    )
}

/// The condition for addresses that contain this text; `None` if trigrams cannot select them: a single character, or too few
/// ASCII characters in a row.
pub(super) fn condition(needle: &str) -> Option<NeedleCondition> {
    let folded: String = needle.chars().map(fold).collect();
    let longest = folded
        .split(|c: char| !c.is_ascii_alphanumeric())
        .max_by_key(|run| run.len())?;
    match longest.len() {
        // The third character is one of these, or the end, or not printable ASCII.
        2 if longest == folded => {
            let followed = ('a'..='z').chain('0'..='9').map(|next| format!("%{longest}{next}%"));
            Some(NeedleCondition::LikeAny(
                followed.chain([format!("%{longest}")]).collect(),
            ))
        }
        length if length > LONGEST => {
            let (start, end) = (&longest[..LONGEST / 2], &longest[length - LONGEST / 2..]);
            Some(NeedleCondition::Like(format!("%{start}%{end}%")))
        }
        length if length > 2 => Some(NeedleCondition::Like(format!("%{longest}%"))),
        _ => None,
    }
}

/// The condition for addresses that contain this text, and for all that have a character that is not printable ASCII.
pub(super) fn condition_or_not_ascii(needle: &str) -> Option<NeedleCondition> {
    condition(needle).map(|condition| match condition {
        NeedleCondition::Like(pattern) => NeedleCondition::LikeAny(vec![pattern]),
        any @ NeedleCondition::LikeAny(_) => any,
    })
}

fn fold(c: char) -> char {
    let at = PUNCTUATION.chars().position(|other| other == c);
    at.and_then(|at| LETTERS.chars().nth(at)).unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn punctuation_is_compared_as_letters() {
        let like = |needle| match condition(needle) {
            Some(NeedleCondition::Like(pattern)) => pattern,
            other => panic!("{needle}: {other:?}"),
        };
        assert_eq!(like("nn@ex.co"), "%nnqexxco%");
        assert_eq!(like("ann@ex.com"), "%annq%xcom%");
        assert_eq!(like("%_\\"), "%wjw%");
        assert_eq!(like("jos\u{e9}.o'neil"), "%xowneil%");
        assert_eq!(like(&"abcdefghij".repeat(100)), "%abcd%ghij%");
    }

    #[test]
    fn two_characters_are_extended_by_a_third() {
        let Some(NeedleCondition::LikeAny(patterns)) = condition("q@") else {
            panic!("no patterns");
        };
        assert_eq!(patterns.len(), 37);
        assert_eq!((&*patterns[0], &*patterns[36]), ("%qqa%", "%qq"));
    }

    #[test]
    fn single_characters_have_no_condition() {
        for needle in ["", "a", "%", "\u{e9}a\u{e9}", "\u{e9}ab"] {
            assert_eq!(condition(needle), None, "{needle}");
        }
    }

    #[test]
    fn each_punctuation_mark_has_a_letter() {
        assert_eq!(PUNCTUATION.len(), LETTERS.len());
        assert!((' '..='~').all(|c| fold(c).is_ascii_alphanumeric()));
    }
}
