//! When the breaker opens, which read is the trial, and how a trial ends, in tokio's paused time.

use tokio::time::advance;

use super::*;

fn breaker() -> Breaker {
    Breaker::new(BreakerOptions {
        window: Duration::from_secs(10),
        min_calls: 4,
        failure_ratio: 0.5,
        open_for: Duration::from_secs(5),
    })
}

fn end(admission: Admission<'_>, good: bool) {
    if good { admission.answered() } else { admission.failed() }
}

fn call(breaker: &Breaker, good: bool) -> bool {
    breaker
        .admit(&ReadHandle::default())
        .map(|admission| end(admission, good))
        .is_ok()
}

#[tokio::test(start_paused = true)]
async fn breaker_opens_after_minimum_calls() {
    let breaker = breaker();
    for _ in 0..3 {
        assert!(call(&breaker, false));
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
    assert!(call(&breaker, false));
    assert_eq!(breaker.state(), BreakerState::Open);
    assert_eq!(
        breaker.admit(&ReadHandle::default()).unwrap_err().retry_after,
        Duration::from_secs(5)
    );
}

#[tokio::test(start_paused = true)]
async fn failures_outside_window_do_not_count() {
    let breaker = breaker();
    for _ in 0..20 {
        assert!(call(&breaker, false));
        advance(Duration::from_secs(4)).await;
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
    advance(Duration::from_secs(100)).await;
    for _ in 0..3 {
        assert!(call(&breaker, false));
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn half_open_admits_one_read() {
    let breaker = breaker();
    for _ in 0..4 {
        call(&breaker, false);
    }
    advance(Duration::from_secs(5)).await;
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    let trial = breaker.admit(&ReadHandle::default()).unwrap();
    assert!(breaker.admit(&ReadHandle::default()).is_err());
    trial.failed();
    assert_eq!(breaker.state(), BreakerState::Open);
    advance(Duration::from_secs(5)).await;
    assert!(call(&breaker, true));
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn dropped_trial_frees_its_place() {
    let breaker = breaker();
    for _ in 0..4 {
        call(&breaker, false);
    }
    advance(Duration::from_secs(5)).await;
    drop(breaker.admit(&ReadHandle::default()).unwrap());
    assert!(call(&breaker, true));
    assert_eq!(breaker.state(), BreakerState::Closed);
}

/// ADR 0088: admission belongs to the read.
#[tokio::test(start_paused = true)]
async fn last_trial_call_closes_breaker() {
    let breaker = half_open().await;
    let (read, other) = (ReadHandle::default(), ReadHandle::default());
    let (first, second) = (breaker.admit(&read).unwrap(), breaker.admit(&read).unwrap());
    assert!(breaker.admit(&other).is_err());
    first.answered();
    assert_eq!(
        breaker.state(),
        BreakerState::HalfOpen,
        "a call of the trial is in flight"
    );
    second.answered();
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn failed_trial_call_reopens_breaker() {
    for failed_first in [true, false] {
        let breaker = half_open().await;
        let read = ReadHandle::default();
        let (first, second) = (breaker.admit(&read).unwrap(), breaker.admit(&read).unwrap());
        end(first, !failed_first);
        end(second, failed_first);
        assert_eq!(breaker.state(), BreakerState::Open);
    }
}

/// As when another call of the read failed for a local reason.
#[tokio::test(start_paused = true)]
async fn dropped_trial_call_decides_nothing() {
    let breaker = half_open().await;
    let read = ReadHandle::default();
    let (first, second) = (breaker.admit(&read).unwrap(), breaker.admit(&read).unwrap());
    drop(second);
    assert!(
        breaker.admit(&ReadHandle::default()).is_err(),
        "the other call still tries"
    );
    first.answered();
    assert_eq!(breaker.state(), BreakerState::Closed);

    let breaker = half_open().await;
    let (first, second) = (breaker.admit(&read).unwrap(), breaker.admit(&read).unwrap());
    drop(first);
    drop(second);
    assert!(call(&breaker, true), "the place is free at once");
}

async fn half_open() -> Breaker {
    let breaker = breaker();
    for _ in 0..4 {
        call(&breaker, false);
    }
    advance(Duration::from_secs(5)).await;
    breaker
}

#[tokio::test(start_paused = true)]
async fn call_from_before_opening_is_ignored() {
    let breaker = breaker();
    let (old_good, old_bad) = (
        breaker.admit(&ReadHandle::default()).unwrap(),
        breaker.admit(&ReadHandle::default()).unwrap(),
    );
    for _ in 0..4 {
        call(&breaker, false);
    }
    old_good.answered();
    assert_eq!(breaker.state(), BreakerState::Open);
    advance(Duration::from_secs(5)).await;
    call(&breaker, true);
    old_bad.failed();
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn flapping_provider_keeps_breaker_stable() {
    let breaker = breaker();
    let started = Instant::now();
    let (mut openings, mut passed, mut longest, mut last) = (0_u32, 0_u32, Duration::ZERO, breaker.state());
    let mut opened = started;
    for _ in 0..10_000 {
        // Every other call that passes fails.
        if call(&breaker, passed % 2 == 0) {
            passed += 1;
        }
        let state = breaker.state();
        match (last, state) {
            (BreakerState::Open, BreakerState::Open) => {}
            (_, BreakerState::Open) => {
                openings += 1;
                opened = Instant::now();
            }
            (BreakerState::Open, _) => longest = longest.max(opened.elapsed()),
            _ => {}
        }
        last = state;
        advance(Duration::from_millis(20)).await;
    }
    // Each opening takes its whole time, and the minimum of calls.
    let most = started.elapsed().as_secs() / 5 + 1;
    assert!(
        u64::from(openings) <= most && openings * 4 <= passed,
        "{openings} openings, {passed} calls"
    );
    assert!(longest <= Duration::from_millis(5020), "open for {longest:?}");
    assert!(openings > 10, "it never opened, so nothing was shown");
}
