//! Tenants with an outside provider, held against the program itself: real sockets, a real Postgres, and the sandbox in
//! the provider's place.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod alarms;
mod asking;
mod described;
mod each;
mod exporting;
mod exporting_known;
mod legacy;
mod matrix;
mod not_whole;
mod one_record;
mod setting_up;
mod sharing;
mod switching;
mod syncing;
mod world;
mod writing;

#[path = "../sources/cells.rs"]
mod cells;
#[path = "../sources/people.rs"]
mod people;
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
