//! Bringing the entries around a change in line: read what is near, join it anew, write what differs.
//!
//! Who is joined to whom may change for the accounts that changed, for those whose id one of them has or had, and for those
//! whose addresses all these have or had; and for nobody else, since an account that its id joins still counts for its
//! address ([`masthead_domain::join`]).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, evidence::Evidence, join::join,
    merge::Precedence, tenant::PoolId,
};

use super::{
    near::{Entry, KeptProfile, entries_near, entries_of, registrations_near, registrations_numbered},
    state,
    trouble::Trouble,
    write::{Rows, remove},
};
use crate::database::Transaction;

/// What has changed in a transaction, or is about to: accounts by their ids and addresses before and after.
#[derive(Default)]
pub(crate) struct Changes {
    crids: BTreeSet<String>,
    emails: BTreeSet<String>,
    /// The numbers of registrations that are written.
    registrations: HashSet<i64>,
    /// Profiles to be kept, or not any more.
    profiles: BTreeMap<String, Option<KeptProfile>>,
}

impl Changes {
    /// A registration is written that has, or had, this id and address.
    pub(crate) fn registration(&mut self, id: i64, crid: &CustomerRegistrationId, email: Option<&Email>) {
        self.registrations.insert(id);
        self.crids.insert(crid.as_str().to_owned());
        self.email(email);
    }

    /// A registration is written of which only the id and the address are known: nobody else has the id.
    pub(crate) fn new_registration(&mut self, crid: &CustomerRegistrationId, email: Option<&Email>) {
        self.crids.insert(crid.as_str().to_owned());
        self.email(email);
    }

    /// The profile of this id is to be this one, or none.
    pub(super) fn profile(&mut self, crid: &CustomerRegistrationId, profile: Option<KeptProfile>) {
        self.crids.insert(crid.as_str().to_owned());
        self.email(profile.as_ref().and_then(|profile| profile.account.email.as_ref()));
        self.profiles.insert(crid.as_str().to_owned(), profile);
    }

    /// The entry is to be written again, with what it is made of as it is.
    pub(super) fn again(&mut self, entry: Entry) {
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
        self.emails.extend(email.and_then(key_of));
    }
}

/// The address as it is compared; the empty one joins nobody.
fn key_of(email: &Email) -> Option<String> {
    Some(email.key().as_str().to_owned()).filter(|key| !key.is_empty())
}

/// Brings the directory of a pool, if it has one, in line with registrations that this transaction has written.
pub(crate) async fn follow(transaction: &mut Transaction, pool: PoolId, changes: Changes) -> Result<(), Trouble> {
    let Some(state) = state::lock(transaction, pool.0).await? else {
        return Ok(());
    };
    settle(transaction, pool, &state.merged_by()?, changes).await
}

/// Brings the entries around these changes in line. The pool's row of directories must be held.
pub(super) async fn settle(
    transaction: &mut Transaction,
    pool: PoolId,
    precedence: &Precedence,
    mut changes: Changes,
) -> Result<(), Trouble> {
    if changes.is_empty() {
        return Ok(());
    }
    let crids: Vec<String> = changes.crids.iter().cloned().collect();
    let mut entries = Entries::default();
    entries.add(entries_of(transaction, pool, &crids).await?);
    changes.emails.extend(entries.profile_emails());

    let emails: Vec<String> = changes.emails.iter().cloned().collect();
    let mut ours = registrations_near(transaction, pool, &crids, &emails).await?;
    let named = ours
        .iter()
        .filter(|account| changes.crids.contains(account.crid.as_str()));
    changes
        .emails
        .extend(named.filter_map(|account| key_of(account.email.as_ref()?)));

    let emails: Vec<String> = changes.emails.iter().cloned().collect();
    let single = held_once(&ours, &changes.emails);
    let others: Vec<String> = ours
        .iter()
        .map(|account| account.crid.as_str().to_owned())
        .filter(|crid| !changes.crids.contains(crid))
        .collect();
    let told: Vec<String> = changes.profiles.keys().cloned().collect();
    entries.add(entries_near(transaction, pool, &emails, &single, &told, &others).await?);

    let unread = entries.registrations_beside(&ours);
    if !unread.is_empty() {
        ours.extend(registrations_numbered(transaction, pool, &unread).await?);
    }
    let (rows, gone) = entries.joined_anew(pool, ours, changes, precedence)?;
    remove(transaction, pool, &gone).await?;
    rows.write(transaction, pool).await?;
    Ok(())
}

/// The addresses that exactly one of these registrations has: elsewhere no profile can be joined by one.
fn held_once(ours: &[Account], emails: &BTreeSet<String>) -> Vec<String> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for email in ours.iter().filter_map(|account| account.email.as_ref()) {
        *counts.entry(email.key().as_str()).or_default() += 1;
    }
    let once = emails.iter().filter(|email| counts.get(email.as_str()) == Some(&1));
    once.cloned().collect()
}

/// The entries that are near, as they are stored.
#[derive(Default)]
struct Entries(BTreeMap<String, Entry>);

impl Entries {
    fn add(&mut self, entries: Vec<Entry>) {
        self.0
            .extend(entries.into_iter().map(|entry| (entry.crid.clone(), entry)));
    }

    fn profile_emails(&self) -> impl Iterator<Item = String> {
        let profiles = self.0.values().filter_map(|entry| entry.profile.as_ref());
        profiles.filter_map(|profile| key_of(profile.account.email.as_ref()?))
    }

    /// The registrations in these entries that are not among those read.
    fn registrations_beside(&self, ours: &[Account]) -> Vec<i64> {
        let read: HashSet<i64> = ours.iter().filter_map(|account| account.registration_id).collect();
        let ids = self.0.values().filter_map(|entry| entry.registration_id);
        ids.filter(|id| !read.contains(id)).collect()
    }

    /// The rows that differ from what is stored, and the ids that no entry has any more.
    fn joined_anew(
        self,
        pool: PoolId,
        ours: Vec<Account>,
        mut changes: Changes,
        precedence: &Precedence,
    ) -> Result<(Rows, Vec<String>), Trouble> {
        let told: HashSet<String> = changes.profiles.keys().cloned().collect();
        let mut before = HashMap::with_capacity(self.0.len());
        let mut profiles: BTreeMap<String, KeptProfile> = BTreeMap::new();
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
        let theirs = profiles.values().map(|profile| profile.account.clone()).collect();
        let mut rows = Rows::default();
        for pair in join(Evidence::whole(theirs), Evidence::whole(ours)).into_pairs() {
            let Some(crid) = pair
                .provider
                .as_ref()
                .or(pair.store.as_ref())
                .map(|one| one.crid.clone())
            else {
                continue;
            };
            let registration_id = pair.store.as_ref().and_then(|ours| ours.registration_id);
            let by_email = pair.store.as_ref().is_some_and(|ours| ours.crid != crid);
            let is_new =
                registration_id.is_some_and(|id| changes.registrations.contains(&id)) || told.contains(crid.as_str());
            let now = (registration_id, by_email, pair.provider.is_some());
            if before.remove(crid.as_str()) == Some(now) && !is_new {
                continue;
            }
            rows.add(pool, &pair, profiles.get(crid.as_str()), precedence)?;
        }
        Ok((rows, before.into_keys().collect()))
    }
}
