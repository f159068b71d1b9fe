//! Folding of personal names for search and sort: without case, and without accents by script (contract §3.1).

mod latin;

use icu_properties::{
    CodePointMapData, CodePointMapDataBorrowed, CodePointSetData, CodePointSetDataBorrowed,
    props::{DefaultIgnorableCodePoint, Script},
};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use crate::case;

const SCRIPTS: CodePointMapDataBorrowed<'static, Script> = CodePointMapData::<Script>::new();
const IGNORABLE: CodePointSetDataBorrowed<'static> = CodePointSetData::new::<DefaultIgnorableCodePoint>();

/// Folds a name (ADR 0098). Names are equal without case and accents if and only if their folded forms are equal. A folded
/// name starts with a folded text only at a letter boundary.
///
/// The steps: compatibility decomposition (NFKD), full case folding, removal of accents by the script of their base letter,
/// replacement of Latin letters without a decomposition (`name/latin.rs`), composition (NFC), removal of surrounding white
/// space. Folding is idempotent. A text with a letter never becomes empty.
#[must_use]
pub fn fold_name(text: &str) -> String {
    let text = text.trim();
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let decomposed: String = text.nfkd().filter(|char| !is_invisible(*char)).collect();
    let mut unmarked = String::with_capacity(decomposed.len());
    let mut base = BaseLetter::new(' ');
    // Case folding may compose: İ becomes i and a dot.
    for char in case::fold(&decomposed).nfkd() {
        if is_combining_mark(char) {
            if !base.has_as_accent(char) {
                unmarked.push(char);
            }
            continue;
        }
        base = BaseLetter::new(char);
        match latin::replacement(char) {
            Some(replacement) => unmarked.push_str(replacement),
            None => unmarked.push(char),
        }
    }
    let folded: String = unmarked.nfc().collect();
    let trimmed = folded.trim();
    if trimmed.len() == folded.len() {
        folded
    } else {
        trimmed.to_owned()
    }
}

/// Whether a character changes only the look of a name: joiners, fillers, selectors, and the Arabic tatweel.
fn is_invisible(char: char) -> bool {
    char == '\u{640}' || IGNORABLE.contains(char)
}

/// The base letter of a combining mark; its script decides which marks are accents.
struct BaseLetter {
    letter: char,
    script: Script,
}

impl BaseLetter {
    fn new(letter: char) -> Self {
        Self {
            letter,
            script: SCRIPTS.get(letter),
        }
    }

    /// Whether this mark on the letter is an accent, which is optional in writing. In every script that is not listed, marks are
    /// letters or make another letter: vowel signs, viramas and nuktas of Indic scripts, the voicing marks of kana.
    fn has_as_accent(&self, mark: char) -> bool {
        match self.script {
            // й, ї, ў, ѓ, ќ are letters of their alphabets; a stress mark is an accent, and so is the diaeresis of ё, which
            // Russian writes as е.
            Script::Cyrillic => match mark {
                '\u{300}' | '\u{301}' => !matches!(self.letter, '\u{433}' | '\u{43a}'),
                '\u{308}' => self.letter == '\u{435}',
                _ => false,
            },
            // Accents, and optional points and vowel signs.
            Script::Latin | Script::Greek | Script::Hebrew | Script::Syriac => true,
            // The madda and the hamzas make other letters (آ, أ, إ, ؤ, ئ).
            Script::Arabic => !matches!(mark, '\u{653}'..='\u{655}'),
            // Digits and symbols: the blocks of Combining Diacritical Marks.
            Script::Common => matches!(
                mark,
                '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
            ),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
