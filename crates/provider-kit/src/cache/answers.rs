//! Remembers the answers of a source within bounds: briefly as fresh answers, longer for when the source is unavailable.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use masthead_domain::{account::Account, tenant::Tenant, user_key::UserKey};
use masthead_ports::source::SourceName;
use moka::{future::Cache, policy::EvictionPolicy};
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::{per_tenant::PerTenant, settings::affects_answers};

/// How long a forgotten key stays marked beyond the age of answers, so that an answer in flight is not remembered.
const FORGOTTEN_FOR: Duration = Duration::from_mins(2);

/// How many answers are looked at before other tasks have a turn.
const LOOKED_AT_ONCE: usize = 256;

/// The most marked keys.
const MOST_FORGOTTEN: u64 = 100_000;

/// The key of an answer: the tenant with its provider settings, and the user.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct AnswerKey {
    /// A number unique to the tenant, until settings change that affect answers.
    scope: u64,
    user: UserKey,
}

/// An answer and its time. An empty list means that the source confirmed the absence.
#[derive(Clone)]
pub(crate) struct CachedAnswer {
    pub(crate) accounts: Arc<[Account]>,
    pub(crate) as_of: OffsetDateTime,
    pub(crate) at: Instant,
}

/// The bounds of the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheOptions {
    /// How long an answer is fresh and replaces a call. Zero: never.
    pub fresh: Duration,
    /// How long a positive answer may replace an unavailable source. Zero: never.
    pub stale: Duration,
    /// How long a lookup waits for the source before such an answer is returned; the call continues and refreshes it.
    pub stale_after: Duration,
    /// The most answers.
    pub max_answers: u32,
    /// The approximate memory limit.
    pub max_bytes: u32,
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self {
            fresh: Duration::from_secs(5),
            stale: Duration::from_hours(1),
            stale_after: Duration::from_millis(150),
            max_answers: 50_000,
            max_bytes: 64 * 1024 * 1024,
        }
    }
}

/// The remembered answers of one source.
pub(crate) struct AnswerCache {
    options: CacheOptions,
    scopes: PerTenant<u64>,
    next_scope: AtomicU64,
    answer: Cache<AnswerKey, CachedAnswer>,
    forgotten: Cache<AnswerKey, Instant>,
}

impl AnswerCache {
    /// An empty cache for this source, whose settings begin with its name.
    pub(crate) fn new(source: SourceName, options: CacheOptions) -> Self {
        // One weight enforces both limits: each answer weighs at least its share of the memory.
        let share = (options.max_bytes / options.max_answers.max(1)).max(1);
        let answer = Cache::builder()
            .max_capacity(options.max_bytes.into())
            .weigher(move |_, answer: &CachedAnswer| weight(answer).max(share))
            .time_to_live(options.stale.max(options.fresh))
            .build();
        // An answer under another key, such as an old address, may show a changed account as long as it is remembered.
        let forgotten = Cache::builder()
            .max_capacity(MOST_FORGOTTEN)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(options.stale.max(options.fresh) + FORGOTTEN_FOR)
            .build();
        Self {
            options,
            scopes: PerTenant::depending_on(move |name| affects_answers(source, name)),
            next_scope: AtomicU64::new(0),
            answer,
            forgotten,
        }
    }

    /// How long a lookup waits for the source before a remembered answer is returned.
    pub(crate) const fn stale_after(&self) -> Duration {
        self.options.stale_after
    }

    /// The key for this tenant's current settings. A setting that selects other accounts changes the key; a budget or a
    /// rotated secret does not, since the answers remain valid.
    pub(crate) fn key(&self, tenant: &Tenant, user: UserKey) -> AnswerKey {
        let number = |_: &Tenant| Ok::<_, Infallible>(self.next_scope.fetch_add(1, Ordering::Relaxed));
        let Ok(scope) = self.scopes.get_or_make(tenant, number);
        AnswerKey { scope: *scope, user }
    }

    pub(crate) async fn fresh(&self, key: &AnswerKey) -> Option<CachedAnswer> {
        self.younger_than(self.options.fresh, key).await
    }

    /// The last positive answer; an absence is not remembered.
    pub(crate) async fn stale(&self, key: &AnswerKey) -> Option<CachedAnswer> {
        self.younger_than(self.options.stale, key)
            .await
            .filter(|answer| !answer.accounts.is_empty())
    }

    /// Remembers the answer of a call, unless it is outdated.
    pub(crate) async fn remember(&self, key: AnswerKey, answer: CachedAnswer) {
        if !self.is_outdated(&key, &answer).await {
            self.answer.insert(key, answer).await;
        }
    }

    /// Forgets the answer, also one in flight, and every other answer that shows the account with the key's id: the account
    /// was changed.
    pub(crate) async fn forget(&self, key: AnswerKey) {
        self.answer.invalidate(&key).await;
        self.forgotten.insert(key, Instant::now()).await;
    }

    /// Forgets every answer of users with such an id or key of an address. Yields from time to time: there may be many answers.
    pub(crate) async fn forget_users(&self, is_of_user: &(dyn Fn(&str) -> bool + Send + Sync)) {
        let is_of_key = |user: &UserKey| match user {
            UserKey::Id(id) => is_of_user(id.as_str()),
            UserKey::Email(email) => is_of_user(email.as_str()),
        };
        let shows = |account: &Account| {
            is_of_user(account.crid.as_str())
                || account
                    .email
                    .as_ref()
                    .is_some_and(|email| is_of_user(email.key().as_str()))
        };
        let keys: Vec<Arc<AnswerKey>> = self.answer.iter().map(|(key, _)| key).collect();
        for (place, key) in keys.into_iter().enumerate() {
            if place % LOOKED_AT_ONCE == 0 {
                tokio::task::yield_now().await;
            }
            let Some(answer) = self.answer.get(&*key).await else {
                continue;
            };
            if is_of_key(&key.user) || answer.accounts.iter().any(shows) {
                self.forget((*key).clone()).await;
            }
        }
    }

    /// Whether the key, or an account in the answer, was forgotten after the call began.
    pub(crate) async fn is_outdated(&self, key: &AnswerKey, answer: &CachedAnswer) -> bool {
        let forgotten = self.forgotten_at(key, answer).await;
        forgotten.is_some_and(|at| at >= answer.at)
    }

    /// When the key, or an account in the answer, was forgotten last.
    pub(crate) async fn forgotten_at(&self, key: &AnswerKey, answer: &CachedAnswer) -> Option<Instant> {
        let mut last = self.forgotten.get(key).await;
        for account in &*answer.accounts {
            let id = AnswerKey {
                scope: key.scope,
                user: account.crid.clone().into(),
            };
            last = last.max(self.forgotten.get(&id).await);
        }
        last
    }

    async fn younger_than(&self, age: Duration, key: &AnswerKey) -> Option<CachedAnswer> {
        let answer = self.answer.get(key).await.filter(|answer| answer.at.elapsed() < age)?;
        (!self.is_outdated(key, &answer).await).then_some(answer)
    }
}

/// The approximate size of an answer in bytes.
fn weight(answer: &CachedAnswer) -> u32 {
    const OF_AN_ANSWER: usize = 512;
    const OF_AN_ACCOUNT: usize = size_of::<Account>() + 128;
    const OF_A_PAIR: usize = 64;
    let bytes = answer.accounts.iter().fold(OF_AN_ANSWER, |sum, account| {
        let email = account.email.as_ref().map_or(0, |email| email.as_str().len() * 2);
        let names = account.first_name.len() + account.last_name.len() + account.crid.as_str().len();
        let metadata: usize = account
            .metadata
            .iter()
            .map(|(key, value)| key.len() + value.len() + OF_A_PAIR)
            .sum();
        sum + OF_AN_ACCOUNT + email + names + metadata
    });
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::tenant;
    use masthead_domain::{customer_registration_id::CustomerRegistrationId, email::EmailKey};

    fn key(answers: &AnswerCache, id: &str) -> AnswerKey {
        answers.key(&tenant(), UserKey::Id(CustomerRegistrationId::parse(id).unwrap()))
    }

    fn answer(accounts: usize) -> CachedAnswer {
        CachedAnswer {
            accounts: (0..accounts)
                .map(|n| Account::new(CustomerRegistrationId::parse(&n.to_string()).unwrap()))
                .collect(),
            as_of: OffsetDateTime::UNIX_EPOCH,
            at: Instant::now(),
        }
    }

    #[tokio::test]
    async fn cache_is_bounded_by_count_and_bytes() {
        let options = |max_answers, max_bytes| CacheOptions {
            max_answers,
            max_bytes,
            ..CacheOptions::default()
        };
        for (options, accounts, most) in [
            (options(100, 100_000_000), 1, 100),
            (options(1_000_000, 100_000), 10, 40),
        ] {
            let answers = AnswerCache::new("Fake", options);
            for n in 0..1_000 {
                answers.remember(key(&answers, &n.to_string()), answer(accounts)).await;
            }
            answers.answer.run_pending_tasks().await;
            let kept = answers.answer.entry_count();
            assert!((1..=most).contains(&kept), "{kept} were kept");
        }
    }

    #[tokio::test]
    async fn user_is_forgotten_under_every_key_and_others_stay() {
        let answers = AnswerCache::new("Fake", CacheOptions::default());
        let address = answers.key(&tenant(), EmailKey::from_text("ann@example.com").into());
        let shown = answers.key(&tenant(), EmailKey::from_text("old@example.com").into());
        for key in [&address, &shown, &key(&answers, "7"), &key(&answers, "8")] {
            answers.remember(key.clone(), answer(0)).await;
        }
        answers.remember(shown.clone(), answer(1)).await;
        answers
            .forget_users(&|text| ["7", "0", "ann@example.com"].contains(&text))
            .await;
        for gone in [&address, &shown, &key(&answers, "7")] {
            assert!(answers.fresh(gone).await.is_none());
        }
        assert!(answers.fresh(&key(&answers, "8")).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn forgotten_key_discards_answer_in_flight() {
        let answers = AnswerCache::new("Fake", CacheOptions::default());
        let in_flight = answer(1);
        tokio::time::advance(Duration::from_millis(1)).await;
        answers.forget(key(&answers, "x")).await;
        answers.remember(key(&answers, "x"), in_flight).await;
        assert!(answers.fresh(&key(&answers, "x")).await.is_none());
        tokio::time::advance(Duration::from_millis(1)).await;
        answers.remember(key(&answers, "x"), answer(1)).await;
        assert!(answers.fresh(&key(&answers, "x")).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn forgotten_account_is_gone_under_every_key() {
        let answers = AnswerCache::new("Fake", CacheOptions::default());
        let address = answers.key(&tenant(), EmailKey::from_text("old@example.com").into());
        answers.remember(address.clone(), answer(1)).await;
        tokio::time::advance(Duration::from_millis(1)).await;
        answers.forget(key(&answers, "0")).await;
        assert!(answers.fresh(&address).await.is_none());
        // Also at the end of the time in which it could replace an unavailable source.
        tokio::time::advance(Duration::from_mins(59)).await;
        assert!(answers.stale(&address).await.is_none());
        answers.remember(address.clone(), answer(1)).await;
        assert!(answers.fresh(&address).await.is_some());
    }
}
