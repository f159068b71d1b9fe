//! The circuit breaker: a provider that mostly fails is left alone for a while, then tried with one call.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

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
    /// How long it stays open before one call may try.
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
    /// One call is trying, or may; the others are refused.
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
pub struct Refused {
    /// When it makes sense to come back.
    pub retry_after: Duration,
}

/// A breaker over one tenant's calls to one provider.
pub struct Breaker {
    options: BreakerOptions,
    state: Mutex<State>,
}

struct State {
    mode: Mode,
    slots: [Slot; SLOTS],
    /// When the current slot began.
    slot_began: Instant,
    current: usize,
    /// Counts the openings, so that a call from before one cannot close or open it.
    era: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Closed,
    Open { until: Instant },
    Trying,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    calls: u32,
    failures: u32,
}

impl Breaker {
    /// A closed breaker.
    #[must_use]
    pub fn new(options: BreakerOptions) -> Self {
        Self {
            options,
            state: Mutex::new(State {
                mode: Mode::Closed,
                slots: [Slot::default(); SLOTS],
                slot_began: Instant::now(),
                current: 0,
                era: 0,
            }),
        }
    }

    /// Lets a call pass. How it ended is told to the admission; one that is dropped untold counts as no call.
    ///
    /// # Errors
    /// The breaker is open, or half open with its one call under way.
    pub fn admit(&self) -> Result<Admission<'_>, Refused> {
        let mut state = self.lock();
        let now = Instant::now();
        match state.mode {
            Mode::Closed => {}
            Mode::Open { until } if now < until => {
                return Err(Refused {
                    retry_after: until - now,
                });
            }
            Mode::Open { .. } => state.mode = Mode::Trying,
            Mode::Trying => {
                return Err(Refused {
                    retry_after: self.options.open_for,
                });
            }
        }
        let admission = Admission {
            breaker: self,
            era: state.era,
            trying: state.mode == Mode::Trying,
            told: false,
        };
        drop(state);
        Ok(admission)
    }

    /// What it does now.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        match self.lock().mode {
            Mode::Closed => BreakerState::Closed,
            Mode::Open { until } if Instant::now() < until => BreakerState::Open,
            Mode::Open { .. } | Mode::Trying => BreakerState::HalfOpen,
        }
    }

    fn told(&self, admission: &Admission<'_>, failed: bool) {
        let mut state = self.lock();
        if admission.era != state.era {
            return;
        }
        let now = Instant::now();
        if admission.trying {
            if failed {
                self.open(&mut state, now);
            } else {
                state.close(now);
            }
            return;
        }
        state.turn(self.options.window / 10, now);
        let current = state.current;
        state.slots[current].calls += 1;
        state.slots[current].failures += u32::from(failed);
        let (calls, failures) = state.slots.iter().fold((0, 0), |(calls, failures), slot| {
            (calls + slot.calls, failures + slot.failures)
        });
        let too_many = f64::from(failures) >= f64::from(calls) * self.options.failure_ratio;
        if failed && calls >= self.options.min_calls && too_many {
            self.open(&mut state, now);
        }
    }

    fn open(&self, state: &mut State, now: Instant) {
        state.mode = Mode::Open {
            until: now + self.options.open_for,
        };
        state.era += 1;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Starts afresh: what failed before the outage's end says nothing of what comes.
    fn close(&mut self, now: Instant) {
        self.mode = Mode::Closed;
        self.slots = [Slot::default(); SLOTS];
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
            self.slots[self.current] = Slot::default();
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

/// A call that may be made.
#[derive(Debug)]
pub struct Admission<'a> {
    breaker: &'a Breaker,
    era: u64,
    trying: bool,
    told: bool,
}

impl Admission<'_> {
    /// The provider answered, whatever it said.
    pub fn answered(mut self) {
        self.told = true;
        self.breaker.told(&self, false);
    }

    /// The provider failed: no answer, or none that can be used.
    pub fn failed(mut self) {
        self.told = true;
        self.breaker.told(&self, true);
    }
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        if self.told || !self.trying {
            return;
        }
        // The one call that was to try went away: the next caller may.
        let mut state = self.breaker.lock();
        if state.era == self.era && state.mode == Mode::Trying {
            state.mode = Mode::Open { until: Instant::now() };
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn breaker() -> Breaker {
        Breaker::new(BreakerOptions {
            window: Duration::from_secs(10),
            min_calls: 4,
            failure_ratio: 0.5,
            open_for: Duration::from_secs(5),
        })
    }

    fn call(breaker: &Breaker, good: bool) -> bool {
        breaker
            .admit()
            .map(|admission| if good { admission.answered() } else { admission.failed() })
            .is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_on_enough_failures_and_never_on_a_few() {
        let breaker = breaker();
        for _ in 0..3 {
            assert!(call(&breaker, false));
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
        assert!(call(&breaker, false));
        assert_eq!(breaker.state(), BreakerState::Open);
        assert_eq!(breaker.admit().unwrap_err().retry_after, Duration::from_secs(5));
    }

    #[tokio::test(start_paused = true)]
    async fn failures_out_of_the_window_are_forgotten() {
        let breaker = breaker();
        for _ in 0..20 {
            assert!(call(&breaker, false));
            advance(Duration::from_secs(4)).await;
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
        advance(Duration::from_secs(100)).await;
        for _ in 0..3 {
            assert!(call(&breaker, false));
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn half_open_takes_one_call_which_decides() {
        let breaker = breaker();
        for _ in 0..4 {
            call(&breaker, false);
        }
        advance(Duration::from_secs(5)).await;
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        let trial = breaker.admit().unwrap();
        assert!(breaker.admit().is_err());
        trial.failed();
        assert_eq!(breaker.state(), BreakerState::Open);
        advance(Duration::from_secs(5)).await;
        assert!(call(&breaker, true));
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn a_trial_that_goes_away_leaves_its_place() {
        let breaker = breaker();
        for _ in 0..4 {
            call(&breaker, false);
        }
        advance(Duration::from_secs(5)).await;
        drop(breaker.admit().unwrap());
        assert!(call(&breaker, true));
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_from_before_the_opening_changes_nothing() {
        let breaker = breaker();
        let (old_good, old_bad) = (breaker.admit().unwrap(), breaker.admit().unwrap());
        for _ in 0..4 {
            call(&breaker, false);
        }
        old_good.answered();
        assert_eq!(breaker.state(), BreakerState::Open);
        advance(Duration::from_secs(5)).await;
        call(&breaker, true);
        old_bad.failed();
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn a_provider_that_flaps_neither_flips_it_per_call_nor_keeps_it_open() {
        let breaker = breaker();
        let started = Instant::now();
        let (mut openings, mut passed, mut longest, mut last) = (0_u32, 0_u32, Duration::ZERO, breaker.state());
        let mut opened = started;
        for _ in 0..10_000 {
            // Every other call that passes fails.
            if call(&breaker, passed % 2 == 0) {
                passed += 1;
            }
            let state = breaker.state();
            match (last, state) {
                (BreakerState::Open, BreakerState::Open) => {}
                (_, BreakerState::Open) => {
                    openings += 1;
                    opened = Instant::now();
                }
                (BreakerState::Open, _) => longest = longest.max(opened.elapsed()),
                _ => {}
            }
            last = state;
            advance(Duration::from_millis(20)).await;
        }
        // Each opening is paid for with its whole time, and with the calls that it takes to open.
        let most = started.elapsed().as_secs() / 5 + 1;
        assert!(
            u64::from(openings) <= most && openings * 4 <= passed,
            "{openings} openings, {passed} calls"
        );
        assert!(longest <= Duration::from_millis(5020), "open for {longest:?}");
        assert!(openings > 10, "it never opened, so nothing was shown");
    }
}
