//! Asking both sides about users: at once, then each by the ids and addresses that the other's accounts raise, until the two
//! sides of every user are known (contract §2.2).

use masthead_domain::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    email::EmailKey,
    join::{Key, Questions, questions},
};
use masthead_ports::{
    provider::Provider,
    source::{CallContext, SUBSCRIBE},
};

use crate::{Users, told::Told};

/// How many ids, and how many addresses, are looked up for one request at a side where each is a call over the network.
const MAX_HOPS: usize = 10;

/// What a part of a side's answer lacks that no budget was left to confirm.
pub(crate) const UNCONFIRMED: &str = "unconfirmed";

/// What both sides told.
#[derive(Debug)]
pub(crate) struct Both {
    pub(crate) theirs: Told,
    pub(crate) ours: Told,
    /// The users were asked for by a whole key. Only then may a registration be written: of a list, a side's search may lag
    /// behind its own look-ups, and its absence there is not the documented one.
    pub(crate) by_key: bool,
}

/// What may still be asked of a side for one request.
#[derive(Debug, Clone, Copy)]
struct Budget {
    ids: usize,
    addresses: usize,
}

impl Budget {
    const NONE: Self = Self { ids: 0, addresses: 0 };
    const HOPS: Self = Self {
        ids: MAX_HOPS,
        addresses: MAX_HOPS,
    };
    const UNLIMITED: Self = Self {
        ids: usize::MAX,
        addresses: usize::MAX,
    };

    /// The questions that it covers.
    fn take(&mut self, mut keys: Vec<Key>) -> Vec<Key> {
        keys.retain(|key| {
            let left = match key {
                Key::Id(_) => &mut self.ids,
                Key::Address(_) => &mut self.addresses,
            };
            let covered = *left > 0;
            *left = left.saturating_sub(1);
            covered
        });
        keys
    }
}

impl Both {
    /// Nothing has been asked yet.
    pub(crate) fn nothing_yet(provider: &dyn Provider, by_key: bool) -> Self {
        Self {
            theirs: Told::nothing_yet(provider.name()),
            ours: Told::nothing_yet(SUBSCRIBE),
            by_key,
        }
    }

    /// Makes these of the accounts heard so far what the request is about.
    pub(crate) fn mark_subjects(&mut self, is_subject: impl Fn(&Account) -> bool) {
        self.theirs.evidence.mark_subjects(&is_subject);
        self.ours.evidence.mark_subjects(&is_subject);
    }

    /// The questions that are open at a side that answers.
    fn questions(&self) -> Questions {
        let mut open = questions(&self.theirs.evidence, &self.ours.evidence);
        if !self.theirs.is_live() {
            open.provider.clear();
        }
        if !self.ours.is_live() {
            open.store.clear();
        }
        open
    }
}

impl Users {
    /// What both sides know of the user with this id.
    pub(crate) async fn both_by_id(
        &self,
        cx: &CallContext,
        provider: &dyn Provider,
        id: &CustomerRegistrationId,
    ) -> Both {
        let mut both = Both::nothing_yet(provider, true);
        let (asked, answered) = tokio::join!(
            self.ask_by_id(cx, provider, id),
            after_the_provider(self.store.by_id(cx, id))
        );
        let key = Key::Id(id.clone());
        both.theirs.hear(asked, Some(&key), Vec::from_iter);
        both.ours
            .read(answered.map(Vec::from_iter), Some(&key), self.clock.now());
        both.mark_subjects(|account| account.crid == *id);
        self.resolve(cx, provider, &mut both).await;
        both
    }

    /// What both sides know of the users with this address.
    pub(crate) async fn both_by_email(&self, cx: &CallContext, provider: &dyn Provider, email: &EmailKey) -> Both {
        let mut both = Both::nothing_yet(provider, true);
        let (asked, answered) = tokio::join!(
            self.ask_by_email(cx, provider, email),
            after_the_provider(self.store.by_email(cx, email))
        );
        let key = Key::Address(email.clone());
        both.theirs.hear(asked, Some(&key), |accounts| accounts);
        both.ours.read(answered, Some(&key), self.clock.now());
        both.mark_subjects(|account| account.email.as_ref().is_some_and(|own| own.key() == email));
        self.resolve(cx, provider, &mut both).await;
        both
    }

    /// Asks each side what the other's accounts raise, until every subject's user is known, a side falls silent, or the
    /// request has made its share of calls. What is left open then is not joined ([`masthead_domain::join`]), and its side is
    /// [`UNCONFIRMED`].
    pub(crate) async fn resolve(&self, cx: &CallContext, provider: &dyn Provider, both: &mut Both) {
        // A provider that has more than it shows leaves the answer incomplete anyway, and bills every call.
        let mut of_provider = if both.theirs.partial.is_some() {
            Budget::NONE
        } else {
            Budget::HOPS
        };
        let mut of_store = if cx.tenant.settings.has_remote_store() {
            Budget::HOPS
        } else {
            Budget::UNLIMITED
        };
        loop {
            let open = both.questions();
            let unconfirmed = (!open.provider.is_empty(), !open.store.is_empty());
            let (for_provider, for_store) = (of_provider.take(open.provider), of_store.take(open.store));
            if for_provider.is_empty() && for_store.is_empty() {
                for (told, is_open) in [(&mut both.theirs, unconfirmed.0), (&mut both.ours, unconfirmed.1)] {
                    if is_open {
                        told.partial.get_or_insert(UNCONFIRMED);
                    }
                }
                return;
            }
            tokio::join!(
                self.ask_provider(cx, provider, &mut both.theirs, &for_provider),
                self.ask_store(cx, &mut both.ours, &for_store)
            );
        }
    }

    /// Asks the store all of this at once: look-ups that wait at the same time travel in one statement.
    async fn ask_store(&self, cx: &CallContext, ours: &mut Told, keys: &[Key]) {
        let lookups = keys.iter().map(async |key| match key {
            Key::Id(id) => self.store.by_id(cx, id).await.map(Vec::from_iter),
            Key::Address(email) => self.store.by_email(cx, email).await,
        });
        let answers = futures_util::future::join_all(lookups).await;
        for (key, answer) in keys.iter().zip(answers) {
            ours.read(answer, Some(key), self.clock.now());
        }
    }

    /// Asks the provider one thing after the other, until it falls silent.
    async fn ask_provider(&self, cx: &CallContext, provider: &dyn Provider, theirs: &mut Told, keys: &[Key]) {
        for key in keys {
            if !theirs.is_live() {
                return;
            }
            match key {
                Key::Id(id) => theirs.hear(self.ask_by_id(cx, provider, id).await, Some(key), Vec::from_iter),
                Key::Address(email) => {
                    theirs.hear(self.ask_by_email(cx, provider, email).await, Some(key), |accounts| {
                        accounts
                    });
                }
            }
        }
    }
}

/// The store's answer, begun once what was begun before it had its turn on this thread. The provider is the one that is
/// waited for: its request leaves first, and the work of asking the store falls into the time of its answer.
async fn after_the_provider<T>(answer: impl Future<Output = T>) -> T {
    tokio::task::yield_now().await;
    answer.await
}
