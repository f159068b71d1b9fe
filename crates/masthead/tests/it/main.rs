//! The server over real sockets: its connection loop, and whole journeys of the program on a real Postgres.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod connections;
mod http_rules;
mod journeys;
mod support;
