//! Fakes of the ports, invented accounts, and contract suites for tests.
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "only tests use this crate, and a test's own mistake may panic"
)]

pub mod account_writer;
pub mod accounts;
pub mod answer_table;
pub mod audit;
pub mod clock;
pub mod contract;
pub mod contract_cases;
pub mod events;
pub mod exports;
pub mod hashing;
pub mod logs;
pub mod mail;
pub mod mirror;
pub mod person;
pub mod providers;
pub mod rate_limits;
pub mod registrations;
pub mod scanning;
pub mod sealing;
pub mod secrets;
pub mod source_client;
pub mod store;
pub mod tenants;
pub mod tokens;
pub mod users;
pub mod views;
pub mod workspaces;
