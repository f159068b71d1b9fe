//! The bulk export: each requested user is found, confirmed absent, or unresolved.
//!
//! The store answers all keys with one query. The mirror answers in place of the provider where it is current and sure. For
//! the other keys the provider is called as a bulk caller, which leaves room for interactive requests. Findings are resolved
//! as in single lookups.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream};
use masthead_domain::{
    account::Account,
    event::{EventKind, EventOutcome},
    finding::{Finding, ReadOutcome, decide_store_only},
    query::{EmailFilter, OnProviderFailure, UserFilter},
    user_key::UserKey,
};
use masthead_ports::{
    bulk::{BulkAnswer, BulkLookups, LookupKey},
    clock::Clock,
    provider::{IdentityProvider, Providers},
    source::{CallContext, Priority},
    trace::SPANS,
};
use time::OffsetDateTime;

use crate::{
    Caller, ReadError,
    mirror_answers::{MirrorAnswer, MirrorAnswers},
    mirror_list::current_since,
    prefetched_store::PrefetchedStore,
    read_log::{Asked, ReadLog},
    resolve::{ResolveContext, resolve, resolve_one},
    source_pair::SourcePair,
    write_back::WriteBackQueue,
};

/// The maximum number of concurrent lookups at a provider per export.
const MAX_CONCURRENT: usize = 16;

/// The users to export.
#[derive(Debug, Clone)]
pub struct ExportRequest {
    /// The key of each user, in the order of the request; `None` for a reserved name, which never matches.
    pub keys: Vec<Option<LookupKey>>,
}

/// The result for one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportedUser {
    /// The user; merged for a tenant with a provider.
    User(Box<Account>),
    /// Every queried source confirmed that there is no such user.
    Absent,
    /// A source that may have the user did not answer, or several users have the key.
    Unresolved,
}

/// The answer to an export.
#[derive(Debug, Clone)]
pub struct ExportAnswer {
    /// The result of each key, in their order.
    pub outcomes: Vec<ExportedUser>,
    /// When to retry the unresolved keys, if known.
    pub retry_after: Option<Duration>,
}

/// Exports many users. Cheap to clone.
#[derive(Clone)]
pub struct ExportUsers {
    pub(crate) providers: Arc<dyn Providers>,
    pub(crate) bulk: Arc<dyn BulkLookups>,
    pub(crate) sources: SourcePair,
    pub(crate) log: ReadLog,
    pub(crate) write_back: WriteBackQueue,
    pub(crate) clock: Arc<dyn Clock>,
}

/// The result of one key, and how the provider answered.
struct KeyOutcome {
    exported: ExportedUser,
    retry_after: Option<Duration>,
    /// The outcome at the provider and the number of its accounts; `None` if it was not called.
    provider: Option<(EventOutcome, usize)>,
}

impl KeyOutcome {
    const fn without_call(exported: ExportedUser) -> Self {
        Self {
            exported,
            retry_after: None,
            provider: None,
        }
    }
}

impl ExportUsers {
    /// Exports the requested users. Keys without an answer are [`ExportedUser::Unresolved`].
    ///
    /// # Errors
    /// [`ReadError::Unavailable`] where the export cannot be recorded, and must be.
    #[tracing::instrument(target = SPANS, level = "trace", name = "export users", skip_all)]
    pub async fn export(&self, caller: &Caller, request: &ExportRequest) -> Result<ExportAnswer, ReadError> {
        let cx = caller.context(Priority::Bulk);
        let keys: Vec<LookupKey> = request.keys.iter().flatten().cloned().collect();
        let provider = self.providers.for_tenant(&caller.tenant);
        let mirror_since = provider
            .as_ref()
            .map(|_| current_since(&caller.tenant, self.clock.now()));
        let (store, mirror) = self.prefetch(&cx, &keys, mirror_since).await;
        let outcomes: Vec<KeyOutcome> = match provider {
            None => request
                .keys
                .iter()
                .map(|key| {
                    let exported = key.as_ref().map(|key| resolve_in_store(&store, key));
                    KeyOutcome::without_call(exported.unwrap_or(ExportedUser::Absent))
                })
                .collect(),
            Some(provider) => {
                let store = Arc::new(store);
                let run = ExportRun {
                    sources: self.sources.with_prefetched(Arc::clone(&store)),
                    store,
                    mirror,
                    write_back: &self.write_back,
                    caller,
                    cx: &cx,
                    provider: &*provider,
                };
                let lookups: Vec<_> = request.keys.iter().map(|key| run.resolve(key.as_ref())).collect();
                stream::iter(lookups).buffered(MAX_CONCURRENT).collect().await
            }
        };
        self.record(caller, request, &outcomes)?;
        Ok(ExportAnswer {
            retry_after: outcomes.iter().filter_map(|outcome| outcome.retry_after).max(),
            outcomes: outcomes.into_iter().map(|outcome| outcome.exported).collect(),
        })
    }

    /// Reads all keys from the store with one query, and from a mirror that is younger than `mirror_since`.
    async fn prefetch(
        &self,
        cx: &CallContext,
        keys: &[LookupKey],
        mirror_since: Option<OffsetDateTime>,
    ) -> (PrefetchedStore, MirrorAnswers) {
        let answer = if keys.is_empty() {
            Ok(BulkAnswer::default())
        } else {
            self.bulk.find_many(cx, keys, mirror_since).await
        };
        match answer {
            Ok(answer) => {
                let mirror = answer.mirror.map(|entries| MirrorAnswers::new(keys, entries));
                let store = PrefetchedStore::new(keys.iter().cloned().zip(answer.registrations));
                (store, mirror.unwrap_or_default())
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    source.name = self.sources.store().name(),
                    "no answer"
                );
                let failed = keys.iter().map(|key| (key.clone(), Err(error.kind)));
                (PrefetchedStore::new(failed), MirrorAnswers::default())
            }
        }
    }

    /// Records one event for the export, and one for the provider if it was called.
    fn record(&self, caller: &Caller, request: &ExportRequest, outcomes: &[KeyOutcome]) -> Result<(), ReadError> {
        let asked = Asked::Keys(&request.keys);
        let exported = || outcomes.iter().map(|outcome| &outcome.exported);
        let accounts = || {
            exported().filter_map(|user| match user {
                ExportedUser::User(account) => Some(&**account),
                ExportedUser::Absent | ExportedUser::Unresolved => None,
            })
        };
        let users = accounts().count();
        let is_unresolved = exported().any(|user| *user == ExportedUser::Unresolved);
        let outcome = total_outcome(users, is_unresolved);
        self.log.record_shown(
            caller,
            EventKind::SubscribeUserExport,
            asked,
            outcome,
            users,
            accounts(),
        )?;
        let at_provider: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.provider).collect();
        if !at_provider.is_empty() {
            let users = at_provider.iter().map(|(_, accounts)| accounts).sum();
            let is_unknown = at_provider.iter().any(|(outcome, _)| *outcome == EventOutcome::Unknown);
            let outcome = total_outcome(users, is_unknown);
            // The event of the export names them.
            self.log
                .record_shown(caller, EventKind::AuthSystemUserGet, asked, outcome, users, [])?;
        }
        Ok(())
    }
}

const fn total_outcome(users: usize, is_unknown: bool) -> EventOutcome {
    match (users, is_unknown) {
        (0, false) => EventOutcome::Absent,
        (0, true) => EventOutcome::Unknown,
        (1.., _) => EventOutcome::Found,
    }
}

/// Resolves a key for a tenant without a provider.
fn resolve_in_store(store: &PrefetchedStore, key: &LookupKey) -> ExportedUser {
    let (finding, only) = match store.get_any(key) {
        Some(Ok([])) => (Finding::Absent, None),
        Some(Ok([only])) => (Finding::Found, Some(only)),
        Some(Ok(_) | Err(_)) | None => (Finding::Unknown, None),
    };
    match (decide_store_only(finding), only) {
        (ReadOutcome::Complete | ReadOutcome::Partial, Some(account)) => ExportedUser::User(Box::new(account.clone())),
        (ReadOutcome::NoSuchUser, _) => ExportedUser::Absent,
        (ReadOutcome::Complete | ReadOutcome::Partial | ReadOutcome::Unavailable, _) => ExportedUser::Unresolved,
    }
}

/// One export of a tenant with a provider.
struct ExportRun<'a> {
    /// The sources, with the prefetched answers.
    sources: SourcePair,
    store: Arc<PrefetchedStore>,
    mirror: MirrorAnswers,
    write_back: &'a WriteBackQueue,
    caller: &'a Caller,
    cx: &'a CallContext,
    provider: &'a dyn IdentityProvider,
}

impl ExportRun<'_> {
    fn context(&self) -> ResolveContext<'_> {
        ResolveContext {
            tenant: &self.caller.tenant,
            provider: self.provider.name(),
            on_failure: OnProviderFailure::Degrade,
        }
    }

    async fn resolve(&self, key: Option<&LookupKey>) -> KeyOutcome {
        let Some(key) = key else {
            return KeyOutcome::without_call(ExportedUser::Absent);
        };
        if let Some(answer) = self.mirror.resolve(key, self.context()) {
            return KeyOutcome::without_call(match answer {
                MirrorAnswer::User(account) => ExportedUser::User(account),
                MirrorAnswer::Absent => ExportedUser::Absent,
                MirrorAnswer::Ambiguous => ExportedUser::Unresolved,
            });
        }
        match key {
            LookupKey::User(key) => self.look_up(key).await,
            // Only the store knows registration numbers.
            LookupKey::Registration(_) => match self.store.get_any(key) {
                Some(Ok([account])) => self.look_up(&UserKey::Id(account.crid.clone())).await,
                Some(Ok(_)) => KeyOutcome::without_call(ExportedUser::Absent),
                Some(Err(_)) | None => KeyOutcome::without_call(ExportedUser::Unresolved),
            },
        }
    }

    async fn look_up(&self, key: &UserKey) -> KeyOutcome {
        let findings = self.sources.find(self.cx, self.provider, key).await;
        let called = findings.provider.called;
        let provider = called.then(|| (findings.provider.outcome(), findings.provider.accounts().len()));
        let exported = match key {
            UserKey::Id(id) => resolve_one(findings, id, self.context()).map(|(answer, writes)| {
                self.write_back.enqueue(self.caller, writes);
                ExportedUser::User(Box::new(answer.user.account))
            }),
            UserKey::Email(email) => {
                let filter = UserFilter {
                    emails: vec![EmailFilter::Exact(email.clone())],
                    ..UserFilter::default()
                };
                resolve(findings, &filter, self.context()).map(|resolution| {
                    let mut users = resolution.users.into_iter();
                    match (users.next(), users.next()) {
                        (None, _) => ExportedUser::Absent,
                        (Some(only), None) => {
                            self.write_back.enqueue(self.caller, resolution.writes);
                            ExportedUser::User(Box::new(only.account))
                        }
                        // Several users share the address.
                        (Some(_), Some(_)) => ExportedUser::Unresolved,
                    }
                })
            }
        };
        let (exported, retry_after) = match exported {
            Ok(exported) => (exported, None),
            Err(ReadError::NoSuchUser { .. }) => (ExportedUser::Absent, None),
            Err(ReadError::Unavailable { retry_after, .. }) => (ExportedUser::Unresolved, retry_after),
            Err(ReadError::TooBroad | ReadError::TooDeep { .. } | ReadError::Corrupt) => {
                (ExportedUser::Unresolved, None)
            }
        };
        KeyOutcome {
            exported,
            retry_after,
            provider,
        }
    }
}
