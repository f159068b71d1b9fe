//! Bulk import in batches: each is one transaction with its events and, where it can be resumed, with how far it has come.

mod ahead;
mod combine;
mod decide;
mod error;
mod holders;
mod importer;
mod part;
mod parts;
mod policy;
mod pools;
mod preview;
mod result;
mod row;
mod runs;
mod scratch;
mod seen;
mod session;
mod statistics;
mod write;

pub use error::{ImportError, ImportStopError};
pub use importer::{ImportOrigin, Importer};
pub use policy::{DuplicatePolicy, OnDuplicate};
pub use result::{Duplicate, DuplicateKey, DuplicatePlace, Imported, RowError, RowOutcome, RowResult, SkipReason};
pub use row::ImportRow;
pub use runs::{Checkpoint, ImportRun, RunProgress};
pub use session::{ImportSession, PendingBatch, StoredBatch};
