//! Providers that this program has no adapter for: never asked, and never taken for absence.

use async_trait::async_trait;
use masthead_domain::{account::Account, crid::Crid, email::EmailKey, flow::UserProvider, query::UserQuery};
use masthead_ports::{
    provider::{Asked, Heard, Provider, Searchable},
    source::{CallContext, Page, SourceErrorKind, SourceName},
};

/// A provider that cannot be asked: an operator must act.
pub(crate) struct Unserved(UserProvider);

impl Unserved {
    pub(crate) const fn new(provider: UserProvider) -> Self {
        Self(provider)
    }
}

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
