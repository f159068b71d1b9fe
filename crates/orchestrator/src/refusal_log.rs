//! Writes the events of refused calls: up to a rate each, beyond it their number.

use std::{
    borrow::Cow,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use masthead_domain::{
    access::TokenIdentity,
    caller_address::{AuditAddress, CallerAddress},
    event::{Event, EventKind, EventOutcome},
    settings::EventDays,
    tenant::{PoolId, TenantId},
};
use masthead_ports::{clock::Clock, events::ReadEvents};

/// How many refused calls are recorded one by one in a second; further ones are counted in the next event.
pub const REFUSALS_PER_SECOND: u32 = 20;

/// The tenant of an event where the caller named none.
const NO_TENANT: [&str; 3] = ["-"; 3];

/// A call that was refused.
#[derive(Debug, Clone)]
pub struct RefusedCall<'a> {
    /// The HTTP status: 401, 403 or 429.
    pub status: u16,
    /// Why, without any value of the request.
    pub reason: Cow<'static, str>,
    /// The tenant that the caller named, which need not exist.
    pub tenant: Option<&'a TenantId>,
    /// The caller, where its token was accepted.
    pub caller: Arc<TokenIdentity>,
    /// Its network address.
    pub address: Option<CallerAddress>,
    /// The request id, as logged.
    pub request_id: &'a str,
    /// The calling application, as logged; may be empty.
    pub source_system: &'a str,
}

/// The events of refused calls. Clones count together.
#[derive(Clone)]
pub struct RefusalLog {
    events: Arc<dyn ReadEvents>,
    clock: Arc<dyn Clock>,
    address: AuditAddress,
    /// The second, and how many were recorded in it.
    recorded: Arc<Mutex<(i64, u32)>>,
    /// Counted since the last event.
    skipped: Arc<AtomicU64>,
}

impl RefusalLog {
    /// A log whose events keep this of addresses.
    #[must_use]
    pub fn new(events: Arc<dyn ReadEvents>, clock: Arc<dyn Clock>, address: AuditAddress) -> Self {
        Self {
            events,
            clock,
            address,
            recorded: Arc::default(),
            skipped: Arc::default(),
        }
    }

    /// Records the call, or counts it.
    pub fn record(&self, call: &RefusedCall<'_>) {
        let now = self.clock.now();
        {
            let mut recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
            let second = now.unix_timestamp();
            if recorded.0 != second {
                *recorded = (second, 0);
            }
            if recorded.1 >= REFUSALS_PER_SECOND {
                self.skipped.fetch_add(1, Ordering::Relaxed);
                metrics::counter!("masthead_audit_refusals_skipped_total").increment(1);
                return;
            }
            recorded.1 += 1;
        }
        let skipped = self.skipped.swap(0, Ordering::Relaxed);
        let no_tenant = || TenantId::new(NO_TENANT[0], NO_TENANT[1], NO_TENANT[2]).ok();
        let Some(tenant) = call.tenant.cloned().or_else(no_tenant) else {
            return;
        };
        // The reasons are our own texts, without quotes or control characters.
        let detail = format!(
            r#"{{"status":{},"reason":"{}","skipped":{skipped}}}"#,
            call.status, call.reason
        );
        // A lost one is counted with the reads.
        let _ = self.events.record(Event {
            kind: EventKind::CallRefused,
            tenant,
            // The named tenant need not exist.
            pool: PoolId(0),
            at: now,
            kept_days: EventDays::default().0,
            request_id: call.request_id.into(),
            source_system: call.source_system.into(),
            caller: Arc::clone(&call.caller),
            network: call.address.and_then(|address| address.for_audit(self.address)),
            outcome: EventOutcome::Refused,
            filter: None,
            registration_id: None,
            user_ids: Box::default(),
            users: 0,
            detail: Some(detail.into()),
        });
    }
}
