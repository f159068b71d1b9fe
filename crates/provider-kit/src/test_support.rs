//! A tenant, a clock and a call context for the tests of this package.

use std::{sync::Arc, time::Duration};

use masthead_domain::tenant::Tenant;
use masthead_ports::{
    clock::Clock,
    source::{CallContext, Priority},
};
use masthead_testkit::clock::StoppedClock;
use time::OffsetDateTime;

/// The time of the tests: 2027-01-15.
pub(crate) const NOW: i64 = 1_800_000_000;

/// A clock stopped at [`NOW`].
pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(StoppedClock::at(OffsetDateTime::from_unix_timestamp(NOW).unwrap()))
}

pub(crate) fn tenant() -> Arc<Tenant> {
    Arc::new(masthead_testkit::tenants::tenant("north/daily/herald", 1, &[]))
}

/// The context of an interactive caller with this much time.
pub(crate) fn cx(patience: Duration) -> CallContext {
    let deadline = (tokio::time::Instant::now() + patience).into_std();
    CallContext::new(tenant(), deadline, Priority::Interactive)
}
