//! Names of persons as they are compared for search and sort: ignoring case, and accents by script (contract §3.1).

mod latin;

use icu_properties::{
    CodePointMapData, CodePointMapDataBorrowed, CodePointSetData, CodePointSetDataBorrowed,
    props::{DefaultIgnorableCodePoint, Script},
};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use crate::case;

const SCRIPTS: CodePointMapDataBorrowed<'static, Script> = CodePointMapData::<Script>::new();
const IGNORABLE: CodePointSetDataBorrowed<'static> = CodePointSetData::new::<DefaultIgnorableCodePoint>();

/// The folded form of a name (ADR 0098). Names are equal ignoring case and accents exactly when their folded forms are, and a
/// folded name that starts with a folded text does so by whole letters.
///
/// The steps: compatibility decomposition (NFKD), full case folding, accents removed by the script of the letter that bears
/// them, Latin letters without a decomposition replaced (`name/latin.rs`), composition (NFC), surrounding white space removed.
/// Folding again changes nothing. A text with a letter in it never becomes empty.
#[must_use]
pub fn fold_name(text: &str) -> String {
    let text = text.trim();
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let decomposed: String = text.nfkd().filter(|char| !is_invisible(*char)).collect();
    let mut bare = String::with_capacity(decomposed.len());
    let mut bearer = Bearer::of(' ');
    // Case folding may compose: İ becomes i and a dot.
    for char in case::fold(&decomposed).nfkd() {
        if is_combining_mark(char) {
            if !bearer.has_as_accent(char) {
                bare.push(char);
            }
            continue;
        }
        bearer = Bearer::of(char);
        match latin::replacement(char) {
            Some(replacement) => bare.push_str(replacement),
            None => bare.push(char),
        }
    }
    let folded: String = bare.nfc().collect();
    let trimmed = folded.trim();
    if trimmed.len() == folded.len() {
        folded
    } else {
        trimmed.to_owned()
    }
}

/// Whether a character changes the look of a name and not its letters: joiners, fillers and selectors, and the Arabic tatweel,
/// which only stretches a line.
fn is_invisible(char: char) -> bool {
    char == '\u{640}' || IGNORABLE.contains(char)
}

/// The letter before a combining mark: its script says which marks are accents.
struct Bearer {
    letter: char,
    script: Script,
}

impl Bearer {
    fn of(letter: char) -> Self {
        Self {
            letter,
            script: SCRIPTS.get(letter),
        }
    }

    /// Whether this mark on the letter is an accent, which may be left out in writing. In every script that is not named here
    /// marks are letters, or make another letter of the one below: vowel signs, viramas and nuktas of India and its neighbours,
    /// the voicing marks of kana.
    fn has_as_accent(&self, mark: char) -> bool {
        match self.script {
            // й, ї, ў, ѓ, ќ are letters of their alphabets; a stress is an accent, and so is what makes ё of е, for which
            // Russian writes е.
            Script::Cyrillic => match mark {
                '\u{300}' | '\u{301}' => !matches!(self.letter, '\u{433}' | '\u{43a}'),
                '\u{308}' => self.letter == '\u{435}',
                _ => false,
            },
            // Accents, and optional points and vowel signs.
            Script::Latin | Script::Greek | Script::Hebrew | Script::Syriac => true,
            // The madda and the hamzas make letters of their own (آ, أ, إ, ؤ, ئ).
            Script::Arabic => !matches!(mark, '\u{653}'..='\u{655}'),
            // Digits and signs have no marks of their own: the blocks of Combining Diacritical Marks, for symbols too.
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
