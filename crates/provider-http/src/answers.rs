//! A bounded memory of what a source said: for a short time in its place, longer for when it cannot be asked.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use masthead_domain::{account::Account, crid::Crid, email::EmailKey, tenant::Tenant};
use masthead_ports::source::SourceName;
use moka::future::Cache;
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::{per_tenant::PerTenant, settings::affects_answers};

/// For how long a question that was forgotten stays marked, so that an answer on its way is not remembered.
const FORGOTTEN_FOR: Duration = Duration::from_mins(2);

/// How many questions can be marked so.
const MOST_FORGOTTEN: u64 = 100_000;

/// What was asked, of which tenant with which provider settings.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct AnswerKey {
    /// A number that no other tenant has, and this one only as long as its settings mean the same accounts.
    scope: u64,
    about: UserLookupKey,
}

/// Whom it is about.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum UserLookupKey {
    Id(Crid),
    Email(EmailKey),
}

/// What was said, and when. An empty list is the source's own word that there is nobody.
#[derive(Clone)]
pub(crate) struct CachedAnswer {
    pub(crate) accounts: Arc<[Account]>,
    pub(crate) as_of: OffsetDateTime,
    pub(crate) at: Instant,
}

/// How long and how much is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheOptions {
    /// For how long an answer stands in for the source. Zero: never.
    pub fresh: Duration,
    /// For how long a positive answer may stand in for a source that cannot be asked. Zero: never.
    pub stale: Duration,
    /// How long a look-up waits for the source before such an answer is shown; the call goes on and refreshes it.
    pub stale_after: Duration,
    /// The most answers that are kept.
    pub max_answers: u32,
    /// About the most memory that they take.
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

/// The memory.
pub(crate) struct AnswerCache {
    options: CacheOptions,
    scopes: PerTenant<u64>,
    next_scope: AtomicU64,
    answer: Cache<AnswerKey, CachedAnswer>,
    forgotten: Cache<AnswerKey, Instant>,
}

impl AnswerCache {
    /// Nothing yet of this source, whose settings begin with its name.
    pub(crate) fn new(source: SourceName, options: CacheOptions) -> Self {
        // One weight bounds both: each answer weighs at least its share of the memory.
        let share = (options.max_bytes / options.max_answers.max(1)).max(1);
        let answer = Cache::builder()
            .max_capacity(options.max_bytes.into())
            .weigher(move |_, answer: &CachedAnswer| weight(answer).max(share))
            .time_to_live(options.stale.max(options.fresh))
            .build();
        let forgotten = Cache::builder()
            .max_capacity(MOST_FORGOTTEN)
            .time_to_live(FORGOTTEN_FOR)
            .build();
        Self {
            options,
            scopes: PerTenant::decided_by(move |name| affects_answers(source, name)),
            next_scope: AtomicU64::new(0),
            answer,
            forgotten,
        }
    }

    /// How long a look-up waits for the source before a kept answer is shown.
    pub(crate) const fn stale_after(&self) -> Duration {
        self.options.stale_after
    }

    /// The question, as this tenant asks it now: settings that mean other accounts make it another. A budget or a rotated
    /// secret does not, since what was said remains true.
    pub(crate) fn question(&self, tenant: &Tenant, about: UserLookupKey) -> AnswerKey {
        let number = |_: &Tenant| Ok::<_, Infallible>(self.next_scope.fetch_add(1, Ordering::Relaxed));
        let Ok(scope) = self.scopes.get_or_make(tenant, number);
        AnswerKey { scope: *scope, about }
    }

    /// What was said a moment ago.
    pub(crate) async fn fresh(&self, question: &AnswerKey) -> Option<CachedAnswer> {
        self.younger_than(self.options.fresh, question).await
    }

    /// Who was there when the source was last asked; absence is no answer for later.
    pub(crate) async fn stale(&self, question: &AnswerKey) -> Option<CachedAnswer> {
        self.younger_than(self.options.stale, question)
            .await
            .filter(|answer| !answer.accounts.is_empty())
    }

    /// Remembers what was said to a question that was put at `sent_at`, unless it was forgotten since.
    pub(crate) async fn remember(&self, question: AnswerKey, answer: CachedAnswer, sent_at: Instant) {
        let forgotten = self.forgotten.get(&question).await;
        if forgotten.is_none_or(|at| at < sent_at) {
            self.answer.insert(question, answer).await;
        }
    }

    /// Forgets the question, also what is on its way: the account was changed.
    pub(crate) async fn forget(&self, question: AnswerKey) {
        self.answer.invalidate(&question).await;
        self.forgotten.insert(question, Instant::now()).await;
    }

    async fn younger_than(&self, age: Duration, question: &AnswerKey) -> Option<CachedAnswer> {
        self.answer
            .get(question)
            .await
            .filter(|answer| answer.at.elapsed() < age)
    }
}

/// About how many bytes an answer takes.
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

    fn question(answers: &AnswerCache, id: &str) -> AnswerKey {
        let tenant = Tenant {
            id: masthead_domain::tenant::TenantId::parse("a/b/c").unwrap(),
            pool: masthead_domain::tenant::PoolId(1),
            settings: masthead_domain::settings::TenantSettings::default(),
        };
        answers.question(&tenant, UserLookupKey::Id(Crid::parse(id).unwrap()))
    }

    fn answer(accounts: usize) -> CachedAnswer {
        CachedAnswer {
            accounts: (0..accounts)
                .map(|n| Account::new(Crid::parse(&n.to_string()).unwrap()))
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
                answers
                    .remember(question(&answers, &n.to_string()), answer(accounts), Instant::now())
                    .await;
            }
            answers.answer.run_pending_tasks().await;
            let kept = answers.answer.entry_count();
            assert!((1..=most).contains(&kept), "{kept} were kept");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn forgotten_key_discards_answer_in_flight() {
        let answers = AnswerCache::new("Fake", CacheOptions::default());
        let sent_at = Instant::now();
        tokio::time::advance(Duration::from_millis(1)).await;
        answers.forget(question(&answers, "x")).await;
        answers.remember(question(&answers, "x"), answer(1), sent_at).await;
        assert!(answers.fresh(&question(&answers, "x")).await.is_none());
        tokio::time::advance(Duration::from_millis(1)).await;
        answers
            .remember(question(&answers, "x"), answer(1), Instant::now())
            .await;
        assert!(answers.fresh(&question(&answers, "x")).await.is_some());
    }
}
