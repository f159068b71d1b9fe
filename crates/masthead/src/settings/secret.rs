//! Text that must never be printed.

use std::fmt;

use super::reference::{FREE_TABLE, REFERENCE};

/// Whether the value of `section.key` is a secret: the reference has the same setting with `_file`, or it is a key of
/// `[sealing.keys]`.
pub(crate) fn is_secret(key: &str) -> bool {
    let Some((section, name)) = key.rsplit_once('.') else {
        return false;
    };
    if section == FREE_TABLE {
        return !name.ends_with("_file");
    }
    let mut of_section = REFERENCE
        .lines()
        .skip_while(|line| line.strip_prefix('[') != Some(&format!("{section}]")))
        .skip(1)
        .take_while(|line| !line.starts_with('['));
    of_section.any(|line| line.starts_with(&format!("{name}_file =")))
}

/// A secret: neither `Debug` nor `Display` nor an error contains it; only [`SecretText::reveal`] returns it.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(Box<str>);

impl SecretText {
    /// Wraps the text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The text.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_a_file_may_hold_are_secrets() {
        for secret in [
            "database.url",
            "database.direct_url",
            "database.replica_urls",
            "tokens.hs256_secret",
            "sealing.keys.k1",
            "smtp.password",
        ] {
            assert!(is_secret(secret), "{secret}");
        }
        for other in [
            "database.url_file",
            "tokens.jwks_file",
            "tokens.issuer",
            "sealing.keys.k1_file",
            "smtp.user",
            "http.url",
            "x",
        ] {
            assert!(!is_secret(other), "{other}");
        }
    }
}
