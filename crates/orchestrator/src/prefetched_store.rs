//! The registrations of one bulk lookup, by key.

use std::collections::HashMap;

use masthead_domain::{account::Account, user_key::UserKey};
use masthead_ports::{
    bulk::{KeyResult, LookupKey},
    source::SourceErrorKind,
};

/// The registrations of many keys.
#[derive(Default)]
pub(crate) struct PrefetchedStore(HashMap<LookupKey, KeyResult>);

impl PrefetchedStore {
    /// The answers to these lookups. The accounts found are known by their ids too.
    pub(crate) fn new(answers: impl IntoIterator<Item = (LookupKey, KeyResult)>) -> Self {
        let mut answers: HashMap<LookupKey, KeyResult> = answers.into_iter().collect();
        let accounts: Vec<Account> = answers.values().flatten().flatten().cloned().collect();
        for account in accounts {
            answers
                .entry(LookupKey::User(UserKey::Id(account.crid.clone())))
                .or_insert_with(|| Ok(vec![account]));
        }
        Self(answers)
    }

    /// The answer for this key, if it is known.
    pub(crate) fn get(&self, key: &UserKey) -> Option<Result<&[Account], SourceErrorKind>> {
        if self.0.is_empty() {
            return None;
        }
        self.get_any(&LookupKey::User(key.clone()))
    }

    /// As [`Self::get`], for any kind of key.
    pub(crate) fn get_any(&self, key: &LookupKey) -> Option<Result<&[Account], SourceErrorKind>> {
        Some(self.0.get(key)?.as_deref().map_err(|kind| *kind))
    }
}
