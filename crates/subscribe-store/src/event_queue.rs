//! The queue of events of reads: encoded at once, taken out in batches.

use std::{
    collections::{HashMap, HashSet},
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use masthead_domain::{access::TokenIdentity, event::Event};
use masthead_ports::events::EventLostError;
use tokio::sync::{Notify, oneshot};

use crate::event_rows::EventRows;

/// The maximum number of events in one statement, about a megabyte. Under load a statement writes what was queued during the
/// last one: its round trips to a busy database take longer than its rows.
pub(crate) const BATCH: usize = 8192;
/// How long events are collected before they are written: a batch has five round trips, which cost this process as much as
/// hundreds of events.
const GATHER: Duration = Duration::from_millis(50);
/// The maximum number of callers whose numbers are remembered.
const CALLERS: usize = 4096;

pub(crate) struct EventQueue {
    waiting: Mutex<QueuedEvents>,
    /// The first event waits, or waiting for more must end.
    called: Notify,
    capacity: usize,
    /// How many events were to be recorded so far.
    recorded: AtomicU64,
    /// How many of them are lost.
    dropped: AtomicU64,
    /// The writer has a row in the database also before the first event.
    announced: AtomicBool,
}

struct QueuedEvents {
    rows: EventRows,
    flushes: Vec<oneshot::Sender<()>>,
    closed: bool,
    callers: KnownCallers,
}

/// What was taken out of the queue.
#[derive(Default)]
pub(crate) struct TakenEvents {
    pub(crate) flushes: Vec<oneshot::Sender<()>>,
    pub(crate) callers: Vec<NewCaller>,
}

/// A caller that this process has not written yet.
pub(crate) struct NewCaller {
    pub(crate) number: i64,
    pub(crate) identity: Arc<TokenIdentity>,
}

/// The numbers of callers. Tokens are verified once and shared, so each is known by its place in memory, which is kept.
#[derive(Default)]
struct KnownCallers {
    by_place: HashMap<usize, (Arc<TokenIdentity>, Option<i64>)>,
    written: HashSet<i64>,
    new: Vec<NewCaller>,
}

impl KnownCallers {
    fn number(&mut self, identity: &Arc<TokenIdentity>) -> Option<i64> {
        let place = Arc::as_ptr(identity).addr();
        if let Some((_, number)) = self.by_place.get(&place) {
            return *number;
        }
        if self.by_place.len() >= CALLERS {
            self.by_place.clear();
            self.written.clear();
        }
        let number = identity.caller_number();
        self.by_place.insert(place, (Arc::clone(identity), number));
        if let Some(number) = number
            && self.written.insert(number)
        {
            self.new.push(NewCaller {
                number,
                identity: Arc::clone(identity),
            });
        }
        number
    }
}

impl QueuedEvents {
    /// Whether waiting for more events must end.
    fn is_due(&self) -> bool {
        self.rows.len() >= BATCH || !self.flushes.is_empty() || self.closed
    }
}

impl EventQueue {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            waiting: Mutex::new(QueuedEvents {
                rows: EventRows::new(),
                flushes: Vec::new(),
                closed: false,
                callers: KnownCallers::default(),
            }),
            called: Notify::new(),
            capacity,
            recorded: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            announced: AtomicBool::new(false),
        }
    }

    pub(crate) fn push(&self, event: &Event) -> Result<(), EventLostError> {
        self.recorded.fetch_add(1, Ordering::Relaxed);
        let waiting = &mut *self.lock();
        if waiting.closed || waiting.rows.len() >= self.capacity {
            return Err(EventLostError);
        }
        let caller = waiting.callers.number(&event.caller);
        waiting.rows.push(event, caller).map_err(|_too_long| EventLostError)?;
        if matches!(waiting.rows.len(), 1 | BATCH) {
            self.called.notify_one();
        }
        Ok(())
    }

    /// Counts lost events; returns their number so far.
    pub(crate) fn count_dropped(&self, events: u64) -> u64 {
        metrics::counter!("masthead_events_dropped_total").increment(events);
        self.dropped.fetch_add(events, Ordering::Relaxed) + events
    }

    /// How many events were to be recorded, and how many of them are lost.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let dropped = self.dropped.load(Ordering::Relaxed);
        (self.recorded.load(Ordering::Relaxed), dropped)
    }

    pub(crate) fn announce(&self) {
        self.announced.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_announced(&self) -> bool {
        self.announced.load(Ordering::Relaxed)
    }

    pub(crate) fn flush(&self, done: oneshot::Sender<()>) {
        let waiting = &mut *self.lock();
        if !waiting.closed {
            waiting.flushes.push(done);
            self.called.notify_one();
        }
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.called.notify_one();
    }

    /// Waits for events, collects more for a while, and swaps them into `rows`, whose old content was written. Returns what
    /// belongs to them, or `None` once closed and empty. May be cancelled.
    pub(crate) async fn take(&self, rows: &mut EventRows) -> Option<TakenEvents> {
        rows.clear();
        self.until(|waiting| waiting.rows.len() > 0 || waiting.is_due()).await;
        let _ = tokio::time::timeout(GATHER, self.until(QueuedEvents::is_due)).await;
        let waiting = &mut *self.lock();
        if waiting.closed && waiting.rows.len() == 0 && waiting.flushes.is_empty() {
            return None;
        }
        mem::swap(rows, &mut waiting.rows);
        Some(TakenEvents {
            flushes: mem::take(&mut waiting.flushes),
            callers: mem::take(&mut waiting.callers.new),
        })
    }

    /// Answers no flush that waits.
    pub(crate) fn drop_flushes(&self) {
        self.lock().flushes.clear();
    }

    async fn until(&self, ready: impl Fn(&QueuedEvents) -> bool) {
        while !ready(&self.lock()) {
            self.called.notified().await;
        }
    }

    /// A panic cannot leave the rows half-changed: no foreign code runs between the changes.
    fn lock(&self) -> MutexGuard<'_, QueuedEvents> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use masthead_domain::{
        event::{EventKind, EventOutcome},
        tenant::{PoolId, TenantId},
    };
    use time::macros::datetime;

    use super::*;
    use crate::copy::CopyRows;

    fn event() -> Event {
        Event {
            kind: EventKind::SubscribeUserGetById,
            tenant: TenantId::parse("north/daily/herald").unwrap(),
            pool: PoolId(1),
            at: datetime!(2026-01-02 03:04:05 UTC),
            kept_days: 400,
            request_id: "r-1".into(),
            source_system: "CRM".into(),
            caller: Arc::default(),
            network: None,
            outcome: EventOutcome::Found,
            filter: None,
            registration_id: Some(7),
            user_ids: Box::default(),
            users: 1,
            detail: None,
        }
    }

    fn push(queue: &EventQueue, events: usize) {
        for n in 0..events {
            let request_id = n.to_string().into();
            queue.push(&Event { request_id, ..event() }).unwrap();
        }
    }

    #[test]
    fn caller_is_new_once() {
        let queue = EventQueue::new(10);
        let caller = || {
            Arc::new(TokenIdentity {
                subject: Some("job".into()),
                ..TokenIdentity::default()
            })
        };
        let one = caller();
        for caller in [Arc::clone(&one), one, caller(), Arc::default()] {
            queue.push(&Event { caller, ..event() }).unwrap();
        }
        let new = &queue.lock().callers.new;
        assert_eq!(new.len(), 1);
        assert_eq!(Some(new[0].number), new[0].identity.caller_number());
    }

    #[tokio::test(start_paused = true)]
    async fn events_are_collected_until_due() {
        let queue = EventQueue::new(2 * BATCH);
        let mut rows = EventRows::new();
        let started = tokio::time::Instant::now();
        let few = async {
            push(&queue, 2);
            tokio::time::sleep(GATHER / 2).await;
            push(&queue, 1);
        };
        tokio::join!(few, async { queue.take(&mut rows).await.unwrap() });
        assert!(rows.len() == 3 && started.elapsed() >= GATHER);

        let started = tokio::time::Instant::now();
        push(&queue, BATCH + 1);
        queue.take(&mut rows).await.unwrap();
        assert_eq!((rows.len(), started.elapsed()), (BATCH + 1, Duration::ZERO));

        push(&queue, 1);
        let (done, _answer) = oneshot::channel();
        queue.flush(done);
        assert_eq!(queue.take(&mut rows).await.unwrap().flushes.len(), 1);
        assert_eq!((rows.len(), started.elapsed()), (1, Duration::ZERO));

        push(&queue, 1);
        queue.close();
        assert!(queue.take(&mut rows).await.is_some(), "what waits is still taken");
        assert_eq!((rows.len(), started.elapsed()), (1, Duration::ZERO));
        assert!(queue.take(&mut rows).await.is_none());
    }

    #[test]
    fn events_are_encoded_independently() {
        let queue = EventQueue::new(3);
        push(&queue, 3);
        let rows = &queue.lock().rows;
        let all = rows.copied(0..3);
        let (one, two) = (rows.copied(1..2), rows.copied(0..2));
        let frame = CopyRows::new(0).part(CopyRows::START..CopyRows::START).len();
        assert_eq!((all.len() - frame) / 3, one.len() - frame, "they are equally long here");
        assert_eq!(two[..two.len() - 2], all[..two.len() - 2]);
        assert!(
            all.windows(one.len() - frame)
                .any(|part| part == &one[frame - 2..one.len() - 2])
        );
    }
}
