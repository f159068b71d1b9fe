//! Where log lines go: a bounded buffer that one thread empties to the output, so that no request waits for a pipe.

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

/// How many bytes of lines may wait.
const CAPACITY: usize = 4 * 1024 * 1024;

/// How long lines are gathered before they are written: a write for each would cost more than the line.
const GATHER: Duration = Duration::from_millis(20);

/// How long the last lines may take to be written at the end.
const FLUSH: Duration = Duration::from_secs(2);

/// Takes whole lines and never blocks; cheap to clone. A line that finds no room is dropped and counted.
#[derive(Clone)]
pub struct LogWriter(Arc<Shared>);

struct Shared {
    waiting: Mutex<Waiting>,
    wake: Condvar,
    capacity: usize,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    finished: bool,
}

/// Writes what still waits, when dropped.
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
        let writer = Self(Arc::new(Shared {
            waiting: Mutex::default(),
            wake: Condvar::new(),
            capacity,
            dropped: AtomicU64::new(0),
        }));
        let (tell, done) = mpsc::channel();
        let shared = Arc::clone(&writer.0);
        thread::Builder::new().name("log".to_owned()).spawn(move || {
            shared.write_all(output);
            let _ = tell.send(());
        })?;
        let guard = LogGuard {
            writer: writer.clone(),
            done,
        };
        Ok((writer, guard))
    }

    /// Takes one line, with its line end.
    pub fn line(&self, line: &[u8]) {
        let mut waiting = self.0.lock();
        if waiting.lines.len() + line.len() > self.0.capacity {
            drop(waiting);
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let was_empty = waiting.lines.is_empty();
        waiting.lines.extend_from_slice(line);
        drop(waiting);
        if was_empty {
            self.0.wake.notify_one();
        }
    }

    /// How many lines were dropped so far, for want of room or because the output is gone.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // A panic elsewhere must not end the log that tells of it.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_all(&self, mut output: impl Write) {
        let mut lines = Vec::new();
        loop {
            let mut waiting = self.lock();
            while waiting.lines.is_empty() && !waiting.finished {
                waiting = self.wake.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
            if !waiting.finished {
                waiting = self
                    .wake
                    .wait_timeout_while(waiting, GATHER, |waiting| !waiting.finished)
                    .map_or_else(|poisoned| poisoned.into_inner().0, |(waiting, _)| waiting);
            }
            let finished = waiting.finished;
            std::mem::swap(&mut lines, &mut waiting.lines);
            drop(waiting);
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
        // An output that takes nothing more must not keep the process.
        let _ = self.done.recv_timeout(FLUSH);
    }
}

impl Write for LogWriter {
    /// Takes what is given as one line: `tracing_subscriber` hands over each event whole.
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
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Takes nothing until it is let go.
    struct Blocked(mpsc::Receiver<()>, Kept);

    impl Write for Blocked {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_line_is_written_in_order_by_the_end() {
        let kept = Kept::default();
        let (writer, guard) = LogWriter::start(kept.clone()).unwrap();
        let lines: Vec<String> = (0..1_000).map(|n| format!("line {n}\n")).collect();
        for line in &lines {
            writer.line(line.as_bytes());
        }
        drop(guard);
        assert_eq!(*kept.0.lock().unwrap(), lines.concat().into_bytes());
        assert_eq!(writer.dropped(), 0);
    }

    #[test]
    fn an_output_that_takes_nothing_blocks_nobody_and_what_is_lost_is_counted() {
        let kept = Kept::default();
        let (release, blocked) = mpsc::channel();
        let (writer, guard) = LogWriter::with_capacity(Blocked(blocked, kept.clone()), 100).unwrap();
        for _ in 0..1_000 {
            writer.line(b"0123456789\n");
        }
        drop(release);
        drop(guard);
        let written = kept.0.lock().unwrap().len() / 11;
        assert!(written > 0);
        assert_eq!(writer.dropped(), 1_000 - written as u64);
    }
}
