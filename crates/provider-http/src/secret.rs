//! Bytes that are never shown and are wiped when they are dropped, and the places where they are kept.

use std::fmt;

use zeroize::Zeroizing;

/// A key, a password or a client's secret. `Debug` prints nothing of it, and its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<Box<[u8]>>);

/// Where a tenant's secret is kept: a setting names the place, never the secret. Who has the environment and the files
/// resolves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretPlace {
    /// In this file; a line break at its end is no part of the secret.
    File(Box<str>),
    /// In this variable of the environment.
    Environment(Box<str>),
}

/// Finds secrets at their places; only `masthead::settings` reads files and the environment.
pub trait Secrets: Send + Sync {
    /// The secret at this place; `None` when there is none, or it cannot be read.
    fn secret(&self, place: &SecretPlace) -> Option<Secret>;
}

impl Secret {
    /// Takes the bytes.
    #[must_use]
    pub fn new(bytes: impl Into<Box<[u8]>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// The bytes, for the one place that uses them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as text; `None` when they are not UTF-8.
    #[must_use]
    pub fn expose_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(<redacted>)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_is_never_shown() {
        let secret = Secret::new(*b"hunter2");
        assert_eq!(format!("{secret:?}"), "Secret(<redacted>)");
        assert_eq!(secret.expose_text(), Some("hunter2"));
    }
}
