//! Turns, priorities, corrections and pauses, in tokio's paused time.

use std::sync::Arc;

use tokio::{
    sync::mpsc,
    time::{advance, timeout},
};

use super::*;
use Priority::{Bulk, Interactive, Sync};

fn budget(burst: u32, per_second: f64) -> Arc<CallBudget> {
    Arc::new(CallBudget::new(BudgetOptions { burst, per_second }))
}

fn within(seconds: f64) -> Instant {
    Instant::now() + Duration::from_secs_f64(seconds)
}

/// Whether a call of this priority may be made now.
async fn now(budget: &CallBudget, priority: Priority) -> bool {
    budget.acquire(priority, Instant::now()).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn burst_refills_at_sustained_rate() {
    let budget = budget(3, 2.0);
    for _ in 0..3 {
        assert!(now(&budget, Interactive).await);
    }
    assert!(!now(&budget, Interactive).await);
    advance(Duration::from_millis(499)).await;
    assert!(!now(&budget, Interactive).await);
    advance(Duration::from_millis(1)).await;
    assert!(now(&budget, Interactive).await);
    advance(Duration::from_mins(1)).await;
    assert!((budget.remaining() - 3.0).abs() < 1e-9, "it overflowed");
}

#[tokio::test(start_paused = true)]
async fn late_turn_fails_at_once_with_delay() {
    let budget = budget(1, 2.0);
    assert!(now(&budget, Interactive).await);
    let started = Instant::now();
    let error = budget.acquire(Interactive, within(0.4)).await.unwrap_err();
    assert_eq!(error.retry_after, Duration::from_millis(500));
    assert_eq!(Instant::now(), started, "it was made to wait");
    assert!(budget.acquire(Interactive, within(0.6)).await.is_ok());
    assert_eq!(started.elapsed(), Duration::from_millis(500));
}

#[tokio::test(start_paused = true)]
async fn excess_callers_fail_within_their_deadline() {
    let budget = budget(2, 2.0);
    let started = Instant::now();
    let callers: Vec<_> = (0..200)
        .map(|_| {
            let budget = Arc::clone(&budget);
            tokio::spawn(async move { budget.acquire(Interactive, within(1.0)).await.is_ok() })
        })
        .collect();
    let mut served = 0;
    for caller in callers {
        served += usize::from(caller.await.unwrap());
    }
    assert_eq!(served, 4, "two of the burst and two that came in within the second");
    assert!(started.elapsed() <= Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn lower_priorities_leave_a_reserve() {
    let budget = budget(8, 1.0);
    let mut taken = 0;
    while now(&budget, Sync).await {
        taken += 1;
    }
    assert_eq!(taken, 4);
    while now(&budget, Bulk).await {
        taken += 1;
    }
    assert_eq!(taken, 6);
    while now(&budget, Interactive).await {
        taken += 1;
    }
    assert_eq!(taken, 8);
}

#[tokio::test(start_paused = true)]
async fn smallest_buckets_serve_every_priority() {
    for (burst, per_second) in [(1, 1.0), (2, 2.0), (0, 0.5)] {
        for priority in [Interactive, Bulk, Sync] {
            assert!(now(&budget(burst, per_second), priority).await, "{burst} {priority:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn interactive_calls_overtake_bulk() {
    let budget = budget(1, 1.0);
    assert!(now(&budget, Interactive).await);
    let (order, mut served) = mpsc::unbounded_channel();
    let mut tasks = Vec::new();
    for (name, priority) in [
        ("sync", Sync),
        ("bulk 1", Bulk),
        ("bulk 2", Bulk),
        ("interactive 1", Interactive),
        ("interactive 2", Interactive),
    ] {
        let (budget, order) = (Arc::clone(&budget), order.clone());
        tasks.push(tokio::spawn(async move {
            let _permit = budget.acquire(priority, within(60.0)).await.unwrap();
            order.send(name).unwrap();
        }));
        tokio::task::yield_now().await;
    }
    let mut got = Vec::new();
    for _ in 0..5 {
        got.push(served.recv().await.unwrap());
    }
    assert_eq!(got, ["interactive 1", "interactive 2", "bulk 1", "bulk 2", "sync"]);
}

#[tokio::test(start_paused = true)]
async fn cancelled_caller_leaves_the_queue() {
    let budget = budget(1, 1.0);
    assert!(now(&budget, Interactive).await);
    let mut impatient: Vec<_> = (0..10)
        .map(|_| {
            let budget = Arc::clone(&budget);
            tokio::spawn(async move { budget.acquire(Interactive, within(60.0)).await.is_ok() })
        })
        .collect();
    tokio::task::yield_now().await;
    let patient = {
        let budget = Arc::clone(&budget);
        tokio::spawn(async move {
            budget.acquire(Interactive, within(60.0)).await.unwrap();
            Instant::now()
        })
    };
    tokio::task::yield_now().await;
    let left = Instant::now();
    for task in impatient.drain(..) {
        task.abort();
    }
    let served = patient.await.unwrap();
    assert!(
        served - left <= Duration::from_millis(1010),
        "it waited for those who left"
    );
    assert!(budget.lock().queues.iter().all(VecDeque::is_empty));
}

#[tokio::test(start_paused = true)]
async fn hint_lowers_but_never_raises_budget() {
    let budget = budget(10, 1.0);
    let permit = budget.acquire(Interactive, Instant::now()).await.unwrap();
    budget.correct(RateHint {
        remaining: Some(2),
        ..RateHint::default()
    });
    drop(permit);
    assert!(now(&budget, Interactive).await);
    assert!(now(&budget, Interactive).await);
    assert!(!now(&budget, Interactive).await);
    budget.correct(RateHint {
        remaining: Some(500),
        limit: Some(500),
        reset: None,
    });
    assert!(!now(&budget, Interactive).await);

    // A smaller bucket than configured.
    budget.correct(RateHint {
        limit: Some(3),
        ..RateHint::default()
    });
    advance(Duration::from_mins(1)).await;
    assert!((budget.remaining() - 3.0).abs() < 1e-9);
}

#[tokio::test(start_paused = true)]
async fn calls_in_flight_reduce_the_hint() {
    let budget = budget(10, 1.0);
    let first = budget.acquire(Interactive, Instant::now()).await.unwrap();
    let _second = budget.acquire(Interactive, Instant::now()).await.unwrap();
    let _third = budget.acquire(Interactive, Instant::now()).await.unwrap();
    budget.correct(RateHint {
        remaining: Some(5),
        ..RateHint::default()
    });
    drop(first);
    assert!((budget.remaining() - 3.0).abs() < 1e-9);
}

#[tokio::test(start_paused = true)]
async fn pause_blocks_calls_then_refills_slowly() {
    let budget = budget(5, 1.0);
    budget.pause(Duration::from_secs(10));
    assert!(budget.remaining() < 1e-9);
    let error = budget.acquire(Interactive, within(5.0)).await.unwrap_err();
    assert_eq!(error.retry_after, Duration::from_secs(10));
    let started = Instant::now();
    assert!(budget.acquire(Interactive, within(11.0)).await.is_ok());
    assert_eq!(started.elapsed(), Duration::from_secs(10));
    assert!(!now(&budget, Interactive).await);
    // A shorter pause does not cut a longer one.
    budget.pause(Duration::from_secs(10));
    budget.pause(Duration::from_secs(1));
    advance(Duration::from_secs(5)).await;
    assert!(!now(&budget, Interactive).await);
    assert!(
        timeout(Duration::from_secs(6), budget.acquire(Interactive, within(60.0)))
            .await
            .is_ok()
    );
}

/// With the rate limits that Auth0 documents for its plans: interactive calls at half of the rate never wait, and the sync
/// gets the other half.
#[tokio::test(start_paused = true)]
async fn interactive_calls_never_wait_for_sync() {
    for (burst, per_second) in [(10, 2.0), (50, 16.0)] {
        let budget = budget(burst, per_second);
        let steps = Arc::new(std::sync::atomic::AtomicU32::new(0));
        let sync = {
            let (budget, steps) = (Arc::clone(&budget), Arc::clone(&steps));
            tokio::spawn(async move {
                loop {
                    // A call takes no time here, so that the next one is always waiting.
                    drop(budget.acquire(Sync, within(60.0)).await.unwrap());
                    steps.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                }
            })
        };
        let at_once = burst / 2;
        let pause = Duration::from_secs_f64(f64::from(burst) / per_second);
        for wave in 0..100 {
            tokio::time::sleep(pause).await;
            let came = Instant::now();
            for call in 0..at_once {
                assert!(now(&budget, Interactive).await, "call {call} of wave {wave} waits");
            }
            assert_eq!(Instant::now(), came);
        }
        sync.abort();
        let steps = steps.load(std::sync::atomic::Ordering::Relaxed);
        let half = 100 * (burst - at_once);
        assert!(
            (half - burst..=half + burst).contains(&steps),
            "{steps} steps of {half}"
        );
    }
}
