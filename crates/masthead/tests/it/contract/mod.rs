//! The public contract, checked against the program: over real sockets, on a real Postgres.

mod documents;
mod export;
mod forged;
mod isolation;
mod key_sets;
mod keys;
mod legacy;
mod privacy;
mod reads;
pub(crate) mod rsa;
mod search_queue;
pub(crate) mod server;
mod slow_searches;
mod stalled_database;
mod table;
