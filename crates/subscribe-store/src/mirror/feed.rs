//! Updating profiles from provider answers: accounts that exist, and ids that do not.

use std::collections::BTreeMap;

use masthead_domain::{account::Account, customer_registration_id::CustomerRegistrationId, tenant::Tenant};
use masthead_ports::mirror::{ChangeCounts, ProfileChange};
use time::OffsetDateTime;

use super::{
    error::MirrorError,
    mirror_row::{self, MirrorRow},
    nearby::{StoredProfile, find_entries},
    profile,
    rejoin::{Changes, rejoin},
};
use crate::{
    database::{PgDatabase, Transaction},
    tombstones::{Tombstone, TombstoneKind, Tombstones},
};

/// How an account was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SeenBy {
    /// By a step of a run, which counts the users that the provider returned.
    Scan,
    /// By an answer about single users.
    Answer,
}

enum ProfileUpdate {
    /// Stored in place of the old profile, if any.
    Keep(ProfileChange, Box<StoredProfile>),
    /// Only the date changes.
    Refresh,
    /// The stored profile is newer.
    Older,
    Refused,
    /// The user is deleted.
    Deleted(Tombstone),
}

/// The tenant whose profiles are written, and with what.
#[derive(Clone, Copy)]
pub(super) struct MirrorWrites<'a> {
    pub(super) database: &'a PgDatabase,
    pub(super) tenant: &'a Tenant,
    pub(super) tombstones: &'a Tombstones,
}

/// Stores the accounts that the provider returned at this moment. The pool's mirror row must be locked.
pub(super) async fn keep(
    transaction: &mut Transaction,
    writes: MirrorWrites<'_>,
    state: &MirrorRow,
    accounts: &[Account],
    as_of: OffsetDateTime,
    by: SeenBy,
) -> Result<ChangeCounts, MirrorError> {
    let tenant = writes.tenant;
    let mut taken = ChangeCounts::default();
    let mut changes = Changes::default();
    let (mut refreshed, mut older, mut refused, mut deleted) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (account, update) in compare(transaction, tenant, writes.tombstones, accounts, as_of).await? {
        let crid = account.crid.as_str().to_owned();
        match update {
            ProfileUpdate::Keep(change, mut kept) => {
                if by == SeenBy::Scan {
                    kept.scanned_at = Some(as_of);
                }
                match change {
                    ProfileChange::Added => taken.added += 1,
                    _ => taken.changed += 1,
                }
                changes.profile(&account.crid, Some(*kept));
            }
            ProfileUpdate::Refresh => {
                taken.unchanged += 1;
                refreshed.push(crid);
            }
            ProfileUpdate::Older => {
                taken.unchanged += 1;
                older.push(crid);
            }
            ProfileUpdate::Refused => {
                taken.refused += 1;
                refused.push(crid);
            }
            ProfileUpdate::Deleted(tombstone) => {
                taken.unchanged += 1;
                deleted.push(tombstone);
            }
        }
    }
    if by == SeenBy::Scan && !deleted.is_empty() {
        Tombstones::mark_scanned(transaction, tenant.pool, &deleted, as_of).await?;
    }
    if !refreshed.is_empty() {
        sqlx::query!(
            "UPDATE mirror_entries
                SET profile_as_of = $3, missing = 0, missing_at = NULL, scanned_at = CASE WHEN $4 THEN $3 ELSE scanned_at END
              WHERE pool = $1 AND crid = ANY ($2) AND (profile_as_of < $3 OR missing > 0 OR $4)",
            tenant.pool.0,
            &refreshed,
            as_of,
            by == SeenBy::Scan,
        )
        .execute(&mut *transaction)
        .await?;
    }
    if by == SeenBy::Scan && !older.is_empty() {
        sqlx::query!(
            "UPDATE mirror_entries SET scanned_at = $3 WHERE pool = $1 AND crid = ANY ($2)",
            tenant.pool.0,
            &older,
            as_of,
        )
        .execute(&mut *transaction)
        .await?;
    }
    rejoin(transaction, tenant.pool, &state.merged_by()?, changes).await?;
    unmark_missing(transaction, tenant, &refused, as_of).await?;
    Ok(taken)
}

/// Records that the provider has these users, although their accounts cannot be stored: their profiles keep their age and
/// are not missing. The pool's mirror row must be locked.
pub(super) async fn unmark_missing(
    transaction: &mut Transaction,
    tenant: &Tenant,
    crids: &[String],
    as_of: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    if crids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "UPDATE mirror_entries SET missing = 0, missing_at = $3
          WHERE pool = $1 AND crid = ANY ($2) AND profile_as_of < $3 AND (missing_at IS NULL OR missing_at < $3)",
        tenant.pool.0,
        crids,
        as_of,
    )
    .execute(&mut *transaction)
    .await?;
    Ok(())
}

/// The effect of each account, in their order; writes nothing.
pub(super) async fn preview_within(
    connection: &mut Transaction,
    tenant: &Tenant,
    tombstones: &Tombstones,
    accounts: &[Account],
) -> Result<Vec<ProfileChange>, MirrorError> {
    // Later than every stored profile.
    let as_of = time::PrimitiveDateTime::MAX.assume_utc();
    let updates = compare(connection, tenant, tombstones, accounts, as_of).await?;
    let by_id: BTreeMap<&str, ProfileChange> = updates
        .into_iter()
        .map(|(account, update)| {
            let change = match update {
                ProfileUpdate::Keep(change, _) => change,
                ProfileUpdate::Refresh | ProfileUpdate::Older | ProfileUpdate::Deleted(_) => ProfileChange::Unchanged,
                ProfileUpdate::Refused => ProfileChange::Refused,
            };
            (account.crid.as_str(), change)
        })
        .collect();
    let changes = accounts.iter().filter_map(|account| by_id.get(account.crid.as_str()));
    Ok(changes.copied().collect())
}

/// The effect of each account; of repeated ids, the last account counts.
async fn compare<'a>(
    connection: &mut Transaction,
    tenant: &Tenant,
    tombstones: &Tombstones,
    accounts: &'a [Account],
    as_of: OffsetDateTime,
) -> Result<Vec<(&'a Account, ProfileUpdate)>, MirrorError> {
    let accounts: BTreeMap<&str, &Account> = accounts
        .iter()
        .map(|account| (account.crid.as_str(), account))
        .collect();
    let crids: Vec<String> = accounts.keys().map(|crid| (*crid).to_owned()).collect();
    let mut known: BTreeMap<String, Option<StoredProfile>> = find_entries(connection, tenant.pool, &crids)
        .await?
        .into_iter()
        .map(|entry| (entry.crid, entry.profile))
        .collect();
    let users: Vec<_> = accounts
        .values()
        .map(|account| (&account.crid, account.email.as_ref()))
        .collect();
    let deleted = tombstones.find(connection, tenant.pool, &users).await?;
    let judge = |account: &Account, known: Option<Option<StoredProfile>>, deleted: Option<Tombstone>| {
        match deleted {
            // A known user with the address of a deleted one is another user.
            Some(tombstone) if tombstone.kind == TombstoneKind::Id || known.is_none() => {
                return ProfileUpdate::Deleted(tombstone);
            }
            Some(_) | None => {}
        }
        let known = known.flatten();
        let Ok(text) = profile::to_json(account) else {
            return ProfileUpdate::Refused;
        };
        let (change, scanned_at) = match known {
            None => (ProfileChange::Added, None),
            Some(known) if known.as_of > as_of => return ProfileUpdate::Older,
            Some(known) if known.text == text => return ProfileUpdate::Refresh,
            Some(known) => (ProfileChange::Changed, known.scanned_at),
        };
        // Parsed again, as it will be read: stored times are truncated to microseconds.
        let Ok(account) = profile::parse(account.crid.as_str(), &text) else {
            return ProfileUpdate::Refused;
        };
        let kept = StoredProfile {
            account,
            text,
            as_of,
            missing: 0,
            missing_at: None,
            scanned_at,
        };
        ProfileUpdate::Keep(change, Box::new(kept))
    };
    Ok(accounts
        .into_iter()
        .zip(deleted)
        .map(|((crid, account), deleted)| (account, judge(account, known.remove(crid), deleted)))
        .collect())
}

/// Marks these profiles as missing, if the last mark or sighting is long enough ago, and removes those with enough marks.
/// Returns how many were removed. The pool's mirror row must be locked.
pub(super) async fn mark_missing(
    transaction: &mut Transaction,
    tenant: &Tenant,
    state: &MirrorRow,
    crids: &[String],
    at: OffsetDateTime,
) -> Result<u64, MirrorError> {
    let settings = tenant.settings.mirror;
    let most = i16::try_from(settings.removal_confirmations).unwrap_or(i16::MAX);
    let marked = sqlx::query!(
        "UPDATE mirror_entries SET missing = missing + 1, missing_at = $3
          WHERE pool = $1 AND crid = ANY ($2) AND profile_as_of < $3 AND (missing_at IS NULL OR missing_at <= $4)
         RETURNING crid, missing",
        tenant.pool.0,
        crids,
        at,
        at - settings.removal_apart,
    )
    .fetch_all(&mut *transaction)
    .await?;
    let mut changes = Changes::default();
    let mut removed = 0;
    for row in marked.iter().filter(|row| row.missing >= most) {
        let crid = CustomerRegistrationId::parse(&row.crid).map_err(|_| crate::row::RowError::Profile)?;
        changes.profile(&crid, None);
        removed += 1;
    }
    rejoin(transaction, tenant.pool, &state.merged_by()?, changes).await?;
    Ok(removed)
}

/// As [`masthead_ports::mirror::UserMirror::record_accounts`].
pub(super) async fn feed(
    writes: MirrorWrites<'_>,
    accounts: &[Account],
    as_of: OffsetDateTime,
) -> Result<ChangeCounts, MirrorError> {
    let tenant = writes.tenant;
    let mut transaction = writes.database.begin().await?;
    let Some(state) = lock_mirror(&mut transaction, tenant).await? else {
        return Ok(ChangeCounts::default());
    };
    let taken = keep(&mut transaction, writes, &state, accounts, as_of, SeenBy::Answer).await?;
    if taken.refused > 0 && state.whole {
        // The provider has a user that the mirror lacks: it is incomplete until the next full run.
        sqlx::query!("UPDATE mirrors SET whole = false WHERE pool = $1", tenant.pool.0)
            .execute(&mut transaction)
            .await?;
    }
    transaction.commit_write(tenant.pool).await?;
    Ok(taken)
}

/// As [`masthead_ports::mirror::UserMirror::record_absence`].
pub(super) async fn absent(
    pool: &PgDatabase,
    tenant: &Tenant,
    id: &CustomerRegistrationId,
    at: OffsetDateTime,
) -> Result<(), MirrorError> {
    let mut transaction = pool.begin().await?;
    let Some(state) = lock_mirror(&mut transaction, tenant).await? else {
        return Ok(());
    };
    let crids = [id.as_str().to_owned()];
    mark_missing(&mut transaction, tenant, &state, &crids, at).await?;
    transaction.commit_write(tenant.pool).await?;
    Ok(())
}

/// As [`masthead_ports::mirror::UserMirror::preview_changes`].
pub(super) async fn preview(
    pool: &PgDatabase,
    tenant: &Tenant,
    tombstones: &Tombstones,
    accounts: &[Account],
) -> Result<Vec<ProfileChange>, MirrorError> {
    let mut transaction = pool.begin().await?;
    let previewed = preview_within(&mut transaction, tenant, tombstones, accounts).await?;
    transaction.rollback().await?;
    Ok(previewed)
}

/// The locked mirror row, if it belongs to this tenant's provider.
async fn lock_mirror(transaction: &mut Transaction, tenant: &Tenant) -> Result<Option<MirrorRow>, sqlx::Error> {
    let state = mirror_row::lock(transaction, tenant.pool.0).await?;
    Ok(state.filter(|state| state.has_provider_of(tenant)))
}
