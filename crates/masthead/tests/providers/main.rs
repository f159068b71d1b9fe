//! Tenants with an outside provider, held against the program itself: real sockets, a real Postgres, and the sandbox in
//! the provider's place.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod alarms;
mod client;
mod described;
mod each;
mod exporting;
mod exporting_known;
mod legacy;
mod matrix;
mod not_whole;
mod one_record;
mod server;
mod setting_up;
mod sharing;
mod switching;
mod syncing;
mod writing;

#[path = "../sources/faults.rs"]
mod faults;
#[path = "../sources/readers.rs"]
mod readers;
#[path = "../sources/under_test.rs"]
#[expect(
    dead_code,
    reason = "what stands in the store's place has journeys of its own, in `chained`"
)]
mod under_test;

#[path = "../it/support/mod.rs"]
#[expect(
    dead_code,
    clippy::expect_used,
    reason = "the other tests over real sockets, whose it is, need more of it"
)]
mod support;
