//! The adapter against a far side that answers by a script: what it asks to the letter, and what it makes of every answer.
#![expect(clippy::unwrap_used, reason = "tests")]

mod faults;
mod golden;
mod support;
mod tokens;
