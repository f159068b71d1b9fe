//! E-mail addresses in three forms: as typed, as a normalised key, and as a part for searches.

use std::fmt;

use thiserror::Error;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// The longest address, in bytes of UTF-8 (RFC 5321 §4.5.3.1: 64 for the local part, 255 for the domain).
pub const MAX_EMAIL_BYTES: usize = 320;

/// The maximum number of spellings of an address that a lookup tries.
pub const MAX_SPELLINGS: usize = 24;

/// The maximum number of marks of a letter whose forms are enumerated.
const MAX_MARKS: usize = 3;

/// An address as typed, with its key.
#[derive(Clone, PartialEq, Eq)]
pub struct Email {
    /// `None` if equal to the key.
    typed: Option<Box<str>>,
    key: EmailKey,
}

/// The normalised key of an e-mail address: trimmed, NFC, lower-cased, its domain in ASCII.
///
/// Accents count: josé@ and jose@ are two addresses.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EmailKey(Box<str>);

/// A part of an address in a search, normalised like [`EmailKey`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EmailFragment {
    text: Box<str>,
    /// How keys hold the text if it is of the domain; `None` if they hold it as it is, wherever it is.
    in_domain: Option<Box<str>>,
}

/// A text that is not a complete e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be a complete e-mail address")]
pub struct EmailError;

/// A text that cannot be the address of a new account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be a complete e-mail address, to which mail can be sent")]
pub struct NewEmailError;

impl Email {
    /// Parses a complete address, as [`EmailKey::parse`] does.
    ///
    /// # Errors
    /// The text is not a complete address.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        let typed = text.trim();
        Ok(Self::new(typed, EmailKey::parse(typed)?))
    }

    /// Parses the address of a new account, to which mail can be sent: the local part is words with dots between, or quoted (RFC 5321
    /// §4.1.2, with letters of all scripts as by RFC 6531 §3.3), the labels of the domain neither begin nor end with `-`, and
    /// nothing in it is invisible. Accounts that have other addresses keep them.
    ///
    /// # Errors
    /// The text is no such address.
    pub fn parse_new(text: &str) -> Result<Self, NewEmailError> {
        let email = Self::parse(text).map_err(|_| NewEmailError)?;
        let (local, domain) = email.as_str().rsplit_once('@').ok_or(NewEmailError)?;
        let domain = email.key.0.rsplit_once('@').map_or(domain, |(_, domain)| domain);
        let has_good_labels = |domain: &str| {
            !domain
                .split('.')
                .any(|label| label.starts_with('-') || label.ends_with('-'))
        };
        let is_good = (is_dot_string(local) || is_quoted_string(local))
            && !email.as_str().chars().any(is_invisible)
            && (is_address_literal(domain) || has_good_labels(domain));
        if is_good { Ok(email) } else { Err(NewEmailError) }
    }

    /// Takes an address of another system in any form, so that no account is lost because of an unusual address.
    ///
    /// # Errors
    /// The text is empty, contains a NUL, or is longer than [`MAX_EMAIL_BYTES`].
    pub fn from_source(text: &str) -> Result<Self, EmailError> {
        let typed = text.trim();
        if typed.is_empty() || typed.len() > MAX_EMAIL_BYTES || typed.contains('\0') {
            return Err(EmailError);
        }
        Ok(Self::new(typed, EmailKey(normalise(typed))))
    }

    /// Builds an address from its two stored forms.
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

    /// The normalised key.
    #[must_use]
    pub const fn key(&self) -> &EmailKey {
        &self.key
    }
}

impl EmailKey {
    /// Parses a complete address: a local part, an `@`, and a domain or an address literal (RFC 5321 §4.1.2 and §4.1.3,
    /// RFC 6531 §3.3). A domain may have one label, as in `ann@intranet`. Any non-empty local part is accepted: systems have
    /// addresses that no standard allows.
    ///
    /// # Errors
    /// The text is not a complete address, or [`EmailKey::parse_lenient`] rejects it.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        let key = Self::parse_lenient(text)?;
        let (local, domain) = key.0.rsplit_once('@').ok_or(EmailError)?;
        if !local.is_empty() && (is_domain(domain) || is_address_literal(domain)) {
            Ok(key)
        } else {
            Err(EmailError)
        }
    }

    /// Parses the address of a lookup in any form. It rejects exactly what [`Email::from_source`] rejects, so that every
    /// stored address can be looked up.
    ///
    /// # Errors
    /// The text is empty, contains a NUL, or is longer than [`MAX_EMAIL_BYTES`].
    pub fn parse_lenient(text: &str) -> Result<Self, EmailError> {
        Email::from_source(text).map(|email| email.key)
    }

    /// Whether every system accepts this as a complete address: one `@` outside quotes, an ASCII domain of several labels, no
    /// blank. For other addresses the rules of another system may differ from [`EmailKey::parse`].
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

    /// Normalises any text, complete or not, for exact lookups.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self(normalise(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address with its domain in Unicode, as a source may store it; `None` if equal to the key.
    #[must_use]
    pub fn unicode_form(&self) -> Option<String> {
        let (local, domain) = self.0.rsplit_once('@')?;
        let has_ascii_form = domain.split('.').any(|label| label.starts_with("xn--"));
        let (unicode, outcome) = has_ascii_form.then(|| idna::domain_to_unicode(domain))?;
        (outcome.is_ok() && unicode != domain).then(|| format!("{local}@{unicode}"))
    }

    /// The forms in which a source may store an address with this key: each letter composed or decomposed (Unicode Standard
    /// Annex #15), each label of the domain in ASCII or in Unicode (RFC 5890 §2.3.2.1); each form once, the key first. Only
    /// lower case.
    ///
    /// `None` if there are more than [`MAX_SPELLINGS`]: a lookup of only some of them cannot prove an absence.
    #[must_use]
    pub fn spellings(&self) -> Option<Vec<String>> {
        if self.0.is_ascii() && !self.0.contains("xn--") {
            return Some(vec![self.0.to_string()]);
        }
        let (local, domain) = match self.0.rsplit_once('@') {
            Some((local, domain)) => (local, Some(domain)),
            None => (&*self.0, None),
        };
        let mut spellings = concatenate(&[String::new()], &equivalents(local)?)?;
        for (at, label) in domain.into_iter().flat_map(|domain| domain.split('.')).enumerate() {
            let mut forms = equivalents(label)?;
            if label.starts_with("xn--") {
                let (unicode, outcome) = idna::domain_to_unicode(label);
                if outcome.is_ok() && unicode != label {
                    forms.extend(equivalents(&unicode)?);
                }
            }
            let separated = concatenate(&spellings, &[if at == 0 { "@" } else { "." }.to_owned()])?;
            spellings = concatenate(&separated, &forms)?;
        }
        Some(spellings)
    }
}

impl EmailFragment {
    /// Normalises a part of an address.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        let text = normalise(text);
        let in_domain = (!text.is_ascii() && !text.contains('@')).then(|| ascii_labels(&text));
        Self {
            in_domain: in_domain.flatten().map(String::into_boxed_str),
            text,
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text as keys hold it in a domain, where that is another one: a text without `@` may be of either side. Only whole labels
    /// have such a form: that of a part of a label is no part of the label's.
    #[must_use]
    pub fn in_domain(&self) -> Option<&str> {
        self.in_domain.as_deref()
    }

    /// Whether this key contains it.
    #[must_use]
    pub fn is_in(&self, key: &str) -> bool {
        key.contains(&*self.text) || self.in_domain().is_some_and(|text| key.contains(text))
    }
}

/// The text with its labels in ASCII; `None` if one has no such form.
fn ascii_labels(text: &str) -> Option<String> {
    let ascii = |label: &str| {
        if label.is_ascii() {
            Some(label.to_owned())
        } else {
            idna::domain_to_ascii(label).ok()
        }
    };
    let labels: Option<Vec<String>> = text.split('.').map(ascii).collect();
    labels.map(|labels| labels.join("."))
}

/// Labels separated by dots. A domain without an ASCII form stays in Unicode and is accepted.
fn is_domain(text: &str) -> bool {
    let is_allowed = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || c == '-' || c == '_';
    text.split('.')
        .all(|label| !label.is_empty() && label.chars().all(is_allowed))
}

/// RFC 5321 §4.1.2, `Dot-string`, with UTF-8 as by RFC 6531 §3.3.
fn is_dot_string(local: &str) -> bool {
    let is_allowed = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    local
        .split('.')
        .all(|word| !word.is_empty() && word.chars().all(is_allowed))
}

/// RFC 5321 §4.1.2, `Quoted-string`: a quote or backslash within follows a backslash.
fn is_quoted_string(local: &str) -> bool {
    let inside = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inside.is_some_and(|inside| {
        let mut chars = inside.chars();
        while let Some(char) = chars.next() {
            if char == '"' || char == '\\' && chars.next().is_none() {
                return false;
            }
        }
        !inside.is_empty()
    })
}

/// Control characters, blanks other than the plain one, and characters that change how others are shown.
pub(crate) fn is_invisible(char: char) -> bool {
    char.is_control()
        || char.is_whitespace() && char != ' '
        || matches!(char, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// A host address in brackets, such as `[192.0.2.1]` or `[ipv6:2001:db8::1]`.
fn is_address_literal(text: &str) -> bool {
    let inside = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inside.is_some_and(|inside| !inside.is_empty() && !inside.contains(['[', ']', '\\', ' ']))
}

/// The canonically equivalent texts, the text itself first; `None` if there are too many.
fn equivalents(text: &str) -> Option<Vec<String>> {
    let mut texts = vec![String::new()];
    let mut rest = text;
    while !rest.is_empty() {
        // A letter with its marks.
        let mut letters = rest.char_indices().skip(1);
        let end = letters
            .find(|(_, char)| !is_combining_mark(*char))
            .map_or(rest.len(), |(at, _)| at);
        let (letter, after) = rest.split_at(end);
        texts = concatenate(&texts, &forms_of(letter)?)?;
        rest = after;
    }
    Some(texts)
}

/// The equivalent forms of a letter with its marks, itself first.
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

/// All concatenations; `None` if there are too many.
fn concatenate(beginnings: &[String], ends: &[String]) -> Option<Vec<String>> {
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

/// Trims, composes and lower-cases, and converts the domain to ASCII if possible.
fn normalise(text: &str) -> Box<str> {
    let text = text.trim();
    if text.is_ascii() {
        return text.to_ascii_lowercase().into_boxed_str();
    }
    // Lower-casing can decompose (İ becomes i and a dot), so composition comes last.
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
    fn key_is_normalised() {
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

    /// RFC 5890 §2.3.2.1: a U-label and its A-label are one label.
    #[test]
    fn part_of_a_domain_is_found_by_whole_labels() {
        let key = EmailKey::from_text("bo@m\u{fc}nchen.example");
        let is_found = |text: &str| EmailFragment::from_text(text).is_in(key.as_str());
        for text in [
            "M\u{fc}nchen.example",
            "m\u{fc}nchen",
            "m\u{fc}nchen.ex",
            "@m\u{fc}nchen",
            "mnchen",
            "o@m\u{fc}nchen.",
        ] {
            assert!(is_found(text), "{text}");
        }
        for text in ["m\u{fc}nch", "\u{fc}nchen.example", "munchen"] {
            assert!(!is_found(text), "{text}");
        }
        let key = EmailKey::from_text("j\u{fc}rgen.m\u{fc}ller@example.com");
        assert!(EmailFragment::from_text("rgen.m\u{fc}ll").is_in(key.as_str()));
        assert_eq!(EmailFragment::from_text("muller").in_domain(), None);
    }

    #[test]
    fn accents_count() {
        assert_ne!(
            EmailKey::parse("jos\u{e9}@example.com"),
            EmailKey::parse("jose@example.com")
        );
    }

    /// RFC 5321 §4.1.2: `Mailbox = Local-part "@" ( Domain / address-literal )`, and a domain may have one label.
    #[test]
    fn complete_address_has_local_part_and_domain() {
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

    /// RFC 5321 §4.1.2 and RFC 6531 §3.3.
    #[test]
    fn new_address_can_be_sent_mail() {
        for good in [
            "ann@example.com",
            " o'neil+tag@mail.example.org ",
            "jos\u{e9}.b@m\u{fc}nchen.example",
            "\"john doe\"@mail.example",
            "\"a\\\"b@c\"@mail.example",
            "ann@intranet",
            "ann@[192.0.2.1]",
            "_x-@a-b.example",
        ] {
            assert!(Email::parse_new(good).is_ok(), "{good:?}");
        }
        for bad in [
            "ann",
            "ann smith@example.com",
            "a\t@example.com",
            "a\r\nBcc: b@x.example\r\n@example.com",
            "@@example.com",
            "a@b@mail.example",
            ".ann@example.com",
            "ann.@example.com",
            "a..n@example.com",
            "<ann>@example.com",
            "ann@-.-",
            "ann@-a.example",
            "\u{202e}ann@example.com",
            "a\u{200b}nn@example.com",
            "\"a\"b\"@example.com",
            "\"\"@example.com",
        ] {
            assert_eq!(Email::parse_new(bad), Err(NewEmailError), "{bad:?}");
        }
    }

    #[test]
    fn lenient_parsing_rejects_only_unstorable_addresses() {
        proptest::proptest!(|(text in "[a@\\[\\]\" \u{0}.\u{fc}]{0,12}")| {
            let kept = Email::from_source(&text).map(|email| email.key().clone());
            proptest::prop_assert_eq!(EmailKey::parse_lenient(&text), kept);
        });
        for never in ["", " ", "a\0@x.example", &"x".repeat(MAX_EMAIL_BYTES + 1)] {
            assert_eq!(EmailKey::parse_lenient(never), Err(EmailError));
        }
    }

    #[test]
    fn ordinary_addresses_are_recognised() {
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
    fn normalisation_is_idempotent() {
        proptest::proptest!(|(text in "\\PC{0,40}")| {
            let once = EmailFragment::from_text(&text);
            proptest::prop_assert_eq!(&EmailFragment::from_text(once.as_str()), &once);
        });
    }

    #[test]
    fn too_many_spellings_are_none() {
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
        /// Every lower-case form of an address is one of the spellings of its key.
        #[test]
        fn spellings_include_every_typed_form(
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
    fn spellings_are_unicode_and_decomposed() {
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
        // Local part and domain vary independently.
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
