//! The router with fakes, no socket: the contract's table, faults, hostile input, events, documents.
#![expect(clippy::unwrap_used, reason = "what helps tests may panic as they do")]

mod contract;
mod documents;
mod faults;
mod hostile;
mod paging;
mod reads;
mod world;
