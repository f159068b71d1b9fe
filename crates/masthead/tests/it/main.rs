//! The server over real sockets: its connection loop, and whole journeys of the program on a real Postgres.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests, which say what this machine cannot check"
)]

mod connections;
mod http_rules;
mod journeys;
mod pooler;
mod support;
