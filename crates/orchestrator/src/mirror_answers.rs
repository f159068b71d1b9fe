//! The mirrored users of one bulk lookup, by key.

use std::collections::HashMap;

use masthead_domain::{
    account::Account,
    finding::{Finding, ReadOutcome, decide},
    query::OnProviderFailure,
    user_key::UserKey,
};
use masthead_ports::{
    bulk::{BulkMirrorEntries, LookupKey},
    mirror::MirrorEntry,
};

use crate::{mirror_list::merge_entry, resolve::ResolveContext};

/// The mirrored users of many keys, without those in doubt.
#[derive(Default)]
pub(crate) struct MirrorAnswers {
    /// A user without a profile had no account at the provider.
    whole: bool,
    entries: HashMap<LookupKey, Vec<MirrorEntry>>,
}

/// What the mirror knows about a key.
pub(crate) enum MirrorAnswer {
    /// The merged user.
    User(Box<Account>),
    /// No source has such a user.
    Absent,
    /// Several users have the key.
    Ambiguous,
}

impl MirrorAnswers {
    /// The answers for these keys, in the order of the lookup.
    pub(crate) fn new(keys: &[LookupKey], entries: BulkMirrorEntries) -> Self {
        let by_key = keys.iter().cloned().zip(entries.by_key);
        Self {
            whole: entries.whole,
            entries: by_key.filter_map(|(key, entries)| Some((key, entries?))).collect(),
        }
    }

    /// Resolves the user of a key by the answer table; `None` where the provider must be read.
    pub(crate) fn resolve(&self, key: &LookupKey, context: ResolveContext<'_>) -> Option<MirrorAnswer> {
        let entries = self.entries.get(key)?;
        let is_email = matches!(key, LookupKey::User(UserKey::Email(_)));
        // An incomplete mirror proves no user absent, and no user the only one with an address.
        if !self.whole && (is_email || !entries.iter().any(has_one_id)) {
            return None;
        }
        let entry = match &**entries {
            [] => None,
            [only] => Some(only),
            [_, _, ..] => return Some(MirrorAnswer::Ambiguous),
        };
        let finding = |has: bool| if has { Finding::Found } else { Finding::Absent };
        let provider = finding(entry.is_some_and(|entry| entry.profile.is_some()));
        let store = finding(entry.is_some_and(|entry| entry.registration.is_some()));
        match decide(provider, store, OnProviderFailure::Degrade) {
            ReadOutcome::Complete | ReadOutcome::Partial => {
                let user = merge_entry(entry?.clone(), context)?;
                Some(MirrorAnswer::User(Box::new(user.account)))
            }
            ReadOutcome::NoSuchUser => Some(MirrorAnswer::Absent),
            ReadOutcome::Unavailable => None,
        }
    }
}

/// Whether the provider has the user, and both accounts have the same id: then no other account can change the join.
fn has_one_id(entry: &MirrorEntry) -> bool {
    entry.profile.as_ref().is_some_and(|profile| {
        let registration = entry.registration.as_ref();
        registration.is_none_or(|registration| registration.crid == profile.account.crid)
    })
}
