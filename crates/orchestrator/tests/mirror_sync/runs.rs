//! What a run does, step by step.

use std::time::Duration;

use masthead_orchestrator::{MirrorSync, SyncOutcome, SyncProgress};
use masthead_ports::{mirror::RemovalBrake, source::SourceErrorKind};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::world::World;

async fn run(world: &World, process: &MirrorSync) -> SyncOutcome {
    let stop = CancellationToken::new();
    process.run(&world.tenant, RemovalBrake::On, &stop, &mut |_| {}).await
}

#[tokio::test(start_paused = true)]
async fn everybody_is_kept_each_page_is_asked_for_once_and_each_step_is_told() {
    let world = World::of(23);
    let (stop, mut told) = (CancellationToken::new(), Vec::new());
    let mut tell = |progress: &SyncProgress| told.push(*progress);
    let outcome = world
        .process("a")
        .run(&world.tenant, RemovalBrake::On, &stop, &mut tell)
        .await;
    assert_eq!(outcome.name(), "finished");
    assert_eq!((world.kept(), world.asked()), (23, vec![0, 1, 2, 3, 4]));
    let last = told.last().unwrap();
    assert_eq!((told.len(), last.steps, last.seen, last.taken.added), (5, 5, 23, 23));
    assert_eq!((last.expected, last.resumed), (Some(23), false));
    assert_eq!(world.directory.held().finished, 1);
}

#[tokio::test(start_paused = true)]
async fn failures_are_waited_out_as_long_as_the_provider_asks() {
    let world = World::of(10);
    let retry_after = Some(Duration::from_secs(20));
    world.fail([
        SourceErrorKind::RateLimited { retry_after },
        SourceErrorKind::Unavailable,
    ]);
    let begun = Instant::now();
    assert_eq!(run(&world, &world.process("a")).await.name(), "finished");
    // Twenty seconds as asked, and two because it failed again.
    assert_eq!(begun.elapsed().as_secs(), 22);
    assert_eq!(world.asked(), [0, 0, 0, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_goes_on_failing_is_left_for_later_and_the_next_run_goes_on_from_there() {
    let world = World::of(20);
    let (stop, process) = (CancellationToken::new(), world.process("a"));
    let mut fail_after_two = |progress: &SyncProgress| {
        if progress.steps == 2 && progress.failures == 0 {
            world.fail([SourceErrorKind::Unavailable; 4]);
        }
    };
    let outcome = process
        .run(&world.tenant, RemovalBrake::On, &stop, &mut fail_after_two)
        .await;
    assert!(matches!(outcome, SyncOutcome::Failed(ref error) if error.kind == SourceErrorKind::Unavailable));
    assert_eq!((world.kept(), world.directory.held().paused), (10, 1));
    // Another process need not wait for the lease's end.
    assert_eq!(run(&world, &world.process("b")).await.name(), "finished");
    assert_eq!((world.kept(), world.asked()), (20, vec![0, 1, 2, 2, 2, 2, 2, 3]));
}

#[tokio::test(start_paused = true)]
async fn what_only_an_operator_can_mend_ends_the_run_at_once() {
    let world = World::of(10);
    world.fail([SourceErrorKind::Misconfigured]);
    assert_eq!(run(&world, &world.process("a")).await.name(), "failed");
    assert_eq!(world.asked(), [0]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_killed_anywhere_goes_on_and_asks_only_for_what_was_under_way_again() {
    let world = World::of(500);
    let mut kills = 0;
    for after_ms in (1_u64..).map(|n| n * 37 % 61) {
        // The process is gone between one moment and the next: nothing of it is left but the directory.
        if timeout(Duration::from_millis(after_ms), run(&world, &world.process("a")))
            .await
            .is_ok()
        {
            break;
        }
        kills += 1;
    }
    assert!(kills >= 20, "{kills}");
    assert_eq!((world.kept(), world.directory.held().finished), (500, 1));
    assert!(world.asked().len() <= 100 + kills, "{} calls", world.asked().len());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_told_to_stop_keeps_the_step_that_was_under_way() {
    let world = World::of(50);
    let (stop, process) = (CancellationToken::new(), world.process("a"));
    let stopping = async {
        sleep(Duration::from_millis(25)).await;
        stop.cancel();
    };
    let mut ignored = |_: &SyncProgress| {};
    let (outcome, ()) = tokio::join!(
        process.run(&world.tenant, RemovalBrake::On, &stop, &mut ignored),
        stopping
    );
    assert_eq!(outcome.name(), "stopped");
    assert_eq!((world.kept(), world.asked()), (15, vec![0, 1, 2]));
    assert_eq!(run(&world, &world.process("b")).await.name(), "finished");
    assert_eq!(world.asked(), (0..10).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_is_not_waited_for_long_once_all_is_to_stop() {
    let world = World::of(50);
    *world.provider.takes.lock().unwrap() = Duration::from_hours(1);
    let (stop, process, begun) = (CancellationToken::new(), world.process("a"), Instant::now());
    stop.cancel();
    assert_eq!(
        process
            .run(&world.tenant, RemovalBrake::On, &stop, &mut |_| {})
            .await
            .name(),
        "stopped"
    );
    assert!(world.asked().is_empty(), "nothing new is begun");
    let stop = CancellationToken::new();
    let mut ignored = |_: &SyncProgress| {};
    let stopping = async {
        sleep(Duration::from_secs(1)).await;
        stop.cancel();
    };
    let (outcome, ()) = tokio::join!(
        process.run(&world.tenant, RemovalBrake::On, &stop, &mut ignored),
        stopping
    );
    assert_eq!((outcome.name(), begun.elapsed().as_secs()), ("stopped", 6));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_for_a_while_costs_no_call() {
    let world = World::of(10);
    let (stop, process) = (CancellationToken::new(), world.process("a"));
    let mut silence = |progress: &SyncProgress| {
        if progress.steps < 3 {
            world.directory.held().silent = 2;
        }
    };
    let outcome = process.run(&world.tenant, RemovalBrake::On, &stop, &mut silence).await;
    assert_eq!(
        (outcome.name(), world.kept(), world.asked()),
        ("finished", 10, vec![0, 1])
    );
}

#[tokio::test(start_paused = true)]
async fn two_at_once_are_one_and_a_run_that_was_taken_over_does_no_more_harm() {
    let world = World::of(20);
    let (a, b) = (world.process("a"), world.process("b"));
    let (one, other) = tokio::join!(run(&world, &a), run(&world, &b));
    assert_eq!((one.name(), other.name()), ("finished", "busy"));
    assert_eq!((world.asked().len(), world.directory.held().finished), (4, 1));

    // The first could not renew its lease; the second takes the run up.
    *world.provider.takes.lock().unwrap() = Duration::from_secs(10);
    let overtaking = async {
        sleep(Duration::from_secs(15)).await;
        world.directory.held().run.as_mut().unwrap().2 = Instant::now();
        *world.provider.takes.lock().unwrap() = Duration::ZERO;
        run(&world, &b).await
    };
    let (one, other) = tokio::join!(run(&world, &a), overtaking);
    assert_eq!((one.name(), other.name()), ("lost", "finished"));
    assert_eq!(world.directory.held().finished, 2);
}

#[tokio::test(start_paused = true)]
async fn a_run_keeps_its_lease_while_a_call_takes_longer_than_it() {
    let world = World::of(10);
    let (a, b) = (world.process("a"), world.process("b"));
    *world.provider.takes.lock().unwrap() = Duration::from_hours(1);
    let others = async {
        for _ in 0..100 {
            sleep(Duration::from_mins(1)).await;
            assert_eq!(run(&world, &b).await.name(), "busy");
        }
    };
    let (one, ()) = tokio::join!(run(&world, &a), others);
    assert_eq!((one.name(), world.asked().len()), ("finished", 2));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_taken_over_ends_at_once_though_its_call_hangs() {
    let world = World::of(10);
    *world.provider.takes.lock().unwrap() = Duration::from_hours(1);
    let (a, began) = (world.process("a"), Instant::now());
    let overtaking = async {
        sleep(Duration::from_secs(1)).await;
        world.directory.held().run.as_mut().unwrap().0.number += 1;
    };
    let (one, ()) = tokio::join!(run(&world, &a), overtaking);
    // A third of the lease of five minutes.
    assert_eq!((one.name(), began.elapsed().as_secs()), ("lost", 100));
    assert_eq!(
        (world.kept(), world.directory.held().paused),
        (0, 0),
        "it writes nothing"
    );
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_is_to_be_made_again_asks_for_every_page_again() {
    let world = World::of(10);
    world.directory.held().again = 1;
    assert_eq!(run(&world, &world.process("a")).await.name(), "finished");
    assert_eq!((world.asked(), world.directory.held().finished), (vec![0, 1, 0, 1], 1));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_is_told_before_it_is_waited_out() {
    let world = World::of(10);
    world.fail([SourceErrorKind::Unavailable; 2]);
    let (stop, mut told) = (CancellationToken::new(), Vec::new());
    let mut tell = |progress: &SyncProgress| told.push((progress.failures, progress.steps));
    let outcome = world
        .process("a")
        .run(&world.tenant, RemovalBrake::On, &stop, &mut tell)
        .await;
    assert_eq!(
        (outcome.name(), told),
        ("finished", vec![(1, 0), (2, 0), (0, 1), (0, 2)])
    );
}

#[tokio::test(start_paused = true)]
async fn a_mass_disappearance_is_told_of() {
    let world = World::of(100);
    assert_eq!(run(&world, &world.process("a")).await.name(), "finished");
    world.provider.users.lock().unwrap().truncate(90);
    let outcome = run(&world, &world.process("a")).await;
    let SyncOutcome::Finished(finished) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!((finished.missing, finished.removed, finished.braked), (10, 0, true));
    assert_eq!(outcome.name(), "braked");
    let (stop, process) = (CancellationToken::new(), world.process("a"));
    let released = process
        .run(&world.tenant, RemovalBrake::Released, &stop, &mut |_| {})
        .await;
    assert_eq!(released.name(), "finished");
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_cannot_tell_changes_is_always_gone_through_as_a_whole() {
    for (can_list_changes, full_every) in [(true, Duration::from_hours(24)), (false, Duration::ZERO)] {
        let world = World::with(5, can_list_changes);
        run(&world, &world.process("a")).await;
        assert_eq!(world.directory.held().full_every, Some(full_every));
    }
}

#[tokio::test(start_paused = true)]
async fn a_preview_counts_and_writes_nothing() {
    let world = World::of(40);
    run(&world, &world.process("a")).await;
    {
        let mut held = world.directory.held();
        let some = held.profiles.values_mut().take(3);
        some.for_each(|(account, _)| account.first_name = "Other".into());
        let mut users = world.provider.users.lock().unwrap();
        users.truncate(38);
        users.extend([1_000, 1_001, 1_002, 0]);
    }
    let before = world.directory.held().profiles.clone();
    let (stop, process) = (CancellationToken::new(), world.process("b"));
    let preview = process.preview(&world.tenant, &stop, &mut |_| {}).await.unwrap();
    assert_eq!((preview.seen, preview.profiles, preview.missing), (41, 40, Some(2)));
    let taken = preview.would;
    assert_eq!(
        (taken.added, taken.changed, taken.unchanged, taken.refused),
        (3, 3, 35, 0)
    );
    assert_eq!(world.directory.held().profiles, before);
    assert_eq!(world.directory.held().runs, 1, "no run was begun");
    *world.provider.truncated.lock().unwrap() = true;
    let preview = process.preview(&world.tenant, &stop, &mut |_| {}).await.unwrap();
    assert_eq!(
        preview.missing, None,
        "a provider that does not show everybody proves nobody missing"
    );
}

#[tokio::test(start_paused = true)]
async fn a_tenant_without_a_provider_has_nothing_to_go_through() {
    let world = World::of(1);
    let process = world.process_with("a", None);
    assert_eq!(run(&world, &process).await.name(), "no_walk");
    let stop = CancellationToken::new();
    let preview = process.preview(&world.tenant, &stop, &mut |_| {}).await;
    assert_eq!(preview.unwrap_err().name(), "no_walk");
}
