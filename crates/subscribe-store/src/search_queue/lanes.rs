//! Which search is next: that of the tenant that has used the least time; within a tenant, callers take turns.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use masthead_domain::tenant::PoolId;
use masthead_ports::source::CallerKey;
use tokio::sync::oneshot;

/// Searches of a tenant are slow while their running mean is at least this. Slow ones have half of the places, so that
/// look-ups and short searches find a processor of the database free.
const SLOW: Duration = Duration::from_millis(20);

/// They are not slow beside those of another tenant whose mean is more than this many times as long: a storm makes every search slower,
/// and those of others must not wait behind it for the same half of the places.
const MUCH_SLOWER: u32 = 4;

/// Searches of a tenant are short while their running mean is less than this, and before the first has ended. A good part of their time
/// are messages between server and database, in which a processor of the database is idle: twice as many run.
const SHORT: Duration = Duration::from_millis(5);

/// The limits of the queue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SearchLimits {
    /// How many searches run at once; at least 1.
    pub(crate) running: usize,
    /// How many run at once if the others are short; at least as many.
    pub(crate) running_short: usize,
    /// How many wait at most.
    pub(crate) waiting: usize,
    /// How many of one pool wait at most.
    pub(crate) waiting_per_pool: usize,
}

/// The queue is full.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum QueueFullError {
    /// With searches of all tenants.
    All,
    /// With searches of this tenant.
    Tenant,
}

/// A waiting search: its number, and how it is started.
type Waiter = (u64, oneshot::Sender<()>);

pub(super) struct Lanes {
    limits: SearchLimits,
    /// Only pools that have waiting or running searches.
    by_pool: HashMap<PoolId, Lane>,
    waiting: usize,
    running: usize,
    /// Counts searches and turns.
    last_number: u64,
}

/// The searches of a pool.
#[derive(Default)]
struct Lane {
    /// Only callers that wait.
    by_caller: HashMap<CallerKey, VecDeque<Waiter>>,
    /// The order of service; each caller of `by_caller` once.
    turns: VecDeque<CallerKey>,
    waiting: usize,
    running: usize,
    /// How long its searches ran; a new lane begins with the least of all lanes, so that it neither waits nor catches up.
    used: Duration,
    /// The running mean of what its last searches took.
    mean: Duration,
    /// Of lanes with equal times, the one with the least turn is served: it came, or was served, before the others.
    turn: u64,
}

impl Lanes {
    pub(super) fn new(limits: SearchLimits) -> Self {
        Self {
            limits,
            by_pool: HashMap::new(),
            waiting: 0,
            running: 0,
            last_number: 0,
        }
    }

    pub(super) const fn waiting(&self) -> usize {
        self.waiting
    }

    pub(super) const fn running(&self) -> usize {
        self.running
    }

    /// Queues a search, or starts it; the receiver resolves when it may start. The search must [leave](Self::leave) later.
    pub(super) fn push(
        &mut self,
        pool: PoolId,
        caller: CallerKey,
    ) -> Result<(u64, oneshot::Receiver<()>), QueueFullError> {
        self.last_number += 1;
        let number = self.last_number;
        let (start, started) = oneshot::channel();
        let least = self.by_pool.values().map(|lane| lane.used).min().unwrap_or_default();
        let lane = self.by_pool.entry(pool).or_insert_with(|| Lane {
            used: least,
            turn: number,
            ..Lane::default()
        });
        lane.push(caller, (number, start));
        self.waiting += 1;
        self.start_next();
        // Beyond a limit it is this search that waits: only it may have been startable.
        let full = if self.waiting > self.limits.waiting {
            QueueFullError::All
        } else if self
            .by_pool
            .get(&pool)
            .is_some_and(|lane| lane.waiting > self.limits.waiting_per_pool)
        {
            QueueFullError::Tenant
        } else {
            return Ok((number, started));
        };
        self.leave(pool, caller, number, Duration::ZERO);
        Err(full)
    }

    /// Removes a search that waits, or ends one that ran for this long, and starts the next.
    pub(super) fn leave(&mut self, pool: PoolId, caller: CallerKey, number: u64, took: Duration) {
        let Some(lane) = self.by_pool.get_mut(&pool) else {
            return;
        };
        if lane.remove(caller, number) {
            self.waiting -= 1;
        } else {
            lane.end(took);
            self.running -= 1;
        }
        if lane.waiting == 0 && lane.running == 0 {
            self.by_pool.remove(&pool);
        }
        self.start_next();
    }

    fn start_next(&mut self) {
        while self.running < self.limits.running_short {
            self.last_number += 1;
            let turn = self.last_number;
            let Some(lane) = self.next_lane() else {
                return;
            };
            let Some((_, start)) = lane.pop() else {
                return;
            };
            lane.running += 1;
            lane.turn = turn;
            self.waiting -= 1;
            self.running += 1;
            // A search that has gone leaves by itself.
            let _ = start.send(());
        }
    }

    /// The lane that is served next, if any waits and may start.
    fn next_lane(&mut self) -> Option<&mut Lane> {
        let slowest = self.by_pool.values().map(|lane| lane.mean).max().unwrap_or_default();
        let slow = self.by_pool.values().filter(|lane| lane.is_slow(slowest));
        let slow: usize = slow.map(|lane| lane.running).sum();
        let has_room_for_slow = slow < self.limits.running.div_ceil(2);
        let has_room_for_long = self.running < self.limits.running;
        let lanes = self.by_pool.values_mut();
        lanes
            .filter(|lane| lane.waiting > 0 && (has_room_for_slow || !lane.is_slow(slowest)))
            .filter(|lane| has_room_for_long || lane.mean < SHORT)
            .min_by_key(|lane| (lane.used, lane.turn))
    }
}

impl Lane {
    /// Whether its searches are slow, where the slowest tenant's have this mean.
    fn is_slow(&self, slowest: Duration) -> bool {
        self.mean >= SLOW && self.mean.saturating_mul(MUCH_SLOWER) >= slowest
    }

    fn push(&mut self, caller: CallerKey, waiter: Waiter) {
        let own = self.by_caller.entry(caller).or_default();
        if own.is_empty() {
            self.turns.push_back(caller);
        }
        own.push_back(waiter);
        self.waiting += 1;
    }

    /// The first search of the caller whose turn it is.
    fn pop(&mut self) -> Option<Waiter> {
        let caller = self.turns.pop_front()?;
        let own = self.by_caller.get_mut(&caller)?;
        let first = own.pop_front()?;
        if own.is_empty() {
            self.by_caller.remove(&caller);
        } else {
            self.turns.push_back(caller);
        }
        self.waiting -= 1;
        Some(first)
    }

    /// Removes a search that waits; returns whether it did.
    fn remove(&mut self, caller: CallerKey, number: u64) -> bool {
        let Some(own) = self.by_caller.get_mut(&caller) else {
            return false;
        };
        let Ok(at) = own.binary_search_by_key(&number, |(number, _)| *number) else {
            return false;
        };
        own.remove(at);
        if own.is_empty() {
            self.by_caller.remove(&caller);
            self.turns.retain(|other| *other != caller);
        }
        self.waiting -= 1;
        true
    }

    fn end(&mut self, took: Duration) {
        self.running -= 1;
        self.used += took;
        self.mean = (self.mean * 3 + took) / 4;
    }
}
