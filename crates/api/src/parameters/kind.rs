//! What values a parameter takes, and a request's values of those kinds, in v4 and in the legacy calls.

use std::{borrow::Cow, fmt};

use masthead_domain::customer_registration_id::MAX_ID_BYTES;

use super::{
    query::{Plus, decoded, plus_for_blank},
    table::MAX_FIELDS_BYTES,
};

/// What values a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `true` or `false`, in any case.
    Flag,
    /// A whole number between two bounds, in decimal digits.
    Number { min: u32, max: u32 },
    /// A customer registration id: 1 to 255 bytes of UTF-8.
    Id,
    /// 1 to so many bytes of UTF-8.
    Text { max_bytes: usize },
    /// Names of a user's fields with commas between them.
    Fields,
    /// An e-mail address or a part of one, 1 to so many bytes; a blank inside it was a `+`.
    EmailText { max_bytes: usize },
    /// A text that we sealed.
    Sealed,
    /// One of a few words, in any case.
    Choice(&'static [&'static str]),
}

/// A value of its kind.
#[derive(Debug)]
pub(crate) enum Value<'a> {
    Flag(bool),
    Number(u32),
    Text(Cow<'a, str>),
    /// The word as its kind spells it.
    Choice(&'static str),
}

/// At most one value for each of a table's parameters, by their places in it.
#[derive(Debug)]
pub(crate) struct Values<'a, const PARAMETERS: usize>([Option<Value<'a>>; PARAMETERS]);

impl Kind {
    /// The text that percent-encoding stands for; `None` when it is not well-formed.
    pub(crate) fn decoded(self, raw: &str) -> Option<Cow<'_, str>> {
        match self {
            Self::EmailText { .. } => decoded(raw, Plus::Kept).map(plus_for_blank),
            Self::Flag
            | Self::Number { .. }
            | Self::Id
            | Self::Text { .. }
            | Self::Fields
            | Self::Sealed
            | Self::Choice(_) => decoded(raw, Plus::Blank),
        }
    }

    /// How long a text of this kind may be, in bytes.
    const fn max_bytes(self) -> Option<usize> {
        match self {
            Self::Id => Some(MAX_ID_BYTES),
            Self::Text { max_bytes } | Self::EmailText { max_bytes } => Some(max_bytes),
            Self::Fields => Some(MAX_FIELDS_BYTES),
            Self::Flag | Self::Number { .. } | Self::Sealed | Self::Choice(_) => None,
        }
    }

    /// The value that a decoded text stands for; `None` when it is not of this kind.
    pub(crate) fn value(self, text: Cow<'_, str>) -> Option<Value<'_>> {
        if self.max_bytes().is_some_and(|most| text.len() > most) {
            return None;
        }
        match self {
            Self::Flag => flag(&text).map(Value::Flag),
            Self::Number { min, max } => number(&text)
                .filter(|number| (min..=max).contains(number))
                .map(Value::Number),
            // How long a sealed text is, is no secret, but one answer for every cause is simpler to trust.
            Self::Id | Self::Text { .. } | Self::EmailText { .. } | Self::Fields | Self::Sealed => {
                Some(Value::Text(text))
            }
            Self::Choice(words) => {
                let chosen = words.iter().find(|word| word.eq_ignore_ascii_case(&text));
                chosen.map(|word| Value::Choice(word))
            }
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("true or false"),
            Self::Number { min, max } => write!(f, "a whole number from {min} to {max}"),
            Self::Id => write!(f, "1 to {MAX_ID_BYTES} bytes"),
            Self::Text { max_bytes } | Self::EmailText { max_bytes } => write!(f, "1 to {max_bytes} bytes"),
            Self::Fields => write!(f, "1 to {MAX_FIELDS_BYTES} bytes"),
            Self::Sealed => f.write_str("a text that was answered by this service"),
            Self::Choice(words) => match words.split_last() {
                Some((last, others)) => write!(f, "{} or {last}", others.join(", ")),
                None => Ok(()),
            },
        }
    }
}

impl<'a, const PARAMETERS: usize> Values<'a, PARAMETERS> {
    pub(crate) fn has(&self, place: usize) -> bool {
        self.0[place].is_some()
    }

    pub(crate) fn put(&mut self, place: usize, value: Value<'a>) {
        self.0[place] = Some(value);
    }

    pub(crate) fn flag(&self, place: usize) -> Option<bool> {
        match self.0[place] {
            Some(Value::Flag(flag)) => Some(flag),
            _ => None,
        }
    }

    pub(crate) fn number(&self, place: usize) -> Option<u32> {
        match self.0[place] {
            Some(Value::Number(number)) => Some(number),
            _ => None,
        }
    }

    pub(crate) fn text(&self, place: usize) -> Option<&str> {
        match &self.0[place] {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn choice(&self, place: usize) -> Option<&'static str> {
        match self.0[place] {
            Some(Value::Choice(word)) => Some(word),
            _ => None,
        }
    }
}

impl<const PARAMETERS: usize> Default for Values<'_, PARAMETERS> {
    fn default() -> Self {
        Self([const { None }; PARAMETERS])
    }
}

fn flag(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// Decimal digits and nothing else; `parse` alone would take a sign.
fn number(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok()
    } else {
        None
    }
}
