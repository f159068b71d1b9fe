//! Concurrent equal lookups.

use std::time::Duration;

use futures_util::future::join_all;
use masthead_sandbox::{Fault, FaultRule};
use tokio::task::unconstrained;

use crate::{
    sources::harness::{ReadKind, SourceHarness, SourceRequest},
    support::sources::SourceUnderTest,
};

pub(crate) async fn concurrent_equal_lookups_share_one_call(source: &'static SourceUnderTest) {
    let harness = SourceHarness::start(source, Duration::from_hours(1), &["both"], &["both"]).await;
    harness.wait_until_complete().await;
    harness.sandbox.clear_log();
    let late = FaultRule::from(Fault::Latency { ms: 500 }).on(source.calls);
    harness.sandbox.inject(late);
    // All requests start before any continues: without a cache, a request after the answer would make another call.
    let requests = (0..500).map(|_| unconstrained(harness.send(SourceRequest::new(ReadKind::ById, "both"))));
    for response in join_all(requests).await {
        response.assert_complete(&["both"]);
    }
    assert_eq!(harness.sandbox.calls(), 1);
}
