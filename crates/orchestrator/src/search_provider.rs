//! Reads of the provider alone: the store is skipped, so nothing is concluded about it and nothing is written to it.
//!
//! The answer table with an absent store decides. Lists are read from the profiles of the mirror where they are current and
//! few enough. A tenant without a provider is read from the store (contract §2.1).

use std::sync::Arc;

use masthead_domain::{
    answer::{ListAnswer, UserAnswer},
    customer_registration_id::CustomerRegistrationId,
    event::EventKind,
    query::{AccessPath, OnProviderFailure, UserQuery},
    user_key::UserKey,
};
use masthead_ports::{provider::Providers, trace::SPANS};

use crate::{
    Caller, ReadError,
    findings::{PairFindings, SourceFindings},
    live_union::{first_page, pushed_down},
    mirror_list::MirrorLists,
    page::{check_depth, effective_query, empty_page, partial_reason, resolve_page},
    provider_reader::ProviderReader,
    read_log::{Asked, ReadLog},
    resolve::{ResolveContext, resolve_one},
    store_only::StoreOnly,
};

/// Finds users at the provider.
#[derive(Clone)]
pub struct SearchProvider {
    pub(crate) providers: Arc<dyn Providers>,
    pub(crate) reader: ProviderReader,
    pub(crate) store_only: StoreOnly,
    pub(crate) mirror: MirrorLists,
    pub(crate) log: ReadLog,
    pub(crate) max_depth: u64,
}

impl SearchProvider {
    /// Finds one user by id.
    ///
    /// # Errors
    /// [`ReadError::NoSuchUser`] only if the provider confirmed the absence; [`ReadError::Unavailable`] if it did not answer.
    #[tracing::instrument(target = SPANS, level = "trace", name = "look up user at provider", skip_all)]
    pub async fn find(
        &self,
        caller: &Caller,
        crid: &CustomerRegistrationId,
        on_failure: OnProviderFailure,
    ) -> Result<UserAnswer, ReadError> {
        let Some(provider) = self.providers.for_tenant(&caller.tenant) else {
            return self.store_only.find_one(caller, crid).await;
        };
        let cx = caller.read_context(on_failure);
        let mut findings = SourceFindings::new(provider.name());
        let key = UserKey::Id(crid.clone());
        findings.add(self.reader.find(&cx, &*provider, &key).await, None);
        let findings = PairFindings::provider_only(findings);
        self.log
            .record_findings(caller, EventKind::SubscribeUserGetById, Asked::User(crid), &findings)?;
        let context = ResolveContext {
            tenant: &caller.tenant,
            provider: provider.name(),
            on_failure,
        };
        resolve_one(findings, crid, context).map(|(answer, _)| answer)
    }

    /// Returns one page of the provider's users that meet the filter.
    ///
    /// # Errors
    /// As [`ListUsers::search`](crate::ListUsers::search).
    #[tracing::instrument(target = SPANS, level = "trace", name = "list users at provider", skip_all)]
    pub async fn search(
        &self,
        caller: &Caller,
        query: &UserQuery,
        on_failure: OnProviderFailure,
    ) -> Result<ListAnswer, ReadError> {
        check_depth(query, self.max_depth)?;
        let query = &*effective_query(query, &caller.tenant);
        let Some(provider) = self.providers.for_tenant(&caller.tenant) else {
            return self.store_only.list(caller, query).await;
        };
        let cx = caller.read_context(on_failure);
        let mut findings = SourceFindings::new(provider.name());
        match query.filter.access_path() {
            AccessPath::Contradiction => return Ok(empty_page(&caller.tenant, query)),
            AccessPath::Key(key) => findings.add(self.reader.find(&cx, &*provider, &key).await, None),
            AccessPath::List => {
                let profiles = self.mirror.current_profiles(caller, &cx, &query.filter).await?;
                let lookup = if let Some(profiles) = profiles {
                    profiles
                } else {
                    let filter = pushed_down(&query.filter, provider.searchable());
                    provider.search(&cx, &first_page(filter)).await
                };
                findings.partial = partial_reason(lookup.truncated, lookup.unreadable);
                findings.add(lookup, None);
            }
        }
        let findings = PairFindings::provider_only(findings);
        let asked = Asked::Users(&query.filter);
        self.log
            .record_findings(caller, EventKind::SubscribeUserGet, asked, &findings)?;
        let context = ResolveContext {
            tenant: &caller.tenant,
            provider: provider.name(),
            on_failure,
        };
        resolve_page(findings, query, context).map(|(answer, _)| answer)
    }
}
