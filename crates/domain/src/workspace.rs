//! Workspaces of the customers export: their tenant, limits and API keys.

use std::{
    fmt,
    hash::{Hash, Hasher},
};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;

use crate::tenant::{MAX_CODE_BYTES, TenantId, is_code};

/// The maximum number of keys of a workspace, enough to rotate keys slowly.
pub const MAX_KEYS: usize = 8;

/// The maximum number of identifiers in one payload of any workspace.
pub const MAX_IDENTIFIERS_PER_PAYLOAD: u32 = 1_000;

/// The name of a workspace, sent as `app_id` and as user name: 1 to [`MAX_CODE_BYTES`] ASCII letters, digits,
/// `-`, `_` or `.`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkspaceId(Box<str>);

/// A text that is not a valid workspace name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a workspace must be 1 to {MAX_CODE_BYTES} letters, digits, '-', '_' or '.'")]
pub struct WorkspaceIdError;

impl WorkspaceId {
    /// Parses a name; names are compared byte for byte.
    ///
    /// # Errors
    /// The text is empty, too long, or contains another character.
    pub fn parse(text: &str) -> Result<Self, WorkspaceIdError> {
        if is_code(text) {
            Ok(Self(text.into()))
        } else {
            Err(WorkspaceIdError)
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WorkspaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The SHA-256 of an API key. A key has 256 random bits, so its hash needs neither salt nor a slow function (ADR 0067).
/// `Debug` hides it.
#[derive(Clone, Copy)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// Hashes a key.
    #[must_use]
    pub fn for_key(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }

    /// A stored hash.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for storing.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(<redacted>)")
    }
}

/// The credential of a workspace: its name and one of its keys, as one SHA-256.
///
/// An unknown workspace and a wrong key both give an unknown digest, so that a lookup takes the same path for both
/// (ADR 0067). Compared in constant time; `Debug` hides it.
#[derive(Clone, Copy, Eq)]
pub struct Credential([u8; 32]);

impl Credential {
    /// The credential of this name and key.
    #[must_use]
    pub fn new(workspace: &WorkspaceId, key: &KeyHash) -> Self {
        // The hash has a fixed length and comes first, so that different pairs have different inputs.
        let digest = Sha256::new().chain_update(key.0).chain_update(workspace.as_str());
        Self(digest.finalize().into())
    }
}

impl PartialEq for Credential {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Hash for Credential {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(<redacted>)")
    }
}

/// The limits of a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportLimits {
    /// Identifiers per payload, 1 to [`MAX_IDENTIFIERS_PER_PAYLOAD`].
    pub identifiers_per_payload: u32,
    /// Users per minute and client address; at least the identifiers per payload.
    pub users_per_minute: u32,
    /// The maximum size of the body, in units of 1,024 bytes.
    pub body_kilobytes: u32,
}

impl Default for ExportLimits {
    /// As published: 20 identifiers, 1,000 users a minute, 128 KB.
    fn default() -> Self {
        Self {
            identifiers_per_payload: 20,
            users_per_minute: 1_000,
            body_kilobytes: 128,
        }
    }
}

/// Invalid limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ExportLimitsError {
    /// Identifiers in one payload.
    #[error("identifiers per payload must be 1 to {MAX_IDENTIFIERS_PER_PAYLOAD}")]
    Identifiers,
    /// Users in a minute.
    #[error("users per minute must be at least the identifiers per payload, and at most 10000000")]
    Users,
    /// The body.
    #[error("the body may have 1 to 16384 kilobytes")]
    Body,
}

impl ExportLimits {
    /// Validates the limits.
    ///
    /// # Errors
    /// The first invalid limit.
    pub fn check(self) -> Result<Self, ExportLimitsError> {
        if !(1..=MAX_IDENTIFIERS_PER_PAYLOAD).contains(&self.identifiers_per_payload) {
            return Err(ExportLimitsError::Identifiers);
        }
        if !(self.identifiers_per_payload..=10_000_000).contains(&self.users_per_minute) {
            return Err(ExportLimitsError::Users);
        }
        if !(1..=16_384).contains(&self.body_kilobytes) {
            return Err(ExportLimitsError::Body);
        }
        Ok(self)
    }
}

/// A workspace.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// Its name.
    pub id: WorkspaceId,
    /// The tenant whose users it exports.
    pub tenant: TenantId,
    /// Whether its requests are rejected.
    pub suspended: bool,
    /// Whether a request fails as a whole when some of its users are unresolved.
    pub strict: bool,
    /// Its limits.
    pub limits: ExportLimits,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_is_a_code() {
        for good in ["w", "VJ0GSMESHMQA3L7WV1EEK3UR", "daily.herald-1_b"] {
            assert_eq!(WorkspaceId::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a:b", "a/b", "é", &"x".repeat(65)] {
            assert_eq!(WorkspaceId::parse(bad), Err(WorkspaceIdError), "{bad:?}");
        }
    }

    #[test]
    fn credential_is_one_name_and_one_key() {
        let credential =
            |name: &str, key: &str| Credential::new(&WorkspaceId::parse(name).unwrap(), &KeyHash::for_key(key));
        assert_eq!(credential("herald", "one"), credential("herald", "one"));
        for (name, key) in [
            ("herald", "two"),
            ("times", "one"),
            ("HERALD", "one"),
            ("herald", "one "),
        ] {
            assert_ne!(credential("herald", "one"), credential(name, key), "{name} {key}");
        }
        // The boundary between name and key counts.
        assert_ne!(credential("ab", "c"), credential("a", "bc"));
        assert_eq!(
            format!("{:?} {:?}", KeyHash::for_key("one"), credential("herald", "one")),
            "KeyHash(<redacted>) Credential(<redacted>)"
        );
    }

    #[test]
    fn limits_are_bounded_and_fit_together() {
        let limits = ExportLimits::default();
        assert_eq!(limits.check(), Ok(limits));
        let with = |identifiers_per_payload, users_per_minute, body_kilobytes| {
            ExportLimits {
                identifiers_per_payload,
                users_per_minute,
                body_kilobytes,
            }
            .check()
        };
        assert!(with(1_000, 1_000, 1).is_ok());
        assert_eq!(with(0, 1_000, 128), Err(ExportLimitsError::Identifiers));
        assert_eq!(with(1_001, 2_000, 128), Err(ExportLimitsError::Identifiers));
        assert_eq!(with(20, 19, 128), Err(ExportLimitsError::Users));
        assert_eq!(with(20, 20, 0), Err(ExportLimitsError::Body));
    }
}
