//! Tenants and their pools.

use std::{cmp::Ordering, fmt, sync::Arc};

use thiserror::Error;

use crate::settings::TenantSettings;

/// The longest code of a tenant part, in bytes.
pub const MAX_CODE_BYTES: usize = 64;

/// One newspaper of one client: the triple of client group, client and paper (contract §1). Cheap to clone: every event
/// names one.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TenantId {
    /// `group/client/paper`.
    text: Arc<str>,
    /// Where the first slash is.
    group_end: usize,
    /// Where the second slash is.
    client_end: usize,
}

/// A text that is not a valid tenant id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TenantIdError {
    /// The text does not have three parts.
    #[error("a tenant is written group/client/paper")]
    NotThreeParts,
    /// A code is empty, too long, or contains another character than letters, digits, `-`, `_` and `.`.
    #[error("the {part} must be 1 to {MAX_CODE_BYTES} letters, digits, '-', '_' or '.'")]
    BadCode {
        /// Which of the three parts.
        part: &'static str,
    },
}

impl TenantId {
    /// Builds an id from its three codes.
    ///
    /// # Errors
    /// Names the first part that is not 1 to [`MAX_CODE_BYTES`] ASCII letters, digits, `-`, `_` or `.`.
    pub fn new(group: &str, client: &str, paper: &str) -> Result<Self, TenantIdError> {
        let codes = [("client group", group), ("client", client), ("paper", paper)];
        for (part, text) in codes {
            check_code(part, text)?;
        }
        let group_end = group.len();
        Ok(Self {
            text: [group, "/", client, "/", paper].concat().into(),
            group_end,
            client_end: group_end + 1 + client.len(),
        })
    }

    /// Parses `group/client/paper`.
    ///
    /// # Errors
    /// The text does not have three parts, or a part is not a code.
    pub fn parse(text: &str) -> Result<Self, TenantIdError> {
        let mut parts = text.split('/');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(group), Some(client), Some(paper), None) => Self::new(group, client, paper),
            _ => Err(TenantIdError::NotThreeParts),
        }
    }

    /// The client group's code.
    #[must_use]
    pub fn group(&self) -> &str {
        &self.text[..self.group_end]
    }

    /// The client's code.
    #[must_use]
    pub fn client(&self) -> &str {
        &self.text[self.group_end + 1..self.client_end]
    }

    /// The newspaper's code.
    #[must_use]
    pub fn paper(&self) -> &str {
        &self.text[self.client_end + 1..]
    }

    /// `group/client/paper`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// By group, client and paper: a comparison of the texts would differ, since some characters sort before a slash.
impl Ord for TenantId {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.group(), self.client(), self.paper()).cmp(&(other.group(), other.client(), other.paper()))
    }
}

impl PartialOrd for TenantId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

pub(crate) fn check_code(part: &'static str, text: &str) -> Result<(), TenantIdError> {
    if is_code(text) {
        Ok(())
    } else {
        Err(TenantIdError::BadCode { part })
    }
}

/// Whether a text is a code: 1 to [`MAX_CODE_BYTES`] ASCII letters, digits, `-`, `_` or `.`.
pub(crate) fn is_code(text: &str) -> bool {
    (1..=MAX_CODE_BYTES).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TenantId({self})")
    }
}

/// The number of the pool with a tenant's registrations; the first column of every key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PoolId(pub i64);

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// The id.
    pub id: TenantId,
    /// The pool of its registrations.
    pub pool: PoolId,
    /// The settings.
    pub settings: TenantSettings,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenant_id_has_three_codes() {
        let tenant = TenantId::parse("north/daily/herald").unwrap();
        assert_eq!(
            (tenant.group(), tenant.client(), tenant.paper()),
            ("north", "daily", "herald")
        );
        assert_eq!(tenant.to_string(), "north/daily/herald");
        for bad in ["", "a", "a/b", "a/b/c/d", "a//c", "a/b/*", "a/b/c d", "a/b/é"] {
            assert!(TenantId::parse(bad).is_err(), "{bad:?}");
        }
    }
}
