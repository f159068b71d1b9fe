//! The forms in which a typed password is tried.

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// What is known about the system that made a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// This one, most likely: the hash is of the NFC form.
    Own,
    /// Any other.
    Other,
    /// WordPress trims passwords, and its login forms deliver them with slashes (`wp_magic_quotes`).
    WordPress,
}

/// The Unicode normal form C, of which new hashes are made: keyboards and systems differ in how they compose an accent.
pub(crate) fn nfc(typed: &str) -> Zeroizing<String> {
    Zeroizing::new(typed.nfc().collect())
}

/// The different forms to try, in order. It is one for most passwords.
pub(crate) fn forms(typed: &str, origin: Origin) -> Vec<Zeroizing<String>> {
    let as_typed = || Zeroizing::new(typed.to_owned());
    let all = match origin {
        Origin::Own => vec![nfc(typed), as_typed()],
        Origin::Other => vec![as_typed(), nfc(typed)],
        Origin::WordPress => {
            // The characters that PHP's trim() removes.
            let trimmed = typed.trim_matches([' ', '\t', '\n', '\r', '\0', '\u{b}']);
            let trimmed = Zeroizing::new(trimmed.to_owned());
            let slashed = Zeroizing::new(with_slashes(&trimmed));
            vec![as_typed(), nfc(typed), trimmed, slashed]
        }
    };
    let mut different: Vec<Zeroizing<String>> = Vec::with_capacity(all.len());
    for form in all {
        if !different.contains(&form) {
            different.push(form);
        }
    }
    different
}

/// As PHP's addslashes().
fn with_slashes(text: &str) -> String {
    let mut slashed = String::with_capacity(text.len() * 2);
    for char in text.chars() {
        match char {
            '\'' | '"' | '\\' => slashed.extend(['\\', char]),
            '\0' => slashed.push_str("\\0"),
            _ => slashed.push(char),
        }
    }
    slashed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(typed: &str, origin: Origin) -> Vec<String> {
        forms(typed, origin).iter().map(|form| form.to_string()).collect()
    }

    #[test]
    fn plain_password_has_one_form() {
        for origin in [Origin::Own, Origin::Other, Origin::WordPress] {
            assert_eq!(texts("Heron-Lake-42", origin), ["Heron-Lake-42"]);
        }
    }

    #[test]
    fn imported_hash_is_tried_as_typed_first() {
        assert_eq!(texts("e\u{301}", Origin::Other), ["e\u{301}", "\u{e9}"]);
        assert_eq!(texts("e\u{301}", Origin::Own), ["\u{e9}", "e\u{301}"]);
    }

    #[test]
    fn wordpress_forms_are_trimmed_and_slashed() {
        assert_eq!(texts(" a'b ", Origin::WordPress), [" a'b ", "a'b", "a\\'b"]);
    }
}
