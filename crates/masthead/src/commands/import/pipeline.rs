//! Reads the file in one thread and maps its rows in several; the rows come out in the order of the file.

use std::{
    num::NonZero,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        mpsc::{self as blocking, SyncSender},
    },
    thread,
};

use masthead_imports::{ImportFile, RawRow, ReadFileError};
use masthead_subscribe_store::Importer;
use tokio::sync::{mpsc, oneshot};

use super::mapped::{MappedRow, RowMapper};
use crate::command_error::CommandError;

/// The most rows of a chunk: what a thread maps at a time.
const CHUNK_ROWS: usize = 250;
/// A chunk ends with the row in which it has so many bytes.
const CHUNK_BYTES: usize = 512 * 1024;
/// A batch ends with the chunk in which it has so many bytes.
const BATCH_BYTES: usize = 4 * CHUNK_BYTES;
/// How many chunks are mapped before they are wanted.
const CHUNKS_AHEAD: usize = 3;
/// The most names of files that were passed over.
const MOST_NAMES: usize = 100;
/// The most mapping threads: one database takes no more.
const MOST_THREADS: usize = 4;

/// The rows of a file, mapped.
pub(super) struct MappedRows {
    chunks: mpsc::Receiver<Result<oneshot::Receiver<MappedChunk>, ReadFileError>>,
    passed_over: Arc<OnceLock<Vec<String>>>,
}

/// Rows that are mapped at a time.
struct MappedChunk {
    rows: Vec<MappedRow>,
    bytes: usize,
}

struct Job {
    rows: Vec<RawRow>,
    bytes: usize,
    reply: oneshot::Sender<MappedChunk>,
}

impl MappedRows {
    /// Starts the threads. They end with the file, or when this is dropped.
    pub(super) fn start(file: ImportFile, mapper: RowMapper) -> Result<Self, CommandError> {
        let threads = thread::available_parallelism()
            .map_or(1, NonZero::get)
            .min(MOST_THREADS);
        // Few rows wait: they are mapped while two batches are written.
        let (ordered, chunks) = mpsc::channel(CHUNKS_AHEAD);
        let (jobs, work) = blocking::sync_channel::<Job>(1);
        let (mapper, work) = (Arc::new(mapper), Arc::new(Mutex::new(work)));
        for _ in 0..threads {
            let (mapper, work) = (Arc::clone(&mapper), Arc::clone(&work));
            start_thread("import-map", move || {
                loop {
                    let job = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(Job { rows, bytes, reply }) = job else { return };
                    let rows = rows.into_iter().map(|row| mapper.map(row)).collect();
                    if reply.send(MappedChunk { rows, bytes }).is_err() {
                        return;
                    }
                }
            })?;
        }
        let passed_over = Arc::new(OnceLock::new());
        let names = Arc::clone(&passed_over);
        start_thread("import-read", move || {
            let mut file = file;
            read(&mut file, &ordered, &jobs);
            let passed_over = file.passed_over().iter().take(MOST_NAMES).map(ToString::to_string);
            // It is set once.
            let _ = names.set(passed_over.collect());
            // Behind the names: the end of the queue is the end of the file.
            drop(ordered);
        })?;
        Ok(Self { chunks, passed_over })
    }

    /// The files of an archive that were passed over; known at the end of the file.
    pub(super) fn passed_over(&self) -> Vec<String> {
        self.passed_over.get().cloned().unwrap_or_default()
    }

    /// The next rows, up to what is stored in one transaction; none at the end of the file. The batches of a file are always the
    /// same.
    pub(super) async fn next_batch(&mut self) -> Result<Vec<MappedRow>, CommandError> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while batch.len() + CHUNK_ROWS <= Importer::BATCH && bytes < BATCH_BYTES {
            let chunk = match self.chunks.recv().await {
                None => break,
                Some(Ok(chunk)) => chunk,
                // What was read before is stored first.
                Some(Err(error)) if batch.is_empty() => {
                    return Err(CommandError::context("the rest of the file cannot be read")(error));
                }
                Some(Err(error)) => {
                    self.chunks = failed(error);
                    break;
                }
            };
            let chunk = chunk
                .await
                .map_err(CommandError::context("a thread that maps rows has failed"))?;
            batch.extend(chunk.rows);
            bytes += chunk.bytes;
        }
        Ok(batch)
    }
}

/// A file of which nothing is left but an error.
fn failed(error: ReadFileError) -> mpsc::Receiver<Result<oneshot::Receiver<MappedChunk>, ReadFileError>> {
    let (ordered, chunks) = mpsc::channel(1);
    let _ = ordered.try_send(Err(error));
    chunks
}

fn start_thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), CommandError> {
    let started = thread::Builder::new().name(name.to_owned()).spawn(work);
    started
        .map(drop)
        .map_err(CommandError::context("a thread cannot be started"))
}

/// Reads chunks until the file ends, or the rows are no longer wanted.
fn read(
    file: &mut ImportFile,
    ordered: &mpsc::Sender<Result<oneshot::Receiver<MappedChunk>, ReadFileError>>,
    jobs: &SyncSender<Job>,
) {
    loop {
        let (mut rows, mut bytes) = (Vec::with_capacity(CHUNK_ROWS), 0);
        let mut end = None;
        while end.is_none() && rows.len() < CHUNK_ROWS && bytes < CHUNK_BYTES {
            match file.next_row() {
                Ok(Some(row)) => {
                    bytes += row.bytes();
                    rows.push(row);
                }
                Ok(None) => end = Some(None),
                Err(error) => end = Some(Some(error)),
            }
        }
        if !rows.is_empty() {
            let (reply, mapped) = oneshot::channel();
            // The place in the order first: it is bounded.
            if ordered.blocking_send(Ok(mapped)).is_err() || jobs.send(Job { rows, bytes, reply }).is_err() {
                return;
            }
        }
        match end {
            None => {}
            Some(None) => return,
            Some(Some(error)) => {
                let _ = ordered.blocking_send(Err(error));
                return;
            }
        }
    }
}
