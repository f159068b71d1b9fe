//! The bucket of one limit: GCRA, with a debt for what is known only after it was read.

use std::{
    convert::Infallible,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, Reference},
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed, StateStore},
};

const MINUTE: Duration = Duration::from_mins(1);

/// How many times a usage reads after it was large enough for it, while it goes on.
const REPORTED_TIMES: u8 = 60;

/// The part of a limit that a server may admit without a report to the others, and may forget at each report, since it is refilled.
const UNREPORTED_PART: u64 = 10;
const REPORTS_PER_MINUTE: u64 = 60;

/// A debt is never larger than what flows in within this time.
const LONGEST_DEBT: Duration = Duration::from_hours(1);

/// What changes with each use, side by side: threads that use a bucket at the same time wait for one cache line.
#[derive(Default)]
struct BucketState {
    /// The state of the limiter: the time at which the bucket will be full. The limiter takes only what there is; a charge moves
    /// the time on, however far it is.
    full_at: InMemoryState,
    /// What was used here and not reported to the other servers.
    unreported: AtomicU64,
    /// How many more times usage reads however small it is.
    reported_times: AtomicU8,
}

/// The state, for the limiter and its bucket.
#[derive(Clone, Default)]
struct SharedState(Arc<BucketState>);

impl StateStore for SharedState {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, key: &NotKeyed, change: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        self.0.full_at.measure_and_replace(key, change)
    }
}

/// One limit of one caller, address or tenant. A minute's worth may be used at once.
pub(crate) struct Bucket<C: Clock + Clone> {
    per_minute: NonZeroU32,
    /// How long one takes to flow in.
    each: Duration,
    limiter: RateLimiter<NotKeyed, SharedState, C, NoOpMiddleware<C::Instant>>,
    state: Arc<BucketState>,
    /// What the time of `full_at` counts from.
    start: C::Instant,
}

impl<C: Clock + Clone> Bucket<C> {
    pub(crate) fn new(per_minute: NonZeroU32, clock: &C) -> Self {
        let quota = Quota::per_minute(per_minute);
        let state = SharedState::default();
        Self {
            per_minute,
            each: quota.replenish_interval(),
            start: clock.now(),
            limiter: RateLimiter::new(quota, state.clone(), clock.clone()),
            state: state.0,
        }
    }

    pub(crate) const fn per_minute(&self) -> NonZeroU32 {
        self.per_minute
    }

    /// Takes one, if the bucket is not empty; otherwise returns how long until there will be one.
    pub(crate) fn take_one(&self) -> Result<(), Duration> {
        let taken = self.limiter.check();
        taken.map_err(|not_until| not_until.wait_time_from(self.limiter.clock().now()))?;
        self.state.unreported.fetch_add(1, Relaxed);
        Ok(())
    }

    /// Takes what was used; what is not there becomes a debt.
    pub(crate) fn charge(&self, amount: u32) {
        self.charge_reported(amount.into());
        self.state.unreported.fetch_add(amount.into(), Relaxed);
    }

    /// Takes what another server has admitted.
    pub(crate) fn charge_reported(&self, amount: u64) {
        let now = self.now();
        let taken = nanoseconds(self.each).saturating_mul(amount);
        let latest = now.saturating_add(nanoseconds(MINUTE + LONGEST_DEBT));
        let _ = self.state.full_at.measure_and_replace(&NotKeyed::NonKey, |full_at| {
            let full_at = full_at.map_or(now, Nanos::as_u64).max(now);
            Ok::<_, Infallible>(((), Nanos::new(full_at.saturating_add(taken).min(latest))))
        });
    }

    /// Whether nothing is owed; otherwise returns how long until then.
    pub(crate) fn check_debt(&self) -> Result<(), Duration> {
        let now = self.now();
        let full_at = self.state.full_at.measure_and_replace(&NotKeyed::NonKey, |full_at| {
            // Nothing is replaced.
            Err::<((), Nanos), _>(full_at.map_or(0, Nanos::as_u64))
        });
        let full_at = full_at.err().unwrap_or_default();
        let owed = full_at.saturating_sub(now.saturating_add(nanoseconds(MINUTE)));
        if owed == 0 {
            Ok(())
        } else {
            Err(Duration::from_nanos(owed))
        }
    }

    fn now(&self) -> u64 {
        self.limiter.clock().now().duration_since(self.start).as_u64()
    }

    /// What the other servers read now: nothing of what is small and refilled soon. For one task only.
    pub(crate) fn take_unreported(&self) -> Option<u64> {
        let unreported = self.state.unreported.load(Relaxed);
        let times = self.state.reported_times.load(Relaxed);
        let per_minute = u64::from(self.per_minute.get());
        if unreported > 0 && (times > 0 || unreported * UNREPORTED_PART >= per_minute) {
            self.state.reported_times.store(REPORTED_TIMES, Relaxed);
            return Some(self.state.unreported.swap(0, Relaxed));
        }
        self.state.reported_times.store(times.saturating_sub(1), Relaxed);
        let refilled = per_minute.div_ceil(REPORTS_PER_MINUTE);
        self.state.unreported.fetch_sub(unreported.min(refilled), Relaxed);
        None
    }

    /// Takes back what could not be reported.
    pub(crate) fn restore_unreported(&self, amount: u64) {
        self.state.unreported.fetch_add(amount, Relaxed);
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn bucket(per_minute: u32) -> (Bucket<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (Bucket::new(NonZeroU32::new(per_minute).unwrap(), &clock), clock)
    }

    #[test]
    fn minute_may_be_used_at_once() {
        let (bucket, clock) = bucket(60);
        for _ in 0..60 {
            assert_eq!(bucket.take_one(), Ok(()));
        }
        assert_eq!(bucket.take_one(), Err(SECOND));
        clock.advance(SECOND);
        assert_eq!(bucket.take_one(), Ok(()));
        assert_eq!(bucket.take_one(), Err(SECOND));
    }

    #[test]
    fn usage_beyond_the_limit_is_a_debt() {
        let (bucket, clock) = bucket(60);
        bucket.charge(20);
        assert_eq!(bucket.take_one(), Ok(()));
        // 39 are left: 81 are missing.
        bucket.charge(120);
        assert_eq!(bucket.check_debt(), Err(81 * SECOND));
        assert_eq!(bucket.take_one(), Err(82 * SECOND));
        clock.advance(81 * SECOND);
        assert_eq!(bucket.check_debt(), Ok(()));
        assert_eq!(bucket.take_one(), Err(SECOND));
        clock.advance(SECOND);
        assert_eq!(bucket.take_one(), Ok(()));
        assert_eq!(bucket.take_one(), Err(SECOND));
    }

    #[test]
    fn debt_is_bounded() {
        let (bucket, clock) = bucket(1);
        bucket.charge(u32::MAX);
        bucket.charge_reported(u64::MAX);
        assert_eq!(bucket.check_debt(), Err(LONGEST_DEBT));
        clock.advance(LONGEST_DEBT);
        assert_eq!(bucket.check_debt(), Ok(()));
    }

    /// What one server admits and another reads is as if one had admitted all of it.
    #[test]
    fn usage_of_others_counts_like_its_own() {
        let (bucket, clock) = bucket(60);
        bucket.charge_reported(50);
        for _ in 0..10 {
            assert_eq!(bucket.take_one(), Ok(()));
        }
        bucket.charge_reported(60);
        clock.advance(59 * SECOND);
        assert_eq!(bucket.take_one(), Err(2 * SECOND));
        assert_eq!(bucket.take_unreported(), Some(10));
    }

    #[test]
    fn small_usage_is_not_reported() {
        let (bucket, _) = bucket(600);
        bucket.charge(59);
        assert_eq!(bucket.take_unreported(), None);
        // A sixtieth of the limit has flowed in.
        bucket.charge(10);
        assert_eq!(bucket.take_unreported(), None);
        bucket.charge(11);
        assert_eq!(bucket.take_unreported(), Some(60));
        assert_eq!(bucket.take_unreported(), None);
        bucket.charge(1);
        assert_eq!(bucket.take_unreported(), Some(1), "it goes on");
        bucket.charge(1);
        bucket.restore_unreported(2);
        assert_eq!(bucket.take_unreported(), Some(3));
    }

    #[test]
    fn usage_that_ended_is_small_again() {
        let (bucket, _) = bucket(600);
        bucket.charge(60);
        assert_eq!(bucket.take_unreported(), Some(60));
        for _ in 0..REPORTED_TIMES {
            assert_eq!(bucket.take_unreported(), None);
        }
        bucket.charge(1);
        assert_eq!(bucket.take_unreported(), None);
    }
}
