//! The sandbox's clock: it can be pushed or frozen, so that no test has to wait for a token to expire.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use time::macros::format_description;
use time::{Duration as Span, OffsetDateTime};

/// The time by which tokens expire, quotas refill and the search index catches up.
#[derive(Debug, Default)]
pub struct SandboxClock {
    reading: Mutex<Reading>,
}

#[derive(Debug, Clone, Copy)]
enum Reading {
    Ahead(Span),
    Frozen(OffsetDateTime),
}

impl Default for Reading {
    fn default() -> Self {
        Self::Ahead(Span::ZERO)
    }
}

impl SandboxClock {
    /// The current time, as the stand-ins see it.
    pub fn now(&self) -> OffsetDateTime {
        match *self.reading() {
            Reading::Ahead(by) => wall().saturating_add(by),
            Reading::Frozen(at) => at,
        }
    }

    /// Pushes the clock forward, whether it runs or is frozen.
    pub fn advance(&self, by: Duration) {
        self.push(Span::try_from(by).unwrap_or(Span::MAX));
    }

    /// Pushes the clock back, so that the callers' clocks are ahead of the provider's.
    pub fn set_back(&self, by: Duration) {
        self.push(-Span::try_from(by).unwrap_or(Span::MAX));
    }

    fn push(&self, by: Span) {
        let mut reading = self.reading();
        *reading = match *reading {
            Reading::Ahead(already) => Reading::Ahead(already.saturating_add(by)),
            Reading::Frozen(at) => Reading::Frozen(at.saturating_add(by)),
        };
    }

    /// Stops the clock where it is; from here only [`SandboxClock::advance`] moves it.
    pub fn freeze(&self) {
        let now = self.now();
        *self.reading() = Reading::Frozen(now);
    }

    /// Stops the clock at a moment of the caller's choice.
    pub fn freeze_at(&self, at: OffsetDateTime) {
        *self.reading() = Reading::Frozen(at);
    }

    /// Lets the clock run with the machine's again.
    pub fn reset(&self) {
        *self.reading() = Reading::default();
    }

    fn reading(&self) -> MutexGuard<'_, Reading> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A moment as Auth0 and Gigya write it: to the millisecond, in UTC.
pub(crate) fn timestamp(at: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    at.format(&format).unwrap_or_default()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the sandbox uses no workspace crate, so this is its own one room for the wall clock"
)]
fn wall() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_clock_moves_only_when_it_is_pushed() {
        let clock = SandboxClock::default();
        clock.freeze();
        let then = clock.now();
        assert_eq!(clock.now(), then);
        clock.advance(Duration::from_secs(90));
        assert_eq!(clock.now() - then, time::Duration::seconds(90));
    }

    #[test]
    fn a_running_clock_can_be_pushed_ahead_and_set_back() {
        let clock = SandboxClock::default();
        clock.advance(Duration::from_hours(1));
        assert!(clock.now() - wall() > time::Duration::minutes(59));
        clock.set_back(Duration::from_hours(2));
        assert!(clock.now() - wall() < -time::Duration::minutes(59));
        clock.reset();
        assert!(clock.now() - wall() < time::Duration::minutes(1));
    }
}
