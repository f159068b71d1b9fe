//! A provider with live, remembered or failed answers.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use masthead_domain::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    query::UserQuery,
    tenant::{PoolId, Tenant},
    user_key::UserKey,
};
use masthead_ports::{
    provider::{IdentityProvider, Lookup, Providers, Searchable},
    source::{CallContext, SourceError, SourceErrorKind, SourceName, UserSource},
};
use time::OffsetDateTime;

use crate::store::FakeStore;

/// How a fake provider answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderMode {
    /// Live, as of this time.
    Live(OffsetDateTime),
    /// From memory, as of this time; it fails for users that it does not have.
    Remembered(OffsetDateTime, SourceErrorKind),
    /// It fails.
    Failing(SourceErrorKind),
}

/// A provider over accounts in memory.
#[derive(Debug)]
pub struct FakeProvider {
    accounts: FakeStore,
    mode: Mutex<ProviderMode>,
    searchable: Searchable,
    calls: AtomicU64,
}

impl FakeProvider {
    /// A provider with this name and mode.
    #[must_use]
    pub const fn new(name: SourceName, mode: ProviderMode) -> Self {
        Self {
            accounts: FakeStore::named(name),
            mode: Mutex::new(mode),
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

    /// Removes the account with this id.
    pub fn remove(&self, pool: PoolId, id: &CustomerRegistrationId) {
        self.accounts.remove(pool, id);
    }

    /// All accounts of a pool, without a call.
    #[must_use]
    pub fn kept(&self, pool: PoolId) -> Vec<Account> {
        self.accounts.kept(pool)
    }

    /// Changes the mode.
    pub fn set_mode(&self, mode: ProviderMode) {
        *self.mode.lock().unwrap_or_else(PoisonError::into_inner) = mode;
    }

    /// The number of calls.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    fn answer(&self, found: Result<Vec<Account>, SourceError>) -> Lookup {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let mode = *self.mode.lock().unwrap_or_else(PoisonError::into_inner);
        match (mode, found) {
            (ProviderMode::Live(as_of), Ok(accounts)) => Lookup::live(accounts, as_of),
            (ProviderMode::Remembered(as_of, reason), Ok(accounts)) if !accounts.is_empty() => {
                Lookup::remembered(accounts, as_of, reason)
            }
            (ProviderMode::Failing(reason) | ProviderMode::Remembered(_, reason), _) => Lookup::failed(reason),
            (ProviderMode::Live(_), Err(error)) => Lookup::failed(error.kind),
        }
    }
}

#[async_trait]
impl IdentityProvider for FakeProvider {
    fn name(&self) -> SourceName {
        self.accounts.name()
    }

    fn searchable(&self) -> Searchable {
        self.searchable
    }

    async fn find(&self, cx: &CallContext, key: &UserKey) -> Lookup {
        self.answer(self.accounts.find(cx, key).await)
    }

    async fn search(&self, cx: &CallContext, query: &UserQuery) -> Lookup {
        let (accounts, truncated) = match self.accounts.search(cx, query).await {
            Ok(page) => (Ok(page.accounts), page.more || page.truncated),
            Err(error) => (Err(error), false),
        };
        Lookup {
            truncated,
            ..self.answer(accounts)
        }
    }
}

/// Gives every tenant with a provider the same one, or none.
#[derive(Debug, Default)]
pub struct FakeProviders(pub Option<Arc<FakeProvider>>);

impl Providers for FakeProviders {
    fn for_tenant(&self, tenant: &Arc<Tenant>) -> Option<Arc<dyn IdentityProvider>> {
        tenant.settings.user_provider?;
        self.0.clone().map(|provider| provider as Arc<dyn IdentityProvider>)
    }
}
