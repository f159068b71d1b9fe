//! The bulk export: many users by whatever names them, each found, confirmed absent, or not to be told.
//!
//! The store is asked once for all. In the provider's place the directory answers, as it does for lists, where it is young
//! enough and can tell; the provider, which bills every call, is asked about the rest as a bulk caller that leaves room for
//! people. What two sides' findings come to is the rule of the single look-ups, unchanged.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream};
use masthead_domain::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    email::EmailKey,
    event::{EventKind, EventOutcome},
    finding::{Finding, ReadOutcome, store_alone},
    query::{EmailFilter, OnProviderFailure, UserFilter},
};
use masthead_ports::{
    bulk::{BulkLookups, LookupKey},
    provider::Provider,
    source::{CallContext, Priority},
};

use crate::{
    Caller, ReadError, Users, both::Both, directory::current_since, known::Known, prefetched::Prefetched,
    settle::settle, users::outcome,
};

/// How many users of one export are asked of a provider at a time.
const AT_A_TIME: usize = 16;

/// The users that an export names.
#[derive(Debug, Clone)]
pub struct ExportRequest {
    /// By what each is looked up, in the order of the request; `None` for a reserved name, which never matches.
    pub keys: Vec<Option<LookupKey>>,
    /// The network from which it was asked, for the audit log.
    pub network: Option<Box<str>>,
}

/// What an export knows of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportedUser {
    /// The user: of a tenant with a provider the merged record.
    User(Box<Account>),
    /// Every source asked confirmed that there is none.
    Absent,
    /// A source that should know did not answer, or several users share what names one.
    Unresolved,
}

/// What an export answers.
#[derive(Debug, Clone)]
pub struct ExportAnswer {
    /// One outcome for each key, in their order.
    pub outcomes: Vec<ExportedUser>,
    /// When asking for the unresolved ones again makes sense, when it is known.
    pub retry_after: Option<Duration>,
}

/// The use case. Cheap to clone.
#[derive(Clone)]
pub struct Export {
    users: Users,
    bulk: Arc<dyn BulkLookups>,
}

/// One outcome, and what its provider had to say.
struct Told {
    exported: ExportedUser,
    retry_after: Option<Duration>,
    /// How many accounts the provider had, and whether it answered; `None` where no call left us.
    provider: Option<(EventOutcome, usize)>,
}

impl Told {
    const fn without_a_call(exported: ExportedUser) -> Self {
        Self {
            exported,
            retry_after: None,
            provider: None,
        }
    }
}

impl Export {
    /// Wires the use case: the reads, and the same store asked for many at once.
    #[must_use]
    pub fn new(users: Users, bulk: Arc<dyn BulkLookups>) -> Self {
        Self { users, bulk }
    }

    /// Tells of each of these users what is known. It always answers: what cannot be told is [`ExportedUser::Unresolved`].
    pub async fn export(&self, caller: &Caller, request: &ExportRequest) -> ExportAnswer {
        let cx = caller.context(Priority::Bulk);
        let keys: Vec<LookupKey> = request.keys.iter().flatten().cloned().collect();
        let provider = self.users.sources(caller, false);
        let since = provider.as_ref().map(|_| current_since(caller, self.users.clock.now()));
        let (store, known) = Prefetched::read(&self.users.store, &*self.bulk, &cx, &keys, since).await;
        let store = Arc::new(store);
        let told: Vec<Told> = match provider {
            None => request
                .keys
                .iter()
                .map(|key| Told::without_a_call(key.as_ref().map_or(ExportedUser::Absent, |key| of_store(&store, key))))
                .collect(),
            Some(provider) => {
                let asking = Asking {
                    users: self.users.reading(Arc::clone(&store) as _),
                    store,
                    known,
                    caller,
                    cx: &cx,
                    provider: &*provider,
                };
                let each: Vec<_> = request.keys.iter().map(|key| asking.one(key.as_ref())).collect();
                stream::iter(each).buffered(AT_A_TIME).collect().await
            }
        };
        self.record(caller, request, &told);
        ExportAnswer {
            retry_after: told.iter().filter_map(|told| told.retry_after).max(),
            outcomes: told.into_iter().map(|told| told.exported).collect(),
        }
    }

    /// One event for the call, and one for the provider where it was called.
    fn record(&self, caller: &Caller, request: &ExportRequest, told: &[Told]) {
        let network = request.network.as_deref();
        let users = told
            .iter()
            .filter(|told| matches!(told.exported, ExportedUser::User(_)))
            .count();
        let unresolved = told.iter().any(|told| told.exported == ExportedUser::Unresolved);
        let export = EventKind::SubscribeUserExport;
        self.users
            .record_many(caller, export, of_many(users, unresolved), users, network);
        let of_provider: Vec<_> = told.iter().filter_map(|told| told.provider).collect();
        if !of_provider.is_empty() {
            let users = of_provider.iter().map(|(_, accounts)| accounts).sum();
            let silent = of_provider.iter().any(|(outcome, _)| *outcome == EventOutcome::Unknown);
            let asked = EventKind::AuthSystemUserGet;
            self.users
                .record_many(caller, asked, of_many(users, silent), users, network);
        }
    }
}

const fn of_many(users: usize, unknown: bool) -> EventOutcome {
    match (users, unknown) {
        (0, false) => EventOutcome::Absent,
        (0, true) => EventOutcome::Unknown,
        (1.., _) => EventOutcome::Found,
    }
}

/// Where the store alone is asked.
fn of_store(store: &Prefetched, key: &LookupKey) -> ExportedUser {
    let (finding, only) = match store.known(key) {
        Some(Ok([])) => (Finding::Absent, None),
        Some(Ok([only])) => (Finding::Found, Some(only)),
        Some(Ok(_) | Err(_)) | None => (Finding::Unknown, None),
    };
    match (store_alone(finding), only) {
        (ReadOutcome::Complete | ReadOutcome::Partial, Some(account)) => ExportedUser::User(Box::new(account.clone())),
        (ReadOutcome::NoSuchUser, _) => ExportedUser::Absent,
        (ReadOutcome::Complete | ReadOutcome::Partial | ReadOutcome::Unavailable, _) => ExportedUser::Unresolved,
    }
}

/// One export of a tenant that has a provider.
struct Asking<'a> {
    /// The reads, over what was read beforehand.
    users: Users,
    store: Arc<Prefetched>,
    known: Known,
    caller: &'a Caller,
    cx: &'a CallContext,
    provider: &'a dyn Provider,
}

impl Asking<'_> {
    async fn one(&self, key: Option<&LookupKey>) -> Told {
        let known = key.and_then(|key| self.known.told(key, self.caller, self.provider.name()));
        if let Some(exported) = known {
            return Told::without_a_call(exported);
        }
        match key {
            None => Told::without_a_call(ExportedUser::Absent),
            Some(LookupKey::Id(id)) => self.by_id(id).await,
            Some(LookupKey::Email(email)) => self.by_email(email).await,
            // Numbers of registrations are the store's own: nobody else can be asked by them.
            Some(number @ LookupKey::Registration(_)) => match self.store.known(number) {
                Some(Ok([account])) => self.by_id(&account.crid).await,
                Some(Ok(_)) => Told::without_a_call(ExportedUser::Absent),
                Some(Err(_)) | None => Told::without_a_call(ExportedUser::Unresolved),
            },
        }
    }

    async fn by_id(&self, id: &CustomerRegistrationId) -> Told {
        let both = self.users.both_by_id(self.cx, self.provider, id).await;
        let provider = provider_said(&both);
        let settled = self
            .users
            .settle_one(self.caller, self.provider, id, OnProviderFailure::Degrade, both);
        told(
            provider,
            settled.map(|answer| ExportedUser::User(Box::new(answer.user.account))),
        )
    }

    async fn by_email(&self, email: &EmailKey) -> Told {
        let both = self.users.both_by_email(self.cx, self.provider, email).await;
        let provider = provider_said(&both);
        let filter = UserFilter {
            emails: vec![EmailFilter::Exact(email.clone())],
            ..UserFilter::default()
        };
        let tenant = &self.caller.tenant;
        let settled = settle(both, &filter, tenant, self.provider.name(), OnProviderFailure::Degrade);
        let exported = settled.map(|settled| {
            let mut users = settled.users.into_iter().map(|(account, _)| account);
            match (users.next(), users.next()) {
                (None, _) => ExportedUser::Absent,
                (Some(only), None) => {
                    self.users.synchronise_later(self.caller, settled.writes);
                    ExportedUser::User(Box::new(only))
                }
                // Never "the first of many": whose record is wanted nobody can tell.
                (Some(_), Some(_)) => ExportedUser::Unresolved,
            }
        });
        told(provider, exported)
    }
}

fn provider_said(both: &Both) -> Option<(EventOutcome, usize)> {
    both.theirs
        .called
        .then(|| (outcome(&both.theirs), both.theirs.accounts().len()))
}

fn told(provider: Option<(EventOutcome, usize)>, exported: Result<ExportedUser, ReadError>) -> Told {
    let (exported, retry_after) = match exported {
        Ok(exported) => (exported, None),
        Err(ReadError::NoSuchUser { .. }) => (ExportedUser::Absent, None),
        Err(ReadError::Unavailable { retry_after, .. }) => (ExportedUser::Unresolved, retry_after),
        Err(ReadError::TooBroad | ReadError::TooDeep { .. } | ReadError::Corrupt) => (ExportedUser::Unresolved, None),
    };
    Told {
        exported,
        retry_after,
        provider,
    }
}
