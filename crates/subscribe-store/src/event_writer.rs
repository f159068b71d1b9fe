//! The background task that writes events of reads, and what it has lost.

use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher as _,
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_ports::readiness::TaskProgress;
use sqlx::{Connection as _, PgConnection};

use crate::{
    connect::Connector,
    event_queue::{BATCH, EventQueue, NewCaller},
    event_rows::{COPY, EventRows, StoredCaller},
    slow_statements::StatementTimer,
    sqlstate::{PgErrorKind, redacted},
};

/// The pause after a failed batch; doubled up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// A recovered database must be noticed soon, or the queue overflows needlessly.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Time limit of one statement, including a new connection.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// How often an idle writer reports that it is there.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(15);

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// The background task.
pub(crate) struct EventWriter {
    queue: Arc<EventQueue>,
    /// With `synchronous_commit = off`: losing some events is acceptable, and counted.
    connect: Connector,
    connection: Option<PgConnection>,
    /// Names its row in `event_writers`.
    id: String,
    process: Box<str>,
    /// How many events it has written, as the database has confirmed.
    written: u64,
    /// Callers that must be written with the next events.
    callers: Vec<NewCaller>,
    has_row: bool,
    progress: Arc<TaskProgress>,
}

impl EventWriter {
    pub(crate) fn new(
        queue: Arc<EventQueue>,
        connect: Connector,
        process: Box<str>,
        progress: Arc<TaskProgress>,
    ) -> Self {
        let random = RandomState::new();
        let [high, low] = [1, 2].map(|half| u128::from(random.hash_one(half)));
        Self {
            queue,
            connect,
            connection: None,
            id: format!("{:032x}", high << 64 | low),
            process,
            written: 0,
            callers: Vec::new(),
            has_row: false,
            progress,
        }
    }

    pub(crate) async fn run(mut self) {
        let _ended = self.progress.end_on_drop();
        let mut rows = EventRows::new();
        loop {
            let Ok(taken) = tokio::time::timeout(HEARTBEAT, self.queue.take(&mut rows)).await else {
                self.report(false).await;
                continue;
            };
            let Some(mut taken) = taken else { break };
            self.callers.append(&mut taken.callers);
            for start in (0..rows.len()).step_by(BATCH) {
                let end = rows.len().min(start + BATCH);
                self.write_batch(&rows, start..end).await;
            }
            if rows.len() == 0 {
                self.report(false).await;
            }
            for done in taken.flushes {
                let _ = done.send(());
            }
        }
        self.report(true).await;
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
            let error = match self.write(rows, batch.clone()).await {
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
                    self.queue.count_dropped(1);
                    tracing::error!(cause = %error.1, "an event of a read cannot be written");
                    return;
                }
            }
        }
    }

    async fn write(&mut self, rows: &EventRows, batch: Range<usize>) -> Result<(), (PgErrorKind, Cause)> {
        let (started, timer) = (Instant::now(), StatementTimer::start());
        let count = batch.len() as u64;
        self.in_time(async |writer| writer.copy(rows.copied(batch), count).await)
            .await?;
        metrics::histogram!("masthead_events_write_seconds").record(started.elapsed());
        timer.stop(|| "copy events".to_owned());
        Ok(())
    }

    async fn in_time(
        &mut self,
        work: impl AsyncFnOnce(&mut Self) -> Result<(), sqlx::Error>,
    ) -> Result<(), (PgErrorKind, Cause)> {
        match tokio::time::timeout(TIME_LIMIT, work(self)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err((PgErrorKind::from_error(&error), redacted(error))),
            Err(_late) => Err((PgErrorKind::Cancelled, "the database did not answer in time".into())),
        }
    }

    /// The events, their callers and the writer's own row in one transaction: then the row states how many events the database
    /// has, also where the end of the transaction was not answered, or a failover has lost some.
    async fn copy(&mut self, rows: Vec<u8>, count: u64) -> Result<(), sqlx::Error> {
        // Taken out of `self` during use, and put back only after success: a broken connection is not reused.
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect.connect().await?,
        };
        let mut transaction = self.connect.begin_on(&mut connection).await?;
        for caller in &self.callers {
            insert_caller(&mut transaction, caller, !self.connect.is_pooled()).await?;
        }
        let mut copy = transaction.copy_in_raw(COPY).await?;
        copy.send(rows).await?;
        copy.finish().await?;
        let written = self.count_written(&mut transaction, count, false).await?;
        let expected = self.written + count;
        if written > expected {
            // An earlier attempt was committed, and its answer was lost.
            transaction.rollback().await?;
        } else {
            transaction.commit().await?;
            self.count_lost(expected - written);
        }
        self.written = written.min(expected);
        self.callers.clear();
        self.has_row = true;
        self.connection = Some(connection);
        Ok(())
    }

    /// Adds to the writer's row, and returns the sum.
    async fn count_written(
        &self,
        connection: &mut PgConnection,
        count: u64,
        is_stopped: bool,
    ) -> Result<u64, sqlx::Error> {
        let (recorded, dropped) = self.queue.counts();
        let written = sqlx::query_scalar!(
            "INSERT INTO event_writers AS w (id, started_at, flushed_at, stopped_at, recorded, written, dropped, process)
             VALUES ($1::text::uuid, now(), now(), CASE WHEN $2 THEN now() END, $3, $4, $5, $6)
                 ON CONFLICT (id) DO UPDATE SET flushed_at = now(), stopped_at = CASE WHEN $2 THEN now() END,
                     recorded = $3, written = w.written + $4, dropped = $5
             RETURNING written",
            self.id,
            is_stopped,
            signed(recorded),
            signed(count),
            signed(dropped),
            &*self.process,
        )
        // A pooler gives the session to other clients, whose statements have the same names.
        .persistent(!self.connect.is_pooled())
        .fetch_one(connection)
        .await?;
        Ok(u64::try_from(written).unwrap_or(0))
    }

    /// Reports that the writer is there, and what it has lost.
    async fn report(&mut self, is_stopped: bool) {
        if !self.has_row && !self.queue.is_announced() {
            return;
        }
        let reported = self.in_time(async |writer| {
            let mut connection = match writer.connection.take() {
                Some(connection) => connection,
                None => writer.connect.connect().await?,
            };
            let mut transaction = writer.connect.begin_on(&mut connection).await?;
            let written = writer.count_written(&mut transaction, 0, is_stopped).await?;
            transaction.commit().await?;
            writer.count_lost(writer.written.saturating_sub(written));
            writer.written = written;
            writer.has_row = true;
            writer.connection = Some(connection);
            Ok(())
        });
        if let Err((_, cause)) = reported.await {
            tracing::warn!(%cause, "the state of the audit log cannot be written for now");
        }
    }

    fn count_lost(&self, events: u64) {
        if events > 0 {
            let lost = self.queue.count_dropped(events);
            tracing::error!(events, lost, "the database has lost events of reads, as in a failover");
        }
    }
}

async fn insert_caller(
    connection: &mut PgConnection,
    caller: &NewCaller,
    is_persistent: bool,
) -> Result<(), sqlx::Error> {
    let identity = StoredCaller::new(&caller.identity);
    sqlx::query!(
        "INSERT INTO event_callers (id, issuer, subject, client_id)
         SELECT $1, $2, $3, $4 WHERE NOT EXISTS (SELECT FROM event_callers WHERE id = $1)",
        caller.number,
        &*identity.issuer,
        identity.subject.as_deref(),
        identity.client_id.as_deref(),
    )
    .persistent(is_persistent)
    .execute(connection)
    .await
    .map(|_| ())
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
