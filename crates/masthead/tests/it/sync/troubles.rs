//! Two at once, an outage, and many users who are gone at once.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_domain::order::Order;
use masthead_orchestrator::{Outcome, Progress};
use masthead_ports::directory::Brake;
use masthead_sandbox::{Fault, FaultRule};

use tokio_util::sync::CancellationToken;

use crate::sync::{harness::SyncHarness, kind::ProviderKind};

const KINDS: [ProviderKind; 4] = [
    ProviderKind::Auth0,
    ProviderKind::Gigya,
    ProviderKind::Ssor,
    ProviderKind::Firefly,
];

#[tokio::test]
async fn two_syncs_at_once_are_one() {
    let harness = SyncHarness::new(ProviderKind::Auth0, 300).await;
    let (one, other) = tokio::join!(harness.run("a"), harness.run("b"));
    let mut names = [one.name(), other.name()];
    names.sort_unstable();
    assert_eq!(names, ["busy", "finished"]);
    assert_eq!(harness.sandbox.calls(), ProviderKind::Auth0.calls(300) as u64);
}

#[tokio::test]
async fn the_run_of_a_killed_process_is_free_once_its_lease_ends() {
    const LEASE: Duration = Duration::from_secs(4);
    let harness = Arc::new(SyncHarness::new(ProviderKind::Auth0, 300).await);
    harness
        .hang(LEASE, async {
            // While it lives its lease is renewed, though its call takes longer.
            tokio::time::sleep(LEASE + LEASE / 2).await;
            assert_eq!(harness.run("b").await.name(), "busy");
        })
        .await;
    let killed = Instant::now();
    let mut busy = Duration::ZERO;
    loop {
        let asked = killed.elapsed();
        match harness.run("b").await {
            Outcome::Busy { left } => {
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
    assert_eq!(harness.sandbox.calls(), ProviderKind::Auth0.calls(300) as u64);
}

#[tokio::test]
async fn a_provider_that_goes_away_in_the_middle_leaves_what_was_kept_and_the_sync_goes_on_from_there() {
    for kind in KINDS {
        let harness = SyncHarness::new(kind, 400).await;
        // Everything fails from the third page on, for longer than anybody waits.
        let down = Fault::Status {
            status: 503,
            retry_after: None,
            reset_in: None,
            body: None,
        };
        let accounts = harness.provider_accounts().await;
        let mut break_down = |progress: &Progress| {
            if progress.steps == 2 {
                harness.sandbox.inject(FaultRule::from(down.clone()));
            }
        };
        let (process, end) = (harness.process("a", Duration::ZERO), CancellationToken::new());
        let outcome = process.run(&harness.tenant, Brake::On, &end, &mut break_down).await;
        assert_eq!(outcome.name(), "failed", "{kind:?}");
        harness.sandbox.clear_faults();
        let before = harness.sandbox.calls();
        let outcome = harness.run("b").await;
        assert_eq!(outcome.name(), "finished", "{kind:?}");
        assert!(
            harness.sandbox.calls() - before <= kind.calls(400) as u64 - 2,
            "two pages were kept"
        );
        assert_eq!(
            harness.assert_lists_match(&accounts, &[Order::default()], 1_000).await,
            400
        );
    }
}

#[tokio::test]
async fn many_who_are_gone_at_once_stay_and_the_brake_is_told_of() {
    for kind in KINDS {
        let harness = SyncHarness::new(kind, 300).await;
        assert_eq!(harness.run("a").await.name(), "finished");
        let accounts = harness.provider_accounts().await;
        kind.keep_first(&harness.sandbox, 290);
        for day in 1..=3 {
            harness.pass(86_400);
            let outcome = harness.run_with("a", Duration::ZERO, Brake::On).await;
            let Outcome::Finished(finished) = outcome else {
                panic!("{kind:?} {outcome:?}")
            };
            assert_eq!(
                (finished.missing, finished.removed, finished.braked),
                (10, 0, true),
                "{kind:?} day {day}"
            );
            assert!(harness.standing().await.braked_at.is_some());
        }
        assert_eq!(
            harness.assert_lists_match(&accounts, &[Order::default()], 1_000).await,
            300,
            "nobody is removed"
        );

        // An operator says that they are gone: now they are, after as many confirmations as it takes.
        for day in 1..=3 {
            harness.pass(86_400);
            let outcome = harness.run_with("a", Duration::ZERO, Brake::Released).await;
            let Outcome::Finished(finished) = outcome else {
                panic!("{kind:?} {outcome:?}")
            };
            assert_eq!((finished.missing, finished.braked), (10, false));
            assert_eq!(finished.removed, if day == 3 { 10 } else { 0 });
        }
        assert_eq!(harness.standing().await.braked_at, None);
        let left = harness.provider_accounts().await;
        assert_eq!(harness.assert_lists_match(&left, &[Order::default()], 1_000).await, 290);
    }
}

/// Quality rules, fault table: one row that cannot be read costs that row only, and whose it is cannot be messages to be gone.
#[tokio::test]
async fn one_row_that_cannot_be_read_ends_no_sync_and_removes_nobody() {
    for kind in KINDS {
        let harness = SyncHarness::new(kind, 120).await;
        assert_eq!(harness.run("a").await.name(), "finished");
        let accounts = harness.provider_accounts().await;
        let odd = accounts[50].crid.as_str();
        let spoilt = Fault::Replaced {
            text: format!("\"{odd}\""),
            with: r#""\ud83d""#.to_owned(),
        };
        harness.sandbox.inject(spoilt);
        kind.keep_first(&harness.sandbox, 119);
        for _ in 0..4 {
            harness.pass(86_400);
            let Outcome::Finished(finished) = harness.run_with("a", Duration::ZERO, Brake::On).await else {
                panic!("{kind:?}: not finished")
            };
            assert_eq!((finished.missing, finished.removed), (0, 0), "{kind:?}");
        }
        harness.sandbox.clear_faults();
        harness.pass(86_400);
        let Outcome::Finished(finished) = harness.run_with("a", Duration::ZERO, Brake::On).await else {
            panic!("{kind:?}: not finished")
        };
        assert_eq!(finished.missing, 1, "{kind:?}: whoever is gone is noticed now");
    }
}

#[tokio::test]
async fn a_few_who_are_gone_are_forgotten_after_days() {
    let harness = SyncHarness::new(ProviderKind::Gigya, 300).await;
    assert_eq!(harness.run("a").await.name(), "finished");
    ProviderKind::Gigya.keep_first(&harness.sandbox, 298);
    let mut removed = Vec::new();
    for _ in 0..4 {
        harness.pass(12 * 3_600);
        harness.pass(12 * 3_600);
        let Outcome::Finished(finished) = harness.run_with("a", Duration::ZERO, Brake::On).await else {
            panic!("not finished")
        };
        removed.push(finished.removed);
    }
    assert_eq!(removed, [0, 0, 2, 0]);
}
