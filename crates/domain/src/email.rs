//! E-mail addresses in their three forms: as typed, the key by which they are known, and what partial search looks at.

use std::fmt;

use thiserror::Error;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// The longest address, in bytes of UTF-8 (RFC 5321 §4.5.3.1: 64 for the local part, 255 for the domain).
pub const MAX_EMAIL_BYTES: usize = 320;

/// How many spellings of an address a source is asked for at most.
pub const MAX_SPELLINGS: usize = 24;

/// How many marks a letter has at most whose forms are told.
const MAX_MARKS: usize = 3;

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
pub struct EmailFragment(Box<str>);

/// Text that is not a complete e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be a complete e-mail address")]
pub struct EmailError;

impl Email {
    /// Parses a complete address, as [`EmailKey::parse`] has it.
    ///
    /// # Errors
    /// The text is a part of an address, or cannot be one.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        let typed = text.trim();
        Ok(Self::new(typed, EmailKey::parse(typed)?))
    }

    /// Takes an address that another system holds, whatever its shape, so that no account is lost for an odd one.
    ///
    /// # Errors
    /// Only an empty text, one with a NUL, or one longer than [`MAX_EMAIL_BYTES`] is refused.
    pub fn from_source(text: &str) -> Result<Self, EmailError> {
        let typed = text.trim();
        if typed.is_empty() || typed.len() > MAX_EMAIL_BYTES || typed.contains('\0') {
            return Err(EmailError);
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
    /// The key of a complete address: a local part, an `@`, and a domain or an address literal (RFC 5321 §4.1.2 and
    /// §4.1.3, RFC 6531 §3.3). A domain of one label is one, as in `ann@intranet`. Of the local part nothing is asked but
    /// that it is there: systems hold addresses which no standard allows.
    ///
    /// # Errors
    /// The text is a part of an address, or cannot be one ([`EmailKey::parse_lenient`]).
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        let key = Self::parse_lenient(text)?;
        let (local, domain) = key.0.rsplit_once('@').ok_or(EmailError)?;
        if !local.is_empty() && (is_domain(domain) || is_address_literal(domain)) {
            Ok(key)
        } else {
            Err(EmailError)
        }
    }

    /// The key of the account that a caller asks for by its whole address, whatever the shape of that address. It refuses
    /// what [`Email::from_source`] refuses, and nothing else: a text that is refused here is in no store, and a text that
    /// is in a store is never refused.
    ///
    /// # Errors
    /// The text is empty, holds a NUL, or is longer than [`MAX_EMAIL_BYTES`].
    pub fn parse_lenient(text: &str) -> Result<Self, EmailError> {
        Email::from_source(text).map(|email| email.key)
    }

    /// Whether this is an address in the form that every system takes for a complete one: one `@` outside quotes, a domain
    /// of several labels in ASCII, no blank. Another system's rule may differ from [`EmailKey::parse`] for any other.
    #[must_use]
    pub fn is_ordinary(&self) -> bool {
        let Some((local, domain)) = self.0.rsplit_once('@') else {
            return false;
        };
        let quoted = local.len() > 1 && local.starts_with('"') && local.ends_with('"');
        !local.is_empty()
            && (quoted || !local.contains('@'))
            && !local.chars().any(|c| c.is_control() || c.is_whitespace())
            && domain.is_ascii()
            && domain.contains('.')
            && is_domain(domain)
    }

    /// The key under which any text would be known, complete or not; for look-ups that must match exactly.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self(normalised(text))
    }

    /// The text of the key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address with its domain in Unicode, as a source may keep it; `None` where that is the key itself.
    #[must_use]
    pub fn unicode_form(&self) -> Option<String> {
        let (local, domain) = self.0.rsplit_once('@')?;
        let has_ascii_form = domain.split('.').any(|label| label.starts_with("xn--"));
        let (unicode, outcome) = has_ascii_form.then(|| idna::domain_to_unicode(domain))?;
        (outcome.is_ok() && unicode != domain).then(|| format!("{local}@{unicode}"))
    }

    /// The forms in which a source may keep an address with this key: each letter composed or decomposed (Unicode Standard
    /// Annex #15), each label of the domain in ASCII or in Unicode (RFC 5890 §2.3.2.1); each form once, the key first.
    /// Capitals apart, whose places nobody knows.
    ///
    /// `None` when there are more than [`MAX_SPELLINGS`]: a source that has been asked for some of them has not said that it
    /// has nobody.
    #[must_use]
    pub fn spellings(&self) -> Option<Vec<String>> {
        if self.0.is_ascii() && !self.0.contains("xn--") {
            return Some(vec![self.0.to_string()]);
        }
        let (local, domain) = match self.0.rsplit_once('@') {
            Some((local, domain)) => (local, Some(domain)),
            None => (&*self.0, None),
        };
        let mut spellings = joined(&[String::new()], &equivalents(local)?)?;
        for (at, label) in domain.into_iter().flat_map(|domain| domain.split('.')).enumerate() {
            let mut forms = equivalents(label)?;
            if label.starts_with("xn--") {
                let (unicode, outcome) = idna::domain_to_unicode(label);
                if outcome.is_ok() && unicode != label {
                    forms.extend(equivalents(&unicode)?);
                }
            }
            let separated = joined(&spellings, &[if at == 0 { "@" } else { "." }.to_owned()])?;
            spellings = joined(&separated, &forms)?;
        }
        Some(spellings)
    }
}

impl EmailFragment {
    /// The form in which a part of an address is looked for.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self(normalised(text))
    }

    /// The text of the needle.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Labels with dots between them. Of a domain that has no ASCII form the Unicode one is kept, which is taken as it is.
fn is_domain(text: &str) -> bool {
    let may_stand = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || c == '-' || c == '_';
    text.split('.')
        .all(|label| !label.is_empty() && label.chars().all(may_stand))
}

/// An address of a host in brackets, such as `[192.0.2.1]` or `[ipv6:2001:db8::1]`.
fn is_address_literal(text: &str) -> bool {
    let inside = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inside.is_some_and(|inside| !inside.is_empty() && !inside.contains(['[', ']', '\\', ' ']))
}

/// The texts that are canonically equivalent to this one, itself first; `None` when there are too many.
fn equivalents(text: &str) -> Option<Vec<String>> {
    let mut texts = vec![String::new()];
    let mut rest = text;
    while !rest.is_empty() {
        // A letter with the marks behind it.
        let mut letters = rest.char_indices().skip(1);
        let end = letters
            .find(|(_, char)| !is_combining_mark(*char))
            .map_or(rest.len(), |(at, _)| at);
        let (letter, after) = rest.split_at(end);
        texts = joined(&texts, &forms_of(letter)?)?;
        rest = after;
    }
    Some(texts)
}

/// The forms of a letter with its marks, itself first.
fn forms_of(letter: &str) -> Option<Vec<String>> {
    let mut forms = vec![letter.to_owned()];
    let decomposed: String = letter.nfd().collect();
    let chars: Vec<char> = decomposed.chars().collect();
    if chars.len() > MAX_MARKS + 1 {
        return None;
    }
    let mut orders = vec![vec![]];
    for _ in &chars {
        let longer = |order: &Vec<usize>| {
            let left = (0..chars.len()).filter(|at| !order.contains(at));
            left.map(|at| [&order[..], &[at]].concat()).collect::<Vec<_>>()
        };
        orders = orders.iter().flat_map(longer).collect();
    }
    for order in orders {
        for composed in 0..=chars.len() {
            let (head, tail) = order.split_at(composed);
            let head = head.iter().map(|at| chars[*at]).nfc();
            let form: String = head.chain(tail.iter().map(|at| chars[*at])).collect();
            if !forms.contains(&form) && form.nfd().eq(decomposed.chars()) {
                forms.push(form);
            }
        }
    }
    Some(forms)
}

/// Each beginning with each end; `None` when there are too many.
fn joined(beginnings: &[String], ends: &[String]) -> Option<Vec<String>> {
    let all = beginnings
        .len()
        .checked_mul(ends.len())
        .filter(|count| *count <= MAX_SPELLINGS);
    all.map(|_| {
        beginnings
            .iter()
            .flat_map(|head| ends.iter().map(move |end| format!("{head}{end}")))
            .collect()
    })
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
redacted!(Email, EmailKey, EmailFragment);

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

    /// RFC 5321 §4.1.2: `Mailbox = Local-part "@" ( Domain / address-literal )`, and a domain may have one label.
    #[test]
    fn a_complete_address_has_a_local_part_and_a_domain_or_literal() {
        for part in [
            "",
            "ann",
            "ann@",
            "@example.com",
            "ann@example.",
            "ann@exa..com",
            "ann@.com",
            "ann@[192.0.2.1",
            "ann@[]",
            "ann@exam ple",
            "ann@exam%",
        ] {
            assert_eq!(EmailKey::parse(part), Err(EmailError), "{part:?}");
        }
        for whole in [
            "a@b.c",
            "o'neil+tag@mail.example.org",
            "\"a@b\"@example.com",
            "%_@x.y",
            "ann@intranet",
            "ann@[192.0.2.1]",
            "ann@[IPv6:2001:db8::1]",
            "\"john doe\"@mail.example",
            "a@b@mail.example",
            "ann@m\u{fc}nchen.example",
        ] {
            assert!(EmailKey::parse(whole).is_ok(), "{whole:?}");
        }
    }

    #[test]
    fn a_wanted_key_is_refused_exactly_where_no_store_takes_it() {
        proptest::proptest!(|(text in "[a@\\[\\]\" \u{0}.\u{fc}]{0,12}")| {
            let kept = Email::from_source(&text).map(|email| email.key().clone());
            proptest::prop_assert_eq!(EmailKey::parse_lenient(&text), kept);
        });
        for never in ["", " ", "a\0@x.example", &"x".repeat(MAX_EMAIL_BYTES + 1)] {
            assert_eq!(EmailKey::parse_lenient(never), Err(EmailError));
        }
    }

    #[test]
    fn an_ordinary_address_is_complete_for_every_system() {
        for (text, ordinary) in [
            ("ann@example.com", true),
            ("\"a@b\"@example.com", true),
            ("ann@m\u{fc}nchen.example", true),
            ("ann@intranet", false),
            ("ann@[192.0.2.1]", false),
            ("\"john doe\"@mail.example", false),
            ("a@b@mail.example", false),
            ("ann", false),
        ] {
            assert_eq!(EmailKey::from_text(text).is_ordinary(), ordinary, "{text}");
        }
    }

    #[test]
    fn normalising_twice_is_normalising_once() {
        proptest::proptest!(|(text in "\\PC{0,40}")| {
            let once = EmailFragment::from_text(&text);
            proptest::prop_assert_eq!(&EmailFragment::from_text(once.as_str()), &once);
        });
    }

    /// `None` says that those who are asked for are not all.
    #[test]
    fn more_spellings_than_can_be_asked_for_are_none() {
        assert!(
            EmailKey::from_text("\u{e9}\u{e9}\u{e9}\u{e9}@example.com")
                .spellings()
                .is_some()
        );
        for many in [
            "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}@example.com",
            "e\u{301}\u{302}\u{303}\u{304}@example.com",
        ] {
            assert_eq!(EmailKey::from_text(many).spellings(), None);
        }
    }

    proptest::proptest! {
        /// However an address is typed, the form is among those under which its key is looked for, capitals apart.
        #[test]
        fn every_spelling_of_a_key_is_among_its_spellings(
            local in "[a-z\u{e9}\u{fc}]{1,3}", domain in "[a-z]{1,3}[\u{e9}\u{fc}]?", composed: [bool; 2], ascii: bool,
        ) {
            let form = |text: &str, composed: bool| if composed { text.nfc().collect() } else { text.nfd().collect::<String>() };
            let domain = format!("{domain}.example");
            let domain = if ascii { idna::domain_to_ascii(&domain).unwrap() } else { form(&domain, composed[1]) };
            let typed = format!("{}@{domain}", form(&local, composed[0]));
            let key = EmailKey::from_text(&typed);
            let spellings = key.spellings().unwrap();
            proptest::prop_assert!(spellings.contains(&typed));
            proptest::prop_assert_eq!(&spellings[0], key.as_str());
            for other in &spellings {
                proptest::prop_assert_eq!(&EmailKey::from_text(other), &key);
            }
        }
    }

    #[test]
    fn a_source_may_keep_an_address_in_unicode_and_decomposed() {
        let spellings = |text| EmailKey::from_text(text).spellings().unwrap();
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
        // The local part as one system keeps it, and the domain as another does.
        assert_eq!(
            spellings("jos\u{e9}@m\u{fc}nchen.example"),
            [
                "jos\u{e9}@xn--mnchen-3ya.example",
                "jos\u{e9}@m\u{fc}nchen.example",
                "jos\u{e9}@mu\u{308}nchen.example",
                "jose\u{301}@xn--mnchen-3ya.example",
                "jose\u{301}@m\u{fc}nchen.example",
                "jose\u{301}@mu\u{308}nchen.example",
            ]
        );
        // Two marks on one letter: in either order, the first of them composed or not.
        assert_eq!(spellings("\u{1ec7}@example.com").len(), 5);
        assert_eq!(EmailKey::from_text("ann@xn--.example").unicode_form(), None);
        assert_eq!(EmailKey::from_text("ann").unicode_form(), None);
    }
}
