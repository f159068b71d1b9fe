//! Keeps the mirrors of providers' users up to date.

mod lanes;
mod runner;
mod schedule;
mod state;

pub use runner::SyncRunner;
pub(crate) use runner::{MANUAL_RETRY, SCHEDULED_RETRY};
pub(crate) use schedule::SyncSchedule;
pub use state::{SyncHealth, SyncStates};
