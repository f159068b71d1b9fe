//! The reads over fakes: answer table, mirror lists, reads of one source, remote store and export.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed setup may stop a test")]

mod answer_table;
mod audit;
mod deleted_users;
mod export;
mod export_from_mirror;
mod export_registrations;
mod fixture;
mod mirror_lists;
mod provider_only;
mod read_after_write;
mod remote_store;
