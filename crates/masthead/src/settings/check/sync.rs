//! Checks the raw settings of `[sync]`.

use std::time::Duration;

use super::HOUR;
use crate::settings::{checker::Checker, model::SyncSettings, raw::RawSync};

pub(in crate::settings) fn sync(raw: &RawSync, c: &mut Checker<'_>) -> Option<SyncSettings> {
    let every = c.duration("sync.every", &raw.every, Duration::ZERO..=24 * 30 * HOUR);
    let full_every = c.duration("sync.full_every", &raw.full_every, Duration::ZERO..=24 * 365 * HOUR);
    let at_once = c.size("sync.at_once", &raw.at_once, 1..=64);
    Some(SyncSettings {
        every: every?,
        full_every: full_every?,
        at_once: at_once?,
    })
}
