//! Two at once, an outage, and many users who are gone at once.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_domain::order::Order;
use masthead_orchestrator::{SyncOutcome, SyncProgress};
use masthead_ports::mirror::RemovalBrake;
use masthead_sandbox::{Fault, FaultRule};

use tokio_util::sync::CancellationToken;

use crate::{kind::Kind, world::World};

const KINDS: [Kind; 4] = [Kind::Auth0, Kind::Gigya, Kind::Ssor, Kind::Firefly];

#[tokio::test]
async fn two_syncs_at_once_are_one() {
    let world = World::new(Kind::Auth0, 300).await;
    let (one, other) = tokio::join!(world.run("a"), world.run("b"));
    let mut names = [one.name(), other.name()];
    names.sort_unstable();
    assert_eq!(names, ["busy", "finished"]);
    assert_eq!(world.sandbox.calls(), Kind::Auth0.calls(300) as u64);
}

#[tokio::test]
async fn the_run_of_a_killed_process_is_free_once_its_lease_ends() {
    const LEASE: Duration = Duration::from_secs(4);
    let world = Arc::new(World::new(Kind::Auth0, 300).await);
    world
        .hang(LEASE, async {
            // While it lives its lease is renewed, though its call takes longer.
            tokio::time::sleep(LEASE + LEASE / 2).await;
            assert_eq!(world.run("b").await.name(), "busy");
        })
        .await;
    let killed = Instant::now();
    let mut busy = Duration::ZERO;
    loop {
        let asked = killed.elapsed();
        match world.run("b").await {
            SyncOutcome::Busy { left } => {
                assert!(left <= LEASE);
                busy = asked;
            }
            outcome => {
                assert_eq!(outcome.name(), "finished");
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(busy <= LEASE, "{busy:?}");
    // The step that the first one kept was not made again.
    assert_eq!(world.sandbox.calls(), Kind::Auth0.calls(300) as u64);
}

#[tokio::test]
async fn a_provider_that_goes_away_in_the_middle_leaves_what_was_kept_and_the_sync_goes_on_from_there() {
    for kind in KINDS {
        let world = World::new(kind, 400).await;
        // Everything fails from the third page on, for longer than anybody waits.
        let down = Fault::Status {
            status: 503,
            retry_after: None,
            reset_in: None,
            body: None,
        };
        let theirs = world.theirs().await;
        let mut break_down = |progress: &SyncProgress| {
            if progress.steps == 2 {
                world.sandbox.inject(FaultRule::from(down.clone()));
            }
        };
        let (process, end) = (world.process("a", Duration::ZERO), CancellationToken::new());
        let outcome = process
            .run(&world.tenant, RemovalBrake::On, &end, &mut break_down)
            .await;
        assert_eq!(outcome.name(), "failed", "{kind:?}");
        world.sandbox.clear_faults();
        let before = world.sandbox.calls();
        let outcome = world.run("b").await;
        assert_eq!(outcome.name(), "finished", "{kind:?}");
        assert!(
            world.sandbox.calls() - before <= kind.calls(400) as u64 - 2,
            "two pages were kept"
        );
        assert_eq!(
            world.lists_are_the_models(&theirs, &[Order::default()], 1_000).await,
            400
        );
    }
}

#[tokio::test]
async fn many_who_are_gone_at_once_stay_and_the_brake_is_told_of() {
    for kind in KINDS {
        let world = World::new(kind, 300).await;
        assert_eq!(world.run("a").await.name(), "finished");
        let theirs = world.theirs().await;
        kind.keep_first(&world.sandbox, 290);
        for day in 1..=3 {
            world.pass(86_400);
            let outcome = world.run_with("a", Duration::ZERO, RemovalBrake::On).await;
            let SyncOutcome::Finished(finished) = outcome else {
                panic!("{kind:?} {outcome:?}")
            };
            assert_eq!(
                (finished.missing, finished.removed, finished.braked),
                (10, 0, true),
                "{kind:?} day {day}"
            );
            assert!(world.standing().await.braked_at.is_some());
        }
        assert_eq!(
            world.lists_are_the_models(&theirs, &[Order::default()], 1_000).await,
            300,
            "nobody is removed"
        );

        // An operator says that they are gone: now they are, after as many confirmations as it takes.
        for day in 1..=3 {
            world.pass(86_400);
            let outcome = world.run_with("a", Duration::ZERO, RemovalBrake::Released).await;
            let SyncOutcome::Finished(finished) = outcome else {
                panic!("{kind:?} {outcome:?}")
            };
            assert_eq!((finished.missing, finished.braked), (10, false));
            assert_eq!(finished.removed, if day == 3 { 10 } else { 0 });
        }
        assert_eq!(world.standing().await.braked_at, None);
        let left = world.theirs().await;
        assert_eq!(world.lists_are_the_models(&left, &[Order::default()], 1_000).await, 290);
    }
}

/// Quality rules, fault table: one row that cannot be read costs that row only, and whose it is cannot be said to be gone.
#[tokio::test]
async fn one_row_that_cannot_be_read_ends_no_sync_and_removes_nobody() {
    for kind in KINDS {
        let world = World::new(kind, 120).await;
        assert_eq!(world.run("a").await.name(), "finished");
        let theirs = world.theirs().await;
        let odd = theirs[50].crid.as_str();
        let spoilt = Fault::Replaced {
            text: format!("\"{odd}\""),
            with: r#""\ud83d""#.to_owned(),
        };
        world.sandbox.inject(spoilt);
        kind.keep_first(&world.sandbox, 119);
        for _ in 0..4 {
            world.pass(86_400);
            let SyncOutcome::Finished(finished) = world.run_with("a", Duration::ZERO, RemovalBrake::On).await else {
                panic!("{kind:?}: not finished")
            };
            assert_eq!((finished.missing, finished.removed), (0, 0), "{kind:?}");
        }
        world.sandbox.clear_faults();
        world.pass(86_400);
        let SyncOutcome::Finished(finished) = world.run_with("a", Duration::ZERO, RemovalBrake::On).await else {
            panic!("{kind:?}: not finished")
        };
        assert_eq!(finished.missing, 1, "{kind:?}: whoever is gone is noticed now");
    }
}

#[tokio::test]
async fn a_few_who_are_gone_are_forgotten_after_days() {
    let world = World::new(Kind::Gigya, 300).await;
    assert_eq!(world.run("a").await.name(), "finished");
    Kind::Gigya.keep_first(&world.sandbox, 298);
    let mut removed = Vec::new();
    for _ in 0..4 {
        world.pass(12 * 3_600);
        world.pass(12 * 3_600);
        let SyncOutcome::Finished(finished) = world.run_with("a", Duration::ZERO, RemovalBrake::On).await else {
            panic!("not finished")
        };
        removed.push(finished.removed);
    }
    assert_eq!(removed, [0, 0, 2, 0]);
}
