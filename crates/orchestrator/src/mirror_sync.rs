//! Syncs a tenant's mirror: scans the provider's users page by page, with retries, and resumes where the last run stopped.

mod context;
mod lease;
mod options;
mod outcome;
mod preview;
mod retry;
mod run;

pub use options::{RetryOptions, SyncOptions};
pub use outcome::{SyncOutcome, SyncPreview, SyncProgress};
pub use run::MirrorSync;
