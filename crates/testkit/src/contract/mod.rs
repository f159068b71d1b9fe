//! The contract of every source of registrations, as cases for the fake and for Postgres.
//!
//! A [`SourceFactory`] creates a source of given accounts; [`for_each_source_case`](crate::for_each_source_case) names the cases.

mod lists;
mod look_ups;
pub mod mirror;
pub mod model;
mod pages;
pub mod users;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use masthead_domain::{
    account::Account,
    order::Order,
    query::{CountMode, Position, UserFilter, UserQuery},
    tenant::Tenant,
};
use masthead_ports::{
    bulk::BulkLookups,
    source::{CallContext, Priority, UserSource},
};

pub use lists::*;
pub use look_ups::*;
pub use pages::*;

/// Creates a source for one case.
#[async_trait]
pub trait SourceFactory: Send + Sync {
    /// A source of these tenants, each with a separate pool of exactly these accounts.
    async fn source(&self, tenants: Vec<TenantAccounts>) -> SourceSubject;
}

/// A tenant and the accounts of its pool.
pub struct TenantAccounts {
    /// Whether an outside provider keeps the accounts; only then may an address occur twice.
    pub federated: bool,
    /// The accounts; the source assigns registration numbers.
    pub accounts: Vec<Account>,
}

/// A source, and its tenants in the order in which they were loaded.
pub struct SourceSubject {
    /// The source.
    pub source: Arc<dyn UserSource>,
    /// The same source, for bulk lookups.
    pub bulk: Arc<dyn BulkLookups>,
    /// The tenants.
    pub tenants: Vec<Arc<Tenant>>,
    /// Resources that must outlive the source.
    pub keep: Box<dyn std::any::Any + Send + Sync>,
}

impl SourceSubject {
    /// The context of a call for the tenant with this number.
    #[must_use]
    pub fn context(&self, tenant: usize) -> CallContext {
        let deadline = Instant::now() + Duration::from_mins(1);
        CallContext::new(Arc::clone(&self.tenants[tenant]), deadline, Priority::Interactive)
    }
}

/// A tenant without a provider.
#[must_use]
pub fn local(accounts: Vec<Account>) -> TenantAccounts {
    TenantAccounts {
        federated: false,
        accounts,
    }
}

/// A tenant with a provider.
#[must_use]
pub fn federated(accounts: Vec<Account>) -> TenantAccounts {
    TenantAccounts {
        federated: true,
        accounts,
    }
}

/// The first hundred of this filter by e-mail, counted.
#[must_use]
pub fn list(filter: UserFilter) -> UserQuery {
    UserQuery {
        filter,
        order: Order::default(),
        position: Position::Offset(0),
        size: 100,
        count: CountMode::Exact,
    }
}

/// The ids of accounts, in their order.
#[must_use]
pub fn ids(accounts: &[Account]) -> Vec<&str> {
    accounts.iter().map(|account| account.crid.as_str()).collect()
}
