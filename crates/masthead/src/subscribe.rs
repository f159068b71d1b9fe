//! The Subscribe source of each tenant: this store's registrations, or the remote Users API in the tenant's settings.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
use masthead_domain::{account::Account, query::UserQuery, tenant::Tenant, user_key::UserKey};
use masthead_ports::{
    bulk::{BulkAnswer, BulkLookups, KeyResult, LookupKey},
    source::{AccountPage, CallContext, SUBSCRIBE, SourceError, SourceErrorKind, SourceName, UserSource},
};
use masthead_provider_kit::CachedSource;
use masthead_provider_subscribe::RemoteSubscribe;
use time::OffsetDateTime;

/// Reads from the source that the tenant has.
pub(crate) struct SubscribeSource {
    /// This store's registrations.
    pub(crate) store: Arc<dyn UserSource>,
    /// Shares concurrent equal calls; caches nothing.
    pub(crate) remote: CachedSource<RemoteSubscribe>,
}

/// The same for bulk lookups: a remote Users API has no bulk call and is called once per key.
pub(crate) struct SubscribeBulk {
    /// This store's registrations.
    pub(crate) store: Arc<dyn BulkLookups>,
    /// The same as in [`SubscribeSource`].
    pub(crate) remote: CachedSource<RemoteSubscribe>,
}

/// How many users are requested from a remote Users API concurrently.
const CONCURRENT_LOOKUPS: usize = 8;

impl SubscribeSource {
    fn source(&self, tenant: &Tenant) -> &dyn UserSource {
        if tenant.settings.has_remote_store() {
            &self.remote
        } else {
            &*self.store
        }
    }
}

#[async_trait]
impl UserSource for SubscribeSource {
    fn name(&self) -> SourceName {
        SUBSCRIBE
    }

    async fn find(&self, cx: &CallContext, key: &UserKey) -> Result<Vec<Account>, SourceError> {
        self.source(&cx.tenant).find(cx, key).await
    }

    async fn search(&self, cx: &CallContext, query: &UserQuery) -> Result<AccountPage, SourceError> {
        self.source(&cx.tenant).search(cx, query).await
    }

    async fn were_deleted(&self, cx: &CallContext, accounts: &[Account]) -> Result<Vec<bool>, SourceError> {
        self.source(&cx.tenant).were_deleted(cx, accounts).await
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
        for some in keys.chunks(CONCURRENT_LOOKUPS) {
            answers.extend(join_all(some.iter().map(|key| self.look_up(cx, key))).await);
        }
        Ok(BulkAnswer {
            registrations: answers,
            // A mirror is joined with this store's registrations, not with those of a remote Users API.
            mirror: None,
        })
    }
}

impl SubscribeBulk {
    async fn look_up(&self, cx: &CallContext, key: &LookupKey) -> KeyResult {
        let answer = match key {
            LookupKey::User(key) => self.remote.find(cx, key).await,
            // Registration numbers of the remote side cannot be looked up there, so absence is not confirmed.
            LookupKey::Registration(_) => return Err(SourceErrorKind::Refused),
        };
        answer.map_err(|error| error.kind)
    }
}
