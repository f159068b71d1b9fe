//! Checks the raw settings, one file for each section.
//!
//! Every value is checked before the first `?`, so that all errors are reported.

mod audit;
mod database;
mod database_url;
mod exports;
mod http;
mod limits;
mod log;
mod mail;
mod metrics;
mod passwords;
mod providers;
mod sealing;
mod search;
mod sync;
mod telemetry;
mod tls;
mod tokens;

use std::time::Duration;

pub(super) use audit::audit;
pub(super) use database::database;
pub(super) use exports::exports;
pub(super) use http::http;
pub(super) use limits::limits;
pub(super) use log::log;
pub(super) use mail::mail;
pub(super) use metrics::metrics;
pub(super) use passwords::passwords;
pub(super) use providers::providers;
pub(super) use sealing::sealing;
pub(super) use search::search;
pub(super) use sync::sync;
pub(super) use telemetry::telemetry;
pub(super) use tokens::tokens;

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_hours(1);
const GIGABYTE: u64 = 1024 * 1024 * 1024;
