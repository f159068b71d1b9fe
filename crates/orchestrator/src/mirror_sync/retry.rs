//! Pauses between attempts: longer each time, at least as long as the provider requests, and only a limited number.

use std::time::Duration;

use masthead_ports::{
    mirror::RunError,
    source::{SourceError, SourceErrorKind},
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{options::RetryOptions, outcome::Halt};

/// The attempts of one operation.
pub(super) struct Retry {
    options: RetryOptions,
    attempts: u32,
}

impl Retry {
    pub(super) const fn new(options: RetryOptions) -> Self {
        Self { options, attempts: 0 }
    }

    /// Pauses before the next attempt, if the error allows one.
    pub(super) async fn pause_after(&mut self, error: SourceError, end: &CancellationToken) -> Result<(), Halt> {
        let Some(pause) = self.next_pause(error.kind) else {
            return Err(Halt::Failed(error));
        };
        self.log(&error, pause);
        tokio::select! {
            () = sleep(pause) => Ok(()),
            () = end.cancelled() => Err(Halt::Stopped),
        }
    }

    /// The first failure is shown to operators: a sync may pause for minutes.
    fn log(&self, error: &SourceError, pause: Duration) {
        let error = error as &dyn std::error::Error;
        let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        if self.attempts == 1 {
            tracing::info!(error, pause_ms, "a step of the sync has failed, and is tried again");
        } else {
            tracing::debug!(error, pause_ms, "the run waits");
        }
    }

    /// As [`Self::pause_after`], for an error of the mirror.
    pub(super) async fn pause_after_run_error(&mut self, error: RunError, end: &CancellationToken) -> Result<(), Halt> {
        match error {
            RunError::Lost => Err(Halt::Lost),
            RunError::Source(error) => self.pause_after(error, end).await,
        }
    }

    fn next_pause(&mut self, kind: SourceErrorKind) -> Option<Duration> {
        let requested = match kind {
            SourceErrorKind::RateLimited { retry_after } => retry_after.unwrap_or_default(),
            // A contradictory page may be the result of concurrent changes; recording a page twice is harmless.
            SourceErrorKind::Unavailable | SourceErrorKind::Corrupt | SourceErrorKind::OutcomeUnknown => Duration::ZERO,
            SourceErrorKind::TooBroad | SourceErrorKind::Refused | SourceErrorKind::Misconfigured => return None,
        };
        self.attempts += 1;
        if self.attempts >= self.options.attempts {
            return None;
        }
        let doubled = self
            .options
            .first_pause
            .saturating_mul(1 << (self.attempts - 1).min(16));
        Some(doubled.max(requested).min(self.options.longest_pause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: RetryOptions = RetryOptions {
        attempts: 5,
        first_pause: Duration::from_secs(1),
        longest_pause: Duration::from_secs(6),
    };

    fn pauses(kind: SourceErrorKind) -> Vec<u64> {
        let mut retry = Retry::new(OPTIONS);
        std::iter::from_fn(|| retry.next_pause(kind).map(|pause| pause.as_secs())).collect()
    }

    #[test]
    fn pauses_grow_and_obey_the_provider() {
        assert_eq!(pauses(SourceErrorKind::Unavailable), [1, 2, 4, 6]);
        assert_eq!(pauses(SourceErrorKind::Corrupt), [1, 2, 4, 6]);
        let rate_limited = |seconds| SourceErrorKind::RateLimited {
            retry_after: Some(Duration::from_secs(seconds)),
        };
        assert_eq!(pauses(rate_limited(3)), [3, 3, 4, 6]);
        assert_eq!(pauses(rate_limited(600)), [6, 6, 6, 6]);
        for permanent in [
            SourceErrorKind::Misconfigured,
            SourceErrorKind::Refused,
            SourceErrorKind::TooBroad,
        ] {
            assert!(pauses(permanent).is_empty(), "{permanent}");
        }
    }
}
