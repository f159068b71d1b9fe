//! A Masthead before another: the adapter held to the promises of a source of registrations over the API itself, and two
//! processes held against one.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod migration;
mod processes;
mod promises;
mod remote_api;

#[path = "../contract/http_client.rs"]
#[expect(dead_code, reason = "the tests of the contract, whose it is, need more of it")]
mod http_client;
#[path = "../sources/readers.rs"]
#[expect(dead_code, reason = "the tests of sources, whose it is, need more of it")]
mod readers;
#[path = "../contract/server.rs"]
#[expect(dead_code, reason = "the tests of the contract, whose it is, need more of it")]
mod server;
#[path = "../sources/under_test.rs"]
#[expect(dead_code, reason = "the tests of sources, whose it is, need more of it")]
mod under_test;

#[path = "../it/support/mod.rs"]
#[expect(
    dead_code,
    clippy::expect_used,
    reason = "the other tests over real sockets, whose it is, need more of it"
)]
mod support;
