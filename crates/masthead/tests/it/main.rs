//! Integration tests: the program over real sockets, on a real Postgres, with sandboxes in the place of providers.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests, which print what this machine cannot check"
)]

mod chained;
mod contract;
mod database;
mod exports;
mod http;
mod imports;
mod issuers;
mod journeys;
mod lifecycle;
mod mail;
mod operators;
mod pooler;
mod providers;
mod sources;
mod support;
mod sync;
mod telemetry;
mod writes;
