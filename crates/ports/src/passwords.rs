//! Passwords, and hashing and checking them.

use std::{
    fmt,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use masthead_domain::tenant::Tenant;
use thiserror::Error;
use zeroize::Zeroizing;

/// The longest password of the published API, in characters. As UTF-8 it is at most 512 bytes.
pub const MAX_PASSWORD_CHARS: usize = 128;

/// A password in clear text. `Debug` hides it, and its memory is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct PlainPassword(Zeroizing<Box<str>>);

impl PlainPassword {
    /// Takes the text unchanged; the provider decides whether it is strong enough.
    #[must_use]
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// Takes the password of a request unchanged: nothing is trimmed.
    ///
    /// # Errors
    /// It is empty, or longer than [`MAX_PASSWORD_CHARS`].
    pub fn parse(text: impl Into<Box<str>>) -> Result<Self, PlainPasswordError> {
        let password = Self::new(text);
        match password.0.chars().take(MAX_PASSWORD_CHARS + 1).count() {
            0 => Err(PlainPasswordError::Empty),
            chars if chars > MAX_PASSWORD_CHARS => Err(PlainPasswordError::TooLong),
            _ => Ok(password),
        }
    }

    /// The text, for sending or hashing.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PlainPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainPassword(<redacted>)")
    }
}

/// Why a text is not a password of the published API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PlainPasswordError {
    /// It has no character.
    #[error("must not be empty")]
    Empty,
    /// It has more than [`MAX_PASSWORD_CHARS`] characters.
    #[error("must be at most {MAX_PASSWORD_CHARS} characters long")]
    TooLong,
}

/// A password hash as it is stored. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(Box<str>);

impl PasswordHash {
    /// Takes a stored or canonical text. Whether it can be verified shows when it is; text of another origin is parsed first.
    #[must_use]
    pub fn from_stored(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The text, for storing.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(<redacted>)")
    }
}

/// Why a text cannot be used as a password hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Error)]
pub enum PasswordHashError {
    /// It is of no supported family.
    #[error("unknown hash family")]
    Unknown,
    /// Verifying it would need more time or memory than is allowed.
    #[error("too costly to verify")]
    TooCostly,
    /// It is of a supported family, and a part is missing, invalid or too short.
    #[error("malformed hash")]
    Malformed,
}

/// A password and the hash to check it against.
#[derive(Debug, Clone, Copy)]
pub struct PasswordCheck<'a> {
    /// The tenant, whose settings name the secrets that some imported hashes need, and how long a failure takes at least.
    pub tenant: &'a Tenant,
    /// The password as typed.
    pub password: &'a PlainPassword,
    /// The stored hash. `None` for an unknown user and for one without a password: it takes as long as a wrong password.
    pub stored: Option<&'a PasswordHash>,
    /// When reading the hash began: reading one takes longer than finding none, and a failure does not show it.
    pub since: Instant,
}

/// Whether a password is the one of a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordMatch {
    /// It is not, or there is no hash that can be verified.
    No,
    /// It is.
    Yes {
        /// The hash is of another family or cost than new ones: hash the password again and store that.
        rehash: bool,
    },
}

/// A password that could not be hashed or checked. It never means that the password is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum HasherError {
    /// Too many passwords wait, or the deadline has passed.
    #[error("too many passwords are being checked")]
    Busy {
        /// When a repetition may succeed.
        retry_after: Duration,
    },
    /// The stored hash needs a secret that the tenant's settings do not name, or that cannot be read.
    #[error("a secret of the tenant is missing: {setting}")]
    MissingSecret {
        /// The setting, without `File` or `Env` at its end.
        setting: &'static str,
    },
    /// The computation failed.
    #[error("the password could not be hashed")]
    Failed,
}

/// Hashes and checks passwords, with bounded time, memory and number of threads.
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// Hashes a password under the set cost, with a new salt.
    ///
    /// # Errors
    /// It is busy until the deadline, or failed.
    async fn hash(&self, password: &PlainPassword, deadline: Instant) -> Result<PasswordHash, HasherError>;

    /// Checks a password. A failure takes at least as long as the tenant's floor, and the same with and without a hash.
    ///
    /// # Errors
    /// It is busy until the deadline, a secret is missing, or it failed.
    async fn verify(&self, check: PasswordCheck<'_>, deadline: Instant) -> Result<PasswordMatch, HasherError>;

    /// The family of a stored hash with its cost, such as `bcrypt-10`; `unknown` for one that cannot be verified.
    fn family(&self, hash: &PasswordHash) -> String;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_and_hashes_are_redacted() {
        assert_eq!(
            format!("{:?}", PlainPassword::new("hunter2")),
            "PlainPassword(<redacted>)"
        );
        assert_eq!(
            format!("{:?}", PasswordHash::from_stored("$1$a$b")),
            "PasswordHash(<redacted>)"
        );
    }

    #[test]
    fn password_has_1_to_128_characters() {
        let parse = |text: &str| PlainPassword::parse(text).map(|password| password.expose().len());
        assert_eq!(parse(""), Err(PlainPasswordError::Empty));
        assert_eq!(parse(" "), Ok(1), "blanks are characters");
        assert_eq!(parse(&"\u{1f426}".repeat(128)), Ok(512));
        assert_eq!(parse(&"a".repeat(129)), Err(PlainPasswordError::TooLong));
    }
}
