//! Exports all registrations of a tenant, or those of a filter, as a stream from one snapshot of the store.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use masthead_domain::{event::EventOutcome, query::UserFilter, tenant::PoolId};
use masthead_ports::{
    exports::{ExportSelection, ExportedRegistration, RegistrationExport, RegistrationExports},
    source::{Priority, SourceError, SourceErrorKind},
};
use thiserror::Error;
use tokio::time::timeout_at;

use crate::{Caller, ReadError, read_log::ReadLog, store_only::store_failure};

/// The limits of exports on one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportLimits {
    /// How many may run at once; of one pool one.
    pub at_once: usize,
    /// How long one may take.
    pub time_limit: Duration,
    /// How long a client may take no part of it.
    pub stall_limit: Duration,
}

impl Default for ExportLimits {
    /// Two, an hour, 30 seconds.
    fn default() -> Self {
        Self {
            at_once: 2,
            time_limit: Duration::from_hours(1),
            stall_limit: Duration::from_secs(30),
        }
    }
}

/// Why an export does not begin.
#[derive(Debug, Error)]
pub enum ExportError {
    /// As many exports run as may, or one of the same registrations.
    #[error("too many exports run")]
    Busy,
    /// The registrations are in a remote Users API.
    #[error("the registrations of the tenant are in a remote Users API")]
    RemoteStore,
    /// The store does not answer.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Exports registrations. Clones share their limits.
#[derive(Clone)]
pub struct ExportRegistrations {
    pub(crate) exports: Arc<dyn RegistrationExports>,
    pub(crate) limits: ExportLimits,
    pub(crate) running: RunningExports,
    pub(crate) log: ReadLog,
}

impl ExportRegistrations {
    /// Begins an export of the registrations of the caller's tenant that meet the filter, without hashes.
    ///
    /// # Errors
    /// [`ExportError`]
    pub async fn start(&self, caller: &Caller, filter: UserFilter) -> Result<RegistrationStream, ExportError> {
        if caller.tenant.settings.has_remote_store() {
            return Err(ExportError::RemoteStore);
        }
        let slot = self.running.enter(caller.tenant.pool, self.limits.at_once);
        let slot = slot.ok_or(ExportError::Busy)?;
        self.log.record_export_start(caller, &filter)?;
        let selection = ExportSelection {
            filter: filter.clone(),
            with_hashes: false,
            // The stream ends earlier, with an error for the client.
            idle_limit: self.limits.stall_limit + IDLE_GRACE,
        };
        let mut stream = RegistrationStream {
            export: None,
            until: Instant::now() + self.limits.time_limit,
            stall_limit: self.limits.stall_limit,
            users: 0,
            record: Some((caller.clone(), filter)),
            log: self.log.clone(),
            _slot: slot,
        };
        let opened = self.exports.open(&caller.context(Priority::Bulk), &selection).await;
        stream.export = Some(opened.map_err(|error| store_failure(caller, &error))?);
        Ok(stream)
    }
}

/// How much longer than the stream the store waits for the next read.
const IDLE_GRACE: Duration = Duration::from_secs(15);

/// An export that runs. Its end is recorded, also where it is dropped before.
pub struct RegistrationStream {
    /// `None` after the end.
    export: Option<Box<dyn RegistrationExport>>,
    until: Instant,
    stall_limit: Duration,
    users: u64,
    /// The caller and the filter, until the event is recorded.
    record: Option<(Caller, UserFilter)>,
    log: ReadLog,
    _slot: ExportSlot,
}

impl RegistrationStream {
    /// The next registrations, in the order of the bytes of their ids; `None` at the end. A batch may be empty.
    ///
    /// # Errors
    /// The store does not answer, the time of the export is over, or its end cannot be recorded, and must be. There is nothing
    /// more then.
    pub async fn next(&mut self) -> Result<Option<Vec<ExportedRegistration>>, ReadError> {
        let Some(export) = &mut self.export else {
            return Ok(None);
        };
        let read = timeout_at(self.until.into(), export.next()).await;
        let read = read.unwrap_or_else(|_late| {
            let kind = SourceErrorKind::Unavailable;
            Err(SourceError::with_cause(
                "export",
                kind,
                "the time of the export is over",
            ))
        });
        match read {
            Ok(Some(batch)) => {
                self.users += batch.len() as u64;
                Ok(Some(batch))
            }
            Ok(None) => {
                self.export = None;
                self.record(true)?;
                Ok(None)
            }
            Err(error) => {
                self.export = None;
                let failure = self.record.as_ref().map(|(caller, _)| store_failure(caller, &error));
                Err(failure.unwrap_or(ReadError::Corrupt))
            }
        }
    }

    /// How long a client may take no part of it.
    #[must_use]
    pub const fn stall_limit(&self) -> Duration {
        self.stall_limit
    }

    /// Records the event, once.
    fn record(&mut self, is_complete: bool) -> Result<(), ReadError> {
        let Some((caller, filter)) = self.record.take() else {
            return Ok(());
        };
        let outcome = match (self.users, is_complete) {
            (0, true) => EventOutcome::Absent,
            (0, false) => EventOutcome::Unknown,
            (1.., _) => EventOutcome::Found,
        };
        self.log
            .record_export(&caller, &filter, outcome, self.users, is_complete)
    }
}

impl Drop for RegistrationStream {
    fn drop(&mut self) {
        // What is lost is counted.
        let _ = self.record(false);
    }
}

/// The pools whose exports run on this server. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct RunningExports(Arc<Mutex<HashSet<PoolId>>>);

impl RunningExports {
    /// A place for an export of this pool, if there is one.
    fn enter(&self, pool: PoolId, at_once: usize) -> Option<ExportSlot> {
        let running = self.clone();
        let is_new = self.change(|pools| pools.len() < at_once && pools.insert(pool));
        is_new.then(|| ExportSlot { running, pool })
    }

    fn change<T>(&self, change: impl FnOnce(&mut HashSet<PoolId>) -> T) -> T {
        let mut pools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&mut pools);
        metrics::gauge!("masthead_exports_running").set(u32::try_from(pools.len()).unwrap_or(u32::MAX));
        changed
    }
}

/// A place among the exports that run, until it is dropped.
struct ExportSlot {
    running: RunningExports,
    pool: PoolId,
}

impl Drop for ExportSlot {
    fn drop(&mut self) {
        self.running.change(|pools| pools.remove(&self.pool));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_of_a_server_are_limited() {
        let running = RunningExports::default();
        let first = running.enter(PoolId(1), 2).unwrap();
        assert!(running.enter(PoolId(1), 2).is_none(), "one of a pool");
        let second = running.clone().enter(PoolId(2), 2).unwrap();
        assert!(running.enter(PoolId(3), 2).is_none(), "two in all");
        drop(first);
        assert!(running.enter(PoolId(3), 2).is_some());
        drop(second);
        assert!(running.enter(PoolId(1), 1).is_some());
    }
}
