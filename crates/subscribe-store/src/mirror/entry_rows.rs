//! Entries as rows: computed by the domain's merge, written many at once.

use masthead_domain::{
    account::Account,
    join::AccountPair,
    merge::{Precedence, SourceNames},
    tenant::PoolId,
};
use time::OffsetDateTime;

use super::{error::MirrorError, nearby::StoredProfile};
use crate::{database::Transaction, search_keys::SearchKeys, search_terms};

/// Names for provenance, which the mirror does not keep.
pub(super) const SIDE_NAMES: SourceNames = SourceNames {
    provider: "provider",
    store: "store",
};

pub(super) struct StoredEntryKeys {
    pub(super) crid: String,
    pub(super) first_key: String,
    pub(super) last_key: String,
    pub(super) search_terms: Vec<i32>,
}

/// Rows to be written, column by column.
#[derive(Default)]
pub(super) struct EntryRows {
    registration_ids: Vec<Option<i64>>,
    registered_at: Vec<Option<OffsetDateTime>>,
    changed_at: Vec<Option<OffsetDateTime>>,
    profile_as_of: Vec<Option<OffsetDateTime>>,
    missing_at: Vec<Option<OffsetDateTime>>,
    missing: Vec<i16>,
    scanned_at: Vec<Option<OffsetDateTime>>,
    verified: Vec<bool>,
    by_email: Vec<bool>,
    crids: Vec<String>,
    email_keys: Vec<String>,
    first_keys: Vec<String>,
    last_keys: Vec<String>,
    profile_emails: Vec<Option<String>>,
    profiles: Vec<Option<String>>,
    /// The search terms of all rows, concatenated, and the end of each row's.
    search_terms: Vec<i32>,
    term_ends: Vec<i32>,
}

impl EntryRows {
    /// Adds the entry of a pair; `profile` is the stored profile of its provider account.
    pub(super) fn add(
        &mut self,
        pair: &AccountPair,
        profile: Option<&StoredProfile>,
        precedence: &Precedence,
    ) -> Result<(), MirrorError> {
        let Some((merged, _)) = pair.merged(precedence, SIDE_NAMES) else {
            return Ok(());
        };
        let keys = SearchKeys::new(merged.email.as_ref(), &merged.first_name, &merged.last_name)?;
        let profile_email = pair.provider.as_ref().map(|account| {
            let email = account.email.as_ref();
            email.map_or("", |email| email.key().as_str())
        });
        let ids_differ = |registration: &Account| registration.crid != merged.crid;
        self.registration_ids.push(
            pair.store
                .as_ref()
                .and_then(|registration| registration.registration_id),
        );
        self.registered_at.push(merged.registered_at);
        self.changed_at.push(merged.changed_at);
        self.profile_as_of.push(profile.map(|profile| profile.as_of));
        self.missing_at.push(profile.and_then(|profile| profile.missing_at));
        self.missing.push(profile.map_or(0, |profile| profile.missing));
        self.scanned_at.push(profile.and_then(|profile| profile.scanned_at));
        self.verified.push(merged.verified == Some(true));
        self.by_email.push(pair.store.as_ref().is_some_and(ids_differ));
        self.crids.push(merged.crid.as_str().to_owned());
        self.profile_emails
            .push(profile_email.filter(|email| **email != *keys.email).map(str::to_owned));
        self.profiles.push(profile.map(|profile| profile.text.clone()));
        self.search_terms.extend(search_terms::for_row(&keys, &merged.metadata));
        self.term_ends
            .push(i32::try_from(self.search_terms.len()).unwrap_or(i32::MAX));
        self.email_keys.push(keys.email.into());
        self.first_keys.push(keys.first.into());
        self.last_keys.push(keys.last.into());
        Ok(())
    }

    /// Whether the only row has these keys.
    pub(super) fn has_keys(&self, stored: &StoredEntryKeys) -> bool {
        (&*self.crids, &*self.first_keys, &*self.last_keys)
            == (
                std::slice::from_ref(&stored.crid),
                std::slice::from_ref(&stored.first_key),
                std::slice::from_ref(&stored.last_key),
            )
            && self.search_terms == stored.search_terms
    }

    pub(super) async fn write(&self, transaction: &mut Transaction, pool: PoolId) -> Result<(), sqlx::Error> {
        if self.crids.is_empty() {
            return Ok(());
        }
        let term_starts: Vec<i32> = std::iter::once(1)
            .chain(self.term_ends.iter().map(|end| end + 1))
            .take(self.crids.len())
            .collect();
        sqlx::query!(
            "INSERT INTO mirror_entries AS d
                    (pool, registration_id, registered_at, changed_at, profile_as_of, missing_at, missing, verified, by_email,
                     crid, email_key, first_key, last_key, profile_email, profile, search_terms, scanned_at)
             SELECT $1, u.registration_id, u.registered_at, u.changed_at, u.profile_as_of, u.missing_at, u.missing, u.verified,
                    u.by_email, u.crid, u.email_key, u.first_key, u.last_key, u.profile_email, u.profile::json,
                    ($16::integer[])[u.term_start:u.term_end], u.scanned_at
               FROM unnest($2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[],
                           $7::smallint[], $8::boolean[], $9::boolean[], $10::text[], $11::text[], $12::text[], $13::text[],
                           $14::text[], $15::text[], $17::integer[], $18::integer[], $19::timestamptz[])
                    AS u (registration_id, registered_at, changed_at, profile_as_of, missing_at, missing, verified, by_email,
                          crid, email_key, first_key, last_key, profile_email, profile, term_start, term_end, scanned_at)
                 ON CONFLICT (pool, crid) DO UPDATE
                SET registration_id = EXCLUDED.registration_id, registered_at = EXCLUDED.registered_at,
                    changed_at = EXCLUDED.changed_at, profile_as_of = EXCLUDED.profile_as_of,
                    missing_at = EXCLUDED.missing_at, missing = EXCLUDED.missing, verified = EXCLUDED.verified,
                    by_email = EXCLUDED.by_email, email_key = EXCLUDED.email_key, first_key = EXCLUDED.first_key,
                    last_key = EXCLUDED.last_key, profile_email = EXCLUDED.profile_email, profile = EXCLUDED.profile,
                    search_terms = EXCLUDED.search_terms, scanned_at = EXCLUDED.scanned_at",
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
            &self.search_terms,
            &term_starts,
            &self.term_ends,
            &self.scanned_at as &[Option<OffsetDateTime>],
        )
        .execute(transaction)
        .await
        .map(|_| ())
    }
}

pub(super) async fn remove(transaction: &mut Transaction, pool: PoolId, crids: &[String]) -> Result<(), sqlx::Error> {
    if crids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "DELETE FROM mirror_entries WHERE pool = $1 AND crid = ANY ($2)",
        pool.0,
        crids
    )
    .execute(transaction)
    .await
    .map(|_| ())
}
