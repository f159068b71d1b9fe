//! The writes over fakes: one side, both sides, their faults, and what reconciling leaves.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed setup may stop a test")]

mod credentials;
mod erasures;
mod faults;
mod first_login;
mod fixture;
mod one_side;
mod remote_store;
