//! The worker threads that serve connections. Each has its own runtime, so that a request is read, processed and answered
//! without waking another thread (`docs/performance.md`).

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

/// A worker: its runtime and its request handler.
pub struct WorkerHandle<H> {
    runtime: Handle,
    pub(crate) handler: Arc<H>,
    open: Arc<AtomicUsize>,
}

impl<H> WorkerHandle<H> {
    /// Connections are served on this runtime by `handler`.
    pub fn new(runtime: Handle, handler: Arc<H>) -> Self {
        Self {
            runtime,
            handler,
            open: Arc::default(),
        }
    }

    pub(crate) const fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// How many connections it serves.
    pub(crate) fn open_connections(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Counts one connection until the guard is dropped.
    pub(crate) fn count_connection(&self) -> ConnectionGuard {
        self.open.fetch_add(1, Ordering::Relaxed);
        ConnectionGuard(Arc::clone(&self.open))
    }
}

/// Counts one connection of a worker.
pub(crate) struct ConnectionGuard(Arc<AtomicUsize>);

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Threads with a runtime each; dropping this ends them and all tasks on them.
pub struct WorkerThreads(Vec<WorkerThread>);

struct WorkerThread {
    runtime: Handle,
    end: Option<oneshot::Sender<()>>,
    ended: Option<thread::JoinHandle<()>>,
}

impl WorkerThreads {
    /// Starts this number of threads, at least one.
    ///
    /// # Errors
    /// A thread or its runtime cannot be started.
    pub fn start(count: usize) -> io::Result<Self> {
        (0..count.max(1))
            .map(WorkerThread::start)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The runtime of each thread.
    pub fn runtimes(&self) -> impl Iterator<Item = &Handle> {
        self.0.iter().map(|thread| &thread.runtime)
    }
}

impl WorkerThread {
    fn start(number: usize) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel();
        let thread = thread::Builder::new().name(format!("serve-{number}")).spawn(move || {
            // An error means that the sender is dropped, which ends the thread too.
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

impl Drop for WorkerThread {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.ended.take() {
            // The runtime catches panics of tasks; the thread itself runs no other code.
            let _ = thread.join();
        }
    }
}
