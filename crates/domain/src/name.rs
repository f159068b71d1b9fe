//! Names of persons, folded for search and sort: case and accents do not count (contract §3.1).

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// The folded form of a name: NFKD, marks dropped, lower-cased, surrounding blanks gone.
///
/// Folding again changes nothing. Empty for a text that is only blanks or marks.
#[must_use]
pub fn folded(text: &str) -> String {
    let text = text.trim();
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let folded: String = text
        .nfkd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(char::to_lowercase)
        // Some letters fold to a letter and a mark only once they are lower-case.
        .nfkd()
        .filter(|c| !is_combining_mark(*c))
        .collect();
    let trimmed = folded.trim();
    if trimmed.len() == folded.len() {
        folded
    } else {
        trimmed.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_accents_do_not_count() {
        for (name, key) in [
            ("Jos\u{e9}", "jose"),
            ("JOSE\u{301}", "jose"),
            (" \u{c5}sa ", "asa"),
            ("\u{130}pek", "ipek"),
            ("O'Neil", "o'neil"),
            ("\u{fb01}n", "fin"),
            ("   ", ""),
        ] {
            assert_eq!(folded(name), key);
        }
    }

    #[test]
    fn folding_twice_is_folding_once() {
        proptest::proptest!(|(text in "\\PC{0,40}")| {
            let once = folded(&text);
            proptest::prop_assert_eq!(folded(&once), once);
        });
    }
}
