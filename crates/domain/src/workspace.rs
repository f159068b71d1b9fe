//! Workspaces of the customers export: whose users they export, within which limits, and which keys open them.

use std::{
    fmt,
    hash::{Hash, Hasher},
};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;

use crate::tenant::{MAX_CODE_BYTES, TenantId, is_code};

/// How many keys a workspace may have at a time: one in use, one that takes over, and room for a slow change.
pub const MAX_KEYS: usize = 8;

/// The most identifiers that any workspace may be allowed in one payload.
pub const MAX_IDENTIFIERS_PER_PAYLOAD: u32 = 1_000;

/// The name of a workspace, which callers send as `app_id` and as user name: 1 to [`MAX_CODE_BYTES`] ASCII letters, digits,
/// `-`, `_` or `.`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkspaceId(Box<str>);

/// Text that cannot name a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a workspace must be 1 to {MAX_CODE_BYTES} letters, digits, '-', '_' or '.'")]
pub struct WorkspaceIdError;

impl WorkspaceId {
    /// Takes a name, compared byte for byte.
    ///
    /// # Errors
    /// The text is empty, too long, or holds another character.
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

/// What is kept of an API key: its SHA-256. A key is 256 random bits, so that its hash needs neither salt nor slowness
/// (ADR 0067). `Debug` shows nothing of it.
#[derive(Clone, Copy)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// The hash of a key as it was given.
    #[must_use]
    pub fn for_key(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }

    /// A hash that a store kept.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, to be kept.
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

/// What opens a workspace: its name and one of its keys, as one SHA-256.
///
/// A workspace that there is not and a key that a workspace does not have are one thing here, a digest that nobody has:
/// whoever looks it up cannot take another way for the one than for the other (ADR 0069). Compared in constant time; `Debug`
/// shows nothing of it.
#[derive(Clone, Copy, Eq)]
pub struct Credential([u8; 32]);

impl Credential {
    /// The digest of this name and this key.
    #[must_use]
    pub fn new(workspace: &WorkspaceId, key: &KeyHash) -> Self {
        // The hash comes first since its length is fixed: no other pair reads the same.
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

/// How much a workspace may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportLimits {
    /// Identifiers in one payload, 1 to [`MAX_IDENTIFIERS_PER_PAYLOAD`].
    pub identifiers_per_payload: u32,
    /// Users in any minute, of each address that asks; at least as many as one payload may name.
    pub users_per_minute: u32,
    /// The largest body, in units of 1,024 bytes.
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

/// Limits that contradict each other or themselves.
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
    /// Checks them.
    ///
    /// # Errors
    /// The first that cannot be.
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

/// A workspace as the service knows it.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// Its name.
    pub id: WorkspaceId,
    /// The tenant whose users it exports.
    pub tenant: TenantId,
    /// Whether it is refused for the time being.
    pub suspended: bool,
    /// Whether an answer that cannot tell of everybody is refused as a whole.
    pub strict: bool,
    /// How much it may ask for.
    pub limits: ExportLimits,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_code() {
        for good in ["w", "VJ0GSMESHMQA3L7WV1EEK3UR", "daily.herald-1_b"] {
            assert_eq!(WorkspaceId::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a:b", "a/b", "é", &"x".repeat(65)] {
            assert_eq!(WorkspaceId::parse(bad), Err(WorkspaceIdError), "{bad:?}");
        }
    }

    #[test]
    fn a_credential_is_one_name_and_one_key() {
        let of = |name: &str, key: &str| Credential::new(&WorkspaceId::parse(name).unwrap(), &KeyHash::for_key(key));
        assert_eq!(of("herald", "one"), of("herald", "one"));
        for (name, key) in [
            ("herald", "two"),
            ("times", "one"),
            ("HERALD", "one"),
            ("herald", "one "),
        ] {
            assert_ne!(of("herald", "one"), of(name, key), "{name} {key}");
        }
        // Where one ends and the other begins counts.
        assert_ne!(of("ab", "c"), of("a", "bc"));
        assert_eq!(
            format!("{:?} {:?}", KeyHash::for_key("one"), of("herald", "one")),
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
