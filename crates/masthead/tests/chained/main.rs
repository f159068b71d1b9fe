//! A Masthead before another: the adapter held to the promises of a source of registrations over the API itself, and two
//! processes held against one.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod far;
mod promises;

#[path = "../it/support/mod.rs"]
#[expect(
    dead_code,
    clippy::expect_used,
    reason = "the other tests over real sockets, whose it is, need more of it"
)]
mod support;
