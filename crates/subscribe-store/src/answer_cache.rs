//! A cache of database answers: fresh for seconds, and reused for longer while the database is unavailable.

use std::{
    hash::{Hash, RandomState},
    sync::Arc,
    time::Duration,
};

use masthead_ports::source::SourceError;
use quick_cache::{
    UnitWeighter,
    sync::{Cache, DefaultLifecycle},
};
use tokio::time::Instant;

/// How old an answer may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AnswerAges {
    /// While the database is available.
    pub(crate) fresh: Duration,
    /// While it is unavailable.
    pub(crate) stale: Duration,
}

/// The answers by key, and the queries in flight.
pub(crate) struct AnswerCache<K, V> {
    /// Clients choose the keys, so their hash is seeded at random.
    answers: Cache<K, TimedAnswer<V>, UnitWeighter, RandomState>,
    /// Stores nothing (capacity 0): concurrent queries for one key share one answer.
    in_flight: moka::future::Cache<K, V>,
    ages: AnswerAges,
}

#[derive(Clone)]
struct TimedAnswer<V> {
    value: V,
    given: Instant,
    /// When the database was last queried: later than `given` if it was unavailable since.
    queried: Instant,
}

impl<K, V> AnswerCache<K, V>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Keeps at most about `most` answers.
    pub(crate) fn new(most: usize, ages: AnswerAges) -> Self {
        Self {
            answers: Cache::with(
                most,
                most as u64,
                UnitWeighter,
                RandomState::new(),
                DefaultLifecycle::default(),
            ),
            in_flight: moka::future::Cache::new(0),
            ages,
        }
    }

    /// The cached answer, while it is fresh.
    pub(crate) fn fresh(&self, key: &K) -> Option<V> {
        let answer = self.answers.get(key)?;
        (answer.queried.elapsed() < self.ages.fresh).then_some(answer.value)
    }

    /// Queries the database; concurrent callers with the same key share the answer. While the database is unavailable, the
    /// last answer is reused and counts as fresh again.
    ///
    /// # Errors
    /// The database returned an error, and no answer is cached.
    pub(crate) async fn query(
        &self,
        key: &K,
        answer: impl Future<Output = Result<V, SourceError>>,
    ) -> Result<V, Arc<SourceError>> {
        self.in_flight
            .try_get_with_by_ref(key, self.query_or_reuse(key, answer))
            .await
    }

    async fn query_or_reuse(
        &self,
        key: &K,
        answer: impl Future<Output = Result<V, SourceError>>,
    ) -> Result<V, SourceError> {
        // A concurrent query may have stored an answer meanwhile.
        if let Some(value) = self.fresh(key) {
            return Ok(value);
        }
        let answered = answer.await;
        let now = Instant::now();
        let answer = match answered {
            Ok(value) => TimedAnswer {
                value,
                given: now,
                queried: now,
            },
            Err(error) if error.kind.is_transient() => {
                let last = self.answers.peek(key).filter(|last| now - last.given < self.ages.stale);
                TimedAnswer {
                    queried: now,
                    ..last.ok_or(error)?
                }
            }
            Err(error) => return Err(error),
        };
        self.answers.insert(key.clone(), answer.clone());
        Ok(answer.value)
    }
}

/// An error that several callers share, for one of them.
pub(crate) fn share(operation: &'static str, error: Arc<SourceError>) -> SourceError {
    SourceError {
        operation,
        kind: error.kind,
        source: Some(Box::new(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use masthead_ports::source::SourceErrorKind;

    use super::*;

    const AGES: AnswerAges = AnswerAges {
        fresh: Duration::from_secs(5),
        stale: Duration::from_mins(10),
    };

    /// Returns how many times it was queried.
    #[derive(Default)]
    struct CountingDatabase {
        queried: AtomicU32,
        failure: Option<SourceErrorKind>,
    }

    impl CountingDatabase {
        async fn answer(&self) -> Result<u32, SourceError> {
            let queried = self.queried.fetch_add(1, Ordering::Relaxed) + 1;
            tokio::task::yield_now().await;
            let failure = self.failure.map(|kind| SourceError::with_cause("test", kind, "test"));
            failure.map_or(Ok(queried), Err)
        }
    }

    async fn find(
        cache: &AnswerCache<&'static str, u32>,
        database: &CountingDatabase,
        key: &'static str,
    ) -> Result<u32, SourceErrorKind> {
        if let Some(value) = cache.fresh(&key) {
            return Ok(value);
        }
        let queried = cache.query(&key, database.answer()).await;
        queried.map_err(|error| error.kind)
    }

    #[tokio::test(start_paused = true)]
    async fn answer_is_queried_again_after_fresh_age() {
        let (cache, database) = (AnswerCache::new(9, AGES), CountingDatabase::default());
        assert_eq!(find(&cache, &database, "a").await, Ok(1));
        assert_eq!(find(&cache, &database, "b").await, Ok(2));
        tokio::time::advance(Duration::from_millis(4_999)).await;
        assert_eq!(find(&cache, &database, "a").await, Ok(1));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(find(&cache, &database, "a").await, Ok(3));
    }

    #[tokio::test(start_paused = true)]
    async fn last_answer_is_reused_until_stale() {
        let (cache, mut database) = (AnswerCache::new(9, AGES), CountingDatabase::default());
        find(&cache, &database, "a").await.unwrap();
        database.failure = Some(SourceErrorKind::Unavailable);
        for queried in [2, 3] {
            tokio::time::advance(AGES.fresh).await;
            assert_eq!(find(&cache, &database, "a").await, Ok(1));
            assert_eq!(find(&cache, &database, "a").await, Ok(1));
            assert_eq!(database.queried.load(Ordering::Relaxed), queried);
        }
        tokio::time::advance(Duration::from_secs(590)).await;
        assert_eq!(
            find(&cache, &database, "a").await,
            Err(SourceErrorKind::Unavailable),
            "the age counts from the answer"
        );
        database.failure = None;
        assert_eq!(find(&cache, &database, "a").await, Ok(5));
    }

    #[tokio::test(start_paused = true)]
    async fn permanent_error_is_not_replaced() {
        let (cache, mut database) = (AnswerCache::new(9, AGES), CountingDatabase::default());
        find(&cache, &database, "a").await.unwrap();
        tokio::time::advance(AGES.fresh).await;
        database.failure = Some(SourceErrorKind::Corrupt);
        assert_eq!(find(&cache, &database, "a").await, Err(SourceErrorKind::Corrupt));
    }

    #[tokio::test]
    async fn concurrent_queries_share_one_answer() {
        for failure in [None, Some(SourceErrorKind::Unavailable)] {
            let (cache, mut database) = (AnswerCache::new(9, AGES), CountingDatabase::default());
            database.failure = failure;
            let find = || find(&cache, &database, "a");
            let (a, b, c) = tokio::join!(find(), find(), find());
            assert_eq!([a, b, c], [failure.map_or(Ok(1), Err); 3]);
            assert_eq!(database.queried.load(Ordering::Relaxed), 1);
        }
    }

    #[tokio::test]
    async fn abandoned_query_is_repeated() {
        let (cache, database) = (AnswerCache::new(9, AGES), CountingDatabase::default());
        let mut abandoned = Box::pin(find(&cache, &database, "a"));
        tokio::select! {
            biased;
            _ = &mut abandoned => panic!("the answer takes a turn"),
            () = std::future::ready(()) => drop(abandoned),
        }
        assert_eq!(find(&cache, &database, "a").await, Ok(2));
    }

    #[tokio::test]
    async fn cache_is_bounded_and_keeps_frequent_keys() {
        let (cache, database) = (AnswerCache::new(64, AGES), CountingDatabase::default());
        let keys: Vec<&'static str> = (0..1000).map(|n| &*n.to_string().leak()).collect();
        for key in keys {
            find(&cache, &database, key).await.unwrap();
            find(&cache, &database, "often").await.unwrap();
        }
        assert!(cache.answers.len() <= 64);
        assert_eq!(
            database.queried.load(Ordering::Relaxed),
            1001,
            "one query for the frequent key"
        );
    }
}
