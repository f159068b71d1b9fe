//! The sealing keys of the process, which a server replaces without a restart.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

use async_trait::async_trait;
use base64::{Engine, prelude::BASE64_STANDARD};
use masthead_domain::tenant::{PoolId, TenantId};
use masthead_ports::{
    keyed_hash::{HashPurpose, KeyedHash, KeyedHasher},
    sealing::{Purpose, SealError, Sealing},
};
use masthead_tokens::{DerivedKeyHasher, Sealer, Secret};

use crate::{
    command_error::CommandError,
    reload::{Reload, ReloadError},
    settings::{SealingSettings, ServerSettings},
};

/// Seals published values, and hashes what is only compared, under the keys of `[sealing]`. Its [`Reload`] replaces them.
pub(crate) struct SealingKeys(RwLock<Keys>);

struct Keys {
    settings: SealingSettings,
    sealer: Sealer,
    hasher: DerivedKeyHasher,
}

impl Keys {
    fn new(settings: &SealingSettings) -> Result<Self, CommandError> {
        let keys = settings.keys.iter().map(|(id, key)| {
            let bytes = BASE64_STANDARD.decode(key.reveal());
            bytes.map(|bytes| (id.clone(), Secret::new(bytes)))
        });
        let keys: BTreeMap<_, _> = keys
            .collect::<Result<_, _>>()
            .map_err(|_| CommandError::new("a sealing key is not base64"))?;
        let unusable = CommandError::context("the sealing keys cannot be used");
        let sealer = Sealer::new(&settings.current, &keys).and_then(|sealer| sealer.publishing(&settings.publish));
        let hasher = DerivedKeyHasher::new(&settings.current, &keys);
        match (sealer, hasher) {
            (Ok(sealer), Ok(hasher)) => Ok(Self {
                settings: settings.clone(),
                sealer,
                hasher,
            }),
            (Err(error), _) | (_, Err(error)) => Err(unusable(error)),
        }
    }

    /// Another key under a known id would make everything unreadable that is sealed under the id.
    fn refuse_other_key(&self, next: &SealingSettings) -> Result<(), ReloadError> {
        let is_other = |id: &&String| self.settings.keys.get(*id).is_some_and(|key| *key != next.keys[*id]);
        match next.keys.keys().find(is_other) {
            Some(id) => Err(ReloadError(format!(
                "sealing.keys.{id} is another key than before: give the new key another id"
            ))),
            None => Ok(()),
        }
    }
}

impl SealingKeys {
    /// # Errors
    /// The keys are invalid; the settings are checked before.
    pub(crate) fn new(settings: &SealingSettings) -> Result<Arc<Self>, CommandError> {
        Ok(Arc::new(Self(RwLock::new(Keys::new(settings)?))))
    }

    /// The keys of this moment. A panic cannot leave them half-replaced.
    fn keys(&self) -> RwLockReadGuard<'_, Keys> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sealing for SealingKeys {
    fn seal(&self, tenant: &TenantId, purpose: Purpose<'_>, plain: &str) -> String {
        self.keys().sealer.seal(tenant, purpose, plain)
    }

    fn open(&self, tenant: &TenantId, purpose: Purpose<'_>, sealed: &str) -> Result<String, SealError> {
        self.keys().sealer.open(tenant, purpose, sealed)
    }
}

impl KeyedHasher for SealingKeys {
    fn hash(&self, pool: PoolId, purpose: HashPurpose, text: &str) -> KeyedHash {
        self.keys().hasher.hash(pool, purpose, text)
    }

    fn hashes(&self, pool: PoolId, purpose: HashPurpose, text: &str) -> Vec<KeyedHash> {
        self.keys().hasher.hashes(pool, purpose, text)
    }
}

#[async_trait]
impl Reload for SealingKeys {
    fn name(&self) -> &'static str {
        "sealing keys"
    }

    fn settings(&self) -> &'static [&'static str] {
        &["sealing"]
    }

    async fn reload(&self, settings: &ServerSettings) -> Result<(), ReloadError> {
        self.keys().refuse_other_key(&settings.sealing)?;
        let keys = Keys::new(&settings.sealing).map_err(|error| ReloadError(error.to_string()))?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reload::tests::unchecked;

    const SECOND: &str = "AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==";

    fn settings(changes: &[(&str, &str)]) -> ServerSettings {
        unchecked(changes).settings().unwrap()
    }

    /// Docs, keys.md: a new key opens first, seals next, and publishes last.
    #[tokio::test]
    async fn keys_rotate_without_a_restart() {
        let tenant = TenantId::parse("north/daily/herald").unwrap();
        let (id, cursor) = (Purpose::CustomerRegistrationId, Purpose::Cursor { binding: "list" });
        let keys = SealingKeys::new(&settings(&[]).sealing).unwrap();
        let published = keys.seal(&tenant, id, "reader-1");
        let marked = keys.hash(PoolId(1), HashPurpose::Tombstone, "reader-1");
        let other_cursor = keys.seal(&tenant, cursor, "5");

        let rotated = [
            ("SEALING__KEYS__K2", SECOND),
            ("SEALING__CURRENT", "k2"),
            ("SEALING__PUBLISH", "k1"),
        ];
        keys.reload(&settings(&rotated)).await.unwrap();
        assert_eq!(keys.seal(&tenant, id, "reader-1"), published);
        assert_ne!(keys.seal(&tenant, cursor, "5"), other_cursor);
        assert_eq!(keys.open(&tenant, cursor, &other_cursor).unwrap(), "5");
        assert!(
            keys.hashes(PoolId(1), HashPurpose::Tombstone, "reader-1")
                .contains(&marked)
        );
        assert_ne!(keys.hash(PoolId(1), HashPurpose::Tombstone, "reader-1"), marked);
    }

    #[tokio::test]
    async fn other_key_under_known_id_is_refused() {
        let tenant = TenantId::parse("north/daily/herald").unwrap();
        let keys = SealingKeys::new(&settings(&[]).sealing).unwrap();
        let published = keys.seal(&tenant, Purpose::Email, "ann@example.org");
        let refused = keys
            .reload(&settings(&[("SEALING__KEYS__K1", SECOND)]))
            .await
            .unwrap_err();
        assert_eq!(
            refused.to_string(),
            "sealing.keys.k1 is another key than before: give the new key another id"
        );
        assert_eq!(keys.seal(&tenant, Purpose::Email, "ann@example.org"), published);
    }
}
