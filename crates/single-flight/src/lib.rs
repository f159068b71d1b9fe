//! Concurrent callers with the same key share one call, which runs on its own task.

use std::{
    collections::HashMap,
    fmt,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::{FutureExt, future::Shared};
use thiserror::Error;
use tokio::sync::oneshot;
use tracing::Instrument as _;

type InFlight<V> = Shared<oneshot::Receiver<V>>;

/// Shares calls by key. The call continues when the caller that started it is cancelled.
///
/// A call must end by itself; it is never aborted.
pub struct SingleFlight<K, V> {
    flights: Arc<Mutex<HashMap<K, InFlight<V>>>>,
}

/// The shared call ended without a result: its task panicked, or the process shuts down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the shared call was abandoned")]
pub struct AbandonedError;

impl<K, V> SingleFlight<K, V>
where
    K: Hash + Eq + Clone + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Without calls in flight.
    #[must_use]
    pub fn new() -> Self {
        Self {
            flights: Arc::default(),
        }
    }

    /// Joins the call of this key, or starts it.
    ///
    /// # Errors
    /// The call was abandoned.
    pub async fn run<F>(&self, key: K, make: impl FnOnce() -> F) -> Result<V, AbandonedError>
    where
        F: Future<Output = V> + Send + 'static,
    {
        self.run_if(key, || Some(make())).await.unwrap_or(Err(AbandonedError))
    }

    /// Joins the call of this key, or starts it when `make` makes one; `None` when it does not.
    ///
    /// `make` runs under the lock, so that of many concurrent callers only one starts a call.
    pub async fn run_if<F>(&self, key: K, make: impl FnOnce() -> Option<F>) -> Option<Result<V, AbandonedError>>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let flight = self.join_or_start(key, make)?;
        Some(flight.await.map_err(|_| AbandonedError))
    }

    /// Starts the call of this key when none is in flight and `make` makes one; does not wait for it.
    pub fn start_if<F>(&self, key: K, make: impl FnOnce() -> Option<F>)
    where
        F: Future<Output = V> + Send + 'static,
    {
        drop(self.join_or_start(key, make));
    }

    fn join_or_start<F>(&self, key: K, make: impl FnOnce() -> Option<F>) -> Option<InFlight<V>>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(&key) {
            return Some(flight.clone());
        }
        let call = make()?;
        let (land, landed) = oneshot::channel();
        let flight = landed.shared();
        flights.insert(key.clone(), flight.clone());
        let leaving = RemoveOnDrop {
            flights: Arc::clone(&self.flights),
            key,
        };
        // The map entry tracks the task and is removed when the task ends.
        let task = async move {
            let value = call.await;
            drop(leaving);
            // All callers may be gone.
            let _ = land.send(value);
        };
        // In the trace of the caller that started it.
        tokio::spawn(task.in_current_span());
        Some(flight)
    }
}

impl<K, V> Clone for SingleFlight<K, V> {
    fn clone(&self) -> Self {
        Self {
            flights: Arc::clone(&self.flights),
        }
    }
}

impl<K, V> Default for SingleFlight<K, V> {
    fn default() -> Self {
        Self {
            flights: Arc::default(),
        }
    }
}

impl<K, V> fmt::Debug for SingleFlight<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Keys may be e-mail addresses.
        f.debug_struct("SingleFlight").finish_non_exhaustive()
    }
}

/// Removes the entry when the task ends, also after a panic.
struct RemoveOnDrop<K: Hash + Eq, V> {
    flights: Arc<Mutex<HashMap<K, InFlight<V>>>>,
    key: K,
}

impl<K: Hash + Eq, V> Drop for RemoveOnDrop<K, V> {
    fn drop(&mut self) {
        self.flights
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn concurrent_callers_share_one_call() {
        let flights = SingleFlight::<u8, usize>::new();
        let calls = Arc::new(AtomicUsize::new(0));
        let call = |flights: SingleFlight<u8, usize>| {
            let calls = Arc::clone(&calls);
            async move {
                flights
                    .run(7, || async move {
                        let n = calls.fetch_add(1, Ordering::SeqCst);
                        sleep(Duration::from_secs(1)).await;
                        n
                    })
                    .await
            }
        };
        let first = tokio::spawn(call(flights.clone()));
        tokio::task::yield_now().await;
        let others: Vec<_> = (0..499).map(|_| tokio::spawn(call(flights.clone()))).collect();
        tokio::task::yield_now().await;
        first.abort();
        for other in others {
            assert_eq!(other.await.unwrap(), Ok(0));
        }
        assert_eq!(calls.load(Ordering::SeqCst), 1);
        // A finished call is not remembered.
        assert_eq!(call(flights).await, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn keys_do_not_block_each_other() {
        let flights = SingleFlight::<u8, u8>::new();
        let slow = flights.run(1, || async {
            sleep(Duration::from_mins(1)).await;
            1
        });
        let quick = flights.run(2, || async { 2 });
        tokio::select! {
            biased;
            _ = slow => panic!("the slow one was waited for"),
            got = quick => assert_eq!(got, Ok(2)),
        }
    }

    #[tokio::test]
    async fn panicking_call_frees_its_key() {
        let flights = SingleFlight::<u8, u8>::new();
        assert_eq!(
            flights.run(1, || async { panic!("on purpose") }).await,
            Err(AbandonedError)
        );
        assert_eq!(flights.run(1, || async { 5 }).await, Ok(5));
    }

    #[tokio::test]
    async fn declined_call_is_none() {
        let flights = SingleFlight::<u8, u8>::new();
        assert_eq!(flights.run_if(1, || None::<std::future::Ready<u8>>).await, None);
    }
}
