//! The bounded queue of look-ups: one lane per pool, served in turn.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use masthead_domain::{tenant::PoolId, user_key::UserKey};
use tokio::sync::{Notify, oneshot};

use super::key::KeyResult;

pub(super) struct PendingLookup {
    pub(super) pool: PoolId,
    pub(super) key: UserKey,
    pub(super) deadline: Instant,
    pub(super) since: Instant,
    pub(super) reply: oneshot::Sender<KeyResult>,
}

/// The queue is full, or closed.
#[derive(Debug)]
pub(super) struct QueueFullError;

pub(super) struct LookupQueue {
    lanes: Mutex<PoolLanes>,
    arrived: Notify,
    capacity: usize,
}

#[derive(Default)]
struct PoolLanes {
    /// Only pools with waiting look-ups.
    by_pool: HashMap<PoolId, VecDeque<PendingLookup>>,
    /// The order of service; each pool of `by_pool` once.
    turns: VecDeque<PoolId>,
    len: usize,
    closed: bool,
}

impl LookupQueue {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            lanes: Mutex::default(),
            arrived: Notify::new(),
            capacity,
        }
    }

    /// Queues a look-up; fails at once if the queue is full or its pool fills half of it.
    pub(super) fn push(&self, request: PendingLookup) -> Result<(), QueueFullError> {
        let pool = request.pool;
        {
            let lanes = &mut *self.lock();
            if lanes.closed || lanes.len >= self.capacity {
                return Err(QueueFullError);
            }
            let lane = lanes.by_pool.entry(pool).or_default();
            if lane.len() >= self.capacity.div_ceil(2) {
                return Err(QueueFullError);
            }
            if lane.is_empty() {
                lanes.turns.push_back(pool);
            }
            lane.push_back(request);
            lanes.len += 1;
        }
        self.arrived.notify_one();
        Ok(())
    }

    /// Waits for look-ups, yields once to the runtime so that others can join, and takes up to `most`, one per pool in turn.
    /// Returns `None` once closed and empty.
    pub(super) async fn take(&self, most: usize) -> Option<Vec<PendingLookup>> {
        loop {
            let arrived = self.arrived.notified();
            if self.waiting() > 0 {
                // Ready tasks run first, and the I/O driver is polled once. There is no timer: a single look-up is not
                // delayed.
                tokio::task::yield_now().await;
            }
            {
                let lanes = &mut *self.lock();
                let batch = lanes.take(most);
                if !batch.is_empty() {
                    if lanes.len > 0 {
                        // The next worker takes the rest.
                        self.arrived.notify_one();
                    }
                    return Some(batch);
                }
                if lanes.closed {
                    // Wake the other workers too.
                    self.arrived.notify_one();
                    return None;
                }
            }
            arrived.await;
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.lock().len
    }

    /// Rejects further look-ups.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_one();
    }

    /// A panic cannot leave the lanes half-changed: no foreign code runs between the changes.
    fn lock(&self) -> MutexGuard<'_, PoolLanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PoolLanes {
    /// Skips callers that left or whose deadline has passed.
    fn take(&mut self, most: usize) -> Vec<PendingLookup> {
        let mut batch = Vec::with_capacity(most.min(self.len));
        let now = Instant::now();
        while batch.len() < most {
            let Some(pool) = self.turns.pop_front() else {
                break;
            };
            let Some(lane) = self.by_pool.get_mut(&pool) else {
                continue;
            };
            while let Some(request) = lane.pop_front() {
                self.len -= 1;
                if !request.reply.is_closed() && request.deadline > now {
                    batch.push(request);
                    break;
                }
            }
            if lane.is_empty() {
                self.by_pool.remove(&pool);
            } else {
                self.turns.push_back(pool);
            }
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use masthead_domain::customer_registration_id::CustomerRegistrationId;

    use super::*;

    type ReplyReceiver = oneshot::Receiver<KeyResult>;

    fn request(pool: i64, id: &str) -> (PendingLookup, ReplyReceiver) {
        let (reply, answer) = oneshot::channel();
        let request = PendingLookup {
            pool: PoolId(pool),
            key: UserKey::Id(CustomerRegistrationId::parse(id).unwrap()),
            deadline: Instant::now() + Duration::from_mins(1),
            since: Instant::now(),
            reply,
        };
        (request, answer)
    }

    fn pools(batch: &[PendingLookup]) -> Vec<i64> {
        batch.iter().map(|request| request.pool.0).collect()
    }

    #[tokio::test]
    async fn pools_are_served_in_turn() {
        let queue = LookupQueue::new(100);
        let mut answers = Vec::new();
        for n in 0..50 {
            let (request, answer) = request(1, &n.to_string());
            queue.push(request).unwrap();
            answers.push(answer);
        }
        let (flooding, _gone) = request(1, "50");
        assert!(queue.push(flooding).is_err(), "a pool may have half of the queue");
        for pool in [2, 3] {
            let (request, answer) = request(pool, "x");
            queue.push(request).unwrap();
            answers.push(answer);
        }
        assert_eq!(pools(&queue.take(4).await.unwrap()), [1, 2, 3, 1]);
        assert_eq!(queue.take(64).await.unwrap().len(), 48);
    }

    #[tokio::test]
    async fn full_or_closed_queue_rejects() {
        let queue = LookupQueue::new(2);
        let (first, _a) = request(1, "a");
        let (second, _b) = request(2, "b");
        let (third, _c) = request(3, "c");
        queue.push(first).unwrap();
        queue.push(second).unwrap();
        assert!(queue.push(third).is_err());
        queue.close();
        let (fourth, _d) = request(4, "d");
        assert!(queue.push(fourth).is_err());
        assert_eq!(queue.take(9).await.unwrap().len(), 2, "what waits is still taken");
        assert!(queue.take(9).await.is_none());
    }

    #[tokio::test]
    async fn left_or_late_callers_are_skipped() {
        let queue = LookupQueue::new(9);
        let (left, answer) = request(1, "a");
        drop(answer);
        queue.push(left).unwrap();
        let (mut late, _late) = request(1, "b");
        late.deadline = Instant::now();
        queue.push(late).unwrap();
        let (here, _here) = request(1, "c");
        queue.push(here).unwrap();
        let batch = queue.take(9).await.unwrap();
        assert!(matches!(&batch[..], [PendingLookup { key: UserKey::Id(id), .. }] if id.as_str() == "c"));
    }
}
