//! Token buckets: so many calls at once, and so many a second after that.

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

/// What a bucket holds and how fast it refills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Quota {
    /// Calls that may come at once.
    pub burst: u64,
    /// Calls a second that may come for ever.
    pub per_second: u64,
}

impl Quota {
    /// A free tenant's Management API: 2, then 2 a second.
    #[must_use]
    pub const fn free() -> Self {
        Self {
            burst: 2,
            per_second: 2,
        }
    }

    /// An enterprise tenant's Management API in production: 50, then 16 a second.
    #[must_use]
    pub const fn enterprise() -> Self {
        Self {
            burst: 50,
            per_second: 16,
        }
    }

    /// More than a test can use up.
    #[must_use]
    pub const fn unlimited() -> Self {
        Self {
            burst: 1_000_000,
            per_second: 1_000_000,
        }
    }
}

/// The bucket's state after a call, as the `x-ratelimit-*` headers tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) allowed: bool,
    pub(crate) limit: u64,
    pub(crate) remaining: u64,
    /// UNIX seconds, rounded up: from then on there is room for a call more than now.
    pub(crate) reset: i64,
}

/// A quota being used; levels are kept in thousandths of a call, so that a millisecond is never lost.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    quota: Quota,
    level: u64,
    at: OffsetDateTime,
}

const CALL: u64 = 1_000;

impl Bucket {
    pub(crate) fn full(quota: Quota, now: OffsetDateTime) -> Self {
        Self {
            quota,
            level: quota.burst * CALL,
            at: now,
        }
    }

    /// Takes one call out, if there is one.
    pub(crate) fn take(&mut self, now: OffsetDateTime) -> Standing {
        let passed = u64::try_from((now - self.at).whole_milliseconds()).unwrap_or(0);
        if passed > 0 {
            let capacity = self.quota.burst * CALL;
            self.level = self
                .level
                .saturating_add(passed.saturating_mul(self.quota.per_second))
                .min(capacity);
            self.at += Duration::milliseconds(i64::try_from(passed).unwrap_or(i64::MAX));
        }
        let allowed = self.level >= CALL;
        self.level -= if allowed { CALL } else { 0 };
        Standing {
            allowed,
            limit: self.quota.burst,
            remaining: self.level / CALL,
            reset: self.reset(),
        }
    }

    fn reset(&self) -> i64 {
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
    fn the_burst_goes_at_once_and_the_rest_at_the_sustained_pace() {
        let mut bucket = Bucket::full(
            Quota {
                burst: 3,
                per_second: 2,
            },
            START,
        );
        let burst: Vec<bool> = (0..4).map(|_| bucket.take(START).allowed).collect();
        assert_eq!(burst, [true, true, true, false]);
        assert!(!bucket.take(START + Duration::milliseconds(499)).allowed);
        assert!(bucket.take(START + Duration::milliseconds(500)).allowed);
        assert!(!bucket.take(START + Duration::milliseconds(999)).allowed);
        assert!(bucket.take(START + Duration::milliseconds(1000)).allowed);
    }

    #[test]
    fn a_long_rest_fills_the_bucket_and_no_more() {
        let mut bucket = Bucket::full(Quota::free(), START);
        bucket.take(START);
        let standing = bucket.take(START + Duration::hours(5));
        assert_eq!((standing.allowed, standing.limit, standing.remaining), (true, 2, 1));
    }

    #[test]
    fn waiting_until_the_reset_is_always_enough() {
        let mut bucket = Bucket::full(
            Quota {
                burst: 1,
                per_second: 1,
            },
            START,
        );
        bucket.take(START);
        let refused = bucket.take(START + Duration::milliseconds(300));
        assert!(!refused.allowed);
        assert_eq!(refused.reset, START.unix_timestamp() + 1);
        let at = OffsetDateTime::from_unix_timestamp(refused.reset).unwrap();
        assert!(bucket.take(at).allowed);
    }
}
