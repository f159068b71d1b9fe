//! The mirror of a pool: the users of its provider, joined with its registrations (`docs/adr/0070` and later).

mod entry_rows;
mod error;
mod feed;
mod finish;
pub(crate) mod list;
mod mirror_row;
mod nearby;
mod pg_mirror;
mod profile;
mod refold;
mod rejoin;
mod run;
mod time_limit;

pub(crate) use error::MirrorError;
pub(crate) use mirror_row::provider_of;
#[cfg(test)]
pub(crate) use nearby::{NEARBY_REGISTRATIONS, REGISTRATIONS_BY_NUMBER};
pub(crate) use nearby::{StoredEntry, find_entries};
pub use pg_mirror::PgMirror;
pub(crate) use refold::fold_again;
pub(crate) use rejoin::{Changes, follow, follow_deletion, follow_erasure};
