//! What a directory in memory keeps of one pool.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use masthead_domain::{account::Account, customer_registration_id::CustomerRegistrationId, tenant::Tenant};
use masthead_ports::mirror::{ChangeCounts, Profile, ProfileChange, SyncRun};
use time::OffsetDateTime;

#[derive(Debug, Default)]
pub(super) struct Pool {
    pub(super) made_for: (&'static str, String),
    pub(super) as_of: Option<OffsetDateTime>,
    pub(super) full_as_of: Option<OffsetDateTime>,
    pub(super) braked_at: Option<OffsetDateTime>,
    pub(super) whole: bool,
    pub(super) profiles: BTreeMap<CustomerRegistrationId, Kept>,
    pub(super) last_run: i64,
    pub(super) run: Option<Held>,
}

#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) profile: Profile,
    pub(super) missing: u16,
    pub(super) missing_at: Option<OffsetDateTime>,
}

#[derive(Debug)]
pub(super) struct Held {
    pub(super) run: SyncRun,
    pub(super) holder: String,
    pub(super) until: Option<Instant>,
    pub(super) pass: Pass,
    /// How many passes were made before this one.
    pub(super) passes: u16,
    /// The users that the run's steps showed.
    pub(super) shown: BTreeSet<CustomerRegistrationId>,
}

/// What one pass through the provider's users has come to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pass {
    pub(super) truncated: bool,
    pub(super) gaps: bool,
    pub(super) expected: Option<u64>,
}

impl Held {
    pub(super) fn has_shown_all(&self) -> bool {
        let shown = self.shown.len() as u64;
        !self.pass.truncated && !self.pass.gaps && self.pass.expected.is_none_or(|expected| shown >= expected)
    }
}

impl Pool {
    pub(super) fn keep(&mut self, accounts: &[Account], as_of: OffsetDateTime) -> ChangeCounts {
        let mut taken = ChangeCounts::default();
        let last: BTreeMap<&CustomerRegistrationId, &Account> =
            accounts.iter().map(|account| (&account.crid, account)).collect();
        for (crid, account) in last {
            match self.judge(account) {
                ProfileChange::Refused => {
                    taken.refused += 1;
                    self.not_missing(crid, as_of);
                    continue;
                }
                ProfileChange::Added => taken.added += 1,
                _ if self.profiles[crid].profile.as_of > as_of => {
                    taken.unchanged += 1;
                    continue;
                }
                ProfileChange::Changed => taken.changed += 1,
                ProfileChange::Unchanged => taken.unchanged += 1,
            }
            let profile = Profile {
                account: account.clone(),
                as_of,
            };
            let kept = Kept {
                profile,
                missing: 0,
                missing_at: None,
            };
            self.profiles.insert(crid.clone(), kept);
        }
        taken
    }

    /// The provider has this user, though what it says cannot be kept.
    pub(super) fn not_missing(&mut self, crid: &CustomerRegistrationId, as_of: OffsetDateTime) {
        if let Some(kept) = self.profiles.get_mut(crid).filter(|kept| kept.profile.as_of < as_of) {
            kept.missing = 0;
            kept.missing_at = Some(as_of);
        }
    }

    pub(super) fn judge(&self, account: &Account) -> ProfileChange {
        if account.first_name.len() > 255 || account.last_name.len() > 255 {
            return ProfileChange::Refused;
        }
        match self.profiles.get(&account.crid) {
            None => ProfileChange::Added,
            Some(known) if known.profile.account == *account => ProfileChange::Unchanged,
            Some(_) => ProfileChange::Changed,
        }
    }

    pub(super) fn mark(&mut self, tenant: &Tenant, crid: &CustomerRegistrationId, at: OffsetDateTime) -> u64 {
        let settings = tenant.settings.mirror;
        let Some(kept) = self.profiles.get_mut(crid).filter(|kept| kept.profile.as_of < at) else {
            return 0;
        };
        if kept
            .missing_at
            .is_some_and(|marked| marked > at - settings.removal_apart)
        {
            return 0;
        }
        kept.missing += 1;
        kept.missing_at = Some(at);
        if kept.missing < settings.removal_confirmations {
            return 0;
        }
        self.profiles.remove(crid);
        1
    }
}
