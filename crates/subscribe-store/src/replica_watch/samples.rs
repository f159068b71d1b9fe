//! Positions of the primary's log over time, from which the lag of a replica is computed.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// The number of samples that are kept.
const KEPT: u32 = 32;

/// The longest time between two samples of a primary that answers.
const USUAL: Duration = Duration::from_secs(1);

/// Samples of the primary's position. The clocks of the servers are not compared, and an idle primary is no lag.
pub(super) struct PrimarySamples {
    newest: Option<PrimarySample>,
    /// The oldest first.
    earlier: VecDeque<PrimarySample>,
    /// The least time between two of them, so that they cover the greatest allowed lag twice.
    spacing: Duration,
}

#[derive(Clone, Copy)]
struct PrimarySample {
    /// The primary had this position then, or soon after.
    at: Instant,
    position: u64,
}

impl PrimarySamples {
    pub(super) fn new(max_lag: Duration) -> Self {
        Self {
            newest: None,
            earlier: VecDeque::new(),
            spacing: max_lag * 2 / KEPT,
        }
    }

    pub(super) fn push(&mut self, at: Instant, position: u64) {
        if let Some(newest) = self.newest {
            // Nothing was measured while the primary did not answer: after a failover the replicas start with the lag that
            // they had, and not with the time that it took.
            let pause = at - newest.at;
            if pause > USUAL {
                self.earlier.iter_mut().for_each(|sample| sample.at += pause);
            }
            // Another server took over with less: positions beyond its own are of the past.
            self.earlier.retain(|sample| sample.position <= position);
        }
        let sample = PrimarySample { at, position };
        self.newest = Some(sample);
        let is_due = self.earlier.back().is_none_or(|last| at - last.at >= self.spacing);
        if is_due {
            self.earlier.push_back(sample);
        }
        if self.earlier.len() > KEPT as usize {
            self.earlier.pop_front();
        }
    }

    /// How far a replica is behind the newest sample; `None` if that is unknown. While the primary does not answer the lag
    /// stays as it is: a primary that was killed may leave a position that no replica can reach.
    pub(super) fn lag(&self, replayed: u64) -> Option<Duration> {
        let newest = self.newest?;
        if newest.position <= replayed {
            return Some(Duration::ZERO);
        }
        let passed = self.earlier.iter().rev().find(|sample| sample.position <= replayed);
        passed.map(|sample| newest.at - sample.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn lag_is_measured_from_the_newest_sample() {
        let mut samples = PrimarySamples::new(SECOND);
        let start = Instant::now();
        assert_eq!(samples.lag(100), None, "the primary was not seen yet");
        samples.push(start, 100);
        assert_eq!(samples.lag(99), None, "the lag began before the first sample");
        assert_eq!(samples.lag(100), Some(Duration::ZERO));
        samples.push(start + SECOND, 100);
        assert_eq!(samples.lag(100), Some(Duration::ZERO), "an idle primary is no lag");
        samples.push(start + 2 * SECOND, 200);
        samples.push(start + 3 * SECOND, 300);
        assert_eq!(samples.lag(300), Some(Duration::ZERO));
        assert_eq!(samples.lag(299), Some(SECOND));
        assert_eq!(samples.lag(150), Some(2 * SECOND));
    }

    #[test]
    fn samples_are_bounded_and_cover_the_allowed_lag() {
        let mut samples = PrimarySamples::new(SECOND);
        let start = Instant::now();
        for n in 0..1_000_u32 {
            samples.push(start + n * SECOND / 100, u64::from(n));
        }
        assert!(samples.earlier.len() <= 32);
        assert!(
            samples
                .lag(900)
                .is_some_and(|lag| lag >= SECOND * 9 / 10 && lag < 2 * SECOND)
        );
        assert_eq!(samples.lag(10), None);
    }

    #[test]
    fn takeover_keeps_the_lag_before_it() {
        let mut samples = PrimarySamples::new(SECOND);
        let start = Instant::now();
        samples.push(start, 100);
        samples.push(start + SECOND, 200);
        samples.push(start + 30 * SECOND, 190);
        assert_eq!(samples.lag(190), Some(Duration::ZERO));
        assert_eq!(samples.lag(189), Some(SECOND), "the outage is not counted");
        assert_eq!(samples.lag(99), None);
        samples.push(start + 31 * SECOND, 90);
        assert_eq!(samples.lag(89), None);
        assert_eq!(samples.lag(90), Some(Duration::ZERO));
    }
}
