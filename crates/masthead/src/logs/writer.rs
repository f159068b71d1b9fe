//! The log writer: a bounded buffer that one thread writes to the output, so that no request waits for a pipe.

use std::{
    io::{self, Write},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use tracing_subscriber::fmt::MakeWriter;

/// How many bytes of lines the buffer holds.
const CAPACITY: usize = 4 * 1024 * 1024;

/// How long lines are collected before they are written: a write for each would cost more than the line.
const GATHER: Duration = Duration::from_millis(20);

/// How long writing the last lines may take at the end.
const FLUSH: Duration = Duration::from_secs(2);

/// Takes whole lines and never blocks; cheap to clone. Lines that do not fit are dropped and counted.
#[derive(Clone)]
pub struct LogWriter(Arc<LogBuffer>);

struct LogBuffer {
    pending: Mutex<PendingLines>,
    wake: Condvar,
    capacity: usize,
    dropped: AtomicU64,
}

#[derive(Default)]
struct PendingLines {
    lines: Vec<u8>,
    finished: bool,
}

/// Writes the remaining lines when dropped.
pub struct LogGuard {
    writer: LogWriter,
    done: mpsc::Receiver<()>,
}

impl LogWriter {
    /// Starts the thread that writes to `output`.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(output: impl Write + Send + 'static) -> io::Result<(Self, LogGuard)> {
        Self::with_capacity(output, CAPACITY)
    }

    fn with_capacity(output: impl Write + Send + 'static, capacity: usize) -> io::Result<(Self, LogGuard)> {
        let writer = Self(Arc::new(LogBuffer {
            pending: Mutex::default(),
            wake: Condvar::new(),
            capacity,
            dropped: AtomicU64::new(0),
        }));
        let (finish, done) = mpsc::channel();
        let shared = Arc::clone(&writer.0);
        thread::Builder::new().name("log".to_owned()).spawn(move || {
            shared.write_all(output);
            let _ = finish.send(());
        })?;
        let guard = LogGuard {
            writer: writer.clone(),
            done,
        };
        Ok((writer, guard))
    }

    /// Takes one line, including its line end.
    pub fn line(&self, line: &[u8]) {
        let mut pending = self.0.lock();
        if pending.lines.len() + line.len() > self.0.capacity {
            drop(pending);
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let was_empty = pending.lines.is_empty();
        pending.lines.extend_from_slice(line);
        drop(pending);
        if was_empty {
            self.0.wake.notify_one();
        }
    }

    /// How many lines were dropped so far, for lack of room or because the output is gone.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }
}

impl LogBuffer {
    fn lock(&self) -> MutexGuard<'_, PendingLines> {
        // A panic elsewhere must not stop the log that reports it.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_all(&self, mut output: impl Write) {
        let mut lines = Vec::new();
        loop {
            let mut pending = self.lock();
            while pending.lines.is_empty() && !pending.finished {
                pending = self.wake.wait(pending).unwrap_or_else(PoisonError::into_inner);
            }
            if !pending.finished {
                pending = self
                    .wake
                    .wait_timeout_while(pending, GATHER, |pending| !pending.finished)
                    .map_or_else(|poisoned| poisoned.into_inner().0, |(pending, _)| pending);
            }
            let finished = pending.finished;
            std::mem::swap(&mut lines, &mut pending.lines);
            drop(pending);
            if output.write_all(&lines).and_then(|()| output.flush()).is_err() {
                let lost = lines.split(|byte| *byte == b'\n').count() - 1;
                self.dropped.fetch_add(lost as u64, Ordering::Relaxed);
            }
            lines.clear();
            if finished {
                return;
            }
        }
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        self.writer.0.lock().finished = true;
        self.writer.0.wake.notify_one();
        // A blocked output must not keep the process alive.
        let _ = self.done.recv_timeout(FLUSH);
    }
}

impl Write for LogWriter {
    /// Takes one line: `tracing_subscriber` writes each event as a whole.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.line(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct MemoryOutput(Arc<Mutex<Vec<u8>>>);

    impl Write for MemoryOutput {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Accepts nothing until it is released.
    struct BlockedOutput(mpsc::Receiver<()>, MemoryOutput);

    impl Write for BlockedOutput {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn all_lines_are_written_in_order() {
        let output = MemoryOutput::default();
        let (writer, guard) = LogWriter::start(output.clone()).unwrap();
        let lines: Vec<String> = (0..1_000).map(|n| format!("line {n}\n")).collect();
        for line in &lines {
            writer.line(line.as_bytes());
        }
        drop(guard);
        assert_eq!(*output.0.lock().unwrap(), lines.concat().into_bytes());
        assert_eq!(writer.dropped(), 0);
    }

    #[test]
    fn blocked_output_drops_lines_without_blocking() {
        let output = MemoryOutput::default();
        let (release, blocked) = mpsc::channel();
        let (writer, guard) = LogWriter::with_capacity(BlockedOutput(blocked, output.clone()), 100).unwrap();
        for _ in 0..1_000 {
            writer.line(b"0123456789\n");
        }
        drop(release);
        drop(guard);
        let written = output.0.lock().unwrap().len() / 11;
        assert!(written > 0);
        assert_eq!(writer.dropped(), 1_000 - written as u64);
    }
}
