//! Directories kept up to date: each kind of provider as a sandbox, a real Postgres, and every list held against a naive
//! model.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod harness;
mod kind;
mod large_syncs;
mod troubles;
