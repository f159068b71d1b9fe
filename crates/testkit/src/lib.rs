//! Hand-written fakes of the ports, invented accounts, and contract suites; a dev-dependency only.
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "only tests use this crate, and a test's own mistake may panic"
)]

pub mod accounts;
pub mod answer_table;
pub mod clock;
pub mod contract;
pub mod contract_cases;
pub mod events;
pub mod logs;
pub mod mirror;
pub mod providers;
pub mod registrations;
pub mod scanning;
pub mod sealing;
pub mod source_client;
pub mod store;
pub mod tenants;
pub mod tokens;
pub mod views;
pub mod workspaces;
