//! Get By Id: finds one user, or reports why there is none.

use std::sync::Arc;

use masthead_domain::{account::Account, answer::UserAnswer, event::EventKind, flow::Sources, user_key::UserKey};
use masthead_ports::{
    provider::{IdentityProvider, Providers},
    trace::SPANS,
};

use crate::{
    Caller, LookupRequest, ReadError,
    read_log::{ReadLog, ReadRequest},
    resolve::{ResolveContext, resolve_one},
    source_pair::SourcePair,
    store_only::StoreOnly,
    write_back::WriteBackQueue,
};

/// Finds one user by id.
#[derive(Clone)]
pub struct LookupUser {
    pub(crate) providers: Arc<dyn Providers>,
    pub(crate) sources: SourcePair,
    pub(crate) store_only: StoreOnly,
    pub(crate) log: ReadLog,
    pub(crate) write_back: WriteBackQueue,
}

impl LookupUser {
    /// Finds the user with the requested id.
    ///
    /// # Errors
    /// [`ReadError::NoSuchUser`] only if every queried source confirmed the absence; [`ReadError::Unavailable`] if one of
    /// them did not answer.
    #[tracing::instrument(target = SPANS, level = "trace", name = "look up user", skip_all)]
    pub async fn find(&self, caller: &Caller, request: &LookupRequest) -> Result<UserAnswer, ReadError> {
        let provider = match request.sources {
            Sources::Store => None,
            Sources::ProviderAndStore(_) => self.providers.for_tenant(&caller.tenant),
        };
        match provider {
            Some(provider) => Box::pin(self.find_merged(caller, &*provider, request)).await,
            None => self.store_only.find_one(caller, &request.crid).await,
        }
    }

    /// The answer about a registration that the request has read before, which its own event states.
    #[must_use]
    pub fn answer(&self, caller: &Caller, registration: Account) -> UserAnswer {
        self.store_only.answer(caller, registration)
    }

    async fn find_merged(
        &self,
        caller: &Caller,
        provider: &dyn IdentityProvider,
        request: &LookupRequest,
    ) -> Result<UserAnswer, ReadError> {
        let cx = caller.read_context(request.on_provider_failure);
        let key = UserKey::Id(request.crid.clone());
        let findings = self.sources.find(&cx, provider, &key).await;
        self.log.record_findings(
            caller,
            EventKind::SubscribeUserGetById,
            ReadRequest::User(&request.crid),
            &findings,
        )?;
        let context = ResolveContext {
            tenant: &caller.tenant,
            provider: provider.name(),
            on_failure: request.on_provider_failure,
        };
        let (answer, writes) = resolve_one(findings, &request.crid, context)?;
        self.write_back.enqueue(caller, writes);
        Ok(answer)
    }
}
