//! Passwords, codes and links without secrecy.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Instant,
};

use async_trait::async_trait;
use masthead_ports::{
    passwords::{HasherError, PasswordCheck, PasswordHash, PasswordHasher, PasswordMatch, PlainPassword},
    secret_generator::SecretGenerator,
};

/// The prefix of a current hash; `old:` marks one that is to be replaced.
const CURRENT: &str = "hash:";

/// A hasher whose hashes show the password.
#[derive(Debug, Clone, Copy, Default)]
pub struct FakePasswordHasher;

impl FakePasswordHasher {
    /// A hash of another cost than new ones have.
    #[must_use]
    pub fn old_hash(password: &str) -> PasswordHash {
        PasswordHash::from_stored(format!("old:{password}"))
    }

    /// A hash as new ones are.
    #[must_use]
    pub fn new_hash(password: &str) -> PasswordHash {
        PasswordHash::from_stored(format!("{CURRENT}{password}"))
    }
}

#[async_trait]
impl PasswordHasher for FakePasswordHasher {
    async fn hash(&self, password: &PlainPassword, _deadline: Instant) -> Result<PasswordHash, HasherError> {
        Ok(Self::new_hash(password.expose()))
    }

    async fn verify(&self, check: PasswordCheck<'_>, _deadline: Instant) -> Result<PasswordMatch, HasherError> {
        let Some((kind, password)) = check.stored.and_then(|stored| stored.expose().split_once(':')) else {
            return Ok(PasswordMatch::No);
        };
        Ok(if password == check.password.expose() {
            PasswordMatch::Yes { rehash: kind == "old" }
        } else {
            PasswordMatch::No
        })
    }

    fn family(&self, hash: &PasswordHash) -> String {
        let kind = hash.expose().split_once(':').map(|(kind, _)| kind);
        kind.unwrap_or("unknown").to_owned()
    }
}

/// Secrets that count up: `00000A`, `link-2`, …
#[derive(Debug, Default)]
pub struct CountingSecrets(AtomicU32);

impl CountingSecrets {
    fn next(&self) -> u32 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}

impl SecretGenerator for CountingSecrets {
    fn code(&self) -> String {
        format!("{:06X}", self.next())
    }

    fn link(&self) -> String {
        format!("link-{}", self.next())
    }

    fn password(&self) -> PlainPassword {
        PlainPassword::new(format!("unknown-{}", self.next()))
    }
}
