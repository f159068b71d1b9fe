//! The call budget of one tenant at one provider: a token bucket with a queue for each priority.
//!
//! Crates such as governor cannot be corrected by the provider's rate headers, keep a reserve for higher priorities, or
//! reject a caller at once whose turn comes too late (ADR 0022).

use std::{
    collections::VecDeque,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use masthead_ports::source::Priority;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

/// The shortest sleep of a waiting caller, so that rounding causes no busy loop.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// The longest pause by a provider.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// The size of a budget.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BudgetOptions {
    /// The number of calls at once when the bucket is full; at least one.
    pub burst: u32,
    /// The sustained calls per second; more than zero.
    pub per_second: f64,
}

impl From<(u32, u32)> for BudgetOptions {
    /// A burst, and whole calls per second, as in settings.
    fn from((burst, per_second): (u32, u32)) -> Self {
        Self {
            burst,
            per_second: f64::from(per_second),
        }
    }
}

/// The provider's own rate limit, from the headers of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RateHint {
    /// The size of its bucket.
    pub limit: Option<u32>,
    /// The remaining calls.
    pub remaining: Option<u32>,
    /// The time until it is full again.
    pub reset: Option<Duration>,
}

/// The caller's turn would come after its deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverBudgetError {
    /// The time until its turn.
    pub retry_after: Duration,
}

/// One tenant's budget at one provider.
///
/// Higher priorities go first; callers of one priority are served in order of arrival. Bulk calls leave a quarter of the
/// bucket, sync calls a half; a bucket of one call has no reserve.
pub struct CallBudget {
    options: BudgetOptions,
    state: Mutex<BucketState>,
    /// Notified when a caller leaves the queue, so that the callers behind it check again.
    moved: Notify,
}

struct BucketState {
    tokens: f64,
    capacity: f64,
    refilled: Instant,
    blocked_until: Instant,
    in_flight: u32,
    next_ticket: u64,
    queues: [VecDeque<u64>; 3],
}

const fn class(priority: Priority) -> usize {
    match priority {
        Priority::Interactive => 0,
        Priority::Bulk => 1,
        Priority::Sync => 2,
    }
}

/// The share of the bucket that is reserved for higher priorities.
const RESERVED: [f64; 3] = [0.0, 0.25, 0.5];

impl CallBudget {
    /// Creates a full bucket. The least size is one call, the least rate one call a minute.
    #[must_use]
    pub fn new(options: BudgetOptions) -> Self {
        let now = Instant::now();
        let per_second = if options.per_second > 0.0 && options.per_second.is_finite() {
            options.per_second.max(1.0 / 60.0)
        } else {
            1.0 / 60.0
        };
        let capacity = f64::from(options.burst.max(1));
        Self {
            options: BudgetOptions { per_second, ..options },
            state: Mutex::new(BucketState {
                tokens: capacity,
                capacity,
                refilled: now,
                blocked_until: now,
                in_flight: 0,
                next_ticket: 0,
                queues: Default::default(),
            }),
            moved: Notify::new(),
        }
    }

    /// Waits for the caller's turn. The permit is held during the call.
    ///
    /// # Errors
    /// The turn would come after `deadline`; it fails as soon as that is known.
    pub async fn acquire(&self, priority: Priority, deadline: Instant) -> Result<Permit<'_>, OverBudgetError> {
        let class = class(priority);
        let mut place = None;
        loop {
            let moved = self.moved.notified();
            let wake = {
                let mut state = self.lock();
                let now = Instant::now();
                let wait = state.wait(
                    class,
                    place.as_ref().map(|place: &QueuePlace<'_>| place.ticket),
                    self.options.per_second,
                    now,
                );
                if wait.is_zero() {
                    state.tokens -= 1.0;
                    state.in_flight += 1;
                    drop(state);
                    return Ok(Permit { budget: self });
                }
                if now + wait > deadline {
                    return Err(OverBudgetError { retry_after: wait });
                }
                if place.is_none() {
                    let ticket = state.next_ticket;
                    state.next_ticket += 1;
                    state.queues[class].push_back(ticket);
                    place = Some(QueuePlace {
                        budget: self,
                        class,
                        ticket,
                    });
                }
                now + wait.max(SHORTEST_WAIT)
            };
            tokio::select! {
                () = sleep_until(wake) => {}
                () = moved => {}
            }
        }
    }

    /// Applies the provider's rate headers where they are lower. They never raise the configured limits.
    pub fn correct(&self, hint: RateHint) {
        let mut state = self.lock();
        state.refill(self.options.per_second, Instant::now());
        if let Some(limit) = hint.limit {
            state.capacity = f64::from(limit.min(self.options.burst).max(1));
        }
        if let Some(remaining) = hint.remaining {
            // Other calls in flight may not have reached the provider when it counted.
            let others = state.in_flight.saturating_sub(1);
            state.tokens = state.tokens.min(f64::from(remaining.saturating_sub(others)));
        }
        state.tokens = state.tokens.min(state.capacity);
    }

    /// The wait of a new caller of this priority.
    #[cfg(test)]
    pub(crate) fn wait(&self, priority: Priority) -> Duration {
        let mut state = self.lock();
        state.wait(class(priority), None, self.options.per_second, Instant::now())
    }

    /// Allows no calls for this long, as after a 429; then the bucket fills from one call.
    pub fn pause(&self, pause: Duration) {
        let mut state = self.lock();
        let until = Instant::now() + pause.min(LONGEST_PAUSE);
        if until > state.blocked_until {
            state.blocked_until = until;
            state.refilled = until;
            state.tokens = 1.0;
        }
    }

    /// The number of calls that are possible now, for metrics.
    #[must_use]
    pub fn remaining(&self) -> f64 {
        let mut state = self.lock();
        let now = Instant::now();
        state.refill(self.options.per_second, now);
        if now < state.blocked_until { 0.0 } else { state.tokens }
    }

    fn lock(&self) -> MutexGuard<'_, BucketState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BucketState {
    fn refill(&mut self, per_second: f64, now: Instant) {
        // `refilled` may be in the future, at the end of a pause.
        let passed = now.saturating_duration_since(self.refilled);
        if !passed.is_zero() {
            self.tokens = passed.as_secs_f64().mul_add(per_second, self.tokens).min(self.capacity);
            self.refilled = now;
        }
    }

    /// The time until this caller's turn; zero when it is now.
    fn wait(&mut self, class: usize, ticket: Option<u64>, per_second: f64, now: Instant) -> Duration {
        self.refill(per_second, now);
        let before: usize = self.queues[..class].iter().map(VecDeque::len).sum();
        let own = &self.queues[class];
        let position = ticket
            .and_then(|ticket| own.iter().position(|other| *other == ticket))
            .unwrap_or(own.len());
        let ahead = u32::try_from(before + position).unwrap_or(u32::MAX);
        // The reserve always leaves room for one call in a full bucket.
        let reserve = (self.capacity * RESERVED[class]).min(self.capacity - 1.0);
        let missing = f64::from(ahead) + 1.0 + reserve - self.tokens;
        let blocked = self.blocked_until.saturating_duration_since(now);
        // Ignores rounding errors of a millionth of a call.
        if missing <= 1e-6 {
            return blocked;
        }
        let filling = Duration::try_from_secs_f64(missing / per_second).unwrap_or(LONGEST_PAUSE);
        blocked + filling.max(SHORTEST_WAIT)
    }
}

impl fmt::Debug for CallBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// A call within the budget. Dropping it ends the call.
#[derive(Debug)]
pub struct Permit<'a> {
    budget: &'a CallBudget,
}

impl Permit<'_> {
    /// Returns the call to the budget: it was not made.
    pub fn give_back(self) {
        let mut state = self.budget.lock();
        // A pause has reset the bucket to one call.
        if state.blocked_until <= Instant::now() {
            state.tokens = (state.tokens + 1.0).min(state.capacity);
        }
        drop(state);
        self.budget.moved.notify_waiters();
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut state = self.budget.lock();
        state.in_flight = state.in_flight.saturating_sub(1);
    }
}

/// A place in a queue, released when the caller is cancelled or gets its turn.
struct QueuePlace<'a> {
    budget: &'a CallBudget,
    class: usize,
    ticket: u64,
}

impl Drop for QueuePlace<'_> {
    fn drop(&mut self) {
        self.budget.lock().queues[self.class].retain(|ticket| *ticket != self.ticket);
        self.budget.moved.notify_waiters();
    }
}

#[cfg(test)]
mod tests;
