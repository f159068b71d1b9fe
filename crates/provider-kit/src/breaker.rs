//! The circuit breaker: a provider with too many failures is not called for a while, then tried with one read.
//!
//! A read may need several concurrent calls. While the breaker is half open, all calls of one read pass and no others: if
//! calls were admitted one by one, a read with two calls could never be the trial (ADR 0088).

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use masthead_ports::source::ReadHandle;
use tokio::time::Instant;

/// The number of slots in the window, and so its precision.
const SLOTS: usize = 10;

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BreakerOptions {
    /// The time in which calls are counted.
    pub window: Duration,
    /// It stays closed with fewer calls in the window.
    pub min_calls: u32,
    /// It opens when at least this share of them failed, 0 to 1.
    pub failure_ratio: f64,
    /// How long it stays open before a trial read.
    pub open_for: Duration,
}

impl Default for BreakerOptions {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(10),
            min_calls: 10,
            failure_ratio: 0.5,
            open_for: Duration::from_secs(5),
        }
    }
}

/// The state of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls pass.
    Closed,
    /// One trial read passes; others are refused.
    HalfOpen,
    /// No call passes.
    Open,
}

impl BreakerState {
    /// The number for the metric: 0 closed, 1 half open, 2 open.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::HalfOpen => 1,
            Self::Open => 2,
        }
    }
}

/// The breaker is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerOpenError {
    /// When to try again.
    pub retry_after: Duration,
}

/// The breaker for one tenant's calls to one provider.
pub struct Breaker {
    options: BreakerOptions,
    state: Mutex<BreakerData>,
}

struct BreakerData {
    mode: Mode,
    slots: [WindowSlot; SLOTS],
    slot_began: Instant,
    current: usize,
    /// Counts the state changes, so that a call from before one has no effect.
    generation: u64,
}

#[derive(PartialEq, Eq)]
enum Mode {
    Closed,
    Open { until: Instant },
    Trying(Trial),
}

/// The trial read. It ends when one of its calls failed, or all have ended.
#[derive(PartialEq, Eq)]
struct Trial {
    read: ReadHandle,
    in_flight: u32,
    /// The provider answered one of its calls.
    answered: bool,
}

#[derive(Clone, Copy, Default)]
struct WindowSlot {
    calls: u32,
    failures: u32,
}

impl Breaker {
    /// A closed breaker.
    #[must_use]
    pub fn new(options: BreakerOptions) -> Self {
        Self {
            options,
            state: Mutex::new(BreakerData {
                mode: Mode::Closed,
                slots: [WindowSlot::default(); SLOTS],
                slot_began: Instant::now(),
                current: 0,
                generation: 0,
            }),
        }
    }

    /// Admits a call of this read. The admission takes the result of the call; dropped without one, the call does not count.
    ///
    /// # Errors
    /// The breaker is open, or half open for another read.
    pub fn admit(&self, read: &ReadHandle) -> Result<Admission<'_>, BreakerOpenError> {
        let mut state = self.lock();
        let now = Instant::now();
        match &mut state.mode {
            Mode::Closed => {}
            Mode::Open { until } if now < *until => {
                return Err(BreakerOpenError {
                    retry_after: *until - now,
                });
            }
            mode @ Mode::Open { .. } => {
                *mode = Mode::Trying(Trial {
                    read: read.clone(),
                    in_flight: 1,
                    answered: false,
                });
            }
            Mode::Trying(trial) if trial.read == *read => trial.in_flight += 1,
            Mode::Trying(_) => {
                return Err(BreakerOpenError {
                    retry_after: self.options.open_for,
                });
            }
        }
        Ok(Admission {
            breaker: self,
            generation: state.generation,
            result: None,
        })
    }

    /// The current state.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        match self.lock().mode {
            Mode::Closed => BreakerState::Closed,
            Mode::Open { until } if Instant::now() < until => BreakerState::Open,
            Mode::Open { .. } | Mode::Trying(_) => BreakerState::HalfOpen,
        }
    }

    fn ended(&self, generation: u64, result: Option<CallResult>) {
        let mut state = self.lock();
        if generation != state.generation {
            return;
        }
        let now = Instant::now();
        match (&mut state.mode, result) {
            (Mode::Trying(_), Some(CallResult::Failed)) => self.open(&mut state, now),
            (Mode::Trying(trial), result) => {
                trial.in_flight -= 1;
                trial.answered |= result.is_some();
                match (trial.in_flight, trial.answered) {
                    (0, true) => state.close(now),
                    // The trial ended without a result: the next read may try at once.
                    (0, false) => state.mode = Mode::Open { until: now },
                    (1.., _) => {}
                }
            }
            (Mode::Closed | Mode::Open { .. }, Some(result)) => self.count(&mut state, result, now),
            (Mode::Closed | Mode::Open { .. }, None) => {}
        }
    }

    /// Counts a call.
    fn count(&self, state: &mut BreakerData, result: CallResult, now: Instant) {
        let failed = result == CallResult::Failed;
        state.advance(self.options.window / 10, now);
        let current = state.current;
        state.slots[current].calls += 1;
        state.slots[current].failures += u32::from(failed);
        let (calls, failures) = state.slots.iter().fold((0, 0), |(calls, failures), slot| {
            (calls + slot.calls, failures + slot.failures)
        });
        let too_many = f64::from(failures) >= f64::from(calls) * self.options.failure_ratio;
        if failed && calls >= self.options.min_calls && too_many {
            self.open(state, now);
        }
    }

    fn open(&self, state: &mut BreakerData, now: Instant) {
        state.mode = Mode::Open {
            until: now + self.options.open_for,
        };
        state.generation += 1;
    }

    fn lock(&self) -> MutexGuard<'_, BreakerData> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BreakerData {
    /// Closes and clears the window: failures before the outage's end do not count.
    fn close(&mut self, now: Instant) {
        self.mode = Mode::Closed;
        self.slots = [WindowSlot::default(); SLOTS];
        self.slot_began = now;
        self.generation += 1;
    }

    /// Advances to the current slot and clears the slots in between.
    fn advance(&mut self, slot: Duration, now: Instant) {
        let slot = slot.max(Duration::from_millis(1));
        for _ in 0..SLOTS {
            if now.saturating_duration_since(self.slot_began) < slot {
                return;
            }
            self.slot_began += slot;
            self.current = (self.current + 1) % SLOTS;
            self.slots[self.current] = WindowSlot::default();
        }
        // The whole window has passed: every slot is clear.
        self.slot_began = now;
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker")
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

/// The result of a call, as far as it concerns the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CallResult {
    Answered,
    Failed,
}

/// An admitted call.
#[derive(Debug)]
pub struct Admission<'a> {
    breaker: &'a Breaker,
    generation: u64,
    result: Option<CallResult>,
}

impl Admission<'_> {
    /// The provider answered.
    pub fn answered(mut self) {
        self.result = Some(CallResult::Answered);
    }

    /// The provider failed: no answer, or an unusable one.
    pub fn failed(mut self) {
        self.result = Some(CallResult::Failed);
    }
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        self.breaker.ended(self.generation, self.result);
    }
}

#[cfg(test)]
mod tests;
