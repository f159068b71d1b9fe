//! The secrets of a tenant that some imported hashes need.

use std::fmt;

use masthead_domain::tenant::Tenant;
use zeroize::Zeroizing;

/// The settings that name the place of a Firebase project's signer key, without `File` or `Env`.
pub const FIREBASE_SIGNER_KEY: &str = "Hashes.FirebaseSignerKey";
/// The settings that name the place of a pepper, without `File` or `Env`.
pub const PEPPER: &str = "Hashes.Pepper";

/// The secrets of a tenant for imported hashes. `Debug` hides them.
#[derive(Clone, Default)]
pub struct HashSecrets {
    /// For Firebase hashes.
    pub firebase: Option<FirebaseKey>,
    /// For Argon2 hashes with `keyid`, and for digests with `{PEPPER}` in their template.
    pub pepper: Option<Zeroizing<Vec<u8>>>,
}

/// The secrets of a Firebase project.
#[derive(Clone)]
pub struct FirebaseKey {
    /// `base64_signer_key`, decoded.
    pub signer_key: Zeroizing<Vec<u8>>,
    /// `base64_salt_separator`, decoded.
    pub salt_separator: Vec<u8>,
}

impl fmt::Debug for HashSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashSecrets(<redacted>)")
    }
}

impl fmt::Debug for FirebaseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FirebaseKey(<redacted>)")
    }
}

/// Finds the secrets of a tenant. It is called only for hashes that need one.
pub trait TenantHashSecrets: Send + Sync {
    /// The secrets that the tenant's settings name and that can be read.
    fn for_tenant(&self, tenant: &Tenant) -> HashSecrets;
}

/// A secret that a hash needs is missing; the value is its setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MissingSecretError(pub(crate) &'static str);
