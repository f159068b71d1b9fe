//! The Subscribe source of each tenant: our own registrations, or the remote Users API that its settings name.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::EmailKey, query::UserQuery,
    tenant::Tenant,
};
use masthead_ports::{
    bulk::{BulkAnswer, BulkLookups, KeyResult, LookupKey},
    source::{AccountPage, CallContext, SUBSCRIBE, SourceError, SourceErrorKind, SourceName, UserSource},
};
use masthead_provider_kit::CachedSource;
use masthead_provider_subscribe::RemoteSubscribe;
use time::OffsetDateTime;

/// Asks the one that a tenant has.
pub(crate) struct Subscribe {
    /// Our own registrations.
    pub(crate) store: Arc<dyn UserSource>,
    /// Shares calls that are the same; remembers nothing, as our own registrations do not.
    pub(crate) remote: CachedSource<RemoteSubscribe>,
}

/// The same for many users at once: a remote Users API has no such call and is asked one by one.
pub(crate) struct SubscribeBulk {
    /// Our own registrations.
    pub(crate) store: Arc<dyn BulkLookups>,
    /// As of [`Subscribe`].
    pub(crate) remote: CachedSource<RemoteSubscribe>,
}

/// How many users of one question are asked of a remote Users API at a time.
const AT_A_TIME: usize = 8;

impl Subscribe {
    fn of(&self, tenant: &Tenant) -> &dyn UserSource {
        if tenant.settings.has_remote_store() {
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

    async fn by_id(&self, cx: &CallContext, id: &CustomerRegistrationId) -> Result<Option<Account>, SourceError> {
        self.of(&cx.tenant).by_id(cx, id).await
    }

    async fn by_email(&self, cx: &CallContext, email: &EmailKey) -> Result<Vec<Account>, SourceError> {
        self.of(&cx.tenant).by_email(cx, email).await
    }

    async fn search(&self, cx: &CallContext, query: &UserQuery) -> Result<AccountPage, SourceError> {
        self.of(&cx.tenant).search(cx, query).await
    }
}

#[async_trait]
impl BulkLookups for SubscribeBulk {
    async fn find_many(
        &self,
        cx: &CallContext,
        keys: &[LookupKey],
        mirror_since: Option<OffsetDateTime>,
    ) -> Result<BulkAnswer, SourceError> {
        if !cx.tenant.settings.has_remote_store() {
            return self.store.find_many(cx, keys, mirror_since).await;
        }
        let mut answers = Vec::with_capacity(keys.len());
        for some in keys.chunks(AT_A_TIME) {
            answers.extend(join_all(some.iter().map(|key| self.asked(cx, key))).await);
        }
        Ok(BulkAnswer {
            registrations: answers,
            // A directory joins with our own registrations; a remote Users API's are not among them.
            mirror: None,
        })
    }
}

impl SubscribeBulk {
    async fn asked(&self, cx: &CallContext, key: &LookupKey) -> KeyResult {
        let answer = match key {
            LookupKey::Id(id) => self.remote.by_id(cx, id).await.map(Vec::from_iter),
            LookupKey::Email(email) => self.remote.by_email(cx, email).await,
            // The far side's own numbers, by which it cannot be asked: nobody has said that there is none.
            LookupKey::Registration(_) => return Err(SourceErrorKind::Refused),
        };
        answer.map_err(|error| error.kind)
    }
}
