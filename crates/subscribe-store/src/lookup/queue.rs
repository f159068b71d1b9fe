//! The bounded queue of look-ups: one lane for each pool, and each pool's turn in order.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use masthead_domain::{account::Account, tenant::PoolId};
use tokio::sync::{Notify, oneshot};

use super::{Failed, Key};

/// One look-up that waits.
pub(super) struct Request {
    pub(super) pool: PoolId,
    pub(super) key: Key,
    pub(super) deadline: Instant,
    pub(super) since: Instant,
    pub(super) reply: oneshot::Sender<Result<Vec<Account>, Failed>>,
}

/// The queue is full, or closed.
#[derive(Debug)]
pub(super) struct Refused;

/// Look-ups that wait for a worker.
pub(super) struct Queue {
    lanes: Mutex<Lanes>,
    arrived: Notify,
    capacity: usize,
}

#[derive(Default)]
struct Lanes {
    /// Only pools that have something waiting.
    by_pool: HashMap<PoolId, VecDeque<Request>>,
    /// Whose turn it is; each pool of `by_pool` once.
    turns: VecDeque<PoolId>,
    len: usize,
    closed: bool,
}

impl Queue {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            lanes: Mutex::default(),
            arrived: Notify::new(),
            capacity,
        }
    }

    /// Queues a look-up, or refuses it at once: when the queue is full, or its pool has half of it.
    pub(super) fn push(&self, request: Request) -> Result<(), Refused> {
        let pool = request.pool;
        {
            let lanes = &mut *self.lock();
            if lanes.closed || lanes.len >= self.capacity {
                return Err(Refused);
            }
            let lane = lanes.by_pool.entry(pool).or_default();
            if lane.len() >= self.capacity.div_ceil(2) {
                return Err(Refused);
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

    /// Waits until something waits, lets it be joined by what comes in the same turn of the runtime, and takes up to `most`,
    /// one of each pool in turn. `None` once closed and empty.
    pub(super) async fn take(&self, most: usize) -> Option<Vec<Request>> {
        loop {
            let arrived = self.arrived.notified();
            if self.waiting() > 0 {
                // Whoever is ready runs first, and the driver is asked once who else is: no timer, so nobody waits for
                // company that may not come.
                tokio::task::yield_now().await;
            }
            {
                let lanes = &mut *self.lock();
                let batch = lanes.take(most);
                if !batch.is_empty() {
                    if lanes.len > 0 {
                        // What is left over is for the next worker.
                        self.arrived.notify_one();
                    }
                    return Some(batch);
                }
                if lanes.closed {
                    // Whoever else waits must learn it too.
                    self.arrived.notify_one();
                    return None;
                }
            }
            arrived.await;
        }
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.lock().len
    }

    /// Refuses what comes from now on.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_one();
    }

    /// A panic elsewhere leaves the lanes whole: no code of ours runs between their changes.
    fn lock(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lanes {
    /// Callers that left, or that an answer would reach too late, are skipped.
    fn take(&mut self, most: usize) -> Vec<Request> {
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

    type Answer = oneshot::Receiver<Result<Vec<Account>, Failed>>;

    fn request(pool: i64, id: &str) -> (Request, Answer) {
        let (reply, answer) = oneshot::channel();
        let request = Request {
            pool: PoolId(pool),
            key: Key::Id(CustomerRegistrationId::parse(id).unwrap()),
            deadline: Instant::now() + Duration::from_mins(1),
            since: Instant::now(),
            reply,
        };
        (request, answer)
    }

    fn pools(batch: &[Request]) -> Vec<i64> {
        batch.iter().map(|request| request.pool.0).collect()
    }

    #[tokio::test]
    async fn a_flood_of_one_pool_leaves_the_others_their_turn() {
        let queue = Queue::new(100);
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
    async fn a_full_queue_refuses_at_once_and_a_closed_one_too() {
        let queue = Queue::new(2);
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
    async fn callers_that_left_or_are_late_are_skipped() {
        let queue = Queue::new(9);
        let (left, answer) = request(1, "a");
        drop(answer);
        queue.push(left).unwrap();
        let (mut late, _late) = request(1, "b");
        late.deadline = Instant::now();
        queue.push(late).unwrap();
        let (here, _here) = request(1, "c");
        queue.push(here).unwrap();
        let batch = queue.take(9).await.unwrap();
        assert!(matches!(&batch[..], [Request { key: Key::Id(id), .. }] if id.as_str() == "c"));
    }
}
