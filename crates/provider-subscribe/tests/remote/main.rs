//! The adapter against a scripted remote API: its exact requests, and its result for every answer; its writes against the
//! sandbox Users API.
#![expect(clippy::unwrap_used, reason = "tests")]

mod faults;
mod golden;
mod support;
mod tokens;
mod writes;
