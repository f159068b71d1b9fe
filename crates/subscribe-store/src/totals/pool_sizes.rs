//! How large pools are, as last seen: which step of a search is tried first depends on it, and no answer.

use std::hash::RandomState;

use masthead_domain::tenant::PoolId;
use quick_cache::{
    UnitWeighter,
    sync::{Cache, DefaultLifecycle},
};

use super::TotalsSource;

/// The last seen sizes of pools.
pub(super) struct PoolSizes(Cache<(TotalsSource, PoolId), u64, UnitWeighter, RandomState>);

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

    pub(super) fn get(&self, source: TotalsSource, pool: PoolId) -> Option<u64> {
        self.0.get(&(source, pool))
    }

    pub(super) fn insert(&self, source: TotalsSource, pool: PoolId, users: u64) {
        self.0.insert((source, pool), users);
    }
}
