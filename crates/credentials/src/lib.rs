//! Hashes and checks passwords: Argon2id for new ones, the hash families that imports bring, and the threads that compute them.

mod cost;
mod forms;
mod hash_families;
mod hasher;
mod mean_time;
mod memory;
mod pool;
mod secrets;

use masthead_ports::passwords::{PasswordHash, PasswordHashError};

pub use cost::Argon2Cost;
pub use hasher::{HasherOptions, PooledHasher};
pub use secrets::{FIREBASE_SIGNER_KEY, FirebaseKey, HashSecrets, PEPPER, TenantHashSecrets};

/// A hash of another system that can be verified here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedHash {
    /// The canonical text.
    pub hash: PasswordHash,
    /// The family, for reports; of bcrypt with its cost (`bcrypt-10`).
    pub scheme: String,
}

/// Recognises the hash of another system, as text or as the JSON object of a vendor's export, and checks that verifying it is
/// affordable.
///
/// # Errors
/// It cannot be verified here, or not within the bounds of time and memory.
pub fn parse_password_hash(text: &str) -> Result<ImportedHash, PasswordHashError> {
    hash_families::parse(text).map(|parsed| ImportedHash {
        hash: PasswordHash::from_stored(parsed.canonical()),
        scheme: parsed.scheme(),
    })
}
