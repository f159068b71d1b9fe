//! Who a mail is from, and in which language it is written.

use std::fmt;

use thiserror::Error;

use crate::email::Email;

/// The longest name of a sender, in characters.
pub const MAX_SENDER_NAME_CHARS: usize = 120;

/// The longest language tag, in bytes (RFC 5646 §4.4.1 recommends at least 35).
const MAX_LANGUAGE_BYTES: usize = 35;

/// What a sender must be.
pub(crate) const SENDER: &str =
    "an address, or a name and an address in angle brackets, such as The Herald <no-reply@herald.example>";

/// What a language must be.
pub(crate) const LANGUAGE: &str = "a language tag, such as en or pt-BR";

/// What the name of a paper must be.
pub(crate) const PAPER_NAME: &str = "a name of 1 to 120 characters without line breaks";

/// How the mails of a tenant look.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TenantMailSettings {
    /// The sender; `None` for that of the server's settings.
    pub from: Option<Sender>,
    /// The language; `None` for English.
    pub language: Option<Language>,
    /// The name of the paper; `None` for its code.
    pub paper_name: Option<Box<str>>,
}

/// The name of a paper, trimmed.
pub(crate) fn parse_paper_name(text: &str) -> Option<Box<str>> {
    let name = text.trim();
    let is_good = (1..=MAX_SENDER_NAME_CHARS).contains(&name.chars().count()) && !name.contains(char::is_control);
    is_good.then(|| name.into())
}

/// The sender of a mail: an address, with a name where one is given.
#[derive(Clone, PartialEq, Eq)]
pub struct Sender {
    /// The name that mail programs show, such as that of the paper.
    pub name: Option<Box<str>>,
    /// The address.
    pub address: Email,
}

/// A text that is no sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be {SENDER}")]
pub struct SenderError;

impl Sender {
    /// Parses `address` or `name <address>`. The name may be in quotes.
    ///
    /// # Errors
    /// The address is not complete or not ordinary, or the name has control characters or angle brackets, or is longer than
    /// [`MAX_SENDER_NAME_CHARS`].
    pub fn parse(text: &str) -> Result<Self, SenderError> {
        let text = text.trim();
        let (name, address) = match text.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) {
            Some((name, address)) => (name.trim(), address),
            None => ("", text),
        };
        let unquoted = name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let name = unquoted.unwrap_or(name).trim();
        let is_bad = |char: char| char.is_control() || matches!(char, '<' | '>' | '"');
        if name.chars().any(is_bad) || name.chars().count() > MAX_SENDER_NAME_CHARS {
            return Err(SenderError);
        }
        let address = Email::parse(address).map_err(|_| SenderError)?;
        // Bounces go to it, so every server on the way must accept it.
        let key = address.key();
        if !key.is_ordinary() || !key.as_str().is_ascii() || key.as_str().contains(['<', '>', '"']) {
            return Err(SenderError);
        }
        let name = (!name.is_empty()).then(|| name.into());
        Ok(Self { name, address })
    }
}

/// Hides the address, like [`Email`].
impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sender(<redacted>)")
    }
}

/// The tag of a language in lower case, such as `en` or `pt-br` (the form of RFC 5646, without a look-up in its registry). It is
/// also the name of a folder, so it has no characters but letters, digits and hyphens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Language(Box<str>);

/// A text that is no language tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be {LANGUAGE}")]
pub struct LanguageError;

impl Language {
    /// Parses a tag, in any case.
    ///
    /// # Errors
    /// The text is no sequence of subtags of 1 to 8 letters and digits, the first of 2 letters or more, or is too long.
    pub fn parse(text: &str) -> Result<Self, LanguageError> {
        let is_subtag = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
        let primary = text.split('-').next().unwrap_or_default();
        let is_good = text.len() <= MAX_LANGUAGE_BYTES
            && text.split('-').all(is_subtag)
            && primary.len() >= 2
            && primary.bytes().all(|b| b.is_ascii_alphabetic());
        if is_good {
            Ok(Self(text.to_ascii_lowercase().into()))
        } else {
            Err(LanguageError)
        }
    }

    /// English, the language of the built-in mails.
    #[must_use]
    pub fn english() -> Self {
        Self("en".into())
    }

    /// The tag.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The tag and its shorter forms, the longest first: `pt-br`, `pt` (the look-up of RFC 4647 §3.4).
    pub fn ranges(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(Some(&*self.0), |tag| {
            let (shorter, _) = tag.rsplit_once('-')?;
            // A single letter only introduces what followed it.
            Some(match shorter.rsplit_once('-') {
                Some((rest, last)) if last.len() == 1 => rest,
                _ => shorter,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Option<(Option<String>, String)> {
        let sender = Sender::parse(text).ok()?;
        Some((sender.name.map(Into::into), sender.address.as_str().to_owned()))
    }

    #[test]
    fn sender_is_an_address_with_or_without_name() {
        let plain = |name: Option<&str>| Some((name.map(str::to_owned), "no-reply@herald.example".to_owned()));
        assert_eq!(parts(" no-reply@herald.example "), plain(None));
        assert_eq!(parts("<no-reply@herald.example>"), plain(None));
        assert_eq!(
            parts("Zoë's Herald, Inc. <no-reply@herald.example>"),
            plain(Some("Zoë's Herald, Inc."))
        );
        assert_eq!(
            parts("\"The Herald\" <no-reply@herald.example>"),
            plain(Some("The Herald"))
        );
    }

    #[test]
    fn sender_cannot_inject_headers_or_addresses() {
        for bad in [
            "",
            "herald",
            "The Herald",
            "no-reply@herald.example, b@herald.example",
            "The\r\nBcc: x@evil.example <no-reply@herald.example>",
            "A <a@herald.example> <no-reply@herald.example>",
            "A \" <no-reply@herald.example>",
            "<no-reply@herald.example",
            "jörg@herald.example",
            "no reply@herald.example",
        ] {
            assert_eq!(parts(bad), None, "{bad}");
        }
        assert_eq!(parts(&format!("{} <a@herald.example>", "x".repeat(121))), None);
    }

    #[test]
    fn sender_is_redacted() {
        let sender = Sender::parse("A <a@herald.example>").unwrap();
        assert_eq!(format!("{sender:?}"), "Sender(<redacted>)");
    }

    #[test]
    fn language_is_a_tag_and_a_safe_folder_name() {
        for (text, tag) in [
            ("en", "en"),
            ("pt-BR", "pt-br"),
            ("zh-Hant-TW", "zh-hant-tw"),
            ("es-419", "es-419"),
        ] {
            assert_eq!(Language::parse(text).unwrap().as_str(), tag);
        }
        for bad in [
            "",
            "e",
            "..",
            "en/..",
            "en-",
            "-en",
            "en_US",
            "12",
            "en--us",
            "abcdefghi",
            "é",
            "en us",
        ] {
            assert_eq!(Language::parse(bad), Err(LanguageError), "{bad}");
        }
    }

    #[test]
    fn shorter_tags_follow_the_longest() {
        let ranges = |text| {
            let language = Language::parse(text).unwrap();
            language.ranges().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(ranges("zh-Hant-TW"), ["zh-hant-tw", "zh-hant", "zh"]);
        // RFC 4647 §3.4, its example with an extension.
        assert_eq!(ranges("en-x-private"), ["en-x-private", "en"]);
    }
}
