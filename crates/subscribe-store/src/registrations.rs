//! The registrations as a source of accounts.

use std::sync::Arc;

use async_trait::async_trait;
use masthead_domain::{account::Account, query::UserQuery, user_key::UserKey};
use masthead_ports::source::{
    AccountPage, CallContext, SUBSCRIBE, SourceError, SourceErrorKind, SourceName, UserSource,
};

use crate::{
    database::PgDatabase, lookup::Lookups, row::is_email_key, search::PgSearch, sqlstate::source_error,
    tombstones::Tombstones, trace::traced,
};

const WERE_DELETED: &str = "deleted users";

/// The registrations of a tenant's pool.
pub struct PgRegistrations {
    lookups: Arc<Lookups>,
    search: Arc<PgSearch>,
    writer: PgDatabase,
    tombstones: Tombstones,
}

impl PgRegistrations {
    pub(crate) const fn new(
        lookups: Arc<Lookups>,
        search: Arc<PgSearch>,
        writer: PgDatabase,
        tombstones: Tombstones,
    ) -> Self {
        Self {
            lookups,
            search,
            writer,
            tombstones,
        }
    }

    /// The same registrations, with other connections for look-ups.
    pub(crate) fn with_lookups(&self, lookups: Arc<Lookups>) -> Self {
        Self::new(
            lookups,
            Arc::clone(&self.search),
            self.writer.clone(),
            self.tombstones.clone(),
        )
    }

    pub(crate) const fn writer(&self) -> &PgDatabase {
        &self.writer
    }

    pub(crate) const fn tombstones(&self) -> &Tombstones {
        &self.tombstones
    }
}

#[async_trait]
impl UserSource for PgRegistrations {
    fn name(&self) -> SourceName {
        SUBSCRIBE
    }

    async fn find(&self, cx: &CallContext, key: &UserKey) -> Result<Vec<Account>, SourceError> {
        if let UserKey::Email(email) = key
            && !is_email_key(email)
        {
            return Ok(Vec::new());
        }
        let (operation, key) = (key.operation(), key.clone());
        let found = self.lookups.find(operation, cx.tenant.pool, key, cx.deadline);
        traced(operation, found).await
    }

    async fn search(&self, cx: &CallContext, query: &UserQuery) -> Result<AccountPage, SourceError> {
        self.search.page(cx, query).await
    }

    async fn were_deleted(&self, cx: &CallContext, accounts: &[Account]) -> Result<Vec<bool>, SourceError> {
        let found = async {
            let mut transaction = self.writer.begin().await?;
            let users: Vec<_> = accounts
                .iter()
                .map(|account| (&account.crid, account.email.as_ref()))
                .collect();
            self.tombstones.find(&mut transaction, cx.tenant.pool, &users).await
        };
        let found = tokio::time::timeout_at(cx.deadline.into(), found).await;
        let found = found.map_err(|late| SourceError::with_cause(WERE_DELETED, SourceErrorKind::Unavailable, late))?;
        let found = found.map_err(source_error(WERE_DELETED))?;
        Ok(found.iter().map(Option::is_some).collect())
    }
}
