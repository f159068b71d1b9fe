//! Limits of requests and rows a minute, for each caller, tenant and address, shared between servers (ADR 0129).
//!
//! [`Limiter`] admits requests; [`UsageSharing`] reports to the other servers, and reads by them, what was admitted.

mod bucket;
mod limiter;
mod sharing;

pub use limiter::{Limiter, LimiterOptions, SystemLimiter};
pub use sharing::UsageSharing;
