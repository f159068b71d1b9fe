//! Writes of users, checked against the program: real sockets, a real Postgres, a real SMTP server, and a stand-in for each provider.

mod concurrent;
mod erasures;
mod faults;
mod federated;
mod first_login;
pub(crate) mod harness;
mod idempotent;
mod isolation;
pub(crate) mod journey;
mod kills;
pub(crate) mod kinds;
mod legacy;
mod lines;
mod rules;
