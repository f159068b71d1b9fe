//! Providers that this program has no adapter for: never asked, and never taken for absence.

use std::sync::Arc;

use async_trait::async_trait;
use masthead_domain::{
    account::Account, crid::Crid, email::EmailKey, flow::UserProvider, query::UserQuery, tenant::Tenant,
};
use masthead_ports::{
    provider::{Asked, Heard, Provider, Providers, Searchable},
    registrations::{Registrations, Synchronised, WrittenFor},
    source::{CallContext, Page, SourceError, SourceErrorKind, SourceName},
};

/// Gives every federated tenant an [`Unserved`] provider, so that its answers say what is missing.
pub(crate) struct NoAdapters;

impl Providers for NoAdapters {
    fn of(&self, tenant: &Arc<Tenant>) -> Option<Arc<dyn Provider>> {
        let provider = tenant.settings.user_provider?;
        Some(Arc::new(Unserved(provider)))
    }
}

/// A provider that cannot be asked: an operator must act.
struct Unserved(UserProvider);

const fn nothing<T>() -> Asked<T> {
    Asked {
        heard: Heard::Nothing {
            reason: SourceErrorKind::Misconfigured,
        },
        called: false,
    }
}

#[async_trait]
impl Provider for Unserved {
    fn name(&self) -> SourceName {
        self.0.name()
    }

    fn searchable(&self) -> Searchable {
        Searchable::default()
    }

    async fn by_id(&self, _: &CallContext, _: &Crid) -> Asked<Option<Account>> {
        nothing()
    }

    async fn by_email(&self, _: &CallContext, _: &EmailKey) -> Asked<Vec<Account>> {
        nothing()
    }

    async fn search(&self, _: &CallContext, _: &UserQuery) -> Asked<Page> {
        nothing()
    }
}

/// Where nothing is ever heard live, nothing is ever synchronised.
#[async_trait]
impl Registrations for NoAdapters {
    async fn synchronise(&self, _: &CallContext, _: &Account, _: &WrittenFor) -> Result<Synchronised, SourceError> {
        Err(SourceError::new("synchronise", SourceErrorKind::Misconfigured))
    }
}
