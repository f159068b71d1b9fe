//! The last writes of this process, by pool, until every replica in use has them (ADR 0114).

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use masthead_domain::tenant::PoolId;
use tokio::sync::Notify;

/// The maximum number of marked pools; beyond it all pools share one mark.
const MOST: usize = 10_000;

/// Which pools were written, and up to which position of the primary's log (LSN) a replica must be to show the writes.
///
/// A mark is removed once all replicas in use have passed it. Its position then is part of the *floor*, which every replica
/// must have passed: one that comes back later may lack the write.
#[derive(Debug, Default)]
pub(crate) struct PoolWrites {
    marks: Mutex<Marks>,
    /// The number of marks: without one, readers take no lock.
    count: AtomicUsize,
    floor: AtomicU64,
    /// Wakes the watch of the primary after a write.
    marked: Notify,
}

#[derive(Debug, Default)]
struct Marks {
    by_pool: HashMap<PoolId, Mark>,
    every_pool: Option<Mark>,
    /// The number of the next sample of the primary's position.
    sample: u64,
}

#[derive(Debug, Clone, Copy)]
enum Mark {
    /// Committed; the position is that of the first sample which is later than this one.
    Since(u64),
    /// The position is at or after the commit.
    At(u64),
}

/// Which pools a replica shows with all writes of this process. Holds a lock: not for use over an `await`.
pub(crate) struct ReplicaView<'a> {
    marks: Option<MutexGuard<'a, Marks>>,
    replayed: u64,
    is_past_floor: bool,
}

/// Marks a pool when dropped: also if the outcome of the commit is unknown.
pub(crate) struct MarkOnDrop<'a> {
    writes: &'a PoolWrites,
    pool: PoolId,
}

impl PoolWrites {
    /// Marks the pool when the returned value is dropped, which must be after the commit.
    pub(crate) const fn mark_on_drop(&self, pool: PoolId) -> MarkOnDrop<'_> {
        MarkOnDrop { writes: self, pool }
    }

    fn mark(&self, pool: PoolId) {
        {
            let marks = &mut *self.lock();
            let since = Mark::Since(marks.sample);
            if marks.by_pool.len() >= MOST && !marks.by_pool.contains_key(&pool) {
                marks.by_pool.clear();
                marks.every_pool = Some(since);
            } else {
                marks.by_pool.insert(pool, since);
            }
            self.store_count(marks);
        }
        self.marked.notify_one();
    }

    /// Waits until a pool was marked since the last call.
    pub(crate) async fn marked(&self) {
        self.marked.notified().await;
    }

    pub(crate) fn has_marks(&self) -> bool {
        self.count.load(Ordering::Acquire) > 0
    }

    /// The position that every replica must have passed.
    pub(crate) fn floor(&self) -> u64 {
        self.floor.load(Ordering::Acquire)
    }

    /// Begins a sample of the primary's position. Commits before this call have a position at or before it.
    pub(crate) fn begin_sample(&self) -> u64 {
        let marks = &mut *self.lock();
        marks.sample += 1;
        marks.sample
    }

    /// The sample's result. Nothing that the primary has is after its own position, also after a failover that lost writes.
    pub(crate) fn end_sample(&self, sample: u64, position: u64) {
        let marks = &mut *self.lock();
        for mark in marks.by_pool.values_mut().chain(&mut marks.every_pool) {
            match *mark {
                Mark::Since(since) if since < sample => *mark = Mark::At(position),
                Mark::At(at) => *mark = Mark::At(at.min(position)),
                Mark::Since(_) => {}
            }
        }
        self.floor.fetch_min(position, Ordering::AcqRel);
    }

    /// Removes the marks that all replicas in use have passed; `None` if no replica is in use.
    pub(crate) fn remove_passed(&self, least_replayed: Option<u64>) {
        if !self.has_marks() {
            return;
        }
        let marks = &mut *self.lock();
        let passed = least_replayed.unwrap_or(u64::MAX);
        // Before the marks are removed: a reader that finds no mark must find the floor.
        let is_left = |mark: &Mark| match *mark {
            Mark::At(position) if position <= passed => {
                self.floor.fetch_max(position, Ordering::AcqRel);
                false
            }
            Mark::At(_) | Mark::Since(_) => true,
        };
        marks.by_pool.retain(|_, mark| is_left(mark));
        marks.every_pool = marks.every_pool.filter(|mark| is_left(mark));
        self.store_count(marks);
    }

    /// What a replica that has replayed the log up to this position shows.
    pub(crate) fn view(&self, replayed: u64) -> ReplicaView<'_> {
        // In this order: see `remove_passed`.
        let marks = self.has_marks().then(|| self.lock());
        ReplicaView {
            is_past_floor: replayed >= self.floor(),
            marks,
            replayed,
        }
    }

    fn store_count(&self, marks: &Marks) {
        let count = marks.by_pool.len() + usize::from(marks.every_pool.is_some());
        self.count.store(count, Ordering::Release);
    }

    /// A panic cannot leave the marks half-changed: no foreign code runs between the changes.
    fn lock(&self) -> MutexGuard<'_, Marks> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReplicaView<'_> {
    /// Whether the replica has all writes of this process to the pool.
    pub(crate) fn has_writes_of(&self, pool: PoolId) -> bool {
        let has = |mark: &Mark| matches!(mark, Mark::At(position) if *position <= self.replayed);
        let is_passed =
            |marks: &Marks| marks.by_pool.get(&pool).is_none_or(has) && marks.every_pool.as_ref().is_none_or(has);
        self.is_past_floor && self.marks.as_deref().is_none_or(is_passed)
    }
}

impl Drop for MarkOnDrop<'_> {
    fn drop(&mut self) {
        self.writes.mark(self.pool);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POOL: PoolId = PoolId(1);
    const OTHER: PoolId = PoolId(2);

    fn write(writes: &PoolWrites, pool: PoolId) {
        drop(writes.mark_on_drop(pool));
    }

    fn sample(writes: &PoolWrites, position: u64) {
        let sample = writes.begin_sample();
        writes.end_sample(sample, position);
    }

    fn shows(writes: &PoolWrites, pool: PoolId, replayed: u64) -> bool {
        writes.view(replayed).has_writes_of(pool)
    }

    #[test]
    fn written_pool_waits_for_its_position() {
        let writes = PoolWrites::default();
        assert!(shows(&writes, POOL, 0));
        write(&writes, POOL);
        assert!(!shows(&writes, POOL, u64::MAX), "the position is not known yet");
        sample(&writes, 100);
        assert!(!shows(&writes, POOL, 99) && shows(&writes, POOL, 100));
        assert!(shows(&writes, OTHER, 0), "other pools are not affected");
    }

    #[test]
    fn sample_that_began_before_the_commit_does_not_count() {
        let writes = PoolWrites::default();
        let early = writes.begin_sample();
        write(&writes, POOL);
        writes.end_sample(early, 100);
        assert!(!shows(&writes, POOL, 100));
        sample(&writes, 110);
        assert!(!shows(&writes, POOL, 100) && shows(&writes, POOL, 110));
    }

    #[test]
    fn removed_mark_still_binds_returning_replicas() {
        let writes = PoolWrites::default();
        write(&writes, POOL);
        sample(&writes, 100);
        writes.remove_passed(Some(99));
        assert!(writes.has_marks());
        writes.remove_passed(Some(100));
        assert!(!writes.has_marks());
        assert!(shows(&writes, POOL, 100));
        assert!(!shows(&writes, POOL, 99), "a replica that was away lacks the write");
        write(&writes, POOL);
        writes.remove_passed(None);
        assert!(writes.has_marks(), "a commit without a position is kept");
    }

    #[test]
    fn failover_that_lost_writes_ends_their_marks() {
        let writes = PoolWrites::default();
        write(&writes, POOL);
        sample(&writes, 100);
        write(&writes, OTHER);
        sample(&writes, 200);
        writes.remove_passed(Some(100));
        sample(&writes, 50);
        assert!(shows(&writes, POOL, 50) && shows(&writes, OTHER, 50));
        assert!(!shows(&writes, POOL, 49));
    }

    #[test]
    fn too_many_pools_share_one_mark() {
        let writes = PoolWrites::default();
        for pool in 0..=i64::try_from(MOST).unwrap() {
            write(&writes, PoolId(pool));
        }
        assert_eq!(writes.count.load(Ordering::Relaxed), 1);
        assert!(!shows(&writes, PoolId(-1), u64::MAX));
        sample(&writes, 100);
        assert!(shows(&writes, PoolId(-1), 100) && !shows(&writes, PoolId(-1), 99));
    }
}
