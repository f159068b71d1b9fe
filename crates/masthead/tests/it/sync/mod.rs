//! Sync runs: a sandbox of each provider, a real Postgres, and every list compared with a naive model.

mod harness;
mod kind;
mod large_syncs;
mod unreadable_rows;
