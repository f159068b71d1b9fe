//! E-mail addresses in their three forms: as typed, the key by which they are known, and what partial search looks at.

use std::fmt;

use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

/// The longest address, in bytes of UTF-8 (RFC 5321 §4.5.3.1: 64 for the local part, 255 for the domain).
pub const MAX_EMAIL_BYTES: usize = 320;

/// An address as its owner typed it, with its key beside it.
#[derive(Clone, PartialEq, Eq)]
pub struct Email {
    /// `None` where it was typed as its key is.
    typed: Option<Box<str>>,
    key: EmailKey,
}

/// The key by which an e-mail address is known: trimmed, NFC, lower-cased, its domain in ASCII.
///
/// Accents are kept: josé@ and jose@ are two people.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EmailKey(Box<str>);

/// A part of an address to look for, in the form of [`EmailKey`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EmailNeedle(Box<str>);

/// Text that is not a complete e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be a complete e-mail address")]
pub struct InvalidEmail;

impl Email {
    /// Parses a complete address: something, one `@` that is not in the local part's quotes, and a domain with a dot.
    ///
    /// # Errors
    /// The text is not a complete address, or longer than [`MAX_EMAIL_BYTES`].
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let typed = text.trim();
        Ok(Self::new(typed, EmailKey::parse(typed)?))
    }

    /// Takes an address that another system holds, whatever its shape, so that no account is lost for an odd one.
    ///
    /// # Errors
    /// Only an empty text, one with a NUL, or one longer than [`MAX_EMAIL_BYTES`] is refused.
    pub fn from_source(text: &str) -> Result<Self, InvalidEmail> {
        let typed = text.trim();
        if typed.is_empty() || typed.len() > MAX_EMAIL_BYTES || typed.contains('\0') {
            return Err(InvalidEmail);
        }
        Ok(Self::new(typed, EmailKey(normalised(typed))))
    }

    /// Puts an address together again from the two forms that a store keeps side by side.
    #[must_use]
    pub fn from_stored(typed: Option<&str>, key: &str) -> Self {
        Self::new(typed.unwrap_or(key), EmailKey(key.into()))
    }

    fn new(typed: &str, key: EmailKey) -> Self {
        let typed = (typed != key.as_str()).then(|| typed.into());
        Self { typed, key }
    }

    /// The address as typed, without surrounding blanks.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.typed.as_deref().unwrap_or(self.key.as_str())
    }

    /// The key by which it is known.
    #[must_use]
    pub const fn key(&self) -> &EmailKey {
        &self.key
    }
}

impl EmailKey {
    /// The key of a complete address.
    ///
    /// # Errors
    /// The text is not a complete address, or longer than [`MAX_EMAIL_BYTES`].
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let text = text.trim();
        let blank_or_control = if text.is_ascii() {
            text.bytes().any(|byte| byte <= b' ' || byte == 0x7f)
        } else {
            text.chars().any(|c| c.is_control() || c.is_whitespace())
        };
        if text.len() > MAX_EMAIL_BYTES || blank_or_control {
            return Err(InvalidEmail);
        }
        let key = normalised(text);
        let (local, domain) = key.rsplit_once('@').ok_or(InvalidEmail)?;
        let labels_good = domain.contains('.')
            && domain.is_ascii()
            && domain.split('.').all(|label| {
                !label.is_empty()
                    && label
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            });
        let local_good =
            !local.is_empty() && (!local.contains('@') || (local.starts_with('"') && local.ends_with('"')));
        if labels_good && local_good {
            Ok(Self(key))
        } else {
            Err(InvalidEmail)
        }
    }

    /// The key under which any text would be known, complete or not; for look-ups that must match exactly.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(normalised(text))
    }

    /// The text of the key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address with its domain in Unicode, as a source may keep it; `None` where that is the key itself.
    #[must_use]
    pub fn in_unicode(&self) -> Option<String> {
        let (local, domain) = self.0.rsplit_once('@')?;
        let has_ascii_form = domain.split('.').any(|label| label.starts_with("xn--"));
        let (unicode, outcome) = has_ascii_form.then(|| idna::domain_to_unicode(domain))?;
        (outcome.is_ok() && unicode != domain).then(|| format!("{local}@{unicode}"))
    }

    /// The forms in which a source may keep an address with this key: the key, its domain in Unicode, either decomposed;
    /// each once, the key first. Capitals apart, whose places nobody knows.
    #[must_use]
    pub fn spellings(&self) -> Vec<String> {
        let mut spellings = vec![self.0.to_string()];
        spellings.extend(self.in_unicode());
        for at in 0..spellings.len() {
            let decomposed: String = spellings[at].nfd().collect();
            if !spellings.contains(&decomposed) {
                spellings.push(decomposed);
            }
        }
        spellings
    }
}

impl EmailNeedle {
    /// The form in which a part of an address is looked for.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(normalised(text))
    }

    /// The text of the needle.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Trims, composes, lower-cases, and writes the domain in ASCII where it can be.
fn normalised(text: &str) -> Box<str> {
    let text = text.trim();
    if text.is_ascii() {
        return text.to_ascii_lowercase().into_boxed_str();
    }
    // Lower-casing can decompose (İ becomes i and a dot), so composing comes last.
    let lower: String = text.nfc().collect::<String>().to_lowercase().nfc().collect();
    match lower.rsplit_once('@') {
        Some((local, domain)) if !domain.is_ascii() => match idna::domain_to_ascii(domain) {
            Ok(ascii) => format!("{local}@{ascii}").into_boxed_str(),
            Err(_) => lower.into_boxed_str(),
        },
        _ => lower.into_boxed_str(),
    }
}

macro_rules! redacted {
    ($($type:ident),*) => {$(
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($type), "(<redacted>)"))
            }
        }
    )*};
}
redacted!(Email, EmailKey, EmailNeedle);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_trimmed_composed_and_lower_cased_with_its_domain_in_ascii() {
        for (typed, key) in [
            ("  Ann@Example.COM ", "ann@example.com"),
            ("Jose\u{301}@example.com", "jos\u{e9}@example.com"),
            ("ann@M\u{fc}nchen.example", "ann@xn--mnchen-3ya.example"),
            ("\u{130}pek@example.com", "i\u{307}pek@example.com"),
        ] {
            let email = Email::parse(typed).unwrap();
            assert_eq!(email.key().as_str(), key);
            assert_eq!(email.as_str(), typed.trim());
        }
    }

    #[test]
    fn accents_tell_people_apart() {
        assert_ne!(
            EmailKey::parse("jos\u{e9}@example.com"),
            EmailKey::parse("jose@example.com")
        );
    }

    #[test]
    fn a_complete_address_has_a_local_part_and_a_domain_with_a_dot() {
        for bad in [
            "",
            "ann",
            "ann@",
            "@example.com",
            "ann@example",
            "a nn@example.com",
            "ann@exa..com",
            "a@b@c.d",
            "ann@.com",
        ] {
            assert_eq!(EmailKey::parse(bad), Err(InvalidEmail), "{bad:?}");
        }
        for good in ["a@b.c", "o'neil+tag@mail.example.org", "\"a@b\"@example.com", "%_@x.y"] {
            assert!(EmailKey::parse(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn normalising_twice_is_normalising_once() {
        proptest::proptest!(|(text in "\\PC{0,40}")| {
            let once = EmailNeedle::of(&text);
            proptest::prop_assert_eq!(&EmailNeedle::of(once.as_str()), &once);
        });
    }

    #[test]
    fn a_source_may_keep_an_address_in_unicode_and_decomposed() {
        let spellings = |text| EmailKey::of(text).spellings();
        assert_eq!(spellings("Ann@Example.com"), ["ann@example.com"]);
        assert_eq!(
            spellings("ann@m\u{fc}nchen.example"),
            [
                "ann@xn--mnchen-3ya.example",
                "ann@m\u{fc}nchen.example",
                "ann@mu\u{308}nchen.example"
            ]
        );
        assert_eq!(
            spellings("jos\u{e9}@example.com"),
            ["jos\u{e9}@example.com", "jose\u{301}@example.com"]
        );
        assert_eq!(EmailKey::of("ann@xn--.example").in_unicode(), None);
        assert_eq!(EmailKey::of("ann").in_unicode(), None);
    }
}
