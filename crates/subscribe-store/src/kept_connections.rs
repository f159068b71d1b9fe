//! Connections that answered a moment ago and are used again as they are: the pool would test each of them before and after
//! every use, which is two round trips.

use std::{
    ops::{Deref, DerefMut},
    sync::{Mutex, MutexGuard, PoisonError},
    thread::{self, ThreadId},
    time::{Duration, Instant},
};

use sqlx::{PgConnection, Postgres, pool::PoolConnection};

/// A connection that answered longer ago is tested by the pool.
const TRUSTED: Duration = Duration::from_secs(1);
/// So often each connection goes through the pool, which replaces old ones.
const KEPT: Duration = Duration::from_mins(1);

/// A connection of a pool.
pub(crate) struct AcquiredConnection {
    inner: PoolConnection<Postgres>,
    /// When the pool gave it.
    acquired: Instant,
}

/// The connections of a pool that are kept, a bounded number: no more than were used at once.
#[derive(Default)]
pub(crate) struct KeptConnections(Mutex<Vec<KeptConnection>>);

struct KeptConnection {
    connection: AcquiredConnection,
    answered: Instant,
    /// The thread that used it last. Its runtime is the one that is woken by an answer, unless the connection was used by others.
    thread: ThreadId,
}

impl AcquiredConnection {
    pub(crate) fn new(inner: PoolConnection<Postgres>) -> Self {
        Self {
            inner,
            acquired: Instant::now(),
        }
    }

    /// Closes it without a further message: it may be in the middle of an answer.
    pub(crate) fn abandon(self) {
        drop(self.inner.detach());
    }
}

impl Deref for AcquiredConnection {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.inner
    }
}

impl DerefMut for AcquiredConnection {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.inner
    }
}

impl KeptConnections {
    /// A connection that answered a moment ago, if one is kept, preferably from this thread. `is_outdated` gets how long ago the pool
    /// gave it. All others go back to the pool.
    pub(crate) fn take(&self, is_outdated: impl Fn(Duration) -> bool) -> Option<AcquiredConnection> {
        let mut kept = self.lock();
        kept.retain(|one| {
            let age = one.connection.acquired.elapsed();
            one.answered.elapsed() < TRUSTED && age < KEPT && !is_outdated(age)
        });
        let thread = thread::current().id();
        let own = kept.iter().rposition(|one| one.thread == thread);
        let at = own.or(kept.len().checked_sub(1))?;
        Some(kept.swap_remove(at).connection)
    }

    /// Keeps a connection whose last answer was read to its end, unless the pool is closed.
    pub(crate) fn keep(&self, connection: AcquiredConnection, is_closed: impl Fn() -> bool) {
        let mut kept = self.lock();
        if !is_closed() {
            kept.push(KeptConnection {
                connection,
                answered: Instant::now(),
                thread: thread::current().id(),
            });
        }
    }

    /// Gives all connections back to the pool.
    pub(crate) fn release(&self) {
        self.lock().clear();
    }

    /// A panic cannot leave the list half-changed.
    fn lock(&self) -> MutexGuard<'_, Vec<KeptConnection>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Outside a runtime, the pool cannot take connections back.
impl Drop for KeptConnections {
    fn drop(&mut self) {
        for kept in self.lock().drain(..) {
            kept.connection.abandon();
        }
    }
}
