//! Events of reads: queued at once, written in batches by one background task.

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
use masthead_ports::{events::ReadEvents, readiness::TaskProgress};
use sqlx::{Connection as _, PgConnection};
use tokio::{
    sync::{Notify, oneshot},
    task::JoinHandle,
};

use crate::{
    connect::Connector,
    event_rows::{COPY, EventRows},
    slow_statements::StatementTimer,
    sqlstate::{PgErrorKind, redacted},
};

/// The maximum number of events in one statement, about a megabyte. Under load a statement writes what was queued during the
/// last one: its three round trips to a busy database take longer than its rows.
const BATCH: usize = 8192;
/// How long events are collected before they are written: each statement costs as much as dozens of rows.
const GATHER: Duration = Duration::from_millis(20);
/// The pause after a failed batch; doubled up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// A recovered database must be noticed soon, or the queue overflows needlessly.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Time limit of one statement, including a new connection.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// How long a batch may wait to be written before the server reports that it is not ready.
const STUCK_AFTER: Duration = Duration::from_secs(15);
/// The minimum interval between warnings about dropped events.
const WARN_EVERY: Duration = Duration::from_secs(10);

/// The writer of read events.
pub struct PgReadEvents {
    queue: Arc<EventQueue>,
    task: Mutex<Option<JoinHandle<()>>>,
    dropped: AtomicU64,
    warned: Mutex<Option<Instant>>,
    progress: Arc<TaskProgress>,
}

impl PgReadEvents {
    /// Starts the writer, on its own connection.
    pub(crate) fn start(connect: Connector, capacity: usize) -> Self {
        let queue = Arc::new(EventQueue::new(capacity));
        let progress = Arc::new(TaskProgress::new("events", STUCK_AFTER));
        let writer = EventWriter {
            queue: Arc::clone(&queue),
            connect,
            connection: None,
            progress: Arc::clone(&progress),
        };
        Self {
            queue,
            task: Mutex::new(Some(tokio::spawn(writer.run()))),
            dropped: AtomicU64::new(0),
            warned: Mutex::new(None),
            progress,
        }
    }

    /// Whether the writer gets on: not ready when a batch cannot be written for 15 seconds, and after the writer's end.
    #[must_use]
    pub fn progress(&self) -> Arc<TaskProgress> {
        Arc::clone(&self.progress)
    }

    /// Waits until all events recorded before are written, or dropped for good.
    pub async fn flush(&self) {
        let (done, answer) = oneshot::channel();
        self.queue.flush(done);
        let _ = answer.await;
    }

    /// Writes the queued events within `patience`, and ends. Later events are dropped.
    pub(crate) async fn close(&self, patience: Duration) {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut task) = task else { return };
        self.queue.close();
        if tokio::time::timeout(patience, &mut task).await.is_err() {
            task.abort();
            self.queue.lock().flushes.clear();
            tracing::warn!("not all events of reads were written before shutdown");
        }
    }

    fn drop_one(&self) {
        metrics::counter!("masthead_events_dropped_total").increment(1);
        let dropped = self.dropped.fetch_add(1, Ordering::Relaxed) + 1;
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.is_none_or(|warned| warned.elapsed() >= WARN_EVERY) {
            *warned = Some(Instant::now());
            tracing::warn!(dropped, "events of reads are dropped: the queue is full");
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

/// Without a handle, the writer ends.
impl Drop for PgReadEvents {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// The queue is full, or closed.
#[derive(Debug)]
struct EventQueueError;

struct EventQueue {
    waiting: Mutex<QueuedEvents>,
    /// The first event waits, or waiting for more must end.
    called: Notify,
    capacity: usize,
}

struct QueuedEvents {
    rows: EventRows,
    flushes: Vec<oneshot::Sender<()>>,
    closed: bool,
}

impl QueuedEvents {
    /// Whether waiting for more events must end.
    fn is_due(&self) -> bool {
        self.rows.len() >= BATCH || !self.flushes.is_empty() || self.closed
    }
}

impl EventQueue {
    fn new(capacity: usize) -> Self {
        Self {
            waiting: Mutex::new(QueuedEvents {
                rows: EventRows::new(),
                flushes: Vec::new(),
                closed: false,
            }),
            called: Notify::new(),
            capacity,
        }
    }

    fn push(&self, event: &Event) -> Result<(), EventQueueError> {
        let waiting = &mut *self.lock();
        if waiting.closed || waiting.rows.len() >= self.capacity {
            return Err(EventQueueError);
        }
        waiting.rows.push(event).map_err(|_too_long| EventQueueError)?;
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

    /// Waits for events, collects more for a while, and swaps them into `rows`, whose old content was written. Returns the
    /// flush requests to be answered once they are written, or `None` once closed and empty.
    async fn take(&self, rows: &mut EventRows) -> Option<Vec<oneshot::Sender<()>>> {
        rows.clear();
        self.until(|waiting| waiting.rows.len() > 0 || waiting.is_due()).await;
        let _ = tokio::time::timeout(GATHER, self.until(QueuedEvents::is_due)).await;
        let waiting = &mut *self.lock();
        if waiting.closed && waiting.rows.len() == 0 && waiting.flushes.is_empty() {
            return None;
        }
        mem::swap(rows, &mut waiting.rows);
        Some(mem::take(&mut waiting.flushes))
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

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// The background task.
struct EventWriter {
    queue: Arc<EventQueue>,
    /// With `synchronous_commit = off`: losing some events is acceptable.
    connect: Connector,
    connection: Option<PgConnection>,
    progress: Arc<TaskProgress>,
}

impl EventWriter {
    async fn run(mut self) {
        let _ended = self.progress.end_on_drop();
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

    /// Writes a batch, and retries while the database is unavailable; the queue is bounded. Events that the database rejects
    /// are dropped one by one.
    async fn write_batch(&mut self, rows: &EventRows, batch: Range<usize>) {
        let mut pause = FIRST_PAUSE;
        self.progress.begin("events cannot be written");
        loop {
            let error = match self.write(rows.copied(batch.clone())).await {
                Ok(()) => {
                    self.progress.finish();
                    return;
                }
                Err(error) => error,
            };
            match error.0 {
                PgErrorKind::Connection
                | PgErrorKind::Busy
                | PgErrorKind::Contention
                | PgErrorKind::StalePlan
                | PgErrorKind::Cancelled => {
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
                    self.progress.finish();
                    metrics::counter!("masthead_events_dropped_total").increment(1);
                    tracing::error!(cause = %error.1, "an event of a read cannot be written");
                    return;
                }
            }
        }
    }

    async fn write(&mut self, rows: Vec<u8>) -> Result<(), (PgErrorKind, Cause)> {
        let (started, timer) = (Instant::now(), StatementTimer::start());
        match tokio::time::timeout(TIME_LIMIT, self.copy(rows)).await {
            Ok(Ok(())) => {
                metrics::histogram!("masthead_events_write_seconds").record(started.elapsed());
                timer.stop(|| "copy events".to_owned());
                Ok(())
            }
            Ok(Err(error)) => Err((PgErrorKind::from_error(&error), redacted(error))),
            Err(_late) => Err((PgErrorKind::Cancelled, "the database did not answer in time".into())),
        }
    }

    /// One statement as its own transaction; through a pooler in one with `SET LOCAL`.
    async fn copy(&mut self, rows: Vec<u8>) -> Result<(), sqlx::Error> {
        // Taken out of `self` during use, and put back only after success: a broken connection is not reused.
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

    fn push(queue: &EventQueue, events: usize) {
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
        assert_eq!(queue.take(&mut rows).await.unwrap().len(), 1);
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
        let frame = CopyRows::new(0).finish().len();
        assert_eq!((all.len() - frame) / 3, one.len() - frame, "they are equally long here");
        assert_eq!(two[..two.len() - 2], all[..two.len() - 2]);
        assert!(
            all.windows(one.len() - frame)
                .any(|part| part == &one[frame - 2..one.len() - 2])
        );
    }
}
