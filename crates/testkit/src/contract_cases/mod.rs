//! The public contract as a table of requests and what must come back, one function a line of it.
//!
//! The same table runs on the router with fakes and over a real socket with a real store: an [`CaseEnvironment`] fills in what
//! differs, [`fixture`] lists what must be loaded before.
#![expect(
    clippy::must_use_candidate,
    reason = "each line of the contract is a function that only makes a table"
)]

mod case;
pub mod fixture;
mod headers;
mod keys;
mod list;
mod paging;
mod shape;

pub use case::{CaseAnswer, CaseEnvironment, CaseRequest, CaseToken, ContractCase, Expectation, Method};
pub use headers::*;
pub use keys::*;
pub use list::*;
pub use paging::*;
pub use shape::*;
