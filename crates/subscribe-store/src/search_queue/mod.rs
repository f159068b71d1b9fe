//! The queue of searches: a bounded number run at once, tenants share the time fairly, callers of a tenant take turns.

mod lanes;
#[cfg(test)]
mod tests;

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use masthead_domain::tenant::PoolId;
use masthead_ports::source::{CallContext, CallerKey, SourceError, SourceErrorKind};
use tokio::time::{Instant, timeout_at};

pub(crate) use self::lanes::SearchLimits;
use self::lanes::{Lanes, QueueFullError};

/// A search does not start with less time than this before its deadline: it could not be answered in time.
const LEAST_TIME: Duration = Duration::from_millis(200);

/// A search that waited longer than this has noticeably less time to run.
const SHORT_WAIT: Duration = Duration::from_millis(100);

/// Admits searches, and the statements of exports, to the connections that they share (ADR 0116).
pub(crate) struct SearchQueue {
    lanes: Mutex<Lanes>,
    statement_timeout: Duration,
}

impl SearchQueue {
    pub(crate) fn new(limits: SearchLimits, statement_timeout: Duration) -> Self {
        Self {
            lanes: Mutex::new(Lanes::new(limits)),
            statement_timeout,
        }
    }

    /// Runs a search in its turn. One that waited, and therefore had less than the statement timeout, is *unavailable* when
    /// it runs out of time, and not too broad: a retry may succeed.
    pub(crate) async fn run<T>(
        &self,
        operation: &'static str,
        cx: &CallContext,
        search: impl Future<Output = Result<T, SourceError>>,
    ) -> Result<T, SourceError> {
        let arrived = Instant::now();
        let turn = self.wait_for_turn(operation, cx).await?;
        let is_cut_short = turn.started.is_some_and(|started| {
            let left = cx.deadline.saturating_duration_since(started.into_std());
            started - arrived > SHORT_WAIT && left < self.statement_timeout
        });
        search.await.map_err(|error| match error.kind {
            SourceErrorKind::TooBroad if is_cut_short => SourceError {
                kind: SourceErrorKind::Unavailable,
                ..error
            },
            _ => error,
        })
    }

    /// Waits until this call may use a connection, at most until shortly before its deadline. The connection must be given
    /// back before the turn is dropped. A caller that stops waiting leaves the queue at once.
    ///
    /// # Errors
    /// *Unavailable*: the queue is full, or the deadline is too near.
    pub(crate) async fn wait_for_turn(
        &self,
        operation: &'static str,
        cx: &CallContext,
    ) -> Result<Turn<'_>, SourceError> {
        let refused = |reason: &'static str, text: &'static str| {
            metrics::counter!("masthead_search_refused_total", "reason" => reason).increment(1);
            SourceError::with_cause(operation, SourceErrorKind::Unavailable, text)
        };
        let arrived = Instant::now();
        let pool = cx.tenant.pool;
        let entered = self.update(|lanes| lanes.push(pool, cx.caller));
        let (number, start) = entered.map_err(|full| match full {
            QueueFullError::All => refused("queue_full", "too many searches wait"),
            QueueFullError::Tenant => refused("tenant_queue_full", "too many searches of the tenant wait"),
        })?;
        let mut turn = Turn {
            queue: self,
            pool,
            caller: cx.caller,
            number,
            started: None,
        };
        let until = cx.deadline.checked_sub(LEAST_TIME).unwrap_or(cx.deadline);
        let started = timeout_at(until.into(), start).await;
        metrics::histogram!("masthead_search_queue_seconds").record(arrived.elapsed());
        if !matches!(started, Ok(Ok(()))) {
            return Err(refused("deadline", "no turn before the deadline"));
        }
        turn.started = Some(Instant::now());
        Ok(turn)
    }

    /// A panic cannot leave the lanes half-changed: no foreign code runs between the changes.
    fn update<T>(&self, change: impl FnOnce(&mut Lanes) -> T) -> T {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&mut lanes);
        let [waiting, running] = [lanes.waiting(), lanes.running()].map(|n| u32::try_from(n).unwrap_or(u32::MAX));
        metrics::gauge!("masthead_search_waiting").set(waiting);
        metrics::gauge!("masthead_search_running").set(running);
        changed
    }
}

/// A search that waits or runs. Dropped, it leaves the queue, or makes room for the next.
pub(crate) struct Turn<'a> {
    queue: &'a SearchQueue,
    pool: PoolId,
    caller: CallerKey,
    number: u64,
    started: Option<Instant>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let took = self.started.map(|started| started.elapsed()).unwrap_or_default();
        self.queue
            .update(|lanes| lanes.leave(self.pool, self.caller, self.number, took));
    }
}
