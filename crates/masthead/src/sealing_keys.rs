//! The sealing keys of the process, which a server replaces without a restart.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
    time::Duration,
};

use async_trait::async_trait;
use base64::{Engine, prelude::BASE64_STANDARD};
use masthead_domain::tenant::{PoolId, TenantId};
use masthead_ports::{
    keyed_hash::{HashPurpose, KeyedHash, KeyedHasher},
    sealing::{KeyCheck, Purpose, SealError, Sealing},
};
use masthead_subscribe_store::{Admin, AdminError, ComparedKeys};
use masthead_tokens::{DerivedKeyHasher, Sealer, Secret, key_check};

use crate::{
    command_error::{CommandError, ErrorChain},
    reload::{Reload, ReloadError},
    settings::{SealingSettings, ServerSettings},
};

/// How often a server compares its keys again while its database does not answer.
const COMPARED_EVERY: Duration = Duration::from_secs(1);

/// Seals published values, and hashes what is only compared, under the keys of `[sealing]`.
pub(crate) struct SealingKeys(RwLock<Keys>);

/// The keys of a server and what its database knows of them. Its [`Reload`] replaces the keys.
pub(crate) struct CheckedKeys {
    keys: Arc<SealingKeys>,
    admin: Admin,
    /// They were compared at the start.
    are_compared: bool,
}

struct Keys {
    settings: SealingSettings,
    sealer: Sealer,
    hasher: DerivedKeyHasher,
    checks: Vec<KeyCheck>,
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
        let checks: Result<_, _> = keys.iter().map(|(id, key)| key_check(id, key)).collect();
        match (sealer, hasher, checks) {
            (Ok(sealer), Ok(hasher), Ok(checks)) => Ok(Self {
                settings: settings.clone(),
                sealer,
                hasher,
                checks,
            }),
            (Err(error), _, _) | (_, Err(error), _) | (_, _, Err(error)) => Err(unusable(error)),
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

    /// The check values of the keys.
    pub(crate) fn checks(&self) -> Vec<KeyCheck> {
        self.keys().checks.clone()
    }

    /// Refuses keys that are not those of the database, and makes new ones known to it. Returns a warning where the database knows
    /// keys that are missing.
    ///
    /// # Errors
    /// The database knows another key under an id, or is unavailable.
    pub(crate) async fn check(&self, admin: &Admin) -> Result<Option<String>, CommandError> {
        let compared = admin.use_sealing_keys(&self.checks()).await;
        let compared = compared.map_err(CommandError::context(NOT_COMPARED))?;
        refuse_other(&compared).map_err(CommandError::new)?;
        Ok(missing(&compared))
    }

    /// The keys of changed settings.
    fn next(&self, settings: &SealingSettings) -> Result<Keys, ReloadError> {
        self.keys().refuse_other_key(settings)?;
        Keys::new(settings).map_err(|error| ReloadError(error.to_string()))
    }

    fn replace(&self, keys: Keys) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// The keys of this moment. A panic cannot leave them half-replaced.
    fn keys(&self) -> RwLockReadGuard<'_, Keys> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

const NOT_COMPARED: &str = "the sealing keys cannot be compared with those of the database";

/// The text for keys of which the database knows others.
///
/// # Errors
/// There are such keys.
pub(crate) fn refuse_other(compared: &ComparedKeys) -> Result<(), String> {
    if compared.other.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = compared.other.iter().map(|id| format!("sealing.keys.{id}")).collect();
    Err(format!(
        "{} is another key than this database was used with: deleted users would come back, and nothing that was sealed would \
         open; see docs/keys.md, Another key under a known id",
        names.join(", ")
    ))
}

/// The warning about keys that the database knows, and the settings do not have.
pub(crate) fn missing(compared: &ComparedKeys) -> Option<String> {
    (!compared.missing.is_empty()).then(|| {
        format!(
            "sealing.keys lacks {}, with which this database was used: users that were deleted under it are not recognised, and \
             what it sealed does not open (if it is gone for good: masthead sealing-key forget)",
            compared.missing.join(", ")
        )
    })
}

impl CheckedKeys {
    /// Compares the keys at the start of a server. If the database does not answer, [`Self::refusal`] goes on.
    ///
    /// # Errors
    /// The database knows another key under an id.
    pub(crate) async fn at_start(keys: Arc<SealingKeys>, admin: Admin) -> Result<Arc<Self>, CommandError> {
        let compared = admin.use_sealing_keys(&keys.checks()).await;
        match &compared {
            Ok(compared) => {
                refuse_other(compared).map_err(CommandError::new)?;
                if let Some(warning) = missing(compared) {
                    tracing::warn!("{warning}");
                }
            }
            Err(error) => tracing::warn!(reason = %ErrorChain(error), "{NOT_COMPARED} yet"),
        }
        Ok(Arc::new(Self {
            keys,
            admin,
            are_compared: compared.is_ok(),
        }))
    }

    /// Compares the keys once the database answers, if it did not at the start. Returns only why they are refused.
    pub(crate) async fn refusal(&self) -> CommandError {
        if self.are_compared {
            return std::future::pending().await;
        }
        loop {
            tokio::time::sleep(COMPARED_EVERY).await;
            match self.admin.use_sealing_keys(&self.keys.checks()).await {
                Ok(compared) => match refuse_other(&compared) {
                    Ok(()) => std::future::pending().await,
                    Err(refusal) => return CommandError::new(refusal),
                },
                Err(_unavailable) => {}
            }
        }
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
impl Reload for CheckedKeys {
    fn name(&self) -> &'static str {
        "sealing keys"
    }

    fn settings(&self) -> &'static [&'static str] {
        &["sealing"]
    }

    async fn reload(&self, settings: &ServerSettings) -> Result<(), ReloadError> {
        let keys = self.keys.next(&settings.sealing)?;
        // Known keys are the ones that were compared before, so that they can be taken away while the database is down.
        let is_known = |key: &KeyCheck| self.keys.checks().contains(key);
        if !keys.checks.iter().all(is_known) {
            let compared = self.admin.use_sealing_keys(&keys.checks).await;
            let compared = compared.map_err(|error: AdminError| ReloadError(format!("{NOT_COMPARED}: {error}")))?;
            refuse_other(&compared).map_err(ReloadError)?;
        }
        self.keys.replace(keys);
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
    #[test]
    fn keys_rotate_without_a_restart() {
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
        keys.replace(keys.next(&settings(&rotated).sealing).unwrap());
        assert_eq!(keys.seal(&tenant, id, "reader-1"), published);
        assert_ne!(keys.seal(&tenant, cursor, "5"), other_cursor);
        assert_eq!(keys.open(&tenant, cursor, &other_cursor).unwrap(), "5");
        assert!(
            keys.hashes(PoolId(1), HashPurpose::Tombstone, "reader-1")
                .contains(&marked)
        );
        assert_ne!(keys.hash(PoolId(1), HashPurpose::Tombstone, "reader-1"), marked);
    }

    #[test]
    fn other_key_under_known_id_is_refused() {
        let keys = SealingKeys::new(&settings(&[]).sealing).unwrap();
        let refused = keys.next(&settings(&[("SEALING__KEYS__K1", SECOND)]).sealing);
        assert_eq!(
            refused.err().unwrap().to_string(),
            "sealing.keys.k1 is another key than before: give the new key another id"
        );
    }

    #[test]
    fn refusal_names_the_keys_and_shows_none() {
        let keys = SealingKeys::new(&settings(&[]).sealing).unwrap();
        assert_eq!(keys.checks()[0].id, "k1");
        let compared = ComparedKeys {
            other: vec!["k1".to_owned()],
            missing: vec!["k0".to_owned()],
            ..ComparedKeys::default()
        };
        let refused = refuse_other(&compared).unwrap_err();
        assert!(refused.starts_with("sealing.keys.k1 is another key than this database was used with"));
        assert!(missing(&compared).unwrap().starts_with("sealing.keys lacks k0"));
        assert_eq!(missing(&ComparedKeys::default()), None);
    }
}
