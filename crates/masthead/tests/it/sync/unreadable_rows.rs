//! Rows that a provider sends and that cannot be read.

use std::time::Duration;

use masthead_orchestrator::SyncOutcome;
use masthead_ports::mirror::{RemovalBrake, RunSummary};
use masthead_sandbox::Fault;

use crate::sync::{harness::SyncHarness, kind::ProviderKind};

/// Quality rules, fault table: an unreadable row costs only itself, and its user is not counted as missing.
#[tokio::test]
async fn unreadable_row_removes_no_user() {
    for kind in ProviderKind::ALL {
        let harness = SyncHarness::new(kind, 120).await;
        assert_eq!(harness.run("a").await.name(), "finished");
        let accounts = harness.provider_accounts().await;
        let odd = accounts[50].crid.as_str();
        let broken = Fault::Replaced {
            text: format!("\"{odd}\""),
            with: r#""\ud83d""#.to_owned(),
        };
        harness.sandbox.inject(broken);
        kind.keep_first(&harness.sandbox, 119);
        for _ in 0..4 {
            harness.pass(86_400);
            let finished = full_run(&harness).await;
            assert_eq!((finished.missing, finished.removed), (0, 0), "{kind:?}");
        }
        harness.sandbox.clear_faults();
        harness.pass(86_400);
        assert_eq!(
            full_run(&harness).await.missing,
            1,
            "{kind:?}: the missing user is noticed now"
        );
    }
}

async fn full_run(harness: &SyncHarness) -> RunSummary {
    match harness.run_with("a", Duration::ZERO, RemovalBrake::On).await {
        SyncOutcome::Finished(finished) => finished,
        outcome => panic!("{outcome:?}"),
    }
}
