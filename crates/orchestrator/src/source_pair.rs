//! Looks up users in the provider and the store: first both at once, then each by the ids and addresses that the accounts of
//! the other raise, until the accounts of every user are known (contract §2.2).

use std::{collections::HashSet, sync::Arc};

use masthead_domain::{account::Account, email::Email, user_key::UserKey};
use masthead_ports::{
    clock::Clock,
    provider::{IdentityProvider, Lookup},
    source::{CallContext, SourceError, UserSource},
};

use crate::{
    findings::{PairFindings, SourceFindings},
    prefetched_store::PrefetchedStore,
    provider_reader::ProviderReader,
};

/// The maximum number of follow-up lookups by id, and of those by address, per request at a source behind the network.
const MAX_HOPS: usize = 10;

/// The reason of a source whose accounts could not all be confirmed.
const UNCONFIRMED: &str = "unconfirmed";

/// The provider and the store of a request.
#[derive(Clone)]
pub(crate) struct SourcePair {
    store: Arc<dyn UserSource>,
    provider: ProviderReader,
    clock: Arc<dyn Clock>,
    /// Answers of the store that are known already.
    prefetched: Arc<PrefetchedStore>,
}

/// The remaining lookups of one request at one source.
#[derive(Debug, Clone, Copy)]
struct LookupBudget {
    ids: usize,
    emails: usize,
}

impl LookupBudget {
    const NONE: Self = Self { ids: 0, emails: 0 };
    const HOPS: Self = Self {
        ids: MAX_HOPS,
        emails: MAX_HOPS,
    };
    const UNLIMITED: Self = Self {
        ids: usize::MAX,
        emails: usize::MAX,
    };

    /// Spends the budget; returns the lookups that it covers.
    fn spend(&mut self, mut keys: Vec<UserKey>) -> Vec<UserKey> {
        keys.retain(|key| {
            let left = match key {
                UserKey::Id(_) => &mut self.ids,
                UserKey::Email(_) => &mut self.emails,
            };
            let is_covered = *left > 0;
            *left = left.saturating_sub(1);
            is_covered
        });
        keys
    }
}

impl SourcePair {
    pub(crate) fn new(store: Arc<dyn UserSource>, provider: ProviderReader, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            provider,
            clock,
            prefetched: Arc::default(),
        }
    }

    /// The same pair with these answers of the store.
    pub(crate) fn with_prefetched(&self, prefetched: Arc<PrefetchedStore>) -> Self {
        Self {
            prefetched,
            ..self.clone()
        }
    }

    pub(crate) fn store(&self) -> &dyn UserSource {
        &*self.store
    }

    pub(crate) fn provider(&self) -> &ProviderReader {
        &self.provider
    }

    /// Finds the users with this key in both sources.
    pub(crate) async fn find(&self, cx: &CallContext, provider: &dyn IdentityProvider, key: &UserKey) -> PairFindings {
        let mut findings = PairFindings::new(provider.name(), true);
        let (from_provider, from_store) = tokio::join!(
            self.provider.find(cx, provider, key),
            after_provider_call(self.find_in_store(cx, key))
        );
        let from_provider = match &from_store {
            Ok(stored) if is_older(&from_provider, stored) => {
                self.provider.find_again(cx, provider, key, from_provider).await
            }
            _ => from_provider,
        };
        findings.provider.add(from_provider, Some(key));
        findings.store.add(self.store_lookup(from_store), Some(key));
        findings.mark_subjects(|account| key.matches(account));
        self.complete(cx, provider, &mut findings).await;
        findings
    }

    /// Makes the follow-up lookups until the user of every subject is known, a source fails, or the budget of the request is
    /// spent. Open lookups then join nothing ([`masthead_domain::join`]), and their source is [`UNCONFIRMED`].
    /// Accounts of the provider whose users were deleted from our store are taken out at the end.
    pub(crate) async fn complete(
        &self,
        cx: &CallContext,
        provider: &dyn IdentityProvider,
        findings: &mut PairFindings,
    ) {
        self.look_up_open(cx, provider, findings).await;
        self.remove_deleted(cx, findings).await;
    }

    /// A user that was deleted from our store alone is absent although the provider has it still (contract `writes.md` §3,
    /// delete). An account whose id or address a registration has is kept.
    async fn remove_deleted(&self, cx: &CallContext, findings: &mut PairFindings) {
        if findings.provider.accounts().is_empty() || !findings.store.is_live() {
            return;
        }
        let (ids, emails): (HashSet<_>, HashSet<_>) = findings
            .store
            .accounts()
            .iter()
            .map(|account| (&account.crid, account.email.as_ref().map(Email::key)))
            .unzip();
        let is_registered = |account: &Account| {
            let email = account.email.as_ref().map(Email::key);
            ids.contains(&account.crid) || email.is_some() && emails.contains(&email)
        };
        let alone: Vec<Account> = findings
            .provider
            .accounts()
            .iter()
            .filter(|account| !is_registered(account))
            .cloned()
            .collect();
        if alone.is_empty() {
            return;
        }
        match self.store.were_deleted(cx, &alone).await {
            Ok(deleted) => {
                let deleted: HashSet<_> = alone
                    .into_iter()
                    .zip(deleted)
                    .filter_map(|(account, is_deleted)| is_deleted.then_some(account.crid))
                    .collect();
                if !deleted.is_empty() {
                    findings
                        .provider
                        .evidence
                        .remove(|account| deleted.contains(&account.crid));
                }
            }
            // The users are shown rather than hidden: nothing is known of a deletion.
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "it is unknown whether users were deleted"
            ),
        }
    }

    async fn look_up_open(&self, cx: &CallContext, provider: &dyn IdentityProvider, findings: &mut PairFindings) {
        // After a truncated search the answer is incomplete anyway, and every call to the provider is billed.
        let mut provider_budget = if findings.provider.partial.is_some() {
            LookupBudget::NONE
        } else {
            LookupBudget::HOPS
        };
        let mut store_budget = if cx.tenant.settings.has_remote_store() {
            LookupBudget::HOPS
        } else {
            LookupBudget::UNLIMITED
        };
        loop {
            let open = findings.open_lookups();
            let unconfirmed = (!open.provider.is_empty(), !open.store.is_empty());
            let (at_provider, at_store) = (provider_budget.spend(open.provider), store_budget.spend(open.store));
            if at_provider.is_empty() && at_store.is_empty() {
                for (source, is_open) in [
                    (&mut findings.provider, unconfirmed.0),
                    (&mut findings.store, unconfirmed.1),
                ] {
                    if is_open {
                        source.partial.get_or_insert(UNCONFIRMED);
                    }
                }
                return;
            }
            tokio::join!(
                self.find_all_at_provider(cx, provider, &mut findings.provider, &at_provider),
                self.find_all_in_store(cx, &mut findings.store, &at_store)
            );
        }
    }

    /// Converts an answer of the store, and logs a failure.
    pub(crate) fn store_lookup(&self, answer: Result<Vec<Account>, SourceError>) -> Lookup {
        match answer {
            Ok(accounts) => Lookup::live(accounts, self.clock.now()),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    source.name = self.store.name(),
                    "no answer"
                );
                Lookup::failed(error.kind)
            }
        }
    }

    async fn find_in_store(&self, cx: &CallContext, key: &UserKey) -> Result<Vec<Account>, SourceError> {
        match self.prefetched.get(key) {
            Some(Ok(accounts)) => Ok(accounts.to_vec()),
            Some(Err(kind)) => Err(SourceError::new(key.operation(), kind)),
            None => self.store.find(cx, key).await,
        }
    }

    /// Looks up all keys in the store concurrently: concurrent lookups share one statement.
    async fn find_all_in_store(&self, cx: &CallContext, store: &mut SourceFindings, keys: &[UserKey]) {
        let lookups = keys.iter().map(|key| self.find_in_store(cx, key));
        let answers = futures_util::future::join_all(lookups).await;
        for (key, answer) in keys.iter().zip(answers) {
            store.add(self.store_lookup(answer), Some(key));
        }
    }

    /// Looks up the keys at the provider one after the other, until it fails.
    async fn find_all_at_provider(
        &self,
        cx: &CallContext,
        provider: &dyn IdentityProvider,
        findings: &mut SourceFindings,
        keys: &[UserKey],
    ) {
        for key in keys {
            if !findings.is_live() {
                return;
            }
            findings.add(self.provider.find(cx, provider, key).await, Some(key));
        }
    }
}

/// Whether a cached answer of the provider is from before a write that our store shows, perhaps by another server.
fn is_older(lookup: &Lookup, stored: &[Account]) -> bool {
    let written_at = stored.iter().filter_map(|account| account.changed_at).max();
    lookup.is_live() && !lookup.called && lookup.as_of < written_at
}

/// Starts the lookup in the store after the call to the provider has started: the provider is slower, so its request must be
/// sent first.
async fn after_provider_call<T>(answer: impl Future<Output = T>) -> T {
    tokio::task::yield_now().await;
    answer.await
}
