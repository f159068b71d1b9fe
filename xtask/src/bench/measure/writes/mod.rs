//! Writes: creates and updates beside pgbench, look-ups beside a storm of sign-ins, and what sign-ins cost and reveal.

mod fixture;
mod rates;
mod sign_ins;
mod statements;
mod timing;

use super::context::BenchContext;
use super::report::BenchReport;
use crate::shell::TaskResult;
use fixture::WriteBench;

/// Measures creates and updates, then sign-ins.
pub(super) fn measure(context: &BenchContext<'_>, report: &mut BenchReport) -> TaskResult {
    let bench = WriteBench::prepare(context)?;
    rates::measure(&bench, report)?;
    sign_ins::measure(&bench, report)?;
    timing::measure(&bench, report)?;
    bench.remove()
}
