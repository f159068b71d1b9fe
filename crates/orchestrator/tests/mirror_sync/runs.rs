//! Tests of sync runs.

use std::time::Duration;

use masthead_orchestrator::{MirrorSync, SyncOutcome, SyncProgress};
use masthead_ports::{mirror::RemovalBrake, source::SourceErrorKind};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::fixture::SyncFixture;

async fn run(fixture: &SyncFixture, process: &MirrorSync) -> SyncOutcome {
    let stop = CancellationToken::new();
    process.run(&fixture.tenant, RemovalBrake::On, &stop, &mut |_| {}).await
}

#[tokio::test(start_paused = true)]
async fn run_records_every_page_once() {
    let fixture = SyncFixture::with_users(23);
    let (stop, mut reports) = (CancellationToken::new(), Vec::new());
    let mut on_progress = |progress: &SyncProgress| reports.push(*progress);
    let outcome = fixture
        .process("a")
        .run(&fixture.tenant, RemovalBrake::On, &stop, &mut on_progress)
        .await;
    assert_eq!(outcome.name(), "finished");
    assert_eq!((fixture.kept(), fixture.fetched_pages()), (23, vec![0, 1, 2, 3, 4]));
    let last = reports.last().unwrap();
    assert_eq!(
        (reports.len(), last.pages, last.seen, last.changes.added),
        (5, 5, 23, 23)
    );
    assert_eq!((last.expected, last.resumed), (Some(23), false));
    assert_eq!(fixture.mirror.held().finished, 1);
}

#[tokio::test(start_paused = true)]
async fn retries_obey_provider_pause() {
    let fixture = SyncFixture::with_users(10);
    let retry_after = Some(Duration::from_secs(20));
    fixture.fail([
        SourceErrorKind::RateLimited { retry_after },
        SourceErrorKind::Unavailable,
    ]);
    let begun = Instant::now();
    assert_eq!(run(&fixture, &fixture.process("a")).await.name(), "finished");
    // Twenty seconds as requested, and two for the second failure.
    assert_eq!(begun.elapsed().as_secs(), 22);
    assert_eq!(fixture.fetched_pages(), [0, 0, 0, 1]);
}

#[tokio::test(start_paused = true)]
async fn next_run_resumes_after_repeated_failures() {
    let fixture = SyncFixture::with_users(20);
    let (stop, process) = (CancellationToken::new(), fixture.process("a"));
    let mut fail_after_two = |progress: &SyncProgress| {
        if progress.pages == 2 && progress.failures == 0 {
            fixture.fail([SourceErrorKind::Unavailable; 4]);
        }
    };
    let outcome = process
        .run(&fixture.tenant, RemovalBrake::On, &stop, &mut fail_after_two)
        .await;
    assert!(matches!(outcome, SyncOutcome::Failed(ref error) if error.kind == SourceErrorKind::Unavailable));
    assert_eq!((fixture.kept(), fixture.mirror.held().paused), (10, 1));
    // Another process does not wait for the end of the lease.
    assert_eq!(run(&fixture, &fixture.process("b")).await.name(), "finished");
    assert_eq!(
        (fixture.kept(), fixture.fetched_pages()),
        (20, vec![0, 1, 2, 2, 2, 2, 2, 3])
    );
}

#[tokio::test(start_paused = true)]
async fn permanent_error_ends_run() {
    let fixture = SyncFixture::with_users(10);
    fixture.fail([SourceErrorKind::Misconfigured]);
    assert_eq!(run(&fixture, &fixture.process("a")).await.name(), "failed");
    assert_eq!(fixture.fetched_pages(), [0]);
}

#[tokio::test(start_paused = true)]
async fn killed_run_resumes_and_repeats_one_page() {
    let fixture = SyncFixture::with_users(500);
    let mut kills = 0;
    for after_ms in (1_u64..).map(|n| n * 37 % 61) {
        // The process is killed; only the mirror remains.
        if timeout(Duration::from_millis(after_ms), run(&fixture, &fixture.process("a")))
            .await
            .is_ok()
        {
            break;
        }
        kills += 1;
    }
    assert!(kills >= 20, "{kills}");
    assert_eq!((fixture.kept(), fixture.mirror.held().finished), (500, 1));
    assert!(
        fixture.fetched_pages().len() <= 100 + kills,
        "{} calls",
        fixture.fetched_pages().len()
    );
}

#[tokio::test(start_paused = true)]
async fn stopped_run_records_current_page() {
    let fixture = SyncFixture::with_users(50);
    let (stop, process) = (CancellationToken::new(), fixture.process("a"));
    let stopping = async {
        sleep(Duration::from_millis(25)).await;
        stop.cancel();
    };
    let mut ignored = |_: &SyncProgress| {};
    let (outcome, ()) = tokio::join!(
        process.run(&fixture.tenant, RemovalBrake::On, &stop, &mut ignored),
        stopping
    );
    assert_eq!(outcome.name(), "stopped");
    assert_eq!((fixture.kept(), fixture.fetched_pages()), (15, vec![0, 1, 2]));
    assert_eq!(run(&fixture, &fixture.process("b")).await.name(), "finished");
    assert_eq!(fixture.fetched_pages(), (0..10).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn stop_limits_wait_for_hanging_call() {
    let fixture = SyncFixture::with_users(50);
    *fixture.provider.takes.lock().unwrap() = Duration::from_hours(1);
    let (stop, process, begun) = (CancellationToken::new(), fixture.process("a"), Instant::now());
    stop.cancel();
    assert_eq!(
        process
            .run(&fixture.tenant, RemovalBrake::On, &stop, &mut |_| {})
            .await
            .name(),
        "stopped"
    );
    assert!(fixture.fetched_pages().is_empty(), "no call is started");
    let stop = CancellationToken::new();
    let mut ignored = |_: &SyncProgress| {};
    let stopping = async {
        sleep(Duration::from_secs(1)).await;
        stop.cancel();
    };
    let (outcome, ()) = tokio::join!(
        process.run(&fixture.tenant, RemovalBrake::On, &stop, &mut ignored),
        stopping
    );
    assert_eq!((outcome.name(), begun.elapsed().as_secs()), ("stopped", 6));
}

#[tokio::test(start_paused = true)]
async fn unavailable_store_needs_no_second_call() {
    let fixture = SyncFixture::with_users(10);
    let (stop, process) = (CancellationToken::new(), fixture.process("a"));
    let mut fail = |progress: &SyncProgress| {
        if progress.pages < 3 {
            fixture.mirror.held().failures = 2;
        }
    };
    let outcome = process.run(&fixture.tenant, RemovalBrake::On, &stop, &mut fail).await;
    assert_eq!(
        (outcome.name(), fixture.kept(), fixture.fetched_pages()),
        ("finished", 10, vec![0, 1])
    );
}

#[tokio::test(start_paused = true)]
async fn only_one_process_runs_at_a_time() {
    let fixture = SyncFixture::with_users(20);
    let (a, b) = (fixture.process("a"), fixture.process("b"));
    let (one, other) = tokio::join!(run(&fixture, &a), run(&fixture, &b));
    assert_eq!((one.name(), other.name()), ("finished", "busy"));
    assert_eq!((fixture.fetched_pages().len(), fixture.mirror.held().finished), (4, 1));

    // The first process loses its lease; the second resumes the run.
    *fixture.provider.takes.lock().unwrap() = Duration::from_secs(10);
    let overtaking = async {
        sleep(Duration::from_secs(15)).await;
        fixture.mirror.held().run.as_mut().unwrap().2 = Instant::now();
        *fixture.provider.takes.lock().unwrap() = Duration::ZERO;
        run(&fixture, &b).await
    };
    let (one, other) = tokio::join!(run(&fixture, &a), overtaking);
    assert_eq!((one.name(), other.name()), ("lost", "finished"));
    assert_eq!(fixture.mirror.held().finished, 2);
}

#[tokio::test(start_paused = true)]
async fn lease_is_renewed_during_long_call() {
    let fixture = SyncFixture::with_users(10);
    let (a, b) = (fixture.process("a"), fixture.process("b"));
    *fixture.provider.takes.lock().unwrap() = Duration::from_hours(1);
    let others = async {
        for _ in 0..100 {
            sleep(Duration::from_mins(1)).await;
            assert_eq!(run(&fixture, &b).await.name(), "busy");
        }
    };
    let (one, ()) = tokio::join!(run(&fixture, &a), others);
    assert_eq!((one.name(), fixture.fetched_pages().len()), ("finished", 2));
}

#[tokio::test(start_paused = true)]
async fn lost_run_ends_during_hanging_call() {
    let fixture = SyncFixture::with_users(10);
    *fixture.provider.takes.lock().unwrap() = Duration::from_hours(1);
    let (a, began) = (fixture.process("a"), Instant::now());
    let overtaking = async {
        sleep(Duration::from_secs(1)).await;
        fixture.mirror.held().run.as_mut().unwrap().0.number += 1;
    };
    let (one, ()) = tokio::join!(run(&fixture, &a), overtaking);
    // A third of the lease of five minutes.
    assert_eq!((one.name(), began.elapsed().as_secs()), ("lost", 100));
    assert_eq!(
        (fixture.kept(), fixture.mirror.held().paused),
        (0, 0),
        "it writes nothing"
    );
}

#[tokio::test(start_paused = true)]
async fn repeated_scan_fetches_every_page() {
    let fixture = SyncFixture::with_users(10);
    fixture.mirror.held().again = 1;
    assert_eq!(run(&fixture, &fixture.process("a")).await.name(), "finished");
    assert_eq!(
        (fixture.fetched_pages(), fixture.mirror.held().finished),
        (vec![0, 1, 0, 1], 1)
    );
}

#[tokio::test(start_paused = true)]
async fn failed_call_is_reported_before_retry() {
    let fixture = SyncFixture::with_users(10);
    fixture.fail([SourceErrorKind::Unavailable; 2]);
    let (stop, mut reports) = (CancellationToken::new(), Vec::new());
    let mut on_progress = |progress: &SyncProgress| reports.push((progress.failures, progress.pages));
    let outcome = fixture
        .process("a")
        .run(&fixture.tenant, RemovalBrake::On, &stop, &mut on_progress)
        .await;
    assert_eq!(
        (outcome.name(), reports),
        ("finished", vec![(1, 0), (2, 0), (0, 1), (0, 2)])
    );
}

#[tokio::test(start_paused = true)]
async fn mass_removal_is_reported() {
    let fixture = SyncFixture::with_users(100);
    assert_eq!(run(&fixture, &fixture.process("a")).await.name(), "finished");
    fixture.provider.users.lock().unwrap().truncate(90);
    let outcome = run(&fixture, &fixture.process("a")).await;
    let SyncOutcome::Finished(finished) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!((finished.missing, finished.removed, finished.braked), (10, 0, true));
    assert_eq!(outcome.name(), "braked");
    let (stop, process) = (CancellationToken::new(), fixture.process("a"));
    let released = process
        .run(&fixture.tenant, RemovalBrake::Released, &stop, &mut |_| {})
        .await;
    assert_eq!(released.name(), "finished");
}

#[tokio::test(start_paused = true)]
async fn provider_without_changes_is_always_fully_scanned() {
    for (can_list_changes, full_every) in [(true, Duration::from_hours(24)), (false, Duration::ZERO)] {
        let fixture = SyncFixture::with(5, can_list_changes);
        run(&fixture, &fixture.process("a")).await;
        assert_eq!(fixture.mirror.held().full_every, Some(full_every));
    }
}

#[tokio::test(start_paused = true)]
async fn preview_counts_without_writing() {
    let fixture = SyncFixture::with_users(40);
    run(&fixture, &fixture.process("a")).await;
    {
        let mut held = fixture.mirror.held();
        let some = held.profiles.values_mut().take(3);
        some.for_each(|(account, _)| account.first_name = "Other".into());
        let mut users = fixture.provider.users.lock().unwrap();
        users.truncate(38);
        users.extend([1_000, 1_001, 1_002, 0]);
    }
    let before = fixture.mirror.held().profiles.clone();
    let (stop, process) = (CancellationToken::new(), fixture.process("b"));
    let preview = process.preview(&fixture.tenant, &stop, &mut |_| {}).await.unwrap();
    assert_eq!((preview.seen, preview.profiles, preview.missing), (41, 40, Some(2)));
    let taken = preview.changes;
    assert_eq!(
        (taken.added, taken.changed, taken.unchanged, taken.refused),
        (3, 3, 35, 0)
    );
    assert_eq!(fixture.mirror.held().profiles, before);
    assert_eq!(fixture.mirror.held().runs, 1, "no run was begun");
    *fixture.provider.truncated.lock().unwrap() = true;
    let preview = process.preview(&fixture.tenant, &stop, &mut |_| {}).await.unwrap();
    assert_eq!(preview.missing, None, "an incomplete scan proves no user missing");
}

#[tokio::test(start_paused = true)]
async fn tenant_without_provider_has_no_scan() {
    let fixture = SyncFixture::with_users(1);
    let process = fixture.process_with("a", None);
    assert_eq!(run(&fixture, &process).await.name(), "no_walk");
    let stop = CancellationToken::new();
    let preview = process.preview(&fixture.tenant, &stop, &mut |_| {}).await;
    assert_eq!(preview.unwrap_err().name(), "no_walk");
}
