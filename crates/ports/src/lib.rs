//! The ports of the orchestrator and the API: traits that adapters implement, and their errors.
//!
//! An unavailable source is an error, never an absent user.

pub mod accounts;
pub mod attempts;
pub mod audit;
pub mod bulk;
pub mod caller_rules;
pub mod clock;
pub mod erasure;
pub mod events;
pub mod exports;
pub mod idempotency;
pub mod intents;
pub mod keyed_hash;
pub mod mail;
pub mod mirror;
pub mod passwords;
pub mod person;
pub mod provider;
pub mod rate_limit;
pub mod readiness;
pub mod registrations;
pub mod remote_store;
pub mod scan;
pub mod sealing;
pub mod secret_generator;
pub mod source;
pub mod tenants;
pub mod tokens;
pub mod trace;
pub mod users;
pub mod workspaces;
