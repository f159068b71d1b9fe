//! Bulk import in batches: each is one transaction with one event.

mod batch;
mod duplicate_emails;
mod error;
mod importer;
mod line;
mod result;
mod statistics;

pub use error::{ImportError, ImportLineError, ImportStopError};
pub use importer::{ImportOrigin, Importer};
pub use result::Imported;
