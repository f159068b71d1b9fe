//! Secrets that the server makes for users.

use crate::passwords::PlainPassword;

/// Makes secrets from a cryptographically secure source; tests replace it.
pub trait SecretGenerator: Send + Sync {
    /// A code to type: six upper-case hexadecimal digits, the published shape (contract §3.2).
    fn code(&self) -> String;

    /// The value of a link: 256 bits in URL-safe base64, 43 characters.
    fn link(&self) -> String;

    /// A random password, for an account that a provider does not create without one.
    fn password(&self) -> PlainPassword;
}
