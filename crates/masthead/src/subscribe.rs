//! The Subscribe source of each tenant: our own registrations, or the remote Users API that its settings name.

use std::sync::Arc;

use async_trait::async_trait;
use masthead_domain::{account::Account, crid::Crid, email::EmailKey, query::UserQuery, tenant::Tenant};
use masthead_ports::source::{CallContext, Page, SUBSCRIBE, SourceError, SourceName, UserSource};
use masthead_provider_http::GuardedSource;
use masthead_provider_subscribe::RemoteSubscribe;

/// Asks the one that a tenant has.
pub(crate) struct Subscribe {
    /// Our own registrations.
    pub(crate) store: Arc<dyn UserSource>,
    /// Shares calls that are the same; remembers nothing, as our own registrations do not.
    pub(crate) remote: GuardedSource<RemoteSubscribe>,
}

impl Subscribe {
    fn of(&self, tenant: &Tenant) -> &dyn UserSource {
        if tenant.settings.subscribe_is_remote() {
            &self.remote
        } else {
            &*self.store
        }
    }
}

#[async_trait]
impl UserSource for Subscribe {
    fn name(&self) -> SourceName {
        SUBSCRIBE
    }

    async fn by_id(&self, cx: &CallContext, id: &Crid) -> Result<Option<Account>, SourceError> {
        self.of(&cx.tenant).by_id(cx, id).await
    }

    async fn by_email(&self, cx: &CallContext, email: &EmailKey) -> Result<Vec<Account>, SourceError> {
        self.of(&cx.tenant).by_email(cx, email).await
    }

    async fn search(&self, cx: &CallContext, query: &UserQuery) -> Result<Page, SourceError> {
        self.of(&cx.tenant).search(cx, query).await
    }
}
