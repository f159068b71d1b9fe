//! What v4 and the legacy API share of a parameter: its description, and the kinds of values with their bounds, choices and
//! form in JSON.

use std::{borrow::Cow, fmt};

use masthead_domain::{customer_registration_id::MAX_ID_BYTES, metadata::MAX_KEY_BYTES};

use crate::v4::fields::UserField;

/// The longest list of fields, in bytes.
const MAX_FIELDS_BYTES: usize = 2048;
/// The longest sealed text that is opened, in bytes.
pub(crate) const MAX_SEALED_BYTES: usize = 4096;

/// A text that is not blank and has no NUL.
pub(crate) const TEXT_PATTERN: &str = r"^[^\u0000]*[^\s\u0000][^\u0000]*$";
/// An id, or a key of metadata: no control characters.
pub(crate) const ID_PATTERN: &str = r"^[^\u0000-\u001f\u007f-\u009f]+$";
/// Base64 in the standard or the URL-safe alphabet, with or without padding; a blank is a decoded `+`.
const SEALED_PATTERN: &str = r"^[A-Za-z0-9+/_ -]+={0,2}$";

/// A parameter: its name and values, and what the documents need.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ParameterSpec {
    /// The name as it is printed; it is accepted in any case.
    pub(crate) name: &'static str,
    pub(crate) kind: ParameterKind,
    /// The value that applies when the parameter is absent.
    pub(crate) default: Option<&'static str>,
    pub(crate) meaning: &'static str,
    pub(crate) example: &'static str,
}

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

/// The JSON of a kind, in a body and as a schema. The schema is exactly as strict as the parser, except for lengths: JSON
/// Schema counts characters, the parser bytes of UTF-8.
#[derive(Debug, Clone, Copy)]
pub(crate) enum JsonForm {
    /// `true` or `false`, also as a text.
    Boolean,
    /// A whole number between two bounds, also as a text.
    Integer { min: u32, max: u32 },
    /// A text that matches this pattern.
    Text {
        pattern: fn() -> Cow<'static, str>,
        max_bytes: usize,
    },
    /// One of these words.
    Words(&'static [&'static str]),
}

impl ParameterKind {
    /// The form in JSON.
    pub(crate) const fn json_form(self) -> JsonForm {
        match self {
            Self::Flag => JsonForm::Boolean,
            Self::Number { min, max } => JsonForm::Integer { min, max },
            Self::Id => JsonForm::Text {
                pattern: || ID_PATTERN.into(),
                max_bytes: MAX_ID_BYTES,
            },
            Self::Text { max_bytes } | Self::EmailText { max_bytes } => JsonForm::Text {
                pattern: || TEXT_PATTERN.into(),
                max_bytes,
            },
            Self::Fields => JsonForm::Text {
                pattern: || fields_pattern().into(),
                max_bytes: MAX_FIELDS_BYTES,
            },
            Self::Sealed => JsonForm::Text {
                pattern: || SEALED_PATTERN.into(),
                max_bytes: MAX_SEALED_BYTES,
            },
            Self::Choice(words) => JsonForm::Words(words),
        }
    }

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

/// A comma-separated list of field names in any case, `metadata.{key}` among them, perhaps with blanks.
fn fields_pattern() -> String {
    let names = UserField::ALL.map(|field| in_any_case(field.name())).join("|");
    let inside = r"[^,\u0000]";
    let end = r"[^,\s\u0000]";
    let between = MAX_KEY_BYTES - 2;
    let metadata = in_any_case(UserField::Metadata.name());
    let one = format!(r"\s*(?:{names}|{metadata}\.{end}(?:{inside}{{0,{between}}}{end})?)\s*");
    format!("^{one}(?:,{one})*$")
}

fn in_any_case(name: &str) -> String {
    let letters = name.chars().map(|letter| {
        let (upper, lower) = (letter.to_ascii_uppercase(), letter.to_ascii_lowercase());
        format!("[{upper}{lower}]")
    });
    letters.collect()
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
