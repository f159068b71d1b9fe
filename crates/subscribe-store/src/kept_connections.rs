//! Connections that answered a moment ago and are used again as they are: the pool would test each of them before and after
//! every use, which is two round trips.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    thread::{self, ThreadId},
    time::{Duration, Instant},
};

use sqlx::{PgConnection, PgPool, Postgres, pool::PoolConnection};
use tokio::{sync::OwnedSemaphorePermit, task::JoinHandle};

/// A connection that answered longer ago is tested by the pool, and goes back to it when no caller comes.
const TRUSTED: Duration = Duration::from_secs(1);
/// So often each connection goes through the pool, which replaces old ones.
const KEPT: Duration = Duration::from_mins(1);

/// A connection of a pool, with the place that its caller has among those who may have one.
pub(crate) struct AcquiredConnection {
    of_pool: PooledConnection,
    /// It is used as it was left, without a test.
    pub(crate) is_untested: bool,
    // Dropped last: the next caller finds the connection.
    place: OwnedSemaphorePermit,
}

struct PooledConnection {
    inner: PoolConnection<Postgres>,
    /// When the pool gave it.
    acquired: Instant,
}

/// The connections of a pool that are kept, a bounded number: each was used at once with the others.
pub(crate) struct KeptConnections {
    pool: PgPool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    kept: Vec<KeptConnection>,
    /// Gives unused ones back; ended while none is kept.
    returning: Option<JoinHandle<()>>,
}

struct KeptConnection {
    of_pool: PooledConnection,
    answered: Instant,
    /// The thread that used it last. Its runtime is the one that is woken by an answer, unless the connection was used by others.
    thread: ThreadId,
}

impl AcquiredConnection {
    /// One that the pool gives, tested or new.
    pub(crate) fn new(inner: PoolConnection<Postgres>, place: OwnedSemaphorePermit) -> Self {
        let acquired = Instant::now();
        Self {
            of_pool: PooledConnection { inner, acquired },
            is_untested: false,
            place,
        }
    }

    /// Closes it without a further message: it may be in the middle of an answer.
    pub(crate) fn abandon(self) {
        drop(self.into_place());
    }

    /// Its place, for another connection; this one is closed as by [`abandon`](Self::abandon).
    pub(crate) fn into_place(self) -> OwnedSemaphorePermit {
        drop(self.of_pool.inner.detach());
        self.place
    }
}

impl Deref for AcquiredConnection {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.of_pool.inner
    }
}

impl DerefMut for AcquiredConnection {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.of_pool.inner
    }
}

impl KeptConnections {
    /// None yet, of this pool.
    pub(crate) fn new(pool: PgPool) -> Self {
        Self {
            pool,
            state: Mutex::default(),
        }
    }

    /// A connection that answered a moment ago, if one is kept, preferably from this thread. `is_outdated` gets how long ago the pool
    /// gave it. Those that may no longer be used go back to the pool. Without one, the caller gets its place back, for a
    /// connection of the pool: as many places as connections leave room for it.
    pub(crate) fn take(
        &self,
        place: OwnedSemaphorePermit,
        is_outdated: impl Fn(Duration) -> bool,
    ) -> Result<AcquiredConnection, OwnedSemaphorePermit> {
        let kept = &mut self.lock().kept;
        kept.retain(|one| {
            let age = one.of_pool.acquired.elapsed();
            one.is_trusted() && age < KEPT && !is_outdated(age)
        });
        let thread = thread::current().id();
        let own = kept.iter().rposition(|one| one.thread == thread);
        match own.or(kept.len().checked_sub(1)) {
            Some(at) => Ok(AcquiredConnection {
                of_pool: kept.swap_remove(at).of_pool,
                is_untested: true,
                place,
            }),
            None => Err(place),
        }
    }

    /// Keeps a connection whose last answer was read to its end, unless the pool is closed.
    pub(crate) fn keep(self: &Arc<Self>, connection: AcquiredConnection) {
        let AcquiredConnection { of_pool, place, .. } = connection;
        let mut state = self.lock();
        if !self.pool.is_closed() {
            state.kept.push(KeptConnection {
                of_pool,
                answered: Instant::now(),
                thread: thread::current().id(),
            });
            // The task of a runtime that is gone has ended, too.
            if state.returning.as_ref().is_none_or(JoinHandle::is_finished) {
                state.returning = Some(tokio::spawn(return_unused(Arc::downgrade(self))));
            }
        }
        drop(state);
        drop(place);
    }

    /// Gives all connections back to the pool.
    pub(crate) fn release(&self) {
        self.lock().kept.clear();
    }

    /// A panic cannot leave the list half-changed.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeptConnection {
    fn is_trusted(&self) -> bool {
        self.answered.elapsed() < TRUSTED
    }
}

/// Gives connections that no caller has taken back to the pool, until none is kept.
async fn return_unused(kept: Weak<KeptConnections>) {
    loop {
        tokio::time::sleep(TRUSTED).await;
        let Some(kept) = kept.upgrade() else { return };
        let mut state = kept.lock();
        state.kept.retain(KeptConnection::is_trusted);
        if state.kept.is_empty() {
            state.returning = None;
            return;
        }
    }
}

/// Outside a runtime, the pool cannot take connections back.
impl Drop for KeptConnections {
    fn drop(&mut self) {
        let mut state = self.lock();
        for kept in state.kept.drain(..) {
            drop(kept.of_pool.inner.detach());
        }
        if let Some(returning) = state.returning.take() {
            returning.abort();
        }
    }
}
