//! The customer registration id: the key of a user (contract §1).

use std::fmt;

use compact_str::CompactString;
use thiserror::Error;

use crate::email::is_invisible;

/// The longest id, in bytes of UTF-8.
pub const MAX_ID_BYTES: usize = 255;

/// A customer registration id, compared byte for byte: 1 to [`MAX_ID_BYTES`] bytes without control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomerRegistrationId(CompactString);

/// A text that is not a valid customer registration id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be 1 to {MAX_ID_BYTES} bytes without control characters")]
pub struct CustomerRegistrationIdError;

impl CustomerRegistrationId {
    /// Parses a decoded text.
    ///
    /// # Errors
    /// The text is empty, too long, or contains a control character.
    pub fn parse(text: &str) -> Result<Self, CustomerRegistrationIdError> {
        let is_valid = (1..=MAX_ID_BYTES).contains(&text.len()) && !text.chars().any(char::is_control);
        if is_valid {
            Ok(Self(text.into()))
        } else {
            Err(CustomerRegistrationIdError)
        }
    }

    /// Parses the id of a new user: neither blanks at its ends nor anything invisible lets it look like another id.
    ///
    /// # Errors
    /// The text is no such id.
    pub fn parse_new(text: &str) -> Result<Self, CustomerRegistrationIdError> {
        let is_plain = text.trim() == text && !text.chars().any(is_invisible);
        if is_plain {
            Self::parse(text)
        } else {
            Err(CustomerRegistrationIdError)
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for CustomerRegistrationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CustomerRegistrationId(<redacted>)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_is_verbatim_and_bounded() {
        for good in ["2937", "auth0|6470", "0b6e4c1e-aaaa-bbbb-cccc-0123456789ab", "ключ 1"] {
            assert_eq!(CustomerRegistrationId::parse(good).unwrap().as_str(), good);
        }
        for bad in ["   ", " lead", "trail ", "a\u{202e}b", "a\u{200b}", "a\u{a0}b", ""] {
            assert_eq!(CustomerRegistrationId::parse_new(bad), Err(CustomerRegistrationIdError));
        }
        assert!(CustomerRegistrationId::parse_new("ключ 1").is_ok());
        for bad in ["", "a\0b", "a\nb", &"x".repeat(256)] {
            assert_eq!(CustomerRegistrationId::parse(bad), Err(CustomerRegistrationIdError));
        }
    }
}
