//! Tombstones: keyed hashes of the ids and addresses of deleted users, which syncs and imports do not bring back.

use std::{collections::HashSet, sync::Arc};

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    email::Email,
    event::{hash_text, hashed_user},
    tenant::PoolId,
    user_key::UserKey,
};
use masthead_ports::keyed_hash::{HashPurpose, KeyedHash, KeyedHasher};
use time::OffsetDateTime;

use crate::database::Transaction;

/// What a tombstone is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum TombstoneKind {
    Id,
    Email,
}

impl TombstoneKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Email => "email",
        }
    }
}

/// A stored tombstone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Tombstone {
    pub(crate) kind: TombstoneKind,
    hash: KeyedHash,
}

/// The dates of a tombstone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredTombstone {
    /// When the user was deleted.
    pub created_at: OffsetDateTime,
    /// When a scan of the provider last returned such an account.
    pub scanned_at: Option<OffsetDateTime>,
}

/// An id and address that may have a tombstone.
pub(crate) type Identity<'a> = (&'a CustomerRegistrationId, Option<&'a Email>);

/// Finds and writes tombstones. Without the key nothing can be deleted, and a pool with tombstones cannot be synced or
/// imported into.
#[derive(Clone)]
pub(crate) struct Tombstones(pub(crate) Option<Arc<dyn KeyedHasher>>);

#[derive(Debug, thiserror::Error)]
#[error("the pool has deleted users, and there are no sealing keys to recognise them with: set [sealing]")]
struct MissingKeyError;

impl Tombstones {
    fn hasher(&self) -> Result<&dyn KeyedHasher, sqlx::Error> {
        let hasher = self.0.as_deref();
        hasher.ok_or_else(|| sqlx::Error::Configuration(Box::new(MissingKeyError)))
    }

    /// The number by which the audit log names a user without a registration.
    pub(crate) fn hashed_user(&self, pool: PoolId, id: &CustomerRegistrationId) -> Option<i64> {
        let hash = |hasher: &dyn KeyedHasher| hasher.hash(pool, HashPurpose::Audit, &hash_text(id)).number();
        self.0.as_deref().map(hash).map(hashed_user)
    }

    /// The same under every known key.
    pub(crate) fn hashed_users(&self, pool: PoolId, id: &CustomerRegistrationId) -> Vec<i64> {
        let hashes = |hasher: &dyn KeyedHasher| hasher.hashes(pool, HashPurpose::Audit, &hash_text(id));
        let hashes = self.0.as_deref().map(hashes).unwrap_or_default();
        hashes.iter().map(|hash| hashed_user(hash.number())).collect()
    }

    /// The tombstone of each user, that of its id before that of its address.
    pub(crate) async fn find(
        &self,
        transaction: &mut Transaction,
        pool: PoolId,
        users: &[Identity<'_>],
    ) -> Result<Vec<Option<Tombstone>>, sqlx::Error> {
        let none = vec![None; users.len()];
        if users.is_empty() || !has_any(transaction, pool).await? {
            return Ok(none);
        }
        let hasher = self.hasher()?;
        let of_users: Vec<Vec<Tombstone>> = users.iter().map(|user| tombstones_of(hasher, pool, *user)).collect();
        let (kinds, keys) = columns(of_users.iter().flatten());
        // `OFFSET 0`: one index scan per key, also in a pool that the statistics do not know.
        let found = sqlx::query!(
            r#"SELECT k.kind AS "kind!", k.hash AS "hash!" FROM unnest($2::text[], $3::bytea[]) AS k (kind, hash)
                CROSS JOIN LATERAL (SELECT FROM tombstones AS t
                                     WHERE t.pool = $1 AND t.kind = k.kind AND t.hash = k.hash OFFSET 0) AS t"#,
            pool.0,
            &kinds as &[&str],
            &keys as &[&[u8]],
        )
        .fetch_all(transaction)
        .await?;
        let found: HashSet<(&str, &[u8])> = found.iter().map(|row| (&*row.kind, &*row.hash)).collect();
        let is_found = |stone: &&Tombstone| found.contains(&(stone.kind.name(), &stone.hash.0));
        Ok(of_users
            .iter()
            .map(|stones| stones.iter().find(is_found).copied())
            .collect())
    }

    /// The tombstones of a key; `None` where there is no key to recognise them with, and the pool has some.
    pub(crate) async fn find_by_key(
        &self,
        transaction: &mut Transaction,
        pool: PoolId,
        key: &UserKey,
    ) -> Result<Option<Vec<StoredTombstone>>, sqlx::Error> {
        if !has_any(transaction, pool).await? {
            return Ok(Some(Vec::new()));
        }
        let Some(hasher) = self.0.as_deref() else {
            return Ok(None);
        };
        let (kind, text) = match key {
            UserKey::Id(id) => (TombstoneKind::Id, id.as_str()),
            UserKey::Email(email) => (TombstoneKind::Email, email.as_str()),
        };
        let under_each_key = hasher.hashes(pool, HashPurpose::Tombstone, text);
        let candidates: Vec<&[u8]> = under_each_key.iter().map(|hash| &hash.0[..]).collect();
        let found = sqlx::query_as!(
            StoredTombstone,
            "SELECT created_at, scanned_at FROM tombstones WHERE pool = $1 AND kind = $2 AND hash = ANY ($3)",
            pool.0,
            kind.name(),
            &candidates as &[&[u8]],
        )
        .fetch_all(transaction)
        .await?;
        Ok(Some(found))
    }

    /// Writes the tombstones of deleted ids and addresses.
    pub(crate) async fn write(
        &self,
        transaction: &mut Transaction,
        pool: PoolId,
        (ids, emails): (&[CustomerRegistrationId], impl IntoIterator<Item = &Email>),
        at: OffsetDateTime,
    ) -> Result<(), sqlx::Error> {
        let hasher = self.hasher()?;
        let hash = |text: &str| hasher.hash(pool, HashPurpose::Tombstone, text);
        let of_ids = ids.iter().map(|id| Tombstone {
            kind: TombstoneKind::Id,
            hash: hash(id.as_str()),
        });
        let emails = emails.into_iter().filter_map(|email| address(Some(email)));
        let of_emails = emails.map(|email| Tombstone {
            kind: TombstoneKind::Email,
            hash: hash(email),
        });
        let stones: Vec<Tombstone> = of_ids.chain(of_emails).collect();
        let (kinds, keys) = columns(stones.iter());
        sqlx::query!(
            "INSERT INTO tombstones (pool, created_at, kind, hash)
             SELECT $1, $2, k.kind, k.hash FROM unnest($3::text[], $4::bytea[]) AS k (kind, hash)
                 ON CONFLICT (pool, kind, hash) DO NOTHING",
            pool.0,
            at,
            &kinds as &[&str],
            &keys as &[&[u8]],
        )
        .execute(transaction)
        .await
        .map(|_| ())
    }

    /// Removes the tombstones of a user that the API creates, or of an address that it gives to a user.
    pub(crate) async fn remove(
        &self,
        transaction: &mut Transaction,
        pool: PoolId,
        id: Option<&CustomerRegistrationId>,
        email: Option<&Email>,
    ) -> Result<(), sqlx::Error> {
        if !has_any(transaction, pool).await? {
            return Ok(());
        }
        let stones = tombstones_with(self.hasher()?, pool, id, email);
        let (kinds, keys) = columns(stones.iter());
        sqlx::query!(
            "DELETE FROM tombstones AS t USING unnest($2::text[], $3::bytea[]) AS k (kind, hash)
              WHERE t.pool = $1 AND t.kind = k.kind AND t.hash = k.hash",
            pool.0,
            &kinds as &[&str],
            &keys as &[&[u8]],
        )
        .execute(transaction)
        .await
        .map(|_| ())
    }

    /// Records that a scan of the provider returned users with these tombstones.
    pub(crate) async fn mark_scanned(
        transaction: &mut Transaction,
        pool: PoolId,
        stones: &[Tombstone],
        at: OffsetDateTime,
    ) -> Result<(), sqlx::Error> {
        let (kinds, keys) = columns(stones.iter());
        sqlx::query!(
            "UPDATE tombstones AS t SET scanned_at = $4 FROM unnest($2::text[], $3::bytea[]) AS k (kind, hash)
              WHERE t.pool = $1 AND t.kind = k.kind AND t.hash = k.hash",
            pool.0,
            &kinds as &[&str],
            &keys as &[&[u8]],
            at,
        )
        .execute(transaction)
        .await
        .map(|_| ())
    }

    /// The hash of an id, or of the key of an address, under every known key, the current one first; none without a key.
    pub(crate) fn hashes_of(&self, pool: PoolId, text: &str) -> Vec<KeyedHash> {
        let hashes = |hasher: &dyn KeyedHasher| hasher.hashes(pool, HashPurpose::Tombstone, text);
        self.0.as_deref().map(hashes).unwrap_or_default()
    }

    /// Whether nothing can be deleted, since there is no key.
    pub(crate) fn check(&self) -> Result<(), sqlx::Error> {
        self.hasher().map(|_| ())
    }
}

/// How many users with a tombstone scans have returned since this time.
pub(crate) async fn count_scanned(
    transaction: &mut Transaction,
    pool: PoolId,
    since: OffsetDateTime,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "scanned!" FROM tombstones WHERE pool = $1 AND scanned_at >= $2"#,
        pool.0,
        since,
    )
    .fetch_one(transaction)
    .await
}

async fn has_any(transaction: &mut Transaction, pool: PoolId) -> Result<bool, sqlx::Error> {
    // The order makes it one step in the index; otherwise the planner may read the table up to a row of this pool.
    let first = sqlx::query_scalar!(
        "SELECT kind FROM tombstones WHERE pool = $1 ORDER BY pool, kind, hash LIMIT 1",
        pool.0,
    )
    .fetch_optional(transaction)
    .await?;
    Ok(first.is_some())
}

fn tombstones_of(hasher: &dyn KeyedHasher, pool: PoolId, (id, email): Identity<'_>) -> Vec<Tombstone> {
    tombstones_with(hasher, pool, Some(id), email)
}

/// The tombstones that they can have, under every key: those of the id first.
fn tombstones_with(
    hasher: &dyn KeyedHasher,
    pool: PoolId,
    id: Option<&CustomerRegistrationId>,
    email: Option<&Email>,
) -> Vec<Tombstone> {
    let of = |kind: TombstoneKind, text: Option<&str>| {
        let all = text.map(|text| hasher.hashes(pool, HashPurpose::Tombstone, text));
        all.into_iter().flatten().map(move |hash| Tombstone { kind, hash })
    };
    of(TombstoneKind::Id, id.map(CustomerRegistrationId::as_str))
        .chain(of(TombstoneKind::Email, address(email)))
        .collect()
}

/// The key of an address; the empty one is none.
fn address(email: Option<&Email>) -> Option<&str> {
    email.map(|email| email.key().as_str()).filter(|key| !key.is_empty())
}

fn columns<'a>(stones: impl Iterator<Item = &'a Tombstone> + Clone) -> (Vec<&'static str>, Vec<&'a [u8]>) {
    let kinds = stones.clone().map(|stone| stone.kind.name()).collect();
    (kinds, stones.map(|stone| &stone.hash.0[..]).collect())
}
