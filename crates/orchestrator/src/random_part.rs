//! Random parts of pauses and waits.

use std::hash::{BuildHasher as _, RandomState};

/// A random number from 0 to 1, not for secrets.
pub(crate) fn random_part() -> f64 {
    let [high, low, ..] = RandomState::new().hash_one(()).to_be_bytes();
    f64::from(u16::from_be_bytes([high, low])) / f64::from(u16::MAX)
}
