//! Tests of the queue: its order, bounds and deadlines.

use std::sync::{
    atomic::{AtomicUsize, Ordering},
    mpsc,
};

use tokio::task::yield_now;

use super::*;

/// The memory of a new hash.
const KEPT: u32 = 40;
const ONE: NonZeroUsize = NonZeroUsize::MIN;
const TWO: NonZeroUsize = NonZeroUsize::new(2).unwrap();

fn pool(threads: NonZeroUsize, memory_kib: u32, queue: usize) -> Arc<JobPool> {
    let options = PoolOptions {
        threads,
        memory_kib,
        kept_kib: KEPT,
        queue,
        niceness: 3,
    };
    Arc::new(JobPool::start(options).unwrap())
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

/// Occupies one thread until the sender is dropped.
async fn occupy(pool: &Arc<JobPool>, memory_kib: u32) -> (mpsc::Sender<()>, tokio::task::JoinHandle<()>) {
    let (release, released) = mpsc::channel::<()>();
    let (began, begins) = oneshot::channel();
    let pool = Arc::clone(pool);
    let task = tokio::spawn(async move {
        let done = pool.run(JobMemory::Freed(memory_kib), soon(), move |_| {
            began.send(()).unwrap();
            let _ = released.recv();
        });
        done.await.unwrap();
    });
    begins.await.unwrap();
    (release, task)
}

async fn waiting(pool: &JobPool, jobs: usize) {
    while pool.shared.lock().waiting.len() != jobs {
        yield_now().await;
    }
}

#[tokio::test]
async fn full_queue_is_busy_at_once() {
    let pool = pool(ONE, 100, 1);
    let (release, running) = occupy(&pool, 1).await;
    let second = tokio::spawn({
        let pool = Arc::clone(&pool);
        async move {
            pool.run(JobMemory::Freed(1), soon(), |_| 2)
                .await
                .map(|done| done.value)
        }
    });
    waiting(&pool, 1).await;
    let third = pool
        .run(JobMemory::Freed(1), soon(), |_| 3)
        .await
        .map(|done| done.value);
    assert!(matches!(third, Err(HasherError::Busy { retry_after }) if retry_after >= MIN_RETRY));
    drop(release);
    running.await.unwrap();
    assert_eq!(second.await.unwrap(), Ok(2));
}

#[tokio::test]
async fn job_of_a_caller_that_left_is_skipped_and_gives_its_place() {
    let pool = pool(ONE, 100, 1);
    let (release, running) = occupy(&pool, 1).await;
    let ran = Arc::new(AtomicUsize::new(0));
    let count = || {
        let ran = Arc::clone(&ran);
        move |_: &mut Argon2Memory| ran.fetch_add(1, Ordering::SeqCst)
    };
    let left = tokio::spawn({
        let (pool, work) = (Arc::clone(&pool), count());
        async move { pool.run(JobMemory::Freed(1), soon(), work).await.map(|_| ()) }
    });
    waiting(&pool, 1).await;
    left.abort();
    assert!(left.await.unwrap_err().is_cancelled());
    let second = tokio::spawn({
        let (pool, work) = (Arc::clone(&pool), count());
        async move { pool.run(JobMemory::Freed(1), soon(), work).await.map(|done| done.value) }
    });
    waiting(&pool, 1).await;
    drop(release);
    running.await.unwrap();
    assert_eq!(second.await.unwrap(), Ok(0), "it ran first");
    assert_eq!(ran.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn deadline_ends_the_wait() {
    let pool = pool(ONE, 100, 8);
    let (release, running) = occupy(&pool, 1).await;
    let ran = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&ran);
    let deadline = Instant::now() + Duration::from_millis(30);
    let late = pool
        .run(JobMemory::Freed(1), deadline, move |_| {
            counted.fetch_add(1, Ordering::SeqCst)
        })
        .await;
    assert!(matches!(late.map(|done| done.value), Err(HasherError::Busy { .. })));
    drop(release);
    running.await.unwrap();
    pool.run(JobMemory::Freed(1), soon(), |_| ()).await.map(|_| ()).unwrap();
    assert_eq!(ran.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn memory_bounds_what_runs_at_once() {
    let pool = pool(TWO, 100, 8);
    let (release, running) = occupy(&pool, 60).await;
    let large = tokio::spawn({
        let pool = Arc::clone(&pool);
        async move {
            pool.run(JobMemory::Freed(60), soon(), |_| "large")
                .await
                .map(|done| done.value)
        }
    });
    waiting(&pool, 1).await;
    let small = tokio::spawn({
        let pool = Arc::clone(&pool);
        async move {
            pool.run(JobMemory::Freed(1), soon(), |_| "small")
                .await
                .map(|done| done.value)
        }
    });
    // The second thread is free, and the small job does not overtake the large one.
    waiting(&pool, 2).await;
    drop(release);
    running.await.unwrap();
    assert_eq!((large.await.unwrap(), small.await.unwrap()), (Ok("large"), Ok("small")));
    let whole = pool
        .run(JobMemory::Freed(1_000), soon(), |_| "larger than all")
        .await
        .map(|done| done.value);
    assert_eq!(whole, Ok("larger than all"));
}

#[tokio::test]
async fn panic_is_a_failure_and_costs_no_thread() {
    let pool = pool(ONE, 100, 8);
    let broken = pool
        .run::<(), _>(JobMemory::Freed(1), soon(), |_| panic!("in a job"))
        .await;
    assert_eq!(broken.map(|done| done.value), Err(HasherError::Failed));
    assert_eq!(
        pool.run(JobMemory::Freed(100), soon(), |_| 1)
            .await
            .map(|done| done.value),
        Ok(1)
    );
}

#[tokio::test]
async fn memory_of_new_hashes_is_kept_until_another_job_needs_it() {
    let pool = pool(ONE, 100, 8);
    let free = || {
        let state = pool.shared.lock();
        (state.free_kib, state.kept.len())
    };
    let blocks = |memory: &mut Argon2Memory| {
        let mark = memory.blocks(1)[0].as_mut()[0];
        memory.blocks(1)[0].as_mut()[0] = mark + 1;
        mark
    };
    for mark in 0..3 {
        let seen = pool.run(JobMemory::Kept, soon(), blocks).await.unwrap().value;
        assert_eq!(seen, mark, "the same memory");
    }
    let new = pool.run(JobMemory::Freed(60), soon(), blocks).await.unwrap().value;
    assert_eq!(new, 0);
    // The thread gives memory back after its answer.
    while free() != (60, 1) {
        yield_now().await;
    }
    pool.run(JobMemory::Freed(61), soon(), |_| ())
        .await
        .map(|_| ())
        .unwrap();
    while free() != (100, 0) {
        yield_now().await;
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn jobs_give_way_to_other_threads() {
    let niceness = |_: &mut Argon2Memory| rustix::process::nice(0).unwrap();
    let own = rustix::process::nice(0).unwrap();
    let of_job = pool(ONE, 100, 1)
        .run(JobMemory::Kept, soon(), niceness)
        .await
        .unwrap()
        .value;
    assert_eq!(of_job, (own + 3).min(19));
}
