//! Recomputes stored keys after the folding rules have changed (ADR 0098): row by row in Rust, since no SQL function
//! computes them.
//!
//! All rows are processed in windows. Each window is a transaction that also advances the position in `stored_keys`, so that
//! an interrupted run is continued, and two runs share the work. Only rows with an affected character are read, and only
//! rows whose keys or search terms differ are written: repeating a run changes nothing.

mod entries;
mod progress;
mod recompute;
mod registrations;

pub use progress::KeysMade;
pub(crate) use recompute::recompute;
