//! Events of reads: queued at once, written in batches by one task of their own.

use std::{
    mem,
    ops::Range,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use masthead_domain::event::Event;
use masthead_ports::events::ReadEvents;
use sqlx::{Connection as _, PgConnection};
use tokio::{
    sync::{Notify, oneshot},
    task::JoinHandle,
};

use crate::{
    connect::Connector,
    event_rows::{COPY, EventRows},
    sqlstate::{Failure, redacted},
};

/// How many events are written in one statement at most, about a megabyte. Under load a statement takes what gathered while the
/// last one was on its way, which is what its three trips to a busy database take rather than its rows.
const BATCH: usize = 8192;
/// How long events are gathered before they are written: each statement costs as much as dozens of rows.
const GATHER: Duration = Duration::from_millis(20);
/// The pause after a batch could not be written; doubled up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// A database that is back must be noticed soon, or the queue overflows for nothing.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long one statement may take, and the connection for it where there is none.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a log line tells of dropped events at most.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// The writer of read events.
pub struct PgReadEvents {
    queue: Arc<Queue>,
    task: Mutex<Option<JoinHandle<()>>>,
    dropped: AtomicU64,
    told: Mutex<Option<Instant>>,
}

impl PgReadEvents {
    /// Starts the writer, on a connection of its own.
    pub(crate) fn start(connect: Connector, capacity: usize) -> Self {
        let queue = Arc::new(Queue::new(capacity));
        let writer = Writer {
            queue: Arc::clone(&queue),
            connect,
            connection: None,
        };
        Self {
            queue,
            task: Mutex::new(Some(tokio::spawn(writer.run()))),
            dropped: AtomicU64::new(0),
            told: Mutex::new(None),
        }
    }

    /// Waits until everything that was recorded before is written, or dropped for good.
    pub async fn flush(&self) {
        let (done, answer) = oneshot::channel();
        self.queue.flush(done);
        let _ = answer.await;
    }

    /// Writes what waits, as far as it can be within `patience`, and ends. What is recorded later is dropped.
    pub(crate) async fn close(&self, patience: Duration) {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut task) = task else { return };
        self.queue.close();
        if tokio::time::timeout(patience, &mut task).await.is_err() {
            task.abort();
            self.queue.lock().flushes.clear();
            tracing::warn!("events of reads were not all written before the end");
        }
    }

    fn drop_one(&self) {
        metrics::counter!("masthead_events_dropped_total").increment(1);
        let dropped = self.dropped.fetch_add(1, Ordering::Relaxed) + 1;
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
            *told = Some(Instant::now());
            tracing::warn!(
                dropped,
                "events of reads are dropped: they come faster than they can be written"
            );
        }
    }
}

impl ReadEvents for PgReadEvents {
    fn record(&self, event: Event) {
        if self.queue.push(&event).is_err() {
            self.drop_one();
        }
    }
}

/// A writer whose handle is gone has come to its end.
impl Drop for PgReadEvents {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// The queue is full, or closed.
#[derive(Debug)]
struct Refused;

/// Events that wait for the writer.
struct Queue {
    waiting: Mutex<Waiting>,
    /// The first event waits, or a reason not to gather any longer.
    called: Notify,
    capacity: usize,
}

struct Waiting {
    rows: EventRows,
    flushes: Vec<oneshot::Sender<()>>,
    closed: bool,
}

impl Waiting {
    /// Whether there is a reason not to gather any longer.
    fn is_due(&self) -> bool {
        self.rows.len() >= BATCH || !self.flushes.is_empty() || self.closed
    }
}

impl Queue {
    fn new(capacity: usize) -> Self {
        Self {
            waiting: Mutex::new(Waiting {
                rows: EventRows::new(),
                flushes: Vec::new(),
                closed: false,
            }),
            called: Notify::new(),
            capacity,
        }
    }

    fn push(&self, event: &Event) -> Result<(), Refused> {
        let waiting = &mut *self.lock();
        if waiting.closed || waiting.rows.len() >= self.capacity {
            return Err(Refused);
        }
        waiting.rows.push(event).map_err(|_too_long| Refused)?;
        if matches!(waiting.rows.len(), 1 | BATCH) {
            self.called.notify_one();
        }
        Ok(())
    }

    fn flush(&self, done: oneshot::Sender<()>) {
        let waiting = &mut *self.lock();
        if !waiting.closed {
            waiting.flushes.push(done);
            self.called.notify_one();
        }
    }

    fn close(&self) {
        self.lock().closed = true;
        self.called.notify_one();
    }

    /// Gathers for a while once something waits, and puts all of it into `rows`, which were written; tells whom to tell when
    /// they are. `None` once closed and empty.
    async fn take(&self, rows: &mut EventRows) -> Option<Vec<oneshot::Sender<()>>> {
        rows.clear();
        self.until(|waiting| waiting.rows.len() > 0 || waiting.is_due()).await;
        let _ = tokio::time::timeout(GATHER, self.until(Waiting::is_due)).await;
        let waiting = &mut *self.lock();
        if waiting.closed && waiting.rows.len() == 0 && waiting.flushes.is_empty() {
            return None;
        }
        mem::swap(rows, &mut waiting.rows);
        Some(mem::take(&mut waiting.flushes))
    }

    async fn until(&self, ready: impl Fn(&Waiting) -> bool) {
        while !ready(&self.lock()) {
            self.called.notified().await;
        }
    }

    /// A panic elsewhere leaves the rows whole: no code of others runs between their changes.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// The task that writes.
struct Writer {
    queue: Arc<Queue>,
    /// With commits that do not wait for the disk: a loss is bearable.
    connect: Connector,
    connection: Option<PgConnection>,
}

impl Writer {
    async fn run(mut self) {
        let mut rows = EventRows::new();
        while let Some(flushes) = self.queue.take(&mut rows).await {
            for start in (0..rows.len()).step_by(BATCH) {
                let end = rows.len().min(start + BATCH);
                self.write_batch(&rows, start..end).await;
            }
            for done in flushes {
                let _ = done.send(());
            }
        }
        if let Some(connection) = self.connection {
            let _ = connection.close().await;
        }
    }

    /// Writes a batch, again and again while the database is silent; the queue behind it is bounded. Events that the
    /// database will never take are dropped one by one.
    async fn write_batch(&mut self, rows: &EventRows, batch: Range<usize>) {
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match self.write(rows.copied(batch.clone())).await {
                Ok(()) => return,
                Err(error) => error,
            };
            match error.0 {
                Failure::Connection | Failure::Busy | Failure::Contention | Failure::Cancelled => {
                    tracing::warn!(cause = %error.1, waiting = batch.len(), "events of reads cannot be written for now");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                _ if batch.len() > 1 => {
                    let middle = batch.start + batch.len() / 2;
                    for half in [batch.start..middle, middle..batch.end] {
                        Box::pin(self.write_batch(rows, half)).await;
                    }
                    return;
                }
                _ => {
                    metrics::counter!("masthead_events_dropped_total").increment(1);
                    tracing::error!(cause = %error.1, "an event of a read cannot be written");
                    return;
                }
            }
        }
    }

    async fn write(&mut self, rows: Vec<u8>) -> Result<(), (Failure, Cause)> {
        let started = Instant::now();
        match tokio::time::timeout(PATIENCE, self.copy(rows)).await {
            Ok(Ok(())) => {
                metrics::histogram!("masthead_events_write_seconds").record(started.elapsed());
                Ok(())
            }
            Ok(Err(error)) => Err((Failure::of(&error), redacted(error))),
            Err(_late) => Err((Failure::Cancelled, "no answer in time".into())),
        }
    }

    /// One statement, which is a transaction of its own; through a pooler within one, whose settings end with it.
    async fn copy(&mut self, rows: Vec<u8>) -> Result<(), sqlx::Error> {
        // Out of `self` while it is in use, and back only when all went well: a conversation that broke off is not resumed.
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect.connect().await?,
        };
        if self.connect.is_pooled() {
            let mut transaction = self.connect.begin_on(&mut connection).await?;
            send(&mut transaction, rows).await?;
            transaction.commit().await?;
        } else {
            send(&mut connection, rows).await?;
        }
        self.connection = Some(connection);
        Ok(())
    }
}

async fn send(connection: &mut PgConnection, rows: Vec<u8>) -> Result<(), sqlx::Error> {
    let mut copy = connection.copy_in_raw(COPY).await?;
    copy.send(rows).await?;
    copy.finish().await.map(|_| ())
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

    fn push(queue: &Queue, events: usize) {
        for n in 0..events {
            let event = Event {
                kind: EventKind::SubscribeUserGetById,
                tenant: TenantId::parse("north/daily/herald").unwrap(),
                pool: PoolId(1),
                at: datetime!(2026-01-02 03:04:05 UTC),
                request_id: n.to_string().into(),
                source_system: "CRM".into(),
                outcome: EventOutcome::Found,
                registration_id: Some(7),
                users: 1,
                network: None,
            };
            queue.push(&event).unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn events_are_gathered_for_a_moment_unless_there_are_many_or_somebody_waits_for_them() {
        let queue = Queue::new(2 * BATCH);
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
        assert_eq!(queue.take(&mut rows).await.unwrap().len(), 1);
        assert_eq!((rows.len(), started.elapsed()), (1, Duration::ZERO));

        push(&queue, 1);
        queue.close();
        assert!(queue.take(&mut rows).await.is_some(), "what waits is still taken");
        assert_eq!((rows.len(), started.elapsed()), (1, Duration::ZERO));
        assert!(queue.take(&mut rows).await.is_none());
    }

    #[test]
    fn each_event_can_be_copied_without_the_others() {
        let queue = Queue::new(3);
        push(&queue, 3);
        let rows = &queue.lock().rows;
        let all = rows.copied(0..3);
        let (one, two) = (rows.copied(1..2), rows.copied(0..2));
        let frame = CopyRows::new(0).finish().len();
        assert_eq!((all.len() - frame) / 3, one.len() - frame, "they are equally long here");
        assert_eq!(two[..two.len() - 2], all[..two.len() - 2]);
        assert!(
            all.windows(one.len() - frame)
                .any(|part| part == &one[frame - 2..one.len() - 2])
        );
    }
}
