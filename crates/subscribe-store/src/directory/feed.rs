//! Keeping what a provider said: of accounts that it has, and of ids that it says are nobody's.

use std::collections::BTreeMap;

use masthead_domain::{account::Account, customer_registration_id::CustomerRegistrationId, tenant::Tenant};
use masthead_ports::mirror::{ChangeCounts, ProfileChange};
use time::OffsetDateTime;

use super::{
    near::{KeptProfile, entries_of},
    profile,
    settle::{Changes, settle},
    state::{self, State},
    trouble::Trouble,
};
use crate::database::{Database, Transaction};

/// Where accounts come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// A step of a run, which counts the users that it was shown.
    Walk,
    /// An answer about some users.
    Answer,
}

/// What an account would change.
enum Verdict {
    /// It is kept in place of what is there, if anything is.
    Keep(ProfileChange, Box<KeptProfile>),
    /// Only the date is new.
    Refresh,
    /// What is there is of a later moment.
    Older,
    Refused,
}

/// Keeps what the provider said of these accounts at this moment. The pool's row of directories must be held.
pub(super) async fn keep(
    transaction: &mut Transaction,
    tenant: &Tenant,
    state: &State,
    accounts: &[Account],
    as_of: OffsetDateTime,
    by: By,
) -> Result<ChangeCounts, Trouble> {
    let mut taken = ChangeCounts::default();
    let mut changes = Changes::default();
    let (mut refreshed, mut older, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    for (account, verdict) in judged(transaction, tenant, accounts, as_of).await? {
        match verdict {
            Verdict::Keep(change, mut kept) => {
                if by == By::Walk {
                    kept.walked_at = Some(as_of);
                }
                match change {
                    ProfileChange::Added => taken.added += 1,
                    _ => taken.changed += 1,
                }
                changes.profile(&account.crid, Some(*kept));
            }
            Verdict::Refresh => {
                taken.unchanged += 1;
                refreshed.push(account.crid.as_str().to_owned());
            }
            Verdict::Older => {
                taken.unchanged += 1;
                older.push(account.crid.as_str().to_owned());
            }
            Verdict::Refused => {
                taken.refused += 1;
                refused.push(account.crid.as_str().to_owned());
            }
        }
    }
    if !refreshed.is_empty() {
        sqlx::query!(
            "UPDATE directory_entries
                SET profile_as_of = $3, missing = 0, missing_at = NULL, walked_at = CASE WHEN $4 THEN $3 ELSE walked_at END
              WHERE pool = $1 AND crid = ANY ($2) AND (profile_as_of < $3 OR missing > 0 OR $4)",
            tenant.pool.0,
            &refreshed,
            as_of,
            by == By::Walk,
        )
        .execute(&mut *transaction)
        .await?;
    }
    if by == By::Walk && !older.is_empty() {
        sqlx::query!(
            "UPDATE directory_entries SET walked_at = $3 WHERE pool = $1 AND crid = ANY ($2)",
            tenant.pool.0,
            &older,
            as_of,
        )
        .execute(&mut *transaction)
        .await?;
    }
    settle(transaction, tenant.pool, &state.merged_by()?, changes).await?;
    not_missing(transaction, tenant, &refused, as_of).await?;
    Ok(taken)
}

/// Notes that the provider has these users, though what it says of them cannot be kept: what is known of them stays as old as
/// it is, and they are not missing. The pool's row of directories must be held.
pub(super) async fn not_missing(
    transaction: &mut Transaction,
    tenant: &Tenant,
    crids: &[String],
    as_of: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    if crids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "UPDATE directory_entries SET missing = 0, missing_at = $3
          WHERE pool = $1 AND crid = ANY ($2) AND profile_as_of < $3 AND (missing_at IS NULL OR missing_at < $3)",
        tenant.pool.0,
        crids,
        as_of,
    )
    .execute(&mut *transaction)
    .await?;
    Ok(())
}

/// What each account would change, in their order; nothing is written.
pub(super) async fn previewed(
    connection: &mut Transaction,
    tenant: &Tenant,
    accounts: &[Account],
) -> Result<Vec<ProfileChange>, Trouble> {
    // Later than all that is kept.
    let as_of = time::PrimitiveDateTime::MAX.assume_utc();
    let verdicts = judged(connection, tenant, accounts, as_of).await?;
    let by_id: BTreeMap<&str, ProfileChange> = verdicts
        .into_iter()
        .map(|(account, verdict)| {
            let change = match verdict {
                Verdict::Keep(change, _) => change,
                Verdict::Refresh | Verdict::Older => ProfileChange::Unchanged,
                Verdict::Refused => ProfileChange::Refused,
            };
            (account.crid.as_str(), change)
        })
        .collect();
    let changes = accounts.iter().filter_map(|account| by_id.get(account.crid.as_str()));
    Ok(changes.copied().collect())
}

/// What each account, the last of each id, would change.
async fn judged<'a>(
    connection: &mut Transaction,
    tenant: &Tenant,
    accounts: &'a [Account],
    as_of: OffsetDateTime,
) -> Result<Vec<(&'a Account, Verdict)>, Trouble> {
    let accounts: BTreeMap<&str, &Account> = accounts
        .iter()
        .map(|account| (account.crid.as_str(), account))
        .collect();
    let crids: Vec<String> = accounts.keys().map(|crid| (*crid).to_owned()).collect();
    let mut known: BTreeMap<String, KeptProfile> = entries_of(connection, tenant.pool, &crids)
        .await?
        .into_iter()
        .filter_map(|entry| Some((entry.crid, entry.profile?)))
        .collect();
    let judge = |account: &Account, known: Option<KeptProfile>| {
        let Ok(text) = profile::text_of(account) else {
            return Verdict::Refused;
        };
        let (change, walked_at) = match known {
            None => (ProfileChange::Added, None),
            Some(known) if known.as_of > as_of => return Verdict::Older,
            Some(known) if known.text == text => return Verdict::Refresh,
            Some(known) => (ProfileChange::Changed, known.walked_at),
        };
        // As it will be read: a store keeps no more of a time than microseconds.
        let Ok(account) = profile::account_of(account.crid.as_str(), &text) else {
            return Verdict::Refused;
        };
        let kept = KeptProfile {
            account,
            text,
            as_of,
            missing: 0,
            missing_at: None,
            walked_at,
        };
        Verdict::Keep(change, Box::new(kept))
    };
    Ok(accounts
        .into_iter()
        .map(|(crid, account)| (account, judge(account, known.remove(crid))))
        .collect())
}

/// Marks the profiles of these ids as missing at this moment, those who were last marked or seen long enough ago, and
/// removes those who now were missing often enough. Answers how many were removed. The pool's row of directories must be
/// held.
pub(super) async fn mark_missing(
    transaction: &mut Transaction,
    tenant: &Tenant,
    state: &State,
    crids: &[String],
    at: OffsetDateTime,
) -> Result<u64, Trouble> {
    let settings = tenant.settings.mirror;
    let most = i16::try_from(settings.removal_confirmations).unwrap_or(i16::MAX);
    let marked = sqlx::query!(
        "UPDATE directory_entries SET missing = missing + 1, missing_at = $3
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
        let crid = CustomerRegistrationId::parse(&row.crid).map_err(|_| crate::row::BadRow::Profile)?;
        changes.profile(&crid, None);
        removed += 1;
    }
    settle(transaction, tenant.pool, &state.merged_by()?, changes).await?;
    Ok(removed)
}

/// As [`masthead_ports::mirror::UserMirror::record_accounts`].
pub(super) async fn feed(
    pool: &Database,
    tenant: &Tenant,
    accounts: &[Account],
    as_of: OffsetDateTime,
) -> Result<ChangeCounts, Trouble> {
    let mut transaction = pool.begin().await?;
    let Some(state) = held(&mut transaction, tenant).await? else {
        return Ok(ChangeCounts::default());
    };
    let taken = keep(&mut transaction, tenant, &state, accounts, as_of, By::Answer).await?;
    if taken.refused > 0 && state.whole {
        // The provider has a user whom the directory lacks: until the next run about everything it is not whole.
        sqlx::query!("UPDATE directories SET whole = false WHERE pool = $1", tenant.pool.0)
            .execute(&mut transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(taken)
}

/// As [`masthead_ports::mirror::UserMirror::record_absence`].
pub(super) async fn absent(
    pool: &Database,
    tenant: &Tenant,
    id: &CustomerRegistrationId,
    at: OffsetDateTime,
) -> Result<(), Trouble> {
    let mut transaction = pool.begin().await?;
    let Some(state) = held(&mut transaction, tenant).await? else {
        return Ok(());
    };
    let crids = [id.as_str().to_owned()];
    mark_missing(&mut transaction, tenant, &state, &crids, at).await?;
    transaction.commit().await?;
    Ok(())
}

/// As [`masthead_ports::mirror::UserMirror::preview_changes`].
pub(super) async fn preview(
    pool: &Database,
    tenant: &Tenant,
    accounts: &[Account],
) -> Result<Vec<ProfileChange>, Trouble> {
    let mut transaction = pool.begin().await?;
    let previewed = previewed(&mut transaction, tenant, accounts).await?;
    transaction.rollback().await?;
    Ok(previewed)
}

/// The pool's row, held, where the directory is of this tenant's provider.
async fn held(transaction: &mut Transaction, tenant: &Tenant) -> Result<Option<State>, sqlx::Error> {
    let state = state::lock(transaction, tenant.pool.0).await?;
    Ok(state.filter(|state| state.is_of(tenant)))
}
