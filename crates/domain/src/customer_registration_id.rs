//! The customer registration id: the string key of a user in the authentication provider (contract §1).

use std::fmt;

use compact_str::CompactString;
use thiserror::Error;

/// The longest id, in bytes of UTF-8.
pub const MAX_ID_BYTES: usize = 255;

/// A customer registration id, compared byte for byte: 1 to [`MAX_ID_BYTES`] bytes without control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomerRegistrationId(CompactString);

/// Text that cannot be a customer registration id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be 1 to {MAX_ID_BYTES} bytes without control characters")]
pub struct CustomerRegistrationIdError;

impl CustomerRegistrationId {
    /// Takes the text as it is, once it is decoded.
    ///
    /// # Errors
    /// The text is empty, too long, or holds a control character.
    pub fn parse(text: &str) -> Result<Self, CustomerRegistrationIdError> {
        let good = (1..=MAX_ID_BYTES).contains(&text.len()) && !text.chars().any(char::is_control);
        if good {
            Ok(Self(text.into()))
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
    fn an_id_is_kept_byte_for_byte_and_bounded() {
        for good in ["2937", "auth0|6470", "0b6e4c1e-aaaa-bbbb-cccc-0123456789ab", "ключ 1"] {
            assert_eq!(CustomerRegistrationId::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "a\0b", "a\nb", &"x".repeat(256)] {
            assert_eq!(CustomerRegistrationId::parse(bad), Err(CustomerRegistrationIdError));
        }
    }
}
