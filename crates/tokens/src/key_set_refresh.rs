//! Fetches a key set by the clock, so that neither a removed nor a new key waits for a token that needs it.

use std::{sync::Arc, time::Duration};

use ring::rand::{SecureRandom, SystemRandom};
use tokio::time::{Instant, sleep};

use crate::key_set_cache::KeySetCache;

/// The first pause after a failed fetch; it doubles up to the usual interval.
const FIRST_RETRY: Duration = Duration::from_secs(5);

/// How often the age is measured.
const MEASURED: Duration = Duration::from_secs(5);

/// Fetches the set every `interval`, up to a tenth sooner so that servers do not call together, and sooner after a failure.
/// It never ends: its owner drops it.
pub(crate) async fn refresh_by_clock(keys: Arc<KeySetCache>, interval: Duration) {
    // A set that is there already, or that a token has fetched meanwhile, is not fetched twice.
    let mut came = keys.obtain().await.is_ok();
    let mut failures = 0;
    loop {
        failures = if came { 0 } else { failures + 1 };
        let next = Instant::now() + pause(interval, failures, random_fraction());
        loop {
            measure(&keys);
            let left = next.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            sleep(left.min(MEASURED)).await;
        }
        came = keys.refresh().await;
    }
}

/// `fraction` is from 0 to 1.
fn pause(interval: Duration, failures: u32, fraction: f64) -> Duration {
    let pause = match failures {
        0 => interval,
        _ => interval.min(FIRST_RETRY.saturating_mul(1 << (failures - 1).min(16))),
    };
    pause.mul_f64(1.0 - fraction / 10.0)
}

/// In the middle where the system gives no random byte: the spread is a courtesy.
fn random_fraction() -> f64 {
    let mut byte = [128];
    let _ = SystemRandom::new().fill(&mut byte);
    f64::from(byte[0]) / 255.0
}

#[expect(clippy::cast_precision_loss, reason = "a set has at most 64 keys")]
fn measure(keys: &KeySetCache) {
    if let Some((age, count)) = keys.state() {
        let issuer = keys.name().to_owned();
        metrics::gauge!("masthead_key_set_age_seconds", "issuer" => issuer.clone()).set(age.as_secs_f64());
        metrics::gauge!("masthead_key_set_keys", "issuer" => issuer).set(count as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_fetches_are_retried_sooner() {
        let minute = Duration::from_mins(1);
        for (failures, seconds) in [(0, 60), (1, 5), (2, 10), (4, 40), (5, 60), (400, 60)] {
            assert_eq!(pause(minute, failures, 0.0), Duration::from_secs(seconds), "{failures}");
        }
        assert_eq!(pause(minute, 0, 1.0), Duration::from_secs(54));
        assert_eq!(pause(Duration::from_secs(1), 3, 0.0), Duration::from_secs(1));
    }
}
