//! The circuit breaker: a provider that mostly fails is left alone for a while, then tried with one read.
//!
//! A read may need several calls, also side by side. While the breaker is half open all calls of the one read that tries
//! pass, and no others: were calls admitted one by one, a read of two could never be the trial (ADR 0088).

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use masthead_ports::source::Read;
use tokio::time::Instant;

/// Into how many parts the window is cut; its edge is as sharp as one of them.
const SLOTS: usize = 10;

/// When a breaker opens and for how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BreakerOptions {
    /// How far back calls are counted.
    pub window: Duration,
    /// It never opens on fewer calls than these within the window.
    pub min_calls: u32,
    /// It opens when at least this part of them failed, 0 to 1.
    pub failure_ratio: f64,
    /// How long it stays open before one read may try.
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

/// What a breaker does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls pass.
    Closed,
    /// One read is trying, or may; the others are refused.
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
    /// When it makes sense to come back.
    pub retry_after: Duration,
}

/// A breaker over one tenant's calls to one provider.
pub struct Breaker {
    options: BreakerOptions,
    state: Mutex<BreakerData>,
}

struct BreakerData {
    mode: Mode,
    slots: [WindowSlot; SLOTS],
    /// When the current slot began.
    slot_began: Instant,
    current: usize,
    /// Counts the openings, so that a call from before one cannot close or open it.
    era: u64,
}

#[derive(PartialEq, Eq)]
enum Mode {
    Closed,
    Open { until: Instant },
    Trying(Trial),
}

/// The read that tries. It is over when a call of it failed, or none is under way any more.
#[derive(PartialEq, Eq)]
struct Trial {
    read: Read,
    under_way: u32,
    /// The provider answered a call of it.
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
                era: 0,
            }),
        }
    }

    /// Lets a call of this read pass. The admission takes the call's verdict; dropped without one, it counts as no call.
    ///
    /// # Errors
    /// The breaker is open, or half open with another read trying.
    pub fn admit(&self, read: &Read) -> Result<Admission<'_>, BreakerOpenError> {
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
                    under_way: 1,
                    answered: false,
                });
            }
            Mode::Trying(trial) if trial.read == *read => trial.under_way += 1,
            Mode::Trying(_) => {
                return Err(BreakerOpenError {
                    retry_after: self.options.open_for,
                });
            }
        }
        Ok(Admission {
            breaker: self,
            era: state.era,
            verdict: None,
        })
    }

    /// What it does now.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        match self.lock().mode {
            Mode::Closed => BreakerState::Closed,
            Mode::Open { until } if Instant::now() < until => BreakerState::Open,
            Mode::Open { .. } | Mode::Trying(_) => BreakerState::HalfOpen,
        }
    }

    fn ended(&self, era: u64, verdict: Option<CallResult>) {
        let mut state = self.lock();
        if era != state.era {
            return;
        }
        let now = Instant::now();
        match (&mut state.mode, verdict) {
            (Mode::Trying(_), Some(CallResult::Failed)) => self.open(&mut state, now),
            (Mode::Trying(trial), verdict) => {
                trial.under_way -= 1;
                trial.answered |= verdict.is_some();
                match (trial.under_way, trial.answered) {
                    (0, true) => state.close(now),
                    // The trial went away without a verdict: the next read may try at once.
                    (0, false) => state.mode = Mode::Open { until: now },
                    (1.., _) => {}
                }
            }
            (Mode::Closed | Mode::Open { .. }, Some(verdict)) => self.count(&mut state, verdict, now),
            (Mode::Closed | Mode::Open { .. }, None) => {}
        }
    }

    /// Counts a call of a closed breaker.
    fn count(&self, state: &mut BreakerData, verdict: CallResult, now: Instant) {
        let failed = verdict == CallResult::Failed;
        state.turn(self.options.window / 10, now);
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
        state.era += 1;
    }

    fn lock(&self) -> MutexGuard<'_, BreakerData> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BreakerData {
    /// Starts afresh: what failed before the outage's end says nothing of what comes.
    fn close(&mut self, now: Instant) {
        self.mode = Mode::Closed;
        self.slots = [WindowSlot::default(); SLOTS];
        self.slot_began = now;
        self.era += 1;
    }

    /// Moves on to the slot of this moment and clears those passed over.
    fn turn(&mut self, slot: Duration, now: Instant) {
        let slot = slot.max(Duration::from_millis(1));
        for _ in 0..SLOTS {
            if now.saturating_duration_since(self.slot_began) < slot {
                return;
            }
            self.slot_began += slot;
            self.current = (self.current + 1) % SLOTS;
            self.slots[self.current] = WindowSlot::default();
        }
        // More than a window has passed: every slot is clear.
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

/// How a call ended, as far as it says something of the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CallResult {
    Answered,
    Failed,
}

/// A call that may be made.
#[derive(Debug)]
pub struct Admission<'a> {
    breaker: &'a Breaker,
    era: u64,
    verdict: Option<CallResult>,
}

impl Admission<'_> {
    /// The provider answered, whatever it said.
    pub fn answered(mut self) {
        self.verdict = Some(CallResult::Answered);
    }

    /// The provider failed: no answer, or none that can be used.
    pub fn failed(mut self) {
        self.verdict = Some(CallResult::Failed);
    }
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        self.breaker.ended(self.era, self.verdict);
    }
}

#[cfg(test)]
mod tests;
