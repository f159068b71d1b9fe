//! Texts as they are compared ignoring case: Unicode's full case folding.

use std::borrow::Cow;

use icu_casemap::{CaseMapper, CaseMapperBorrowed};

const MAPPER: CaseMapperBorrowed<'static> = CaseMapper::new();

/// The number of the rules by which [`crate::name::folded`] and [`crate::metadata::case_folded`] make stored keys.
///
/// A store remembers by which rules its keys were made, and a cursor in an order by name carries them. Whoever changes a
/// rule, or takes in Unicode data that changes a result, raises the number: `masthead migrate` then makes the keys anew.
/// 1 was lower case with every combining mark removed; 2 is ADR 0098.
pub const RULES: i16 = 2;

/// The full case folding of a text (`CaseFolding.txt`, status C and F; The Unicode Standard, section 3.13, toCasefold):
/// `ß` is `ss`, `ς` is `σ`. It keeps no normalization form.
pub(crate) fn folded(text: &str) -> Cow<'_, str> {
    MAPPER.fold_string(text)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use sha2::{Digest as _, Sha256};

    /// Stored keys are compared with keys made later, perhaps by a build with newer Unicode data. Where this test fails after
    /// an update, raise [`super::RULES`] and put the new digest here.
    #[test]
    fn rules_keep_their_number_only_while_every_letter_folds_alike() {
        let mut digest = Sha256::new();
        let mut letter = [0; 4];
        // All but ideographs, syllables of Hangul, and what is private: hundreds of thousands that fold to themselves.
        let letters = ('\0'..='\u{33ff}')
            .chain('\u{a000}'..='\u{abff}')
            .chain('\u{f900}'..='\u{1ffff}');
        for char in letters {
            let text = char.encode_utf8(&mut letter);
            digest.update(crate::name::folded(text));
            digest.update([0xff]);
            digest.update(crate::metadata::case_folded(text));
            digest.update([0xff]);
        }
        let hex = digest.finalize().iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        assert_eq!(
            (super::RULES, &*hex),
            (2, "2dbebc4d37edc94d7d1e07138f2c08d85b340da120a6be430e7aa5f2866a1e80")
        );
    }
}
