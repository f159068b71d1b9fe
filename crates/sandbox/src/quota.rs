//! Token buckets: a burst of calls, refilled at a steady rate.

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

/// The size of a bucket and its refill rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Quota {
    /// Calls that may come at once.
    pub burst: u64,
    /// Calls per second in the long run.
    pub per_second: u64,
}

impl Quota {
    const fn new(burst: u64, per_second: u64) -> Self {
        Self { burst, per_second }
    }

    /// The Management API of a free Auth0 tenant: 2, then 2 per second.
    #[must_use]
    pub const fn free() -> Self {
        Self::new(2, 2)
    }

    /// The Management API of an enterprise Auth0 tenant in production: 50, then 16 per second.
    #[must_use]
    pub const fn enterprise() -> Self {
        Self::new(50, 16)
    }

    /// More than a test can use.
    #[must_use]
    pub const fn unlimited() -> Self {
        Self::new(1_000_000, 1_000_000)
    }
}

/// The bucket's state after a call, as the `x-ratelimit-*` headers report it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QuotaStatus {
    pub(crate) allowed: bool,
    pub(crate) limit: u64,
    pub(crate) remaining: u64,
    /// UNIX seconds, rounded up: from then on there is room for one call more.
    pub(crate) reset: i64,
}

impl QuotaStatus {
    /// The seconds until there is room for a call, at least one.
    pub(crate) fn retry_after(self, now: OffsetDateTime) -> i64 {
        (self.reset - now.unix_timestamp()).max(1)
    }
}

/// A quota in use; levels are thousandths of a call, so that no millisecond is lost.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    quota: Quota,
    level: u64,
    at: OffsetDateTime,
}

const CALL: u64 = 1_000;

impl Bucket {
    pub(crate) fn full(quota: Quota, now: OffsetDateTime) -> Self {
        let level = quota.burst * CALL;
        Self { quota, level, at: now }
    }

    /// Starts a changed quota with a full bucket.
    pub(crate) fn set_quota(&mut self, quota: Quota, now: OffsetDateTime) {
        if quota != self.quota {
            *self = Self::full(quota, now);
        }
    }

    /// Takes one call out, if there is one.
    pub(crate) fn take(&mut self, now: OffsetDateTime) -> QuotaStatus {
        let passed = u64::try_from((now - self.at).whole_milliseconds()).unwrap_or(0);
        if passed > 0 {
            let refilled = self.level.saturating_add(passed.saturating_mul(self.quota.per_second));
            self.level = refilled.min(self.quota.burst * CALL);
            self.at += Duration::milliseconds(i64::try_from(passed).unwrap_or(i64::MAX));
        }
        let allowed = self.level >= CALL;
        self.level -= if allowed { CALL } else { 0 };
        QuotaStatus {
            allowed,
            limit: self.quota.burst,
            remaining: self.level / CALL,
            reset: self.next_call_at(),
        }
    }

    fn next_call_at(&self) -> i64 {
        let missing = CALL - self.level % CALL;
        let wait = missing.div_ceil(self.quota.per_second.max(1));
        let at = self.at + Duration::milliseconds(i64::try_from(wait).unwrap_or(i64::MAX));
        at.unix_timestamp() + i64::from(at.nanosecond() > 0)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const START: OffsetDateTime = datetime!(2026-01-01 00:00:00 UTC);

    #[test]
    fn burst_then_sustained_rate() {
        let mut bucket = Bucket::full(Quota::new(3, 2), START);
        let burst: Vec<bool> = (0..4).map(|_| bucket.take(START).allowed).collect();
        assert_eq!(burst, [true, true, true, false]);
        for (after_ms, allowed) in [(499, false), (500, true), (999, false), (1000, true)] {
            assert_eq!(
                bucket.take(START + Duration::milliseconds(after_ms)).allowed,
                allowed,
                "{after_ms}"
            );
        }
    }

    #[test]
    fn refill_stops_at_the_burst() {
        let mut bucket = Bucket::full(Quota::free(), START);
        bucket.take(START);
        let status = bucket.take(START + Duration::hours(5));
        assert_eq!((status.allowed, status.limit, status.remaining), (true, 2, 1));
    }

    #[test]
    fn call_at_reset_time_is_allowed() {
        let mut bucket = Bucket::full(Quota::new(1, 1), START);
        bucket.take(START);
        let refused = bucket.take(START + Duration::milliseconds(300));
        assert!(!refused.allowed);
        assert_eq!(refused.reset, START.unix_timestamp() + 1);
        assert!(
            bucket
                .take(OffsetDateTime::from_unix_timestamp(refused.reset).unwrap())
                .allowed
        );
    }
}
