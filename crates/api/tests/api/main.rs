//! The router with fakes, without sockets: the contract's table, faults, hostile input, documents, the legacy API.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests and their helpers may panic")]

mod audit;
mod contract;
mod documents;
mod faults;
mod fixture;
mod hostile;
mod legacy;
mod limits;
mod one_record;
mod paging;
mod reads;
mod users_export;
mod writes;
