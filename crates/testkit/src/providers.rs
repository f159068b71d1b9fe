//! A provider whose word can be live, remembered, or silence.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use masthead_domain::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    email::EmailKey,
    query::UserQuery,
    tenant::{PoolId, Tenant},
};
use masthead_ports::{
    provider::{Asked, Heard, Provider, Providers, Searchable},
    source::{AccountPage, CallContext, SourceErrorKind, SourceName, UserSource},
};
use time::OffsetDateTime;

use crate::store::FakeStore;

/// How a fake provider speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderMode {
    /// Its own word of this moment.
    Live(OffsetDateTime),
    /// What it had said at this moment; silence about those whom it did not have.
    Remembered(OffsetDateTime, SourceErrorKind),
    /// Nothing.
    Failing(SourceErrorKind),
}

/// A provider over accounts in memory.
#[derive(Debug)]
pub struct FakeProvider {
    accounts: FakeStore,
    voice: Mutex<ProviderMode>,
    searchable: Searchable,
    calls: AtomicU64,
}

impl FakeProvider {
    /// A provider of this name that speaks so.
    #[must_use]
    pub const fn new(name: SourceName, voice: ProviderMode) -> Self {
        Self {
            accounts: FakeStore::named(name),
            voice: Mutex::new(voice),
            searchable: Searchable {
                list: true,
                email_prefix: true,
                email_contains: Some(3),
                name_prefix: true,
                metadata: false,
            },
            calls: AtomicU64::new(0),
        }
    }

    /// Adds accounts.
    pub fn put(&self, pool: PoolId, accounts: impl IntoIterator<Item = Account>) {
        self.accounts.put(pool, accounts);
    }

    /// Removes the account of this id.
    pub fn remove(&self, pool: PoolId, id: &CustomerRegistrationId) {
        self.accounts.remove(pool, id);
    }

    /// Every account of a pool, without a call.
    #[must_use]
    pub fn kept(&self, pool: PoolId) -> Vec<Account> {
        self.accounts.kept(pool)
    }

    /// Speaks so from now on.
    pub fn set_mode(&self, voice: ProviderMode) {
        *self.voice.lock().unwrap_or_else(PoisonError::into_inner) = voice;
    }

    /// How often it was asked.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    async fn say<T>(
        &self,
        answer: impl Future<Output = Result<T, masthead_ports::source::SourceError>>,
        positive: impl Fn(&T) -> bool,
    ) -> Asked<T> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let voice = *self.voice.lock().unwrap_or_else(PoisonError::into_inner);
        let heard = match (voice, answer.await) {
            (ProviderMode::Live(as_of), Ok(value)) => Heard::Live { value, as_of },
            (ProviderMode::Remembered(as_of, reason), Ok(value)) if positive(&value) => {
                Heard::Remembered { value, as_of, reason }
            }
            (ProviderMode::Failing(reason) | ProviderMode::Remembered(_, reason), _) => Heard::Nothing { reason },
            (ProviderMode::Live(_), Err(error)) => Heard::Nothing { reason: error.kind },
        };
        Asked { heard, called: true }
    }
}

#[async_trait]
impl Provider for FakeProvider {
    fn name(&self) -> SourceName {
        self.accounts.name()
    }

    fn searchable(&self) -> Searchable {
        self.searchable
    }

    async fn by_id(&self, cx: &CallContext, id: &CustomerRegistrationId) -> Asked<Option<Account>> {
        self.say(self.accounts.by_id(cx, id), Option::is_some).await
    }

    async fn by_email(&self, cx: &CallContext, email: &EmailKey) -> Asked<Vec<Account>> {
        self.say(self.accounts.by_email(cx, email), |accounts| !accounts.is_empty())
            .await
    }

    async fn search(&self, cx: &CallContext, query: &UserQuery) -> Asked<AccountPage> {
        self.say(self.accounts.search(cx, query), |page| !page.accounts.is_empty())
            .await
    }
}

/// Gives every federated tenant the same provider, or none at all.
#[derive(Debug, Default)]
pub struct FakeProviders(pub Option<Arc<FakeProvider>>);

impl Providers for FakeProviders {
    fn for_tenant(&self, tenant: &Arc<Tenant>) -> Option<Arc<dyn Provider>> {
        tenant.settings.user_provider?;
        self.0.clone().map(|provider| provider as Arc<dyn Provider>)
    }
}
