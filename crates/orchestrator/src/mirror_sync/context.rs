//! The contexts of calls of a sync run.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_domain::tenant::Tenant;
use masthead_ports::source::{CallContext, Priority};

/// The time limit for recording a page.
pub(super) const RECORD_LIMIT: Duration = Duration::from_mins(1);

/// The time limit for starting or finishing a run, which touches every row of a pool.
pub(super) const START_OR_FINISH_LIMIT: Duration = Duration::from_mins(30);

/// The context of one call with this time limit. Sync calls have the lowest priority.
pub(super) fn context(tenant: &Arc<Tenant>, limit: Duration) -> CallContext {
    CallContext::new(Arc::clone(tenant), Instant::now() + limit, Priority::Sync)
}
