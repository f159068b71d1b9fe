//! Events of reads: queued at once, written in batches by one task of their own.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use masthead_domain::event::Event;
use masthead_ports::events::ReadEvents;
use sqlx::PgPool;
use tokio::{
    sync::{
        mpsc::{self, error::TrySendError},
        oneshot, watch,
    },
    task::JoinHandle,
};

use crate::{
    event_rows::copy_lazily,
    sqlstate::{Failure, redacted},
};

/// How many events are written in one statement at most.
const BATCH: usize = 1024;
/// How long events are gathered before they are written: each statement costs as much as dozens of rows.
const GATHER: Duration = Duration::from_millis(20);
/// The pause after a batch could not be written; doubled up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// A database that is back must be noticed soon, or the queue overflows for nothing.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long one statement may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a log line tells of dropped events at most.
const TELL_EVERY: Duration = Duration::from_secs(10);

enum Message {
    Event(Box<Event>),
    Flush(oneshot::Sender<()>),
}

/// The writer of read events.
pub struct PgReadEvents {
    queue: mpsc::Sender<Message>,
    closing: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
    dropped: AtomicU64,
    told: Mutex<Option<Instant>>,
}

impl PgReadEvents {
    pub(crate) fn start(pool: PgPool, capacity: usize) -> Self {
        let (queue, waiting) = mpsc::channel(capacity);
        let (closing, closed) = watch::channel(false);
        let task = tokio::spawn(write_all(pool, waiting, closed));
        Self {
            queue,
            closing,
            task: Mutex::new(Some(task)),
            dropped: AtomicU64::new(0),
            told: Mutex::new(None),
        }
    }

    /// Waits until everything that was recorded before is written, or dropped for good.
    pub async fn flush(&self) {
        let (done, answer) = oneshot::channel();
        if self.queue.send(Message::Flush(done)).await.is_ok() {
            let _ = answer.await;
        }
    }

    /// Writes what waits, as far as it can be within `patience`, and ends. What is recorded later is dropped.
    pub(crate) async fn close(&self, patience: Duration) {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut task) = task else { return };
        let _ = self.closing.send(true);
        if tokio::time::timeout(patience, &mut task).await.is_err() {
            task.abort();
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
        match self.queue.try_send(Message::Event(Box::new(event))) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Closed(_)) => self.drop_one(),
        }
    }
}

async fn write_all(pool: PgPool, mut waiting: mpsc::Receiver<Message>, mut closed: watch::Receiver<bool>) {
    let mut messages = Vec::with_capacity(BATCH);
    loop {
        let received = tokio::select! {
            received = waiting.recv_many(&mut messages, BATCH) => received,
            () = closing(&mut closed) => {
                waiting.close();
                waiting.recv_many(&mut messages, BATCH).await
            }
        };
        if received == 0 {
            return;
        }
        let awaited = messages.iter().any(|message| matches!(message, Message::Flush(_)));
        if received < BATCH && !awaited {
            tokio::select! {
                () = tokio::time::sleep(GATHER) => {}
                () = closing(&mut closed) => {}
            }
            while messages.len() < BATCH
                && let Ok(message) = waiting.try_recv()
            {
                messages.push(message);
            }
        }
        let mut flushed = Vec::new();
        let mut events = Vec::with_capacity(messages.len());
        for message in messages.drain(..) {
            match message {
                Message::Event(event) => events.push(*event),
                Message::Flush(done) => flushed.push(done),
            }
        }
        write_batch(&pool, &events).await;
        for done in flushed {
            let _ = done.send(());
        }
    }
}

/// Waits for the end; a writer whose handle is gone has come to it.
async fn closing(closed: &mut watch::Receiver<bool>) {
    let _ = closed.wait_for(|closed| *closed).await;
}

/// Writes a batch, again and again while the database is silent; the queue behind it is bounded. Events that the
/// database will never take are dropped one by one.
async fn write_batch(pool: &PgPool, events: &[Event]) {
    let mut pause = FIRST_PAUSE;
    loop {
        let error = match write(pool, events).await {
            Ok(()) => return,
            Err(error) => error,
        };
        match error.0 {
            Failure::Connection | Failure::Busy | Failure::Contention | Failure::Cancelled => {
                tracing::warn!(cause = %error.1, waiting = events.len(), "events of reads cannot be written for now");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            _ if events.len() > 1 => {
                for event in events {
                    Box::pin(write_batch(pool, std::slice::from_ref(event))).await;
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

type Cause = Box<dyn std::error::Error + Send + Sync>;

async fn write(pool: &PgPool, events: &[Event]) -> Result<(), (Failure, Cause)> {
    if events.is_empty() {
        return Ok(());
    }
    let started = Instant::now();
    let written = async {
        let mut connection = pool.acquire().await?;
        copy_lazily(&mut connection, events).await
    };
    match tokio::time::timeout(PATIENCE, written).await {
        Ok(Ok(())) => {
            metrics::histogram!("masthead_events_write_seconds").record(started.elapsed());
            Ok(())
        }
        Ok(Err(error)) => Err((Failure::of(&error), redacted(error))),
        Err(_late) => Err((Failure::Cancelled, "no answer in time".into())),
    }
}
