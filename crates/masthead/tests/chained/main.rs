//! A Masthead before another: the adapter held to the promises of a source of registrations over the API itself, and two
//! processes held against one.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod far;
mod migrating;
mod processes;
mod promises;

#[path = "../sources/people.rs"]
#[expect(dead_code, reason = "the tests of sources, whose it is, need more of it")]
mod people;
#[path = "../sources/under_test.rs"]
#[expect(dead_code, reason = "the tests of sources, whose it is, need more of it")]
mod under_test;
#[path = "../contract/wire.rs"]
#[expect(dead_code, reason = "the tests of the contract, whose it is, need more of it")]
mod wire;
#[path = "../contract/world.rs"]
#[expect(dead_code, reason = "the tests of the contract, whose it is, need more of it")]
mod world;

#[path = "../it/support/mod.rs"]
#[expect(
    dead_code,
    clippy::expect_used,
    reason = "the other tests over real sockets, whose it is, need more of it"
)]
mod support;
