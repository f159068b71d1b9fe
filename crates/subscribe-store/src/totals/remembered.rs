//! Totals of filters that were counted once, until their pool changes.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use masthead_domain::{query::UserFilter, tenant::PoolId};
use quick_cache::{
    UnitWeighter,
    sync::{Cache, DefaultLifecycle},
};
use siphasher::sip128::{Hasher128 as _, SipHasher13};

use super::TotalsSource;

/// Which total: a source, a pool and a filter. The filter is a keyed hash: addresses and names are not kept, and clients
/// cannot find two filters with the same hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TotalKey {
    source: TotalsSource,
    pool: PoolId,
    filter: u128,
}

/// The last total of each filter, with the version of its pool.
pub(super) struct RememberedTotals {
    totals: Cache<TotalKey, VersionedTotal, UnitWeighter, RandomState>,
    hash_key: (u64, u64),
}

#[derive(Clone, Copy)]
struct VersionedTotal {
    version: i64,
    total: u64,
}

impl RememberedTotals {
    /// Keeps at most about `most` totals, about 100 bytes each.
    pub(super) fn new(most: usize) -> Self {
        Self {
            totals: Cache::with(
                most,
                most as u64,
                UnitWeighter,
                RandomState::new(),
                DefaultLifecycle::default(),
            ),
            hash_key: (random(), random()),
        }
    }

    /// The key of a total. Whether the tenant is federated is part of it: `only_active` then excludes no user.
    pub(super) fn key(&self, source: TotalsSource, pool: PoolId, filter: &UserFilter, is_federated: bool) -> TotalKey {
        let mut hasher = SipHasher13::new_with_keys(self.hash_key.0, self.hash_key.1);
        hasher.write(filter.canonical().as_bytes());
        hasher.write_u8(u8::from(is_federated));
        TotalKey {
            source,
            pool,
            filter: hasher.finish128().as_u128(),
        }
    }

    /// The total that was counted last, for any version.
    pub(super) fn last(&self, key: &TotalKey) -> Option<u64> {
        self.totals.get(key).map(|remembered| remembered.total)
    }

    /// The total, if it was counted in a snapshot with the same version.
    pub(super) fn get(&self, key: &TotalKey, version: i64) -> Option<u64> {
        let remembered = self.totals.get(key)?;
        (remembered.version == version).then_some(remembered.total)
    }

    /// Remembers a total that was counted in the snapshot with this version.
    pub(super) fn insert(&self, key: TotalKey, version: i64, total: u64) {
        self.totals.insert(key, VersionedTotal { version, total });
    }
}

/// Each `RandomState` has its own random keys.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use masthead_domain::{email::EmailFragment, query::EmailFilter};

    use super::*;

    fn containing(needle: &str) -> UserFilter {
        UserFilter {
            emails: vec![EmailFilter::Contains(EmailFragment::from_text(needle))],
            ..UserFilter::default()
        }
    }

    #[test]
    fn only_the_same_version_is_answered() {
        let totals = RememberedTotals::new(10);
        let key = totals.key(TotalsSource::Registrations, PoolId(1), &containing("a"), false);
        assert_eq!(totals.get(&key, 7), None);
        totals.insert(key, 7, 42);
        assert_eq!((totals.get(&key, 7), totals.get(&key, 8)), (Some(42), None));
        totals.insert(key, 8, 43);
        assert_eq!((totals.get(&key, 7), totals.get(&key, 8)), (None, Some(43)));
    }

    #[test]
    fn keys_differ_in_each_part() {
        let totals = RememberedTotals::new(10);
        let (source, pool) = (TotalsSource::Registrations, PoolId(1));
        let key = totals.key(source, pool, &containing("a"), false);
        assert_eq!(key, totals.key(source, pool, &containing("a"), false));
        for other in [
            totals.key(TotalsSource::Mirror, pool, &containing("a"), false),
            totals.key(source, PoolId(2), &containing("a"), false),
            totals.key(source, pool, &containing("b"), false),
            totals.key(source, pool, &containing("a"), true),
        ] {
            assert_ne!(key, other);
        }
        let other_process = RememberedTotals::new(10);
        assert_ne!(key, other_process.key(source, pool, &containing("a"), false));
    }

    #[test]
    fn number_of_totals_is_bounded() {
        let totals = RememberedTotals::new(100);
        let keys: Vec<_> = (0..1000)
            .map(|n| totals.key(TotalsSource::Mirror, PoolId(n), &UserFilter::default(), true))
            .collect();
        for key in &keys {
            totals.insert(*key, 1, 1);
        }
        let kept = keys.iter().filter(|key| totals.get(key, 1).is_some()).count();
        assert!((1..=100).contains(&kept), "{kept}");
    }
}
