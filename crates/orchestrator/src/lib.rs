//! The use cases: each asks the sources that the tenant's flow names, joins their findings, and tells the truth of it.

mod both;
mod caller;
mod directory;
mod error;
mod export;
mod heed;
mod known;
mod lookup;
mod mirror_sync;
mod page;
mod prefetched;
mod provider_alone;
mod search;
mod settle;
mod synchronise;
mod told;
mod union;
mod users;

pub use caller::Caller;
pub use error::ReadError;
pub use export::{Export, ExportAnswer, ExportRequest, ExportedUser};
pub use lookup::LookupRequest;
pub use mirror_sync::{MirrorSync, RetryOptions, SyncOptions, SyncOutcome, SyncPreview, SyncProgress};
pub use search::SearchRequest;
pub use users::{Dependencies, Users};
