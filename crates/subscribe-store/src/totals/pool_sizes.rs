//! How large pools are, as last seen: which step of a search is tried first depends on it, and no answer.

use std::{
    hash::RandomState,
    time::{Duration, Instant},
};

use masthead_domain::tenant::PoolId;
use quick_cache::{
    UnitWeighter,
    sync::{Cache, DefaultLifecycle},
};

use super::TotalsSource;

/// How long a size is used: a pool that was small may be read as a whole, however large it has become.
const LIFETIME: Duration = Duration::from_mins(1);

/// The last seen sizes of pools.
pub(super) struct PoolSizes(Cache<(TotalsSource, PoolId), SeenSize, UnitWeighter, RandomState>);

#[derive(Clone, Copy)]
struct SeenSize {
    users: u64,
    seen: Instant,
}

impl PoolSizes {
    /// Keeps at most about `most` sizes.
    pub(super) fn new(most: usize) -> Self {
        Self(Cache::with(
            most,
            most as u64,
            UnitWeighter,
            RandomState::new(),
            DefaultLifecycle::default(),
        ))
    }

    /// The size, if it was seen recently.
    pub(super) fn get(&self, source: TotalsSource, pool: PoolId) -> Option<u64> {
        let size = self.0.get(&(source, pool))?;
        (size.seen.elapsed() <= LIFETIME).then_some(size.users)
    }

    pub(super) fn insert(&self, source: TotalsSource, pool: PoolId, users: u64) {
        let seen = Instant::now();
        self.0.insert((source, pool), SeenSize { users, seen });
    }
}
