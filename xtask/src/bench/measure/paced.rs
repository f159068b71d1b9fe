//! Open-loop load: requests at a steady pace, however long the answers take.

use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::statistics::{round_to, to_f64};
use crate::shell::TaskResult;

/// Latencies in microseconds. Each counts from the moment its request was due, so that what a slow answer delays is seen.
pub(super) struct Latencies(Histogram<u64>);

/// Calls `send` so often a second, until `is_over`.
pub(super) fn run_paced(
    per_second: u32,
    mut is_over: impl FnMut() -> TaskResult<bool>,
    mut send: impl FnMut() -> TaskResult,
) -> TaskResult<Latencies> {
    // Up to a minute, to three digits.
    let mut histogram = Histogram::new_with_bounds(1, 60_000_000, 3)?;
    let mut due = Instant::now();
    while !is_over()? {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        send()?;
        histogram.saturating_record(u64::try_from(due.elapsed().as_micros())?);
        due += Duration::from_secs(1) / per_second;
    }
    Ok(Latencies(histogram))
}

impl Latencies {
    pub(super) fn count(&self) -> u64 {
        self.0.len()
    }

    /// Adds the latencies of another load.
    pub(super) fn add(&mut self, other: &Self) -> TaskResult {
        Ok(self.0.add(&other.0)?)
    }

    /// A percentile in milliseconds.
    pub(super) fn percentile(&self, percent: f64) -> f64 {
        to_f64(self.0.value_at_percentile(percent)) / 1e3
    }

    pub(super) fn to_json(&self) -> Value {
        let [median, p99] = [50.0, 99.0].map(|percent| round_to(self.percentile(percent), 2));
        json!({"lookUps": self.count(), "medianMs": median, "p99Ms": p99})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delay_counts_for_requests_that_it_delays() {
        let sent = std::cell::Cell::new(0);
        let latencies = run_paced(
            100,
            || Ok(sent.get() == 3),
            || {
                sent.set(sent.get() + 1);
                // The first answer delays the next two, which are due after 10 ms and 20 ms.
                thread::sleep(Duration::from_millis(if sent.get() == 1 { 60 } else { 0 }));
                Ok(())
            },
        );
        let latencies = latencies.unwrap();
        assert_eq!(latencies.count(), 3);
        assert!(latencies.percentile(1.0) >= 39.0, "{}", latencies.percentile(1.0));
    }
}
