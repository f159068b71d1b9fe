//! An operator's tools over a real Postgres: what they show, and what they refuse without a confirmation.

mod database_errors;
mod explain;
mod messages;
mod pools;
mod promises;
mod provider_check;
mod refusals;
mod settings;
mod verbs;
