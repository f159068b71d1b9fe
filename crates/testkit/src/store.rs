//! A source of accounts in memory: naive, obviously right, and ill on demand.

use std::{
    cmp::Ordering,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use masthead_domain::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    email::EmailKey,
    order::{ListCursor, SortKey},
    query::{CountMode, Position, Total, UserQuery},
    tenant::PoolId,
};
use masthead_ports::{
    bulk::{BulkAnswer, BulkLookups, LookupKey},
    source::{AccountPage, CallContext, SUBSCRIBE, SourceError, SourceErrorKind, SourceName, UserSource},
};
use time::OffsetDateTime;

/// How a fake source behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreMode {
    /// It answers.
    Answering,
    /// It fails at once in this way.
    Failing(SourceErrorKind),
    /// It answers after this long, whatever the deadline says.
    Slow(Duration),
    /// It never answers.
    Stuck,
    /// It panics, as a bug would.
    Panicking,
}

/// A source of accounts kept in memory, pool by pool.
#[derive(Debug)]
pub struct FakeStore {
    name: SourceName,
    inside: Mutex<Inside>,
}

#[derive(Debug)]
struct Inside {
    accounts: Vec<(PoolId, Account)>,
    mood: StoreMode,
    calls: u64,
}

impl Default for FakeStore {
    fn default() -> Self {
        Self::named(SUBSCRIBE)
    }
}

impl FakeStore {
    /// An empty source of this name.
    #[must_use]
    pub const fn named(name: SourceName) -> Self {
        Self {
            name,
            inside: Mutex::new(Inside {
                accounts: Vec::new(),
                mood: StoreMode::Answering,
                calls: 0,
            }),
        }
    }

    /// Our own store with these accounts.
    #[must_use]
    pub fn with(pool: PoolId, accounts: impl IntoIterator<Item = Account>) -> Self {
        let store = Self::default();
        store.put(pool, accounts);
        store
    }

    /// Adds accounts; one with an id that the pool has takes the other's place.
    pub fn put(&self, pool: PoolId, accounts: impl IntoIterator<Item = Account>) {
        let mut inside = self.lock();
        for account in accounts {
            inside
                .accounts
                .retain(|(known, other)| (*known, &other.crid) != (pool, &account.crid));
            inside.accounts.push((pool, account));
        }
    }

    /// Removes the account of this id.
    pub fn remove(&self, pool: PoolId, id: &CustomerRegistrationId) {
        self.lock()
            .accounts
            .retain(|(kept_in, account)| (*kept_in, &account.crid) != (pool, id));
    }

    /// Behaves in this way from now on.
    pub fn set_mode(&self, mood: StoreMode) {
        self.lock().mood = mood;
    }

    /// How often it was asked.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.lock().calls
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every account of the tenant's pool; a call like any other.
    ///
    /// # Errors
    /// As the mood has it.
    pub async fn accounts(&self, cx: &CallContext) -> Result<Vec<Account>, SourceError> {
        self.ask(cx, "accounts").await
    }

    /// Counts the call, suffers the mood, and gives the pool's accounts.
    async fn ask(&self, cx: &CallContext, operation: &'static str) -> Result<Vec<Account>, SourceError> {
        let mood = {
            let mut inside = self.lock();
            inside.calls += 1;
            inside.mood
        };
        match mood {
            StoreMode::Answering => {}
            StoreMode::Failing(kind) => return Err(SourceError::new(operation, kind)),
            StoreMode::Slow(time) => tokio::time::sleep(time).await,
            StoreMode::Stuck => std::future::pending().await,
            StoreMode::Panicking => std::panic::resume_unwind(Box::new("the fake store was told to panic")),
        }
        Ok(self.kept(cx.tenant.pool))
    }

    /// Every account of a pool, without a call.
    #[must_use]
    pub fn kept(&self, pool: PoolId) -> Vec<Account> {
        let inside = self.lock();
        let of_pool = inside.accounts.iter().filter(|(kept_in, _)| *kept_in == pool);
        of_pool.map(|(_, account)| account.clone()).collect()
    }
}

#[async_trait]
impl UserSource for FakeStore {
    fn name(&self) -> SourceName {
        self.name
    }

    async fn by_id(&self, cx: &CallContext, id: &CustomerRegistrationId) -> Result<Option<Account>, SourceError> {
        let all = self.ask(cx, "by id").await?;
        Ok(all.into_iter().find(|account| account.crid == *id))
    }

    async fn by_email(&self, cx: &CallContext, email: &EmailKey) -> Result<Vec<Account>, SourceError> {
        let mut matches = self.ask(cx, "by email").await?;
        matches.retain(|account| account.email.as_ref().is_some_and(|known| known.key() == email));
        matches.sort_by(|a, b| a.crid.cmp(&b.crid));
        Ok(matches)
    }

    async fn search(&self, cx: &CallContext, query: &UserQuery) -> Result<AccountPage, SourceError> {
        let mut matches = self.ask(cx, "search").await?;
        matches.retain(|account| query.filter.matches(account));
        let outside_provider = cx.tenant.settings.is_federated();
        let place = |account: &Account| SortKey::for_account(account, query.order.column, outside_provider);
        matches.sort_by(|a, b| place(a).compare(&place(b), query.order.direction));
        let total = matches.len();
        let skipped = match &query.position {
            Position::Offset(offset) => usize::try_from(*offset).unwrap_or(usize::MAX),
            // This store makes no marks.
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
            mark: None,
            truncated: false,
            unreadable: false,
        })
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
        let all = self.ask(cx, "by keys").await?;
        let is_named = |account: &Account, key: &LookupKey| match key {
            LookupKey::Id(id) => account.crid == *id,
            LookupKey::Email(email) => account.email.as_ref().is_some_and(|known| known.key() == email),
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
