//! What the directory tells of the users whom an export names, where its word can stand for the provider's.

use std::collections::HashMap;

use masthead_domain::{
    finding::{Finding, ReadOutcome, verdict},
    merge::SourceNames,
    query::OnProviderFailure,
};
use masthead_ports::{
    bulk::{BulkMirrorEntries, LookupKey},
    mirror::MirrorEntry,
    source::{SUBSCRIBE, SourceName},
};

use crate::{Caller, ExportedUser, directory::user};

/// The entries of keys, those in doubt left out; by default of none.
#[derive(Default)]
pub(crate) struct Known {
    /// Who has no profile had no account.
    whole: bool,
    entries: HashMap<LookupKey, Vec<MirrorEntry>>,
}

impl Known {
    /// Of these keys, in the order in which they were asked for.
    pub(crate) fn of(keys: &[LookupKey], entries: BulkMirrorEntries) -> Self {
        let by_key = keys.iter().cloned().zip(entries.by_key);
        Self {
            whole: entries.whole,
            entries: by_key.filter_map(|(key, entries)| Some((key, entries?))).collect(),
        }
    }

    /// The user of this key by the answer table, the entries being what both sides have; `None` where the provider itself
    /// must be asked.
    pub(crate) fn told(&self, key: &LookupKey, caller: &Caller, provider: SourceName) -> Option<ExportedUser> {
        let entries = self.entries.get(key)?;
        let is_address = matches!(key, LookupKey::Email(_));
        // Where somebody may have been left out nobody is absent, and nobody the only one of an address.
        if !self.whole && (is_address || !entries.iter().any(has_one_id)) {
            return None;
        }
        let entry = match &**entries {
            [] => None,
            [only] => Some(only),
            // Never "the first of many": whose record is wanted nobody can tell.
            [_, _, ..] => return Some(ExportedUser::Unresolved),
        };
        let finding = |has: bool| if has { Finding::Found } else { Finding::Absent };
        let theirs = finding(entry.is_some_and(|entry| entry.profile.is_some()));
        let ours = finding(entry.is_some_and(|entry| entry.registration.is_some()));
        let names = SourceNames {
            provider,
            store: SUBSCRIBE,
        };
        match verdict(theirs, ours, OnProviderFailure::Degrade) {
            ReadOutcome::Complete | ReadOutcome::Partial => {
                let user = user(entry?.clone(), caller, names)?;
                Some(ExportedUser::User(Box::new(user.account)))
            }
            ReadOutcome::NoSuchUser => Some(ExportedUser::Absent),
            ReadOutcome::Unavailable => None,
        }
    }
}

/// Whether the provider has the user, and both sides by one id: then nobody else's account has a say in it.
fn has_one_id(entry: &MirrorEntry) -> bool {
    entry.profile.as_ref().is_some_and(|profile| {
        let ours = entry.registration.as_ref();
        ours.is_none_or(|ours| ours.crid == profile.account.crid)
    })
}
