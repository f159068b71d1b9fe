//! The traits that the orchestrator and the api need of the world, and their errors.
//!
//! A port promises behaviour in the words of its caller; silence is an error, never absence.

pub mod accounts;
pub mod bulk;
pub mod clock;
pub mod events;
pub mod mirror;
pub mod provider;
pub mod readiness;
pub mod registrations;
pub mod scan;
pub mod sealing;
pub mod source;
pub mod tenants;
pub mod tokens;
pub mod workspaces;
