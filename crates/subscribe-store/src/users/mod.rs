//! Writing users: each write is one transaction with its events, mails, intent and idempotency key (ADR 0123).

mod attempt_end;
mod attempts;
mod change;
mod code_rows;
mod codes;
mod commit;
mod create;
mod delete;
mod erase;
mod erasures;
mod error;
mod idempotency;
mod identify;
mod inactive;
mod intents;
mod mail_outbox;
mod password;
mod pending;
mod pg_users;
mod purge;
mod receipts;
mod registration_rows;
mod remote_store;
mod reset_links;
mod sign_in;
mod sweep;
mod writer;

pub use inactive::{ErasingInactive, InactivePool};
pub use pg_users::PgUsers;
pub use purge::Purged;
#[cfg(test)]
pub(crate) use {registration_rows::HOLDERS, reset_links::FIND_LINK};
