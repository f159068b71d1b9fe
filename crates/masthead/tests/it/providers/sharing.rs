//! Many callers and few calls: shared look-ups, a scarce budget, and whose time-out decides.

use std::time::{Duration, Instant};

use masthead_sandbox::{Fault, FaultRule, Outage};
use tokio::{task::JoinSet, time::sleep};

use crate::{
    providers::{
        client::{UserApiClient, UserResponse, by_id},
        server::{FederatedTenant, ProviderTestServer},
    },
    support::raw_http::FOREVER,
};

/// What a loaded machine adds, and more.
const MARGIN: Duration = Duration::from_secs(15);

async fn all(client: &UserApiClient, paths: impl Iterator<Item = String>) -> Vec<UserResponse> {
    let mut requested = JoinSet::new();
    for (number, path) in paths.enumerate() {
        let client = client.clone();
        requested.spawn(async move { (number, client.get(&path, "many").await) });
    }
    let mut response = requested.join_all().await;
    response.sort_by_key(|(number, _)| *number);
    response.into_iter().map(|(_, response)| response).collect()
}

#[test]
fn five_hundred_who_ask_for_the_same_reader_make_one_call_also_when_the_first_hangs_up() {
    let server = ProviderTestServer::start(
        &[
            FederatedTenant::new("same"),
            FederatedTenant::new("left"),
            FederatedTenant::new("gone"),
        ],
        &[
            ("HTTP__REQUEST_DEADLINE", "60s"),
            ("PROVIDERS__CALL_TIMEOUT", "50s"),
            ("PROVIDERS__CONNECT_TIMEOUT", "200ms"),
            ("PROVIDERS__FRESH", "1h"),
        ],
    );
    server.runtime.block_on(async {
        for (paper, first_leaves) in [("same", false), ("left", true)] {
            let (client, sandbox) = (server.client(paper), server.sandbox(paper));
            sandbox.inject(FaultRule::from(Fault::Latency { ms: 1_000 }).on("/api/"));
            let path = by_id(&format!("both-{paper}"));
            if first_leaves {
                let first = tokio::spawn({
                    let (client, path) = (client.clone(), path.clone());
                    async move { client.get(&path, "first").await }
                });
                let began = Instant::now();
                while sandbox.calls_to("/api/") == 0 {
                    assert!(began.elapsed() < FOREVER, "the first caller's call never left");
                    sleep(Duration::from_millis(5)).await;
                }
                // Its connection is closed with it.
                first.abort();
                assert!(first.await.is_err_and(|error| error.is_cancelled()));
            }
            for response in all(&client, std::iter::repeat_n(path, 500)).await {
                response.assert_merged(&format!("both-{paper}"));
            }
            assert_eq!(sandbox.calls_to("/api/"), 1, "{paper}");
        }
        // A provider that is not there costs the time to connect, and not the time that a call may take.
        server.sandbox("gone").outage(Outage::Unreachable).await.unwrap();
        let response = server.client("gone").get(&by_id("both-gone"), "gone").await;
        assert_eq!((response.status, response.source("Auth0").0), (200, "unavailable"));
        assert!(response.took < MARGIN, "{:?}", response.took);
    });
    server.stop();
}

#[test]
fn two_hundred_different_look_ups_with_a_budget_of_two_a_second_each_say_in_time_what_they_are() {
    let name = |number: usize| format!("reader-{number}");
    let deadline = Duration::from_secs(6);
    let mut scarce = FederatedTenant::new("scarce");
    scarce.settings = &[("Auth0.BudgetBurst", "2"), ("Auth0.BudgetPerSecond", "2")];
    scarce.stored = (0..200).filter(|number| number % 2 == 0).map(name).collect();
    scarce.shown = (0..200).map(name).collect();
    let server = ProviderTestServer::start(
        &[scarce, FederatedTenant::new("slow")],
        &[("HTTP__REQUEST_DEADLINE", "6s"), ("PROVIDERS__CALL_TIMEOUT", "60s")],
    );
    server.runtime.block_on(async {
        let (client, sandbox) = (server.client("scarce"), server.sandbox("scarce"));
        let began = Instant::now();
        let response = all(&client, (0..200).map(|number| by_id(&name(number)))).await;
        let took = began.elapsed();
        let mut whole = 0;
        for (number, response) in response.iter().enumerate() {
            assert!(response.took < deadline + MARGIN, "{response:?}");
            let is_stored = number % 2 == 0;
            if response.complete() == Some(true) {
                whole += 1;
                assert_eq!(
                    (response.status, response.user()["firstName"].as_str()),
                    (200, Some("Liveside"))
                );
                continue;
            }
            assert_eq!(response.source("Auth0"), ("unavailable", "rate_limited"));
            if is_stored {
                assert_eq!((response.status, response.complete()), (200, Some(false)));
                response.assert_store_record(&name(number));
            } else {
                response.assert_unconfirmed();
            }
        }
        let allowed = 2.0 + 2.0 * took.as_secs_f64();
        let calls = u32::try_from(sandbox.calls_to("/api/")).unwrap();
        assert!(whole >= 2, "the budget is used");
        assert!(f64::from(calls) <= allowed + 1.0, "{calls} calls in {took:?}");

        // The request's deadline is handed down to the call, which might take longer by itself.
        server.sandbox("slow").inject(Fault::Latency { ms: 50_000 });
        let response = server.client("slow").get(&by_id("both-slow"), "slow").await;
        assert_eq!((response.status, response.source("Auth0").0), (200, "unavailable"));
        assert!(response.took < deadline + MARGIN, "{:?}", response.took);
    });
    server.stop();
}
