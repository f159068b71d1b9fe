//! A clock that moves only on command.

use std::sync::{Mutex, PoisonError};

use masthead_ports::clock::Clock;
use time::{Duration, OffsetDateTime, macros::datetime};

/// A clock that returns the same time until it is moved.
#[derive(Debug)]
pub struct StoppedClock(Mutex<OffsetDateTime>);

impl StoppedClock {
    /// A clock stopped at this moment.
    #[must_use]
    pub const fn at(moment: OffsetDateTime) -> Self {
        Self(Mutex::new(moment))
    }

    /// Moves it forward.
    pub fn advance(&self, by: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }
}

impl Default for StoppedClock {
    /// Noon of an invented day.
    fn default() -> Self {
        Self::at(datetime!(2026-03-01 12:00 UTC))
    }
}

impl Clock for StoppedClock {
    fn now(&self) -> OffsetDateTime {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
