//! Asking a source for one tenant, in the words of a test.

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
};
use masthead_ports::source::{AccountPage, CallContext, Priority, SourceError, SourceErrorKind, UserSource};

/// A source under test and the tenant that asks it.
#[async_trait]
pub trait SourceClient: Sync {
    /// The source.
    fn source(&self) -> &dyn UserSource;

    /// Who asks.
    fn tenant(&self) -> &Arc<Tenant>;

    /// A call of a person who waits longer than a busy machine stalls.
    fn cx(&self) -> CallContext {
        let deadline = Instant::now() + Duration::from_mins(1);
        CallContext::new(Arc::clone(self.tenant()), deadline, Priority::Interactive)
    }

    /// The user with this id.
    async fn by_id(&self, id: &str) -> Result<Option<Account>, SourceError> {
        self.source().by_id(&self.cx(), &crid(id)).await
    }

    /// The users with this address.
    async fn by_email(&self, email: &str) -> Result<Vec<Account>, SourceError> {
        self.source().by_email(&self.cx(), &EmailKey::from_text(email)).await
    }

    /// The ids of the users with this address.
    async fn ids_by_email(&self, email: &str) -> Vec<String> {
        ids(&self.by_email(email).await.expect("an answer"))
    }

    /// The page of a query.
    async fn search(&self, query: &UserQuery) -> Result<AccountPage, SourceError> {
        self.source().search(&self.cx(), query).await
    }
}

/// The id of this text.
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

/// The kind of the error that an answer is.
pub fn kind<T: fmt::Debug>(answer: Result<T, SourceError>) -> SourceErrorKind {
    answer.expect_err("silence").kind
}

/// The first page, of this size, of the users who meet a filter, counted.
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
