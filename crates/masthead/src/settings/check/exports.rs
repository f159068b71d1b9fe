//! `[exports]`

use std::time::Duration;

use masthead_orchestrator::ExportLimits;

use crate::settings::{checker::Checker, raw::RawExports};

pub(in crate::settings) fn exports(raw: &RawExports, c: &mut Checker<'_>) -> Option<ExportLimits> {
    let at_once = c.size("exports.at_once", &raw.at_once, 1..=64);
    let (second, day) = (Duration::from_secs(1), Duration::from_hours(24));
    let time_limit = c.duration("exports.time_limit", &raw.time_limit, second..=day);
    let stall_limit = c.duration(
        "exports.stall_limit",
        &raw.stall_limit,
        second..=Duration::from_hours(1),
    );
    Some(ExportLimits {
        at_once: at_once?,
        time_limit: time_limit?,
        stall_limit: stall_limit?,
    })
}
