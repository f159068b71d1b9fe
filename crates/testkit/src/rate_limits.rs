//! Limits that admit everything, or refuse everything, and count.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use masthead_ports::rate_limit::{Admission, LimitedCaller, RateExceeded, RateLimits, UsageMeter};

/// Counts what is admitted, until it is made to refuse.
#[derive(Debug, Default)]
pub struct FakeRateLimits {
    refusal: Mutex<Option<RateExceeded>>,
    counts: Arc<UsageCounts>,
}

#[derive(Debug, Default)]
struct UsageCounts {
    requests: AtomicUsize,
    lists: AtomicUsize,
    rows: AtomicUsize,
}

impl FakeRateLimits {
    /// Refuses every request from now on.
    pub fn refuse(&self, exceeded: RateExceeded) {
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(exceeded);
    }

    /// The requests, the lists among them, and the rows since the last call.
    #[must_use]
    pub fn take_counts(&self) -> (usize, usize, usize) {
        let take = |count: &AtomicUsize| count.swap(0, Ordering::Relaxed);
        let counts = &self.counts;
        (take(&counts.requests), take(&counts.lists), take(&counts.rows))
    }
}

impl RateLimits for FakeRateLimits {
    fn admit(&self, _: &LimitedCaller<'_>) -> Result<Admission, RateExceeded> {
        if let Some(exceeded) = *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(exceeded);
        }
        self.counts.requests.fetch_add(1, Ordering::Relaxed);
        Ok(Admission::new(self.counts.clone()))
    }
}

impl UsageMeter for UsageCounts {
    fn charge_list(&self) {
        self.lists.fetch_add(1, Ordering::Relaxed);
    }

    fn charge_rows(&self, rows: usize) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
    }
}
