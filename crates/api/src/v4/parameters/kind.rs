//! The kinds of values that parameters take: bounds, choices, and how they are documented.

use std::fmt;

use masthead_domain::customer_registration_id::MAX_ID_BYTES;

/// The longest list of fields, in bytes.
pub(crate) const MAX_FIELDS_BYTES: usize = 2048;

/// The values that a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ParameterKind {
    /// `true` or `false`, in any case.
    Flag,
    /// A whole number between two bounds, in decimal digits.
    Number { min: u32, max: u32 },
    /// A customer registration id: 1 to 255 bytes of UTF-8.
    Id,
    /// 1 to `max_bytes` bytes of UTF-8.
    Text { max_bytes: usize },
    /// A comma-separated list of field names.
    Fields,
    /// An e-mail address or a part of one, 1 to `max_bytes` bytes.
    EmailText { max_bytes: usize },
    /// A text that this service sealed.
    Sealed,
    /// One of a few words, in any case.
    Choice(&'static [&'static str]),
}

impl ParameterKind {
    /// The longest text of this kind, in bytes. A sealed text has none here: it is refused like any that does not open.
    pub(super) const fn max_bytes(self) -> Option<usize> {
        match self {
            Self::Id => Some(MAX_ID_BYTES),
            Self::Text { max_bytes } | Self::EmailText { max_bytes } => Some(max_bytes),
            Self::Fields => Some(MAX_FIELDS_BYTES),
            Self::Flag | Self::Number { .. } | Self::Sealed | Self::Choice(_) => None,
        }
    }
}

impl fmt::Display for ParameterKind {
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

/// The words of a list of choices, for [`ParameterKind::Choice`].
pub(crate) const fn words<T: Copy, const N: usize>(choices: &[(&'static str, T); N]) -> [&'static str; N] {
    let mut words = [""; N];
    let mut n = 0;
    while n < N {
        words[n] = choices[n].0;
        n += 1;
    }
    words
}
