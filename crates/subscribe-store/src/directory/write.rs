//! Entries as rows: made by the domain's merge, written many at once.

use masthead_domain::{
    account::Account,
    join::AccountPair,
    merge::{Precedence, SourceNames},
    tenant::PoolId,
};
use time::OffsetDateTime;

use super::{near::KeptProfile, trouble::Trouble};
use crate::{database::Transaction, record::Keys, tokens};

/// Whom provenance would name, if the directory kept any.
pub(super) const UNTOLD: SourceNames = SourceNames {
    provider: "provider",
    store: "store",
};

/// The keys of an entry as they are stored.
pub(super) struct StoredKeys {
    pub(super) crid: String,
    pub(super) first_key: String,
    pub(super) last_key: String,
    pub(super) shares_tokens: bool,
    pub(super) tokens: Vec<i64>,
}

/// Rows to be written, column by column.
#[derive(Default)]
pub(super) struct Rows {
    registration_ids: Vec<Option<i64>>,
    registered_at: Vec<Option<OffsetDateTime>>,
    changed_at: Vec<Option<OffsetDateTime>>,
    profile_as_of: Vec<Option<OffsetDateTime>>,
    missing_at: Vec<Option<OffsetDateTime>>,
    missing: Vec<i16>,
    walked_at: Vec<Option<OffsetDateTime>>,
    verified: Vec<bool>,
    by_email: Vec<bool>,
    shares_tokens: Vec<bool>,
    crids: Vec<String>,
    email_keys: Vec<String>,
    first_keys: Vec<String>,
    last_keys: Vec<String>,
    profile_emails: Vec<Option<String>>,
    profiles: Vec<Option<String>>,
    /// The tokens of all rows, one after the other, and where each row's end.
    tokens: Vec<i64>,
    token_ends: Vec<i32>,
}

impl Rows {
    /// Adds the entry of a pair; `profile` is what is kept of its provider's side.
    pub(super) fn add(
        &mut self,
        pool: PoolId,
        pair: &AccountPair,
        profile: Option<&KeptProfile>,
        precedence: &Precedence,
    ) -> Result<(), Trouble> {
        let Some((merged, _)) = pair.merged(precedence, UNTOLD) else {
            return Ok(());
        };
        let keys = Keys::of(merged.email.as_ref(), &merged.first_name, &merged.last_name)?;
        let profile_email = pair.provider.as_ref().map(|theirs| {
            let email = theirs.email.as_ref();
            email.map_or("", |email| email.key().as_str())
        });
        let ids_differ = |ours: &Account| ours.crid != merged.crid;
        self.registration_ids
            .push(pair.store.as_ref().and_then(|ours| ours.registration_id));
        self.registered_at.push(merged.registered_at);
        self.changed_at.push(merged.changed_at);
        self.profile_as_of.push(profile.map(|profile| profile.as_of));
        self.missing_at.push(profile.and_then(|profile| profile.missing_at));
        self.missing.push(profile.map_or(0, |profile| profile.missing));
        self.walked_at.push(profile.and_then(|profile| profile.walked_at));
        self.verified.push(merged.verified == Some(true));
        self.by_email.push(pair.store.as_ref().is_some_and(ids_differ));
        self.crids.push(merged.crid.as_str().to_owned());
        self.profile_emails
            .push(profile_email.filter(|email| **email != *keys.email).map(str::to_owned));
        self.profiles.push(profile.map(|profile| profile.text.clone()));
        let own = own_tokens(pool, pair, &keys, &merged)?;
        self.shares_tokens.push(own.is_none());
        self.tokens.extend(own.map(tokens::padded).unwrap_or_default());
        self.token_ends
            .push(i32::try_from(self.tokens.len()).unwrap_or(i32::MAX));
        self.email_keys.push(keys.email.into());
        self.first_keys.push(keys.first.into());
        self.last_keys.push(keys.last.into());
        Ok(())
    }

    /// Whether the rows are one with these keys.
    pub(super) fn has_keys(&self, stored: &StoredKeys) -> bool {
        (&*self.crids, &*self.first_keys, &*self.last_keys)
            == (
                std::slice::from_ref(&stored.crid),
                std::slice::from_ref(&stored.first_key),
                std::slice::from_ref(&stored.last_key),
            )
            && *self.shares_tokens == [stored.shares_tokens]
            && self.tokens == stored.tokens
    }

    /// Writes them, each in place of the entry of its id.
    pub(super) async fn write(&self, transaction: &mut Transaction, pool: PoolId) -> Result<(), sqlx::Error> {
        if self.crids.is_empty() {
            return Ok(());
        }
        let token_starts: Vec<i32> = std::iter::once(1)
            .chain(self.token_ends.iter().map(|end| end + 1))
            .take(self.crids.len())
            .collect();
        sqlx::query!(
            "INSERT INTO directory_entries AS d
                    (pool, registration_id, registered_at, changed_at, profile_as_of, missing_at, missing, verified, by_email,
                     shares_tokens, crid, email_key, first_key, last_key, profile_email, profile, tokens, walked_at)
             SELECT $1, u.registration_id, u.registered_at, u.changed_at, u.profile_as_of, u.missing_at, u.missing, u.verified,
                    u.by_email, u.shares_tokens, u.crid, u.email_key, u.first_key, u.last_key, u.profile_email, u.profile::json,
                    ($16::bigint[])[u.token_start:u.token_end], u.walked_at
               FROM unnest($2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[],
                           $7::smallint[], $8::boolean[], $9::boolean[], $10::text[], $11::text[], $12::text[], $13::text[],
                           $14::text[], $15::text[], $17::integer[], $18::integer[], $19::boolean[], $20::timestamptz[])
                    AS u (registration_id, registered_at, changed_at, profile_as_of, missing_at, missing, verified, by_email,
                          crid, email_key, first_key, last_key, profile_email, profile, token_start, token_end, shares_tokens, walked_at)
                 ON CONFLICT (pool, crid) DO UPDATE
                SET registration_id = EXCLUDED.registration_id, registered_at = EXCLUDED.registered_at,
                    changed_at = EXCLUDED.changed_at, profile_as_of = EXCLUDED.profile_as_of,
                    missing_at = EXCLUDED.missing_at, missing = EXCLUDED.missing, verified = EXCLUDED.verified,
                    by_email = EXCLUDED.by_email, shares_tokens = EXCLUDED.shares_tokens, email_key = EXCLUDED.email_key, first_key = EXCLUDED.first_key,
                    last_key = EXCLUDED.last_key, profile_email = EXCLUDED.profile_email, profile = EXCLUDED.profile,
                    tokens = EXCLUDED.tokens, walked_at = EXCLUDED.walked_at",
            pool.0,
            &self.registration_ids as &[Option<i64>],
            &self.registered_at as &[Option<OffsetDateTime>],
            &self.changed_at as &[Option<OffsetDateTime>],
            &self.profile_as_of as &[Option<OffsetDateTime>],
            &self.missing_at as &[Option<OffsetDateTime>],
            &self.missing,
            &self.verified,
            &self.by_email,
            &self.crids,
            &self.email_keys,
            &self.first_keys,
            &self.last_keys,
            &self.profile_emails as &[Option<String>],
            &self.profiles as &[Option<String>],
            &self.tokens,
            &token_starts,
            &self.token_ends,
            &self.shares_tokens,
            &self.walked_at as &[Option<OffsetDateTime>],
        )
        .execute(transaction)
        .await
        .map(|_| ())
    }
}

/// The tokens of an entry, unless its registration has the same ones and the same keys already, and is found by the same id:
/// searches then look at the registration's alone.
fn own_tokens(pool: PoolId, pair: &AccountPair, keys: &Keys, merged: &Account) -> Result<Option<Vec<i64>>, Trouble> {
    let beside = pair.store.as_ref().filter(|ours| ours.crid == merged.crid);
    match (beside, &pair.provider) {
        (Some(_), None) => Ok(None),
        (Some(ours), Some(_)) => {
            let ours_keys = Keys::of(ours.email.as_ref(), &ours.first_name, &ours.last_name)?;
            let tokens = tokens::of_row(pool, keys, &merged.metadata);
            let same =
                ours_keys.compared() == keys.compared() && tokens::of_row(pool, &ours_keys, &ours.metadata) == tokens;
            Ok((!same).then_some(tokens))
        }
        (None, _) => Ok(Some(tokens::of_row(pool, keys, &merged.metadata))),
    }
}

/// Removes the entries of these ids.
pub(super) async fn remove(transaction: &mut Transaction, pool: PoolId, crids: &[String]) -> Result<(), sqlx::Error> {
    if crids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "DELETE FROM directory_entries WHERE pool = $1 AND crid = ANY ($2)",
        pool.0,
        crids
    )
    .execute(transaction)
    .await
    .map(|_| ())
}
