//! Our own registrations as a source of accounts.

use std::sync::Arc;

use async_trait::async_trait;
use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::EmailKey, query::UserQuery,
};
use masthead_ports::source::{AccountPage, CallContext, SUBSCRIBE, SourceError, SourceName, UserSource};

use crate::{
    database::Database,
    lookup::{Key, Lookups},
    search::PgSearch,
};

/// The registrations of a tenant's pool.
pub struct PgRegistrations {
    lookups: Arc<Lookups>,
    search: Arc<PgSearch>,
    writer: Database,
}

impl PgRegistrations {
    pub(crate) const fn new(lookups: Arc<Lookups>, search: Arc<PgSearch>, writer: Database) -> Self {
        Self {
            lookups,
            search,
            writer,
        }
    }

    /// The same registrations, looked up elsewhere.
    pub(crate) fn with_lookups(&self, lookups: Arc<Lookups>) -> Self {
        Self::new(lookups, Arc::clone(&self.search), self.writer.clone())
    }

    pub(crate) const fn writer(&self) -> &Database {
        &self.writer
    }
}

#[async_trait]
impl UserSource for PgRegistrations {
    fn name(&self) -> SourceName {
        SUBSCRIBE
    }

    async fn by_id(&self, cx: &CallContext, id: &CustomerRegistrationId) -> Result<Option<Account>, SourceError> {
        let key = Key::Id(id.clone());
        let found = self.lookups.find("by_id", cx.tenant.pool, key, cx.deadline).await?;
        Ok(found.into_iter().next())
    }

    async fn by_email(&self, cx: &CallContext, email: &EmailKey) -> Result<Vec<Account>, SourceError> {
        // Neither can be stored; and '' is what rows without an address have for a key.
        if email.as_str().is_empty() || email.as_str().contains('\0') {
            return Ok(Vec::new());
        }
        let key = Key::Email(email.clone());
        self.lookups.find("by_email", cx.tenant.pool, key, cx.deadline).await
    }

    async fn search(&self, cx: &CallContext, query: &UserQuery) -> Result<AccountPage, SourceError> {
        self.search.page(cx, query).await
    }
}
