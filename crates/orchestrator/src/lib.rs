//! The use cases: each reads the sources of the tenant, joins their findings, and reports how complete the answer is.

mod caller;
mod dependencies;
mod error;
mod export_users;
mod findings;
mod list_users;
mod live_union;
mod lookup_user;
mod mail_relay;
mod mail_sealing;
mod mirror_answers;
mod mirror_list;
mod mirror_sync;
mod mirror_writer;
mod page;
mod prefetched_store;
mod provider_reader;
mod read_log;
mod request;
mod resolve;
mod search_provider;
mod source_pair;
mod store_only;
mod write_back;
pub mod writes;

pub use caller::Caller;
pub use dependencies::{Dependencies, UseCases};
pub use error::ReadError;
pub use export_users::{ExportAnswer, ExportRequest, ExportUsers, ExportedUser};
pub use list_users::ListUsers;
pub use lookup_user::LookupUser;
pub use mail_relay::{MailRelay, MailRelayOptions};
pub use mail_sealing::{MailSealingError, open_mail, seal_mail};
pub use mirror_sync::{MirrorSync, RetryOptions, SyncOptions, SyncOutcome, SyncPreview, SyncProgress};
pub use request::{LookupRequest, SearchRequest};
pub use search_provider::SearchProvider;
