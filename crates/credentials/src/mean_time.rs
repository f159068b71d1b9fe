//! A moving mean of durations.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// The mean of recent durations; a new one counts for an eighth. Zero until the first.
#[derive(Debug, Default)]
pub(crate) struct MeanTime(AtomicU64);

impl MeanTime {
    /// Adds a duration.
    pub(crate) fn record(&self, took: Duration) {
        let new = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
        let mixed = |mean: u64| if mean == 0 { new } else { mean - mean / 8 + new / 8 };
        // The closure never refuses.
        let _ = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |mean| Some(mixed(mean)));
    }

    /// The mean.
    pub(crate) fn get(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_follows_slowly() {
        let mean = MeanTime::default();
        assert_eq!(mean.get(), Duration::ZERO);
        mean.record(Duration::from_millis(8));
        assert_eq!(mean.get(), Duration::from_millis(8));
        mean.record(Duration::from_millis(16));
        assert_eq!(mean.get(), Duration::from_millis(9));
    }
}
