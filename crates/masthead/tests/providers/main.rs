//! Tenants with an outside provider, held against the program itself: real sockets, a real Postgres, and the sandbox in
//! the provider's place.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod alarms;
mod asking;
mod cells;
mod matrix;
mod people;
mod setting_up;
mod sharing;
mod switching;
mod syncing;
mod world;
mod writing;

#[path = "../it/support/mod.rs"]
#[expect(
    dead_code,
    clippy::expect_used,
    reason = "the other tests over real sockets, whose it is, need more of it"
)]
mod support;
