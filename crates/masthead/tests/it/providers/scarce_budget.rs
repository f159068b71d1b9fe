//! A provider with fewer calls than requests.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::providers::{
    client::by_id,
    server::{FederatedTenant, ProviderTestServer},
};

/// More than a busy machine adds to the deadline.
const MARGIN: Duration = Duration::from_secs(15);

#[test]
fn requests_above_the_budget_end_in_time() {
    let deadline = Duration::from_secs(6);
    let name = |number: usize| format!("reader-{number}");
    let mut scarce = FederatedTenant::new("scarce");
    scarce.settings = &[("Auth0.BudgetBurst", "2"), ("Auth0.BudgetPerSecond", "2")];
    scarce.stored = (0..200).step_by(2).map(name).collect();
    scarce.shown = (0..200).map(name).collect();
    let server = ProviderTestServer::start(&[scarce], &[("HTTP__REQUEST_DEADLINE", "6s")]);
    server.runtime.block_on(async {
        let (client, sandbox) = (&server.client("scarce"), server.sandbox("scarce"));
        let began = Instant::now();
        let requests = (0..200).map(async |number| client.get(&by_id(&name(number)), "many").await);
        let responses = join_all(requests).await;
        let took = began.elapsed();
        for (number, response) in responses.iter().enumerate() {
            assert!(response.took < deadline + MARGIN, "{response:?}");
            if response.complete() == Some(true) {
                assert_eq!(
                    (response.status, &response.user()["firstName"]),
                    (200, &"Liveside".into())
                );
                continue;
            }
            assert_eq!(response.source("Auth0"), ("unavailable", "rate_limited"));
            if number % 2 == 0 {
                response.assert_status(200, false);
                response.assert_store_record(&name(number));
            } else {
                response.assert_unconfirmed();
            }
        }
        let complete = responses.iter().filter(|response| response.complete() == Some(true));
        assert!(complete.count() >= 2, "the budget is used");
        let calls = u32::try_from(sandbox.calls_to("/api/")).unwrap();
        let allowed = 2.0 + 2.0 * took.as_secs_f64();
        assert!(f64::from(calls) <= allowed + 1.0, "{calls} calls in {took:?}");
    });
    server.stop();
}
