//! How failures on the way are waited out: longer each time, as long as the provider asks, and not for ever.

use std::time::Duration;

use masthead_ports::{
    mirror::RunError,
    source::{SourceError, SourceErrorKind},
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::Halt;

/// How failures are waited out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryOptions {
    /// How often one and the same thing is tried; at least once.
    pub tries: u32,
    /// The pause before the second try; it doubles with each.
    pub first_pause: Duration,
    /// The longest pause, also when the provider asks for a longer one.
    pub longest_pause: Duration,
}

/// What is left of the patience with one thing.
pub(super) struct Patience {
    options: RetryOptions,
    tried: u32,
}

impl Patience {
    pub(super) const fn new(options: RetryOptions) -> Self {
        Self { options, tried: 0 }
    }

    /// Waits, if it makes sense to try again.
    pub(super) async fn after(&mut self, error: SourceError, end: &CancellationToken) -> Result<(), Halt> {
        let Some(pause) = self.pause(error.kind) else {
            return Err(Halt::Failed(error));
        };
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
            "the run waits"
        );
        tokio::select! {
            () = sleep(pause) => Ok(()),
            () = end.cancelled() => Err(Halt::Stopped),
        }
    }

    /// The same for the store's word on a run.
    pub(super) async fn after_run(&mut self, error: RunError, end: &CancellationToken) -> Result<(), Halt> {
        match error {
            RunError::Lost => Err(Halt::Lost),
            RunError::Source(error) => self.after(error, end).await,
        }
    }

    fn pause(&mut self, kind: SourceErrorKind) -> Option<Duration> {
        let asked = match kind {
            SourceErrorKind::RateLimited { retry_after } => retry_after.unwrap_or_default(),
            // A page that contradicts itself may have been cut while users came and went; keeping a step twice does no harm.
            SourceErrorKind::Unavailable | SourceErrorKind::Corrupt | SourceErrorKind::OutcomeUnknown => Duration::ZERO,
            SourceErrorKind::TooBroad | SourceErrorKind::Refused | SourceErrorKind::Misconfigured => return None,
        };
        self.tried += 1;
        if self.tried >= self.options.tries {
            return None;
        }
        let doubled = self.options.first_pause.saturating_mul(1 << (self.tried - 1).min(16));
        Some(doubled.max(asked).min(self.options.longest_pause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: RetryOptions = RetryOptions {
        tries: 5,
        first_pause: Duration::from_secs(1),
        longest_pause: Duration::from_secs(6),
    };

    fn pauses(kind: SourceErrorKind) -> Vec<u64> {
        let mut patience = Patience::new(OPTIONS);
        std::iter::from_fn(|| patience.pause(kind).map(|pause| pause.as_secs())).collect()
    }

    #[test]
    fn pauses_grow_obey_the_provider_and_come_to_an_end() {
        assert_eq!(pauses(SourceErrorKind::Unavailable), [1, 2, 4, 6]);
        assert_eq!(pauses(SourceErrorKind::Corrupt), [1, 2, 4, 6]);
        let asked = |seconds| SourceErrorKind::RateLimited {
            retry_after: Some(Duration::from_secs(seconds)),
        };
        assert_eq!(pauses(asked(3)), [3, 3, 4, 6]);
        assert_eq!(pauses(asked(600)), [6, 6, 6, 6], "then the run is left for later");
    }

    #[test]
    fn what_only_an_operator_can_mend_is_not_waited_for() {
        for kind in [
            SourceErrorKind::Misconfigured,
            SourceErrorKind::Refused,
            SourceErrorKind::TooBroad,
        ] {
            assert!(pauses(kind).is_empty(), "{kind}");
        }
    }
}
