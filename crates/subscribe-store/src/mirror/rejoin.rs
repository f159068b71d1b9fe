//! Rejoins the entries around a change: reads what is nearby, joins it, writes what differs.
//!
//! A change can affect the accounts that changed, accounts with an id that one of them has or had, and accounts with an
//! address that any of these has or had. It affects no others, since an account joined by its id still counts for its
//! address ([`masthead_domain::join`]).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, evidence::Evidence, join::join,
    merge::Precedence, tenant::PoolId,
};

use super::{
    entry_rows::{EntryRows, remove},
    error::MirrorError,
    mirror_row,
    nearby::{
        StoredEntry, StoredProfile, find_entries, find_nearby_entries, find_nearby_registrations, find_registrations,
    },
};
use crate::{database::Transaction, row::RowError};

/// The changes of a transaction: accounts by their ids and addresses, before and after.
#[derive(Default)]
pub(crate) struct Changes {
    crids: BTreeSet<String>,
    emails: BTreeSet<String>,
    registrations: HashSet<i64>,
    /// Profiles to be stored (`Some`) or removed (`None`).
    profiles: BTreeMap<String, Option<StoredProfile>>,
}

impl Changes {
    /// A registration is written that has or had this id and address.
    pub(crate) fn registration(&mut self, id: i64, crid: &CustomerRegistrationId, email: Option<&Email>) {
        self.registrations.insert(id);
        self.crids.insert(crid.as_str().to_owned());
        self.email(email);
    }

    /// A new registration whose number is not known yet: no other has its id.
    pub(crate) fn new_registration(&mut self, crid: &CustomerRegistrationId, email: Option<&Email>) {
        self.crids.insert(crid.as_str().to_owned());
        self.email(email);
    }

    /// The profile of this id is replaced or removed.
    pub(super) fn profile(&mut self, crid: &CustomerRegistrationId, profile: Option<StoredProfile>) {
        self.crids.insert(crid.as_str().to_owned());
        self.email(profile.as_ref().and_then(|profile| profile.account.email.as_ref()));
        self.profiles.insert(crid.as_str().to_owned(), profile);
    }

    /// The entry is written again from its unchanged sides.
    pub(super) fn again(&mut self, entry: StoredEntry) {
        self.registrations.extend(entry.registration_id);
        self.crids.insert(entry.crid.clone());
        if let Some(profile) = entry.profile {
            self.email(profile.account.email.as_ref());
            self.profiles.insert(entry.crid, Some(profile));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.crids.is_empty()
    }

    fn email(&mut self, email: Option<&Email>) {
        self.emails.extend(email.and_then(joining_key));
    }
}

/// The address as a join key; the empty one joins nothing.
fn joining_key(email: &Email) -> Option<String> {
    Some(email.key().as_str().to_owned()).filter(|key| !key.is_empty())
}

/// Updates the pool's mirror, if it has one, after this transaction has written registrations.
pub(crate) async fn follow(transaction: &mut Transaction, pool: PoolId, changes: Changes) -> Result<(), MirrorError> {
    let Some(state) = mirror_row::lock(transaction, pool.0).await? else {
        return Ok(());
    };
    rejoin(transaction, pool, &state.merged_by()?, changes).await
}

/// Removes a deleted user from the pool's mirror, if it has one: its registration, its profile, and a profile that its address
/// joined to it. Returns the ids of such profiles.
pub(crate) async fn follow_deletion(
    transaction: &mut Transaction,
    pool: PoolId,
    number: i64,
    deleted: &Account,
) -> Result<Vec<CustomerRegistrationId>, MirrorError> {
    let Some(state) = mirror_row::lock(transaction, pool.0).await? else {
        return Ok(Vec::new());
    };
    let joined = match deleted.email.as_ref().and_then(joining_key) {
        None => Vec::new(),
        Some(key) => find_joined(transaction, pool, number, &key).await?,
    };
    let mut changes = Changes::default();
    changes.registration(number, &deleted.crid, deleted.email.as_ref());
    for crid in joined.iter().chain([&deleted.crid]) {
        changes.profile(crid, None);
    }
    rejoin(transaction, pool, &state.merged_by()?, changes).await?;
    Ok(joined)
}

/// Removes a person from the pool's mirror, if it has one: these registrations, which are gone, and the profiles with these ids.
/// Returns how many entries had such an id.
pub(crate) async fn follow_erasure<'a>(
    transaction: &mut Transaction,
    pool: PoolId,
    registrations: impl IntoIterator<Item = (i64, &'a CustomerRegistrationId, Option<&'a Email>)>,
    ids: &[CustomerRegistrationId],
) -> Result<u64, MirrorError> {
    let Some(state) = mirror_row::lock(transaction, pool.0).await? else {
        return Ok(0);
    };
    let mut changes = Changes::default();
    for (number, crid, email) in registrations {
        changes.registration(number, crid, email);
    }
    for id in ids {
        changes.profile(id, None);
    }
    let crids: Vec<String> = ids.iter().map(|id| id.as_str().to_owned()).collect();
    let before = find_entries(transaction, pool, &crids).await?.len();
    rejoin(transaction, pool, &state.merged_by()?, changes).await?;
    Ok(before as u64)
}

/// The ids of the profiles that an address joins to this registration.
async fn find_joined(
    transaction: &mut Transaction,
    pool: PoolId,
    number: i64,
    key: &str,
) -> Result<Vec<CustomerRegistrationId>, MirrorError> {
    let crids = sqlx::query_scalar!(
        "SELECT crid FROM mirror_entries WHERE pool = $1 AND email_key = $2 AND by_email AND registration_id = $3",
        pool.0,
        key,
        number,
    )
    .fetch_all(transaction)
    .await?;
    let parse = |crid: &String| CustomerRegistrationId::parse(crid).map_err(|_| RowError::Column { column: "crid" });
    Ok(crids.iter().map(parse).collect::<Result<_, _>>()?)
}

/// Updates the entries around these changes. The pool's mirror row must be locked.
pub(super) async fn rejoin(
    transaction: &mut Transaction,
    pool: PoolId,
    precedence: &Precedence,
    mut changes: Changes,
) -> Result<(), MirrorError> {
    if changes.is_empty() {
        return Ok(());
    }
    let crids: Vec<String> = changes.crids.iter().cloned().collect();
    let mut entries = NearbyEntries::default();
    entries.add(find_entries(transaction, pool, &crids).await?);
    changes.emails.extend(entries.profile_emails());

    let emails: Vec<String> = changes.emails.iter().cloned().collect();
    let mut registrations = find_nearby_registrations(transaction, pool, &crids, &emails).await?;
    let named = registrations
        .iter()
        .filter(|account| changes.crids.contains(account.crid.as_str()));
    changes
        .emails
        .extend(named.filter_map(|account| joining_key(account.email.as_ref()?)));

    let emails: Vec<String> = changes.emails.iter().cloned().collect();
    let single = emails_held_once(&registrations, &changes.emails);
    let others: Vec<String> = registrations
        .iter()
        .map(|account| account.crid.as_str().to_owned())
        .filter(|crid| !changes.crids.contains(crid))
        .collect();
    let changed_profiles: Vec<String> = changes.profiles.keys().cloned().collect();
    entries.add(find_nearby_entries(transaction, pool, &emails, &single, &changed_profiles, &others).await?);

    let unread = entries.registrations_beside(&registrations);
    if !unread.is_empty() {
        registrations.extend(find_registrations(transaction, pool, &unread).await?);
    }
    let (rows, gone) = entries.rejoin(registrations, changes, precedence)?;
    remove(transaction, pool, &gone).await?;
    rows.write(transaction, pool).await?;
    Ok(())
}

/// The addresses that exactly one of these registrations has: only they can join a profile.
fn emails_held_once(registrations: &[Account], emails: &BTreeSet<String>) -> Vec<String> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for email in registrations.iter().filter_map(|account| account.email.as_ref()) {
        *counts.entry(email.key().as_str()).or_default() += 1;
    }
    let once = emails.iter().filter(|email| counts.get(email.as_str()) == Some(&1));
    once.cloned().collect()
}

/// The stored entries nearby.
#[derive(Default)]
struct NearbyEntries(BTreeMap<String, StoredEntry>);

impl NearbyEntries {
    fn add(&mut self, entries: Vec<StoredEntry>) {
        self.0
            .extend(entries.into_iter().map(|entry| (entry.crid.clone(), entry)));
    }

    fn profile_emails(&self) -> impl Iterator<Item = String> {
        let profiles = self.0.values().filter_map(|entry| entry.profile.as_ref());
        profiles.filter_map(|profile| joining_key(profile.account.email.as_ref()?))
    }

    /// The registrations of these entries that were not read yet.
    fn registrations_beside(&self, registrations: &[Account]) -> Vec<i64> {
        let read: HashSet<i64> = registrations
            .iter()
            .filter_map(|account| account.registration_id)
            .collect();
        let ids = self.0.values().filter_map(|entry| entry.registration_id);
        ids.filter(|id| !read.contains(id)).collect()
    }

    /// The rows that differ from the stored ones, and the ids that have no entry any more.
    fn rejoin(
        self,
        registrations: Vec<Account>,
        mut changes: Changes,
        precedence: &Precedence,
    ) -> Result<(EntryRows, Vec<String>), MirrorError> {
        let changed_profiles: HashSet<String> = changes.profiles.keys().cloned().collect();
        let mut before = HashMap::with_capacity(self.0.len());
        let mut profiles: BTreeMap<String, StoredProfile> = BTreeMap::new();
        for (crid, entry) in self.0 {
            before.insert(
                crid.clone(),
                (entry.registration_id, entry.by_email, entry.profile.is_some()),
            );
            if let Some(profile) = entry.profile {
                profiles.insert(crid, profile);
            }
        }
        for (crid, profile) in std::mem::take(&mut changes.profiles) {
            match profile {
                Some(profile) => profiles.insert(crid, profile),
                None => profiles.remove(&crid),
            };
        }
        let accounts = profiles.values().map(|profile| profile.account.clone()).collect();
        let mut rows = EntryRows::default();
        for pair in join(Evidence::whole(accounts), Evidence::whole(registrations)).into_pairs() {
            let Some(crid) = pair
                .provider
                .as_ref()
                .or(pair.store.as_ref())
                .map(|one| one.crid.clone())
            else {
                continue;
            };
            let registration_id = pair.store.as_ref().and_then(|store| store.registration_id);
            let by_email = pair.store.as_ref().is_some_and(|store| store.crid != crid);
            let is_new = registration_id.is_some_and(|id| changes.registrations.contains(&id))
                || changed_profiles.contains(crid.as_str());
            let now = (registration_id, by_email, pair.provider.is_some());
            if before.remove(crid.as_str()) == Some(now) && !is_new {
                continue;
            }
            rows.add(&pair, profiles.get(crid.as_str()), precedence)?;
        }
        Ok((rows, before.into_keys().collect()))
    }
}
