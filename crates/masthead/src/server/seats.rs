//! The threads that serve connections. Each has a runtime of its own, so that a request is read, looked up and answered
//! without waking another thread (ADR 0034).

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use tokio::{
    runtime::{self, Handle},
    sync::oneshot,
};

/// One thread that serves, and what answers on it.
pub struct Seat<R> {
    runtime: Handle,
    pub(super) respond: Arc<R>,
    open: Arc<AtomicUsize>,
}

impl<R> Seat<R> {
    /// Connections are served on this runtime and answered by `respond`.
    pub fn new(runtime: Handle, respond: Arc<R>) -> Self {
        Self {
            runtime,
            respond,
            open: Arc::default(),
        }
    }

    pub(super) const fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// How many connections it serves.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Counts one connection for as long as it lives.
    pub(super) fn take(&self) -> Taken {
        self.open.fetch_add(1, Ordering::Relaxed);
        Taken(Arc::clone(&self.open))
    }
}

/// One connection's place.
pub(super) struct Taken(Arc<AtomicUsize>);

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Threads with a runtime each; they end when this is dropped, and with them whatever still runs there.
pub struct Threads(Vec<Thread>);

struct Thread {
    runtime: Handle,
    end: Option<oneshot::Sender<()>>,
    ended: Option<thread::JoinHandle<()>>,
}

impl Threads {
    /// Starts so many threads, at least one.
    ///
    /// # Errors
    /// A thread or its runtime cannot be started.
    pub fn start(count: usize) -> io::Result<Self> {
        (0..count.max(1)).map(Thread::start).collect::<Result<_, _>>().map(Self)
    }

    /// The runtime of each.
    pub fn runtimes(&self) -> impl Iterator<Item = &Handle> {
        self.0.iter().map(|thread| &thread.runtime)
    }
}

impl Thread {
    fn start(number: usize) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel();
        let thread = thread::Builder::new().name(format!("serve-{number}")).spawn(move || {
            // An error says that the other end is gone, which is the end too.
            let _ = runtime.block_on(ended);
            runtime.shutdown_background();
        })?;
        Ok(Self {
            runtime: handle,
            end: Some(end),
            ended: Some(thread),
        })
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.ended.take() {
            // A panic of a task is caught by its runtime; the thread itself runs nothing else.
            let _ = thread.join();
        }
    }
}
