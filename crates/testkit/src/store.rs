//! A source of accounts in memory: simple, and failing on demand.

use std::{
    cmp::Ordering,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use masthead_domain::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    order::{ListCursor, SortKey},
    query::{CountMode, Position, Total, UserQuery},
    tenant::PoolId,
    user_key::UserKey,
};
use masthead_ports::{
    bulk::{BulkAnswer, BulkLookups, LookupKey},
    source::{AccountPage, CallContext, SUBSCRIBE, SourceError, SourceErrorKind, SourceName, UserSource},
};
use time::OffsetDateTime;

/// How a fake source answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreMode {
    /// It answers.
    Answering,
    /// It fails at once in this way.
    Failing(SourceErrorKind),
    /// It answers after this time, ignoring the deadline.
    Slow(Duration),
    /// It never answers.
    Stuck,
    /// It panics.
    Panicking,
}

/// A source of accounts in memory, by pool.
#[derive(Debug)]
pub struct FakeStore {
    name: SourceName,
    state: Mutex<StoreState>,
}

#[derive(Debug)]
struct StoreState {
    accounts: Vec<(PoolId, Account)>,
    mode: StoreMode,
    calls: u64,
    deleted: Vec<(PoolId, CustomerRegistrationId)>,
}

impl Default for FakeStore {
    fn default() -> Self {
        Self::named(SUBSCRIBE)
    }
}

impl FakeStore {
    /// An empty source with this name.
    #[must_use]
    pub const fn named(name: SourceName) -> Self {
        Self {
            name,
            state: Mutex::new(StoreState {
                accounts: Vec::new(),
                mode: StoreMode::Answering,
                calls: 0,
                deleted: Vec::new(),
            }),
        }
    }

    /// The store with these accounts.
    #[must_use]
    pub fn with(pool: PoolId, accounts: impl IntoIterator<Item = Account>) -> Self {
        let store = Self::default();
        store.put(pool, accounts);
        store
    }

    /// Adds accounts; one with a known id replaces the other.
    pub fn put(&self, pool: PoolId, accounts: impl IntoIterator<Item = Account>) {
        let mut state = self.lock();
        for account in accounts {
            state
                .accounts
                .retain(|(known, other)| (*known, &other.crid) != (pool, &account.crid));
            state.deleted.retain(|(of, id)| (*of, id) != (pool, &account.crid));
            state.accounts.push((pool, account));
        }
    }

    /// Deletes the user with this id, and remembers it.
    pub fn delete(&self, pool: PoolId, id: &CustomerRegistrationId) {
        self.remove(pool, id);
        self.lock().deleted.push((pool, id.clone()));
    }

    /// Removes the account with this id.
    pub fn remove(&self, pool: PoolId, id: &CustomerRegistrationId) {
        self.lock()
            .accounts
            .retain(|(kept_in, account)| (*kept_in, &account.crid) != (pool, id));
    }

    /// Changes the mode.
    pub fn set_mode(&self, mode: StoreMode) {
        self.lock().mode = mode;
    }

    /// The number of calls.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.lock().calls
    }

    fn lock(&self) -> MutexGuard<'_, StoreState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All accounts of the pool of the tenant, as a call.
    ///
    /// # Errors
    /// Those of the mode.
    pub async fn accounts(&self, cx: &CallContext) -> Result<Vec<Account>, SourceError> {
        self.call(cx, "accounts").await
    }

    /// Counts a call, applies the mode, and returns the accounts of the pool.
    async fn call(&self, cx: &CallContext, operation: &'static str) -> Result<Vec<Account>, SourceError> {
        let mode = {
            let mut state = self.lock();
            state.calls += 1;
            state.mode
        };
        match mode {
            StoreMode::Answering => {}
            StoreMode::Failing(kind) => return Err(SourceError::new(operation, kind)),
            StoreMode::Slow(time) => tokio::time::sleep(time).await,
            StoreMode::Stuck => std::future::pending().await,
            StoreMode::Panicking => std::panic::resume_unwind(Box::new("the fake store panics")),
        }
        Ok(self.kept(cx.tenant.pool))
    }

    /// All accounts of a pool, without a call.
    #[must_use]
    pub fn kept(&self, pool: PoolId) -> Vec<Account> {
        let state = self.lock();
        let of_pool = state.accounts.iter().filter(|(kept_in, _)| *kept_in == pool);
        of_pool.map(|(_, account)| account.clone()).collect()
    }
}

#[async_trait]
impl UserSource for FakeStore {
    fn name(&self) -> SourceName {
        self.name
    }

    async fn find(&self, cx: &CallContext, key: &UserKey) -> Result<Vec<Account>, SourceError> {
        let mut matches = self.call(cx, key.operation()).await?;
        matches.retain(|account| key.matches(account));
        matches.sort_by(|a, b| a.crid.cmp(&b.crid));
        Ok(matches)
    }

    async fn search(&self, cx: &CallContext, query: &UserQuery) -> Result<AccountPage, SourceError> {
        let mut matches = self.call(cx, "search").await?;
        matches.retain(|account| query.filter.matches(account));
        let outside_provider = cx.tenant.settings.is_federated();
        let place = |account: &Account| SortKey::for_account(account, query.order.column, outside_provider);
        matches.sort_by(|a, b| place(a).compare(&place(b), query.order.direction));
        let total = matches.len();
        let skipped = match &query.position {
            Position::Offset(offset) => usize::try_from(*offset).unwrap_or(usize::MAX),
            Position::After(ListCursor::Opaque(_)) => return Err(SourceError::new("search", SourceErrorKind::Refused)),
            Position::After(ListCursor::Key(last)) => matches
                .iter()
                .filter(|account| place(account).compare(last, query.order.direction) != Ordering::Greater)
                .count(),
        };
        let accounts: Vec<_> = matches
            .into_iter()
            .skip(skipped)
            .take(usize::from(query.size))
            .collect();
        Ok(AccountPage {
            more: skipped.saturating_add(accounts.len()) < total,
            accounts,
            total: match query.count {
                CountMode::Exact => Some(Total::Exact(total as u64)),
                CountMode::Estimate => Some(Total::Estimate(total as u64)),
                CountMode::None => None,
            },
            cursor: None,
            truncated: false,
            unreadable: false,
        })
    }

    async fn were_deleted(&self, cx: &CallContext, accounts: &[Account]) -> Result<Vec<bool>, SourceError> {
        let state = self.lock();
        let is_deleted = |account: &Account| state.deleted.contains(&(cx.tenant.pool, account.crid.clone()));
        Ok(accounts.iter().map(is_deleted).collect())
    }
}

#[async_trait]
impl BulkLookups for FakeStore {
    async fn find_many(
        &self,
        cx: &CallContext,
        keys: &[LookupKey],
        _: Option<OffsetDateTime>,
    ) -> Result<BulkAnswer, SourceError> {
        let all = self.call(cx, "by keys").await?;
        let is_named = |account: &Account, key: &LookupKey| match key {
            LookupKey::User(key) => key.matches(account),
            LookupKey::Registration(number) => account.registration_id == Some(*number),
        };
        let accounts_of = |key| {
            let mut accounts: Vec<_> = all.iter().filter(|account| is_named(account, key)).cloned().collect();
            accounts.sort_by(|a, b| a.crid.cmp(&b.crid));
            Ok(accounts)
        };
        Ok(BulkAnswer {
            registrations: keys.iter().map(accounts_of).collect(),
            mirror: None,
        })
    }
}
