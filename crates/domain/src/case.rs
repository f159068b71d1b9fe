//! Case folding, by Unicode's full case folding.

use std::borrow::Cow;

use icu_casemap::{CaseMapper, CaseMapperBorrowed};

const MAPPER: CaseMapperBorrowed<'static> = CaseMapper::new();

/// The version of the rules by which [`crate::name::fold_name`] and [`crate::metadata::fold_case`] make stored keys.
///
/// The store records the version of its keys, and a cursor in an order by name contains it. A change of a rule, or of Unicode
/// data that changes a result, must increase the version: `masthead migrate` then rebuilds the keys. Version 1 was lower case
/// without combining marks; version 2 is ADR 0098; version 3 has other search terms (ADR 0117), and folds as version 2.
pub const RULES: i16 = 3;

/// Ranges of characters: a text of only these characters folds equally by all versions of the rules, so that its keys need
/// not be rebuilt.
pub const ALIKE_BY_ALL_RULES: [(char, char); 19] = [
    ('\u{1}', '\u{ac}'),
    ('\u{ae}', '\u{b4}'),
    ('\u{b6}', '\u{c5}'),
    ('\u{c7}', '\u{cf}'),
    ('\u{d1}', '\u{d7}'),
    ('\u{d9}', '\u{dd}'),
    ('\u{e0}', '\u{e5}'),
    ('\u{e7}', '\u{ef}'),
    ('\u{f1}', '\u{f7}'),
    ('\u{f9}', '\u{fd}'),
    ('\u{ff}', '\u{10f}'),
    ('\u{112}', '\u{125}'),
    ('\u{128}', '\u{130}'),
    ('\u{132}', '\u{137}'),
    ('\u{139}', '\u{140}'),
    ('\u{143}', '\u{148}'),
    ('\u{14c}', '\u{151}'),
    ('\u{154}', '\u{165}'),
    ('\u{168}', '\u{17e}'),
];

/// The full case folding of a text (`CaseFolding.txt`, status C and F; The Unicode Standard, section 3.13, toCasefold):
/// `ß` is `ss`, `ς` is `σ`. The result is not normalized.
pub(crate) fn fold(text: &str) -> Cow<'_, str> {
    MAPPER.fold_string(text)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use sha2::{Digest as _, Sha256};
    use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

    /// Stored keys are compared with keys of later builds, perhaps with newer Unicode data. If this test fails after an
    /// update, increase [`super::RULES`] and set the new digest.
    #[test]
    fn folding_of_every_letter_is_unchanged() {
        let mut digest = Sha256::new();
        let mut letter = [0; 4];
        // Without ideographs, Hangul syllables and private characters, which fold to themselves.
        let letters = ('\0'..='\u{33ff}')
            .chain('\u{a000}'..='\u{abff}')
            .chain('\u{f900}'..='\u{1ffff}');
        for char in letters {
            let text = char.encode_utf8(&mut letter);
            digest.update(crate::name::fold_name(text));
            digest.update([0xff]);
            digest.update(crate::metadata::fold_case(text));
            digest.update([0xff]);
        }
        let hex = digest.finalize().iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        assert_eq!(
            (super::RULES, &*hex),
            (3, "2dbebc4d37edc94d7d1e07138f2c08d85b340da120a6be430e7aa5f2866a1e80")
        );
    }

    /// Folds a name by version 1: lower case, without marks, decomposed.
    fn name_by_rules_1(text: &str) -> String {
        let bare = |text: &str| -> String { text.nfkd().filter(|char| !is_combining_mark(*char)).collect() };
        bare(&bare(text.trim()).to_lowercase()).trim().to_owned()
    }

    /// Folds a metadata value by version 1: composed, in lower case.
    fn value_by_rules_1(text: &str) -> String {
        text.nfc().collect::<String>().to_lowercase().nfc().collect()
    }

    #[test]
    fn listed_ranges_fold_equally_by_all_versions() {
        let all: Vec<char> = super::ALIKE_BY_ALL_RULES
            .iter()
            .flat_map(|(first, last)| *first..=*last)
            .collect();
        // Also between other letters: folding does not depend on neighbours.
        for text in all.iter().flat_map(|char| [format!("{char}"), format!("a{char}Z")]) {
            assert_eq!(name_by_rules_1(&text), crate::name::fold_name(&text), "{text}");
            assert_eq!(value_by_rules_1(&text), crate::metadata::fold_case(&text), "{text}");
        }
        for differs in [
            "\u{df}",
            "\u{f8}",
            "\u{111}",
            "\u{142}",
            "\u{3c2}",
            "\u{915}\u{941}",
            "\u{304c}",
            "\u{ae40}",
        ] {
            assert_ne!(name_by_rules_1(differs), crate::name::fold_name(differs), "{differs}");
        }
    }
}
