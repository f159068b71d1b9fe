//! Asking both sides about one user: at once, then each once more by the key that the other revealed.

use masthead_domain::{account::Account, crid::Crid, email::EmailKey, finding::Finding};
use masthead_ports::{
    provider::Provider,
    source::{CallContext, SUBSCRIBE},
};

use crate::{Users, told::Told};

/// How many ids that one side revealed are looked up at the other for one request, where that is a call over the network.
const MAX_HOPS: usize = 10;

/// What a part of a side's answer lacks that no budget was left to confirm.
pub(crate) const UNCONFIRMED: &str = "unconfirmed";

/// What both sides told.
#[derive(Debug)]
pub(crate) struct Both {
    pub(crate) theirs: Told,
    pub(crate) ours: Told,
}

impl Users {
    /// What both sides know of the user with this id, or with the address that one of them has for this id.
    pub(crate) async fn both_by_id(&self, cx: &CallContext, provider: &dyn Provider, id: &Crid) -> Both {
        let mut both = Both {
            theirs: Told::nothing_yet(provider.name()),
            ours: Told::nothing_yet(SUBSCRIBE),
        };
        let (asked, answered) = tokio::join!(
            self.ask_by_id(cx, provider, id),
            after_the_provider(self.store.by_id(cx, id))
        );
        both.theirs.hear(asked, Vec::from_iter);
        both.ours.read(answered.map(Vec::from_iter), self.clock.now());

        let address = |told: &Told| Some(told.accounts.first()?.email.as_ref()?.key().clone());
        let (they_have, we_have) = (!both.theirs.accounts.is_empty(), !both.ours.accounts.is_empty());
        // An address joins two accounts only when it is known to be the only one on either side: so the side that
        // revealed it is asked by it too.
        match (both.theirs.finding(they_have), both.ours.finding(we_have)) {
            (Finding::Found | Finding::Stale, Finding::Absent) => {
                if let Some(key) = address(&both.theirs) {
                    both.ours.read(self.store.by_email(cx, &key).await, self.clock.now());
                    if !both.ours.accounts.is_empty() {
                        both.theirs
                            .hear(self.ask_by_email(cx, provider, &key).await, |accounts| accounts);
                    }
                }
            }
            (Finding::Absent, Finding::Found | Finding::Stale) => {
                if let Some(key) = address(&both.ours) {
                    both.theirs
                        .hear(self.ask_by_email(cx, provider, &key).await, |accounts| accounts);
                    if !both.theirs.accounts.is_empty() {
                        both.ours.read(self.store.by_email(cx, &key).await, self.clock.now());
                    }
                }
            }
            _ => {}
        }
        both
    }

    /// What both sides know of the users with this address, and of those whose id the other side revealed.
    pub(crate) async fn both_by_email(&self, cx: &CallContext, provider: &dyn Provider, key: &EmailKey) -> Both {
        let mut both = Both {
            theirs: Told::nothing_yet(provider.name()),
            ours: Told::nothing_yet(SUBSCRIBE),
        };
        let (asked, answered) = tokio::join!(
            self.ask_by_email(cx, provider, key),
            after_the_provider(self.store.by_email(cx, key))
        );
        both.theirs.hear(asked, |accounts| accounts);
        both.ours.read(answered, self.clock.now());

        let only_theirs = missing(&both.theirs.accounts, &both.ours.accounts);
        let only_ours = missing(&both.ours.accounts, &both.theirs.accounts);
        self.ask_store_by_ids(cx, &mut both.ours, &only_theirs).await;
        self.ask_provider_by_ids(cx, provider, &mut both.theirs, &only_ours)
            .await;
        both
    }

    /// Looks ids up in the store, unless it is already silent; the first few of many, where it is a remote one.
    pub(crate) async fn ask_store_by_ids(&self, cx: &CallContext, ours: &mut Told, ids: &[Crid]) {
        if ours.silence().is_some() {
            return;
        }
        // Look-ups that wait at the same time travel in one statement; to a remote store each is a call.
        let most = if cx.tenant.settings.subscribe_is_remote() {
            MAX_HOPS
        } else {
            usize::MAX
        };
        let lookups = ids.iter().take(most).map(|id| self.store.by_id(cx, id));
        for answer in futures_util::future::join_all(lookups).await {
            ours.read(answer.map(Vec::from_iter), self.clock.now());
        }
        if ids.len() > most {
            ours.partial.get_or_insert(UNCONFIRMED);
        }
    }

    /// Looks ids up at the provider, one after the other, unless it is already silent; the first few of many.
    pub(crate) async fn ask_provider_by_ids(
        &self,
        cx: &CallContext,
        provider: &dyn Provider,
        theirs: &mut Told,
        ids: &[Crid],
    ) {
        for id in ids.iter().take(MAX_HOPS) {
            if theirs.silence().is_some() {
                return;
            }
            theirs.hear(self.ask_by_id(cx, provider, id).await, Vec::from_iter);
        }
        if ids.len() > MAX_HOPS {
            theirs.partial.get_or_insert(UNCONFIRMED);
        }
    }
}

/// The store's answer, begun once what was begun before it had its turn on this thread. The provider is the one that is
/// waited for: its request leaves first, and the work of asking the store falls into the time of its answer.
async fn after_the_provider<T>(answer: impl Future<Output = T>) -> T {
    tokio::task::yield_now().await;
    answer.await
}

/// The ids of the accounts that the other side has not told of.
pub(crate) fn missing(accounts: &[Account], told: &[Account]) -> Vec<Crid> {
    accounts
        .iter()
        .map(|account| &account.crid)
        .filter(|id| !told.iter().any(|other| other.crid == **id))
        .cloned()
        .collect()
}
