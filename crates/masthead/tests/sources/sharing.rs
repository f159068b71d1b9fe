//! Many who ask for the same at once.

use std::time::Duration;

use futures_util::future::join_all;
use masthead_sandbox::{Fault, FaultRule};
use tokio::task::unconstrained;

use crate::{
    people::crid,
    stage::{Ask, Stage, Way},
    under_test::Source,
};

pub(crate) async fn makes_one_call(source: &'static Source) {
    let stage = Stage::start(source, Duration::from_hours(1), &["both"], &["both"]).await;
    stage.ask_until_complete().await;
    stage.sandbox.clear_log();
    let late = FaultRule::from(Fault::Latency { ms: 500 }).on(source.calls);
    stage.sandbox.inject(late);
    // All have asked before anything else goes on: where nothing is remembered, whoever came after the answer would ask anew.
    let asked = (0..500).map(|_| unconstrained(stage.ask(Ask::new(Way::ById, "both"))));
    for told in join_all(asked).await {
        assert_eq!((told.ids(), told.completeness.complete), (vec![&*crid("both")], true));
    }
    assert_eq!(stage.sandbox.calls(), 1);
}
