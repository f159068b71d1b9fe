//! Events of reads: queued at once, written in batches by one background task.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use masthead_domain::event::Event;
use masthead_ports::{
    events::{EventLostError, ReadEvents},
    readiness::TaskProgress,
};
use tokio::{sync::oneshot, task::JoinHandle};

use crate::{connect::Connector, event_queue::EventQueue, event_writer::EventWriter};

/// How long a batch may wait to be written before the server reports that it is not ready.
const STUCK_AFTER: Duration = Duration::from_secs(15);
/// The minimum interval between warnings about dropped events.
const WARN_EVERY: Duration = Duration::from_secs(10);

/// The writer of read events.
pub struct PgReadEvents {
    queue: Arc<EventQueue>,
    task: Mutex<Option<JoinHandle<()>>>,
    warned: Mutex<Option<Instant>>,
    progress: Arc<TaskProgress>,
}

impl PgReadEvents {
    /// Starts the writer, on its own connection; `process` names it in the database.
    pub(crate) fn start(connect: Connector, capacity: usize, process: Box<str>) -> Self {
        let queue = Arc::new(EventQueue::new(capacity));
        let progress = Arc::new(TaskProgress::new("events", STUCK_AFTER));
        let writer = EventWriter::new(Arc::clone(&queue), connect, process, Arc::clone(&progress));
        Self {
            queue,
            task: Mutex::new(Some(tokio::spawn(writer.run()))),
            warned: Mutex::new(None),
            progress,
        }
    }

    /// Whether the writer gets on: not ready when a batch cannot be written for 15 seconds, and after the writer's end.
    #[must_use]
    pub fn progress(&self) -> Arc<TaskProgress> {
        Arc::clone(&self.progress)
    }

    /// Tells the database that this process records events, before the first one; returns at once.
    pub fn announce(&self) {
        self.queue.announce();
        let (done, _answer) = oneshot::channel();
        self.queue.flush(done);
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
            self.queue.drop_flushes();
            tracing::warn!("not all events of reads were written before shutdown");
        }
    }

    fn warn_of_drop(&self) {
        let dropped = self.queue.count_dropped(1);
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.is_none_or(|warned| warned.elapsed() >= WARN_EVERY) {
            *warned = Some(Instant::now());
            tracing::warn!(dropped, "events of reads are dropped: the queue is full");
        }
    }
}

impl ReadEvents for PgReadEvents {
    fn record(&self, event: Event) -> Result<(), EventLostError> {
        self.queue
            .push(&event)
            .inspect_err(|EventLostError| self.warn_of_drop())
    }
}

/// Without a handle, the writer ends.
impl Drop for PgReadEvents {
    fn drop(&mut self) {
        self.queue.close();
    }
}
