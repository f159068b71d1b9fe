//! A store whose answers about some keys were read beforehand, all at once.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::EmailKey, query::UserQuery,
};
use masthead_ports::{
    bulk::{BulkAnswer, BulkLookups, KeyResult, LookupKey},
    source::{AccountPage, CallContext, SourceError, SourceErrorKind, SourceName, UserSource},
};
use time::OffsetDateTime;

use crate::known::Known;

/// Answers what was read beforehand, and asks the store for all else. What had no answer then has none now.
pub(crate) struct Prefetched {
    store: Arc<dyn UserSource>,
    answers: HashMap<LookupKey, KeyResult>,
}

impl Prefetched {
    /// Reads these keys in one question; and, where `mirror_since` is given, what a directory that is true after that
    /// moment tells of them.
    pub(crate) async fn read(
        store: &Arc<dyn UserSource>,
        bulk: &dyn BulkLookups,
        cx: &CallContext,
        keys: &[LookupKey],
        mirror_since: Option<OffsetDateTime>,
    ) -> (Self, Known) {
        let answer = if keys.is_empty() {
            Ok(BulkAnswer::default())
        } else {
            bulk.find_many(cx, keys, mirror_since).await
        };
        let mut known = Known::default();
        let answers = match answer {
            Ok(answer) => {
                known = answer
                    .mirror
                    .map(|entries| Known::of(keys, entries))
                    .unwrap_or_default();
                also_by_id(keys.iter().cloned().zip(answer.registrations).collect())
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    source.name = store.name(),
                    "no answer"
                );
                keys.iter().map(|key| (key.clone(), Err(error.kind))).collect()
            }
        };
        let prefetched = Self {
            store: Arc::clone(store),
            answers,
        };
        (prefetched, known)
    }

    /// What was read of this key.
    pub(crate) fn known(&self, key: &LookupKey) -> Option<Result<&[Account], SourceErrorKind>> {
        Some(self.answers.get(key)?.as_deref().map_err(|kind| *kind))
    }
}

/// Whoever was read is known by their id as well: an id is one account's alone.
fn also_by_id(mut answers: HashMap<LookupKey, KeyResult>) -> HashMap<LookupKey, KeyResult> {
    let read: Vec<Account> = answers.values().flatten().flatten().cloned().collect();
    for account in read {
        answers
            .entry(LookupKey::Id(account.crid.clone()))
            .or_insert_with(|| Ok(vec![account]));
    }
    answers
}

#[async_trait]
impl UserSource for Prefetched {
    fn name(&self) -> SourceName {
        self.store.name()
    }

    async fn by_id(&self, cx: &CallContext, id: &CustomerRegistrationId) -> Result<Option<Account>, SourceError> {
        match self.known(&LookupKey::Id(id.clone())) {
            Some(Ok(accounts)) => Ok(accounts.first().cloned()),
            Some(Err(kind)) => Err(SourceError::new("by_id", kind)),
            None => self.store.by_id(cx, id).await,
        }
    }

    async fn by_email(&self, cx: &CallContext, email: &EmailKey) -> Result<Vec<Account>, SourceError> {
        match self.known(&LookupKey::Email(email.clone())) {
            Some(Ok(accounts)) => Ok(accounts.to_vec()),
            Some(Err(kind)) => Err(SourceError::new("by_email", kind)),
            None => self.store.by_email(cx, email).await,
        }
    }

    async fn search(&self, cx: &CallContext, query: &UserQuery) -> Result<AccountPage, SourceError> {
        self.store.search(cx, query).await
    }
}
