//! The sandbox's clock: tests push or freeze it instead of waiting.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use time::macros::format_description;
use time::{Duration as Span, OffsetDateTime};

/// The time by which tokens expire, quotas refill and the search index catches up.
#[derive(Debug, Default)]
pub struct SandboxClock {
    mode: Mutex<ClockMode>,
}

#[derive(Debug, Clone, Copy)]
enum ClockMode {
    Ahead(Span),
    Frozen(OffsetDateTime),
}

impl Default for ClockMode {
    fn default() -> Self {
        Self::Ahead(Span::ZERO)
    }
}

impl SandboxClock {
    /// The current time of the simulated providers.
    pub fn now(&self) -> OffsetDateTime {
        match *self.mode() {
            ClockMode::Ahead(by) => machine_time().saturating_add(by),
            ClockMode::Frozen(at) => at,
        }
    }

    /// Moves the clock forward, running or frozen.
    pub fn advance(&self, by: Duration) {
        self.push(Span::try_from(by).unwrap_or(Span::MAX));
    }

    /// Moves the clock back, so that the callers' clocks are ahead of the provider's.
    pub fn set_back(&self, by: Duration) {
        self.push(-Span::try_from(by).unwrap_or(Span::MAX));
    }

    fn push(&self, by: Span) {
        let mut mode = self.mode();
        *mode = match *mode {
            ClockMode::Ahead(already) => ClockMode::Ahead(already.saturating_add(by)),
            ClockMode::Frozen(at) => ClockMode::Frozen(at.saturating_add(by)),
        };
    }

    /// Stops the clock at the current time; after that only [`SandboxClock::advance`] moves it.
    pub fn freeze(&self) {
        let now = self.now();
        self.freeze_at(now);
    }

    /// Stops the clock at this time.
    pub fn freeze_at(&self, at: OffsetDateTime) {
        *self.mode() = ClockMode::Frozen(at);
    }

    /// Follows the machine's clock again.
    pub fn reset(&self) {
        *self.mode() = ClockMode::default();
    }

    fn mode(&self) -> MutexGuard<'_, ClockMode> {
        self.mode.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A time as Auth0 and Gigya write it: milliseconds, UTC.
pub(crate) fn format_timestamp(at: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    at.format(&format).unwrap_or_default()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the sandbox uses no workspace crate, so it reads the machine's clock itself, here alone"
)]
fn machine_time() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frozen_clock_moves_only_when_pushed() {
        let clock = SandboxClock::default();
        clock.freeze();
        let then = clock.now();
        assert_eq!(clock.now(), then);
        clock.advance(Duration::from_secs(90));
        assert_eq!(clock.now() - then, time::Duration::seconds(90));
    }

    #[test]
    fn running_clock_moves_forward_and_back() {
        let clock = SandboxClock::default();
        clock.advance(Duration::from_hours(1));
        assert!(clock.now() - machine_time() > time::Duration::minutes(59));
        clock.set_back(Duration::from_hours(2));
        assert!(clock.now() - machine_time() < -time::Duration::minutes(59));
        clock.reset();
        assert!(clock.now() - machine_time() < time::Duration::minutes(1));
    }
}
