//! Threads of their own for computations that take much time and memory, with a bounded queue.

mod give_way;

use std::{
    collections::VecDeque,
    io,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use masthead_ports::passwords::HasherError;
use metrics::{counter, gauge, histogram};
use tokio::{sync::oneshot, time::timeout_at};

use self::give_way::ThreadTimes;
use crate::{mean_time::MeanTime, memory::Argon2Memory};

const MIN_RETRY: Duration = Duration::from_secs(1);
const MAX_RETRY: Duration = Duration::from_mins(1);

/// Runs jobs in the order of their arrival. It ends its threads when it is dropped.
pub(crate) struct JobPool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    closed: Condvar,
    gives_way: bool,
    memory_kib: u32,
    kept_kib: u32,
    queue: usize,
    job_time: MeanTime,
}

struct State {
    waiting: VecDeque<Box<dyn Job>>,
    /// What neither runs nor is kept.
    free_kib: u32,
    /// Each of `kept_kib`.
    kept: Vec<Argon2Memory>,
    is_open: bool,
}

/// The result of a job.
pub(crate) struct Done<T> {
    /// What it computed.
    pub(crate) value: T,
    /// When it began.
    pub(crate) started: Instant,
}

/// The memory of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JobMemory {
    /// That of one new hash, which is kept for the next such job.
    Kept,
    /// So many KiB, which are freed; more than the pool has count as all of it.
    Freed(u32),
}

trait Job: Send {
    fn memory(&self) -> JobMemory;
    /// `false` once the caller has left, or its deadline has passed.
    fn is_wanted(&self) -> bool;
    fn run(self: Box<Self>, memory: &mut Argon2Memory);
}

struct TypedJob<T, F> {
    memory: JobMemory,
    arrived: Instant,
    deadline: Instant,
    work: F,
    answer: oneshot::Sender<Done<T>>,
}

impl<T: Send, F: FnOnce(&mut Argon2Memory) -> T + Send> Job for TypedJob<T, F> {
    fn memory(&self) -> JobMemory {
        self.memory
    }

    fn is_wanted(&self) -> bool {
        !self.answer.is_closed() && Instant::now() < self.deadline
    }

    fn run(self: Box<Self>, memory: &mut Argon2Memory) {
        let started = Instant::now();
        histogram!("masthead_password_queue_seconds").record(started - self.arrived);
        let value = (self.work)(memory);
        // The caller may have left meanwhile.
        let _ = self.answer.send(Done { value, started });
    }
}

/// How jobs are run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PoolOptions {
    pub(crate) threads: NonZeroUsize,
    /// What the jobs take at once, with the memory that is kept for new hashes.
    pub(crate) memory_kib: u32,
    /// The memory of one new hash.
    pub(crate) kept_kib: u32,
    /// How many jobs wait.
    pub(crate) queue: usize,
    /// As [`crate::HasherOptions::niceness`].
    pub(crate) niceness: u8,
}

impl JobPool {
    /// Starts the threads.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub(crate) fn start(options: PoolOptions) -> io::Result<Self> {
        let PoolOptions {
            threads,
            memory_kib,
            kept_kib,
            queue,
            niceness,
        } = options;
        let mut pool = Self {
            shared: Arc::new(Shared {
                state: Mutex::new(State {
                    waiting: VecDeque::new(),
                    free_kib: memory_kib,
                    kept: Vec::new(),
                    is_open: true,
                }),
                changed: Condvar::new(),
                closed: Condvar::new(),
                gives_way: niceness > 0,
                memory_kib,
                kept_kib,
                queue,
                job_time: MeanTime::default(),
            }),
            threads: Vec::with_capacity(threads.get()),
        };
        for number in 0..threads.get() {
            let shared = Arc::clone(&pool.shared);
            let thread = thread::Builder::new().name(format!("password-{number}"));
            pool.threads.push(thread.spawn(move || {
                give_way::lower_priority(niceness);
                shared.work();
            })?);
        }
        Ok(pool)
    }

    /// Runs a job that takes so much memory.
    ///
    /// # Errors
    /// Too many jobs wait, or it is not finished at the deadline ([`HasherError::Busy`]); or it panicked.
    pub(crate) async fn run<T, F>(&self, memory: JobMemory, deadline: Instant, work: F) -> Result<Done<T>, HasherError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Argon2Memory) -> T + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job = TypedJob {
            memory,
            arrived: Instant::now(),
            deadline,
            work,
            answer,
        };
        let refused = |reason: &'static str| {
            counter!("masthead_password_refused_total", "reason" => reason).increment(1);
            HasherError::Busy {
                retry_after: self.retry_after(),
            }
        };
        if !self.shared.enqueue(Box::new(job)) {
            return Err(refused("queue_full"));
        }
        match timeout_at(deadline.into(), answered).await {
            Ok(Ok(done)) => Ok(done),
            // A job that is skipped at its deadline is dropped without an answer.
            Ok(Err(_)) if Instant::now() < deadline => Err(HasherError::Failed),
            Ok(Err(_)) | Err(_) => Err(refused("deadline")),
        }
    }

    /// How long the jobs that wait will take, in whole seconds.
    fn retry_after(&self) -> Duration {
        let waiting = u32::try_from(self.shared.lock().waiting.len()).unwrap_or(u32::MAX);
        let threads = u32::try_from(self.threads.len()).unwrap_or(u32::MAX).max(1);
        let wait = self.shared.job_time.get().saturating_mul(waiting) / threads;
        Duration::from_secs(wait.as_secs() + 1).clamp(MIN_RETRY, MAX_RETRY)
    }
}

impl Drop for JobPool {
    fn drop(&mut self) {
        {
            let mut state = self.shared.lock();
            state.is_open = false;
            state.waiting.clear();
        }
        self.shared.changed.notify_all();
        self.shared.closed.notify_all();
        for thread in self.threads.drain(..) {
            // Its jobs' panics are caught.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is locked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `false` when the queue is full of jobs that are still wanted.
    fn enqueue(&self, job: Box<dyn Job>) -> bool {
        let mut state = self.lock();
        if state.waiting.len() >= self.queue {
            state.waiting.retain(|job| job.is_wanted());
        }
        let has_room = state.waiting.len() < self.queue;
        if has_room {
            state.waiting.push_back(job);
        }
        state.report();
        drop(state);
        self.changed.notify_one();
        has_room
    }

    /// Runs jobs until the pool is closed.
    fn work(&self) {
        while let Some((job, mut memory)) = self.next() {
            let kind = job.memory();
            let started = Instant::now();
            let before = ThreadTimes::now();
            // A dropped answer reports the panic to the caller, and the panic hook counts it.
            let _ = catch_unwind(AssertUnwindSafe(|| job.run(&mut memory)));
            self.give_back(kind, memory);
            // More than one may fit now.
            self.changed.notify_all();
            if self.gives_way {
                self.pause(before.map_or(Duration::ZERO, ThreadTimes::pause));
            }
            self.job_time.record(started.elapsed());
        }
    }

    /// Does nothing for this long, or until the pool is closed.
    fn pause(&self, length: Duration) {
        if !length.is_zero() {
            let waiting = self
                .closed
                .wait_timeout_while(self.lock(), length, |state| state.is_open);
            drop(waiting);
        }
    }

    /// Waits for the first job, and for the memory that it takes: a large one is not overtaken for ever.
    fn next(&self) -> Option<(Box<dyn Job>, Argon2Memory)> {
        let mut state = self.lock();
        loop {
            while state.waiting.pop_front_if(|job| !job.is_wanted()).is_some() {}
            let memory = state.waiting.front().map(|job| job.memory());
            if let Some(memory) = memory.and_then(|memory| self.take(&mut state, memory)) {
                let job = state.waiting.pop_front();
                state.report();
                return job.map(|job| (job, memory));
            }
            if !state.is_open {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn kib(&self, memory: JobMemory) -> u32 {
        let kib = match memory {
            JobMemory::Kept => self.kept_kib,
            JobMemory::Freed(kib) => kib,
        };
        kib.min(self.memory_kib)
    }

    /// Takes memory for a job, where there is enough; kept memory gives way.
    fn take(&self, state: &mut State, memory: JobMemory) -> Option<Argon2Memory> {
        if memory == JobMemory::Kept
            && let Some(kept) = state.kept.pop()
        {
            return Some(kept);
        }
        let kib = self.kib(memory);
        while state.free_kib < kib && state.kept.pop().is_some() {
            state.free_kib += self.kib(JobMemory::Kept);
        }
        state.free_kib = state.free_kib.checked_sub(kib)?;
        Some(Argon2Memory::default())
    }

    fn give_back(&self, kind: JobMemory, memory: Argon2Memory) {
        let mut state = self.lock();
        match kind {
            JobMemory::Kept => state.kept.push(memory),
            JobMemory::Freed(_) => {
                state.free_kib += self.kib(kind);
                // Freed without the lock.
                drop(state);
                drop(memory);
            }
        }
    }
}

impl State {
    fn report(&self) {
        #[expect(clippy::cast_precision_loss, reason = "a length of a queue")]
        gauge!("masthead_password_waiting").set(self.waiting.len() as f64);
    }
}

#[cfg(test)]
mod tests;
