//! Reads a source on behalf of one tenant, for tests.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use masthead_domain::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    email::EmailKey,
    order::Order,
    query::{CountMode, Position, UserFilter, UserQuery},
    tenant::Tenant,
    user_key::UserKey,
};
use masthead_ports::source::{AccountPage, CallContext, Priority, SourceError, SourceErrorKind, UserSource};

/// Lookups by one kind of key.
#[async_trait]
pub trait FindByKey: UserSource {
    /// Finds the account with this id.
    async fn by_id(&self, cx: &CallContext, id: &CustomerRegistrationId) -> Result<Option<Account>, SourceError> {
        let found = self.find(cx, &UserKey::Id(id.clone())).await?;
        assert!(found.len() <= 1, "an id has one account");
        Ok(found.into_iter().next())
    }

    /// Finds the accounts with this address.
    async fn by_email(&self, cx: &CallContext, email: &EmailKey) -> Result<Vec<Account>, SourceError> {
        self.find(cx, &UserKey::Email(email.clone())).await
    }
}

impl<S: UserSource + ?Sized> FindByKey for S {}

/// A source under test, and the tenant that reads it.
#[async_trait]
pub trait SourceClient: Sync {
    /// The source.
    fn source(&self) -> &dyn UserSource;

    /// The tenant.
    fn tenant(&self) -> &Arc<Tenant>;

    /// An interactive call with a deadline that a busy machine meets.
    fn cx(&self) -> CallContext {
        let deadline = Instant::now() + Duration::from_mins(1);
        CallContext::new(Arc::clone(self.tenant()), deadline, Priority::Interactive)
    }

    /// Finds the user with this id.
    async fn by_id(&self, id: &str) -> Result<Option<Account>, SourceError> {
        self.source().by_id(&self.cx(), &crid(id)).await
    }

    /// Finds the users with this address.
    async fn by_email(&self, email: &str) -> Result<Vec<Account>, SourceError> {
        self.source().by_email(&self.cx(), &EmailKey::from_text(email)).await
    }

    /// The ids of the users with this address.
    async fn ids_by_email(&self, email: &str) -> Vec<String> {
        ids(&self.by_email(email).await.expect("an answer"))
    }

    /// Returns the page of a query.
    async fn search(&self, query: &UserQuery) -> Result<AccountPage, SourceError> {
        self.source().search(&self.cx(), query).await
    }
}

/// Parses an id.
#[must_use]
pub fn crid(id: &str) -> CustomerRegistrationId {
    CustomerRegistrationId::parse(id).expect("an id")
}

/// The ids of these accounts, in their order.
#[must_use]
pub fn ids(accounts: &[Account]) -> Vec<String> {
    let ids = accounts.iter().map(|account| account.crid.as_str().to_owned());
    ids.collect()
}

/// The kind of the error.
pub fn kind<T: fmt::Debug>(answer: Result<T, SourceError>) -> SourceErrorKind {
    answer.expect_err("an error").kind
}

/// A query for the first page, of this size, of the users that meet a filter, with their number.
#[must_use]
pub fn listing(filter: UserFilter, size: u16) -> UserQuery {
    UserQuery {
        filter,
        order: Order::default(),
        position: Position::Offset(0),
        size,
        count: CountMode::Exact,
    }
}
