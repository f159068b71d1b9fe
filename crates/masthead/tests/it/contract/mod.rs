//! The public contract, checked against the program: over real sockets, on a real Postgres.

mod audit;
mod documents;
mod export;
mod forged;
mod isolation;
pub(crate) mod key_sets;
mod keys;
mod legacy;
mod limits;
mod privacy;
mod reads;
pub(crate) mod rsa;
mod search_queue;
pub(crate) mod server;
mod slow_searches;
mod stalled_database;
mod table;
