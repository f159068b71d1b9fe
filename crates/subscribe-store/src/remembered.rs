//! Answers of the database by key: fresh for a moment, and remembered for longer while it is silent.

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
pub(crate) struct Ages {
    /// While the database answers.
    pub(crate) fresh: Duration,
    /// While it does not.
    pub(crate) stale: Duration,
}

/// The answers, and who waits for one.
pub(crate) struct Remembered<K, V> {
    /// Keys are what clients say, so their hash is keyed.
    known: Cache<K, Answer<V>, UnitWeighter, RandomState>,
    /// Keeps nothing: all who ask for a key at the same time wait here for one answer.
    asking: moka::future::Cache<K, V>,
    ages: Ages,
}

#[derive(Clone)]
struct Answer<V> {
    value: V,
    given: Instant,
    /// Later than it was given when the database was silent since.
    asked: Instant,
}

impl<K, V> Remembered<K, V>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Remembers about so many answers.
    pub(crate) fn new(most: usize, ages: Ages) -> Self {
        Self {
            known: Cache::with(
                most,
                most as u64,
                UnitWeighter,
                RandomState::new(),
                DefaultLifecycle::default(),
            ),
            asking: moka::future::Cache::new(0),
            ages,
        }
    }

    /// The answer, when the database was asked a moment ago.
    pub(crate) fn fresh(&self, key: &K) -> Option<V> {
        let answer = self.known.get(key)?;
        (answer.asked.elapsed() < self.ages.fresh).then_some(answer.value)
    }

    /// Asks, unless somebody else does, whose answer is then this one's too. While the database is silent the last answer
    /// stands in for it, as if it had just been given.
    ///
    /// # Errors
    /// The database gave none, and none is remembered.
    pub(crate) async fn ask(
        &self,
        key: &K,
        answer: impl Future<Output = Result<V, SourceError>>,
    ) -> Result<V, Arc<SourceError>> {
        self.asking
            .try_get_with_by_ref(key, self.ask_or_remember(key, answer))
            .await
    }

    async fn ask_or_remember(
        &self,
        key: &K,
        answer: impl Future<Output = Result<V, SourceError>>,
    ) -> Result<V, SourceError> {
        // Another's answer may have come since this one looked.
        if let Some(value) = self.fresh(key) {
            return Ok(value);
        }
        let answered = answer.await;
        let now = Instant::now();
        let answer = match answered {
            Ok(value) => Answer {
                value,
                given: now,
                asked: now,
            },
            Err(error) if error.kind.is_transient() => {
                let last = self.known.peek(key).filter(|last| now - last.given < self.ages.stale);
                Answer {
                    asked: now,
                    ..last.ok_or(error)?
                }
            }
            Err(error) => return Err(error),
        };
        self.known.insert(key.clone(), answer.clone());
        Ok(answer.value)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use masthead_ports::source::SourceErrorKind;

    use super::*;

    const AGES: Ages = Ages {
        fresh: Duration::from_secs(5),
        stale: Duration::from_mins(10),
    };

    /// Answers with the number of times it was asked.
    #[derive(Default)]
    struct Database {
        asked: AtomicU32,
        silent: Option<SourceErrorKind>,
    }

    impl Database {
        async fn answer(&self) -> Result<u32, SourceError> {
            let asked = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
            tokio::task::yield_now().await;
            let silent = self.silent.map(|kind| SourceError::with_cause("test", kind, "silent"));
            silent.map_or(Ok(asked), Err)
        }
    }

    async fn find(
        remembered: &Remembered<&'static str, u32>,
        database: &Database,
        key: &'static str,
    ) -> Result<u32, SourceErrorKind> {
        if let Some(value) = remembered.fresh(&key) {
            return Ok(value);
        }
        let asked = remembered.ask(&key, database.answer()).await;
        asked.map_err(|error| error.kind)
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_fresh_for_a_moment_and_then_asked_for_again() {
        let (remembered, database) = (Remembered::new(9, AGES), Database::default());
        assert_eq!(find(&remembered, &database, "a").await, Ok(1));
        assert_eq!(find(&remembered, &database, "b").await, Ok(2));
        tokio::time::advance(Duration::from_millis(4_999)).await;
        assert_eq!(find(&remembered, &database, "a").await, Ok(1));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(find(&remembered, &database, "a").await, Ok(3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_database_is_asked_once_a_moment_and_the_last_answer_ends() {
        let (remembered, mut database) = (Remembered::new(9, AGES), Database::default());
        find(&remembered, &database, "a").await.unwrap();
        database.silent = Some(SourceErrorKind::Unavailable);
        for asked in [2, 3] {
            tokio::time::advance(AGES.fresh).await;
            assert_eq!(find(&remembered, &database, "a").await, Ok(1));
            assert_eq!(find(&remembered, &database, "a").await, Ok(1));
            assert_eq!(database.asked.load(Ordering::Relaxed), asked);
        }
        tokio::time::advance(Duration::from_secs(590)).await;
        assert_eq!(
            find(&remembered, &database, "a").await,
            Err(SourceErrorKind::Unavailable),
            "counted from when it was given"
        );
        database.silent = None;
        assert_eq!(find(&remembered, &database, "a").await, Ok(5));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_stands_in_for_an_answer_that_is_no_silence() {
        let (remembered, mut database) = (Remembered::new(9, AGES), Database::default());
        find(&remembered, &database, "a").await.unwrap();
        tokio::time::advance(AGES.fresh).await;
        database.silent = Some(SourceErrorKind::Corrupt);
        assert_eq!(find(&remembered, &database, "a").await, Err(SourceErrorKind::Corrupt));
    }

    #[tokio::test]
    async fn all_who_ask_at_the_same_time_are_told_one_answer() {
        for silent in [None, Some(SourceErrorKind::Unavailable)] {
            let (remembered, mut database) = (Remembered::new(9, AGES), Database::default());
            database.silent = silent;
            let find = || find(&remembered, &database, "a");
            let (a, b, c) = tokio::join!(find(), find(), find());
            assert_eq!([a, b, c], [silent.map_or(Ok(1), Err); 3]);
            assert_eq!(database.asked.load(Ordering::Relaxed), 1);
        }
    }

    #[tokio::test]
    async fn who_leaves_leaves_the_question_to_the_next() {
        let (remembered, database) = (Remembered::new(9, AGES), Database::default());
        let mut leaves = Box::pin(find(&remembered, &database, "a"));
        tokio::select! {
            biased;
            _ = &mut leaves => panic!("the answer takes a turn"),
            () = std::future::ready(()) => drop(leaves),
        }
        assert_eq!(find(&remembered, &database, "a").await, Ok(2));
    }

    #[tokio::test]
    async fn a_flood_drives_out_what_is_asked_for_once_and_there_is_a_bound() {
        let (remembered, database) = (Remembered::new(64, AGES), Database::default());
        let keys: Vec<&'static str> = (0..1000).map(|n| &*n.to_string().leak()).collect();
        for key in keys {
            find(&remembered, &database, key).await.unwrap();
            find(&remembered, &database, "often").await.unwrap();
        }
        assert!(remembered.known.len() <= 64);
        assert_eq!(
            database.asked.load(Ordering::Relaxed),
            1001,
            "one question for what is often asked"
        );
    }
}
