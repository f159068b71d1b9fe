//! What the public contract promises, held against the program itself: over a real socket, on a real Postgres.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod documents;
mod export;
mod forged;
mod http_client;
mod isolation;
mod key_sets;
mod keys;
mod legacy;
mod one_record;
mod privacy;
mod reads;
mod rsa;
mod server;
mod slow_searches;
mod stalled_database;
mod table;

#[path = "../it/support/mod.rs"]
#[expect(
    dead_code,
    clippy::expect_used,
    reason = "the other tests over real sockets, whose it is, need more of it"
)]
mod support;
