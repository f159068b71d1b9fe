//! Texts of callers that may name a person, which logs and events must not have.

/// What is kept instead of them.
pub(crate) const WITHHELD: &str = "withheld";

/// How many digits a text of nothing else has when it may be a telephone number. Times and numbers of sequences have more or fewer.
const TELEPHONE_DIGITS: std::ops::RangeInclusive<usize> = 8..=12;

/// Whether an id that a client chose may name a person: an e-mail address, also percent-encoded, a telephone number, or a name.
pub(crate) fn may_name_person(text: &str) -> bool {
    is_personal(text, &['.', ',', '+', '_'])
}

/// The name of a calling application for logs and events, withheld where it may be that of a person: as above, but names of
/// programs may have words between points and underscores.
pub(crate) fn redacted_code(text: &str) -> &str {
    if is_personal(text, &[' ', ',', '+']) {
        WITHHELD
    } else {
        text
    }
}

/// Most texts have digits and letters, which are neither a number nor a name: only the others are looked at closely.
fn is_personal(text: &str, separators: &[char]) -> bool {
    let has = |is_one: fn(&u8) -> bool| text.as_bytes().iter().any(is_one);
    if has(|byte| matches!(byte, b'@' | b'%')) {
        return true;
    }
    match (has(u8::is_ascii_digit), has(u8::is_ascii_alphabetic)) {
        (true, true) => false,
        (true, false) => is_telephone_number(text),
        (false, _) => is_name(text, separators),
    }
}

/// `+47 123 45 678`, `0047-12345678`, `(020) 1234 5678`, `12345678`.
fn is_telephone_number(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let (has_sign, rest) = match text.strip_prefix('+') {
        Some(rest) => (true, rest),
        None => (text.starts_with("00"), text),
    };
    let is_grouped = rest.bytes().any(|byte| b" ()-./".contains(&byte));
    let has_only_digits = rest
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b" ()-./".contains(&byte));
    has_only_digits && (TELEPHONE_DIGITS.contains(&digits) || (digits > 6 && digits <= 15 && (has_sign || is_grouped)))
}

/// Two words of letters or more with these separators: `ann.smith`, `Smith,Ann`, `Ann+Smith`. A hyphen is part of a
/// word, as in most generated ids of several words.
fn is_name(text: &str, separators: &[char]) -> bool {
    let is_word = |word: &&str| word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-');
    text.split(separators).filter(is_word).count() > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_may_name_persons_are_found() {
        for personal in [
            "ann@example.org",
            "ann%40example.org",
            "ann.smith",
            "Ann_Smith",
            "Smith,Ann",
            "Ann+Smith",
            "ann-marie.smith",
            "+4712345678",
            "004712345678",
            "12345678",
            // Also a number of seconds.
            "1764428339",
            "020-1234-5678",
            "+47-123-45-678",
        ] {
            assert!(may_name_person(personal), "{personal}");
        }
        for id in [
            "7",
            "b1946ac9-2492",
            "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b",
            "01HZX5V3K8Q2R7T9W4Y6B1N0MC",
            "1764428339123",
            "1234567890123456789",
            "job-import-42",
            "crm:7f3a",
            "retry",
            "a-b",
            "by-id",
            "nightly-export",
        ] {
            assert!(!may_name_person(id), "{id}");
        }
    }

    #[test]
    fn source_system_that_may_be_a_person_is_withheld() {
        for code in [
            "CRM",
            "herald-web",
            "My.App_2",
            "masthead:sync",
            "a/b",
            "app 7",
            "Paywall",
        ] {
            assert_eq!(redacted_code(code), code);
        }
        for personal in ["Ann Smith", "ann@example.org", "Smith,Ann", "+4712345678", "12345678"] {
            assert_eq!(redacted_code(personal), WITHHELD);
        }
    }
}
