//! Get By Query String: returns the users that meet a filter, in order, page by page, with their number.

use std::sync::Arc;

use masthead_domain::{
    answer::ListAnswer,
    flow::Sources,
    query::{AccessPath, OnProviderFailure, UserQuery},
};
use masthead_ports::{
    provider::{IdentityProvider, Providers},
    trace::SPANS,
};

use crate::{
    Caller, ReadError, SearchRequest,
    live_union::LiveUnion,
    mirror_list::MirrorLists,
    page::{check_depth, effective_query, empty_page},
    resolve::ResolveContext,
    source_pair::SourcePair,
    store_only::StoreOnly,
};

/// Lists users.
#[derive(Clone)]
pub struct ListUsers {
    pub(crate) providers: Arc<dyn Providers>,
    pub(crate) sources: SourcePair,
    pub(crate) store_only: StoreOnly,
    pub(crate) mirror: MirrorLists,
    pub(crate) union: LiveUnion,
    pub(crate) max_depth: u64,
}

impl ListUsers {
    /// Returns one page of the users that meet the filter.
    ///
    /// # Errors
    /// [`ReadError::TooDeep`] and [`ReadError::TooBroad`] require another request; [`ReadError::Unavailable`] allows a retry.
    #[tracing::instrument(target = SPANS, level = "trace", name = "list users", skip_all)]
    pub async fn search(&self, caller: &Caller, request: &SearchRequest) -> Result<ListAnswer, ReadError> {
        check_depth(&request.query, self.max_depth)?;
        let query = &*effective_query(&request.query, &caller.tenant);
        let provider = match request.sources {
            Sources::Store => None,
            Sources::ProviderAndStore(_) => self.providers.for_tenant(&caller.tenant),
        };
        match provider {
            // Boxed, like each long path: the future of the short paths would have to be as large.
            Some(provider) => {
                Box::pin(self.search_merged(caller, &*provider, query, request.on_provider_failure)).await
            }
            None => self.store_only.list(caller, query).await,
        }
    }

    /// Exact keys are looked up live. Other queries are read from the mirror, or from a live union while there is none.
    async fn search_merged(
        &self,
        caller: &Caller,
        provider: &dyn IdentityProvider,
        query: &UserQuery,
        on_failure: OnProviderFailure,
    ) -> Result<ListAnswer, ReadError> {
        let cx = caller.read_context(on_failure);
        let context = ResolveContext {
            tenant: &caller.tenant,
            provider: provider.name(),
            on_failure,
        };
        match query.filter.access_path() {
            AccessPath::Contradiction => Ok(empty_page(&caller.tenant, query)),
            AccessPath::Key(key) => {
                let findings = self.sources.find(&cx, provider, &key).await;
                self.union.answer(caller, query, context, findings)
            }
            AccessPath::List => match self.mirror.list(caller, &cx, query, context).await? {
                Some(answer) => Ok(answer),
                None => self.union.list(caller, &cx, provider, query, context).await,
            },
        }
    }
}
