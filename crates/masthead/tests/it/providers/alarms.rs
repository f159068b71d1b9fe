//! Alarms: rejected credentials, and a provider that requests a pause.

use std::time::Duration;

use masthead_sandbox::{Fault, FaultRule};
use serde_json::Value;

use crate::{
    providers::{
        client::{by_email, by_id},
        server::{FederatedTenant, ProviderTestServer},
    },
    sources::faults::status,
};

/// The provider's state in `/health/ready`.
fn health(server: &ProviderTestServer, paper: &str) -> Value {
    let (status, body) = server.page("/health/ready");
    assert_eq!(status, 200, "the store still answers");
    let body: Value = serde_json::from_str(&body).unwrap();
    let all = body["providers"].as_array().unwrap();
    let tenant = format!("north/daily/{paper}");
    all.iter().find(|one| one["tenant"] == *tenant).unwrap().clone()
}

/// Waits until the alarm's metric of a tenant has this value: the page is reused for a while, longer on a busy machine.
fn wait_for_alarm(server: &ProviderTestServer, paper: &str, value: &str) {
    let line = format!(r#"masthead_provider_misconfigured{{provider="Auth0",tenant="north/daily/{paper}"}} {value}"#);
    for _ in 0..200 {
        if server.page("/metrics").1.lines().any(|other| other == line) {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("missing: {line}");
}

#[test]
fn rejected_credentials_are_an_alarm() {
    let mut wrong = FederatedTenant::new("wrong");
    wrong.settings = &[("Auth0.ClientSecretEnv", "MASTHEAD_SECRET__NORTH__DAILY__WRONG__WRONG")];
    let mut missing = FederatedTenant::new("missing");
    missing.settings = &[(
        "Auth0.ClientSecretEnv",
        "MASTHEAD_SECRET__NORTH__DAILY__MISSING__NEVER_SET",
    )];
    let server = ProviderTestServer::start(
        &[wrong, missing, FederatedTenant::new("expired")],
        &[("PROVIDERS__FRESH", "0s")],
    );
    for (paper, fault) in [("wrong", None), ("expired", Some(401)), ("missing", None)] {
        let client = server.client(paper);
        if let Some(code) = fault {
            server.sandbox(paper).inject(FaultRule::from(status(code)).on("/api/"));
        }
        server.runtime.block_on(async {
            let response = client.get(&by_id(&format!("both-{paper}")), "alarm").await;
            response.assert_status(200, false);
            assert_eq!(response.source("Auth0"), ("unavailable", "misconfigured"));
            response.assert_store_record(&format!("both-{paper}"));
            for path in [
                by_id("missing"),
                by_email("missing"),
                by_id(&format!("provider-{paper}")),
            ] {
                client.get(&path, "alarm").await.assert_unconfirmed();
            }
        });
        if paper != "missing" {
            let health = health(&server, paper);
            assert_eq!(
                (&health["provider"], &health["misconfigured"]),
                (&"Auth0".into(), &true.into())
            );
            wait_for_alarm(&server, paper, "1");
        }
    }
    // Each lookup requested at most one new token.
    let sandbox = server.sandbox("expired");
    assert!(sandbox.calls_to("/oauth/token") <= 1 + sandbox.calls_to("/api/"));
    assert_eq!(server.sandbox("wrong").calls_to("/api/"), 0);
    sandbox.clear_faults();
    let client = server.client("expired");
    let response = server
        .runtime
        .block_on(client.get_until_complete(&by_id("both-expired"), "over"));
    response.assert_merged("both-expired");
    assert_eq!(health(&server, "expired")["misconfigured"], false);
    wait_for_alarm(&server, "expired", "0");

    let log = server.stop().log;
    let alarms = log.lines().filter(|line| line.contains("rejects our credentials"));
    let alarms: Vec<_> = alarms.collect();
    for paper in ["wrong", "expired"] {
        let of_tenant = alarms
            .iter()
            .filter(|line| line.contains(&format!("north/daily/{paper}")));
        assert_eq!(of_tenant.count(), 1, "response once: {alarms:?}");
    }
    assert!(log.contains("accepts our credentials again"));
    assert!(log.contains("the secret is not at its place"));
}

#[test]
fn retry_after_of_a_provider_is_respected() {
    let server = ProviderTestServer::start(&[FederatedTenant::new("later"), FederatedTenant::new("limited")], &[]);
    for (paper, code) in [("later", 503), ("limited", 429)] {
        let (client, sandbox) = (server.client(paper), server.sandbox(paper));
        sandbox.inject(
            FaultRule::from(Fault::Status {
                status: code,
                retry_after: Some(600),
                reset_in: None,
                body: None,
            })
            .on("/api/"),
        );
        server.runtime.block_on(async {
            let response = client.get(&by_id(&format!("provider-{paper}")), "first").await;
            response.assert_unconfirmed();
            let calls = sandbox.calls_to("/api/");
            assert!(calls >= 1);
            for name in ["both", "local"] {
                let response = client.get(&by_id(&format!("{name}-{paper}")), "next").await;
                response.assert_status(200, false);
                assert_eq!(response.source("Auth0"), ("unavailable", "rate_limited"));
                assert!(response.took < Duration::from_secs(20), "it does not wait for it");
            }
            let response = client.get(&by_id("missing"), "next").await;
            response.assert_unconfirmed();
            assert!(
                response.retry_after > Some(300),
                "the client is response when: {response:?}"
            );
            assert_eq!(sandbox.calls_to("/api/"), calls);
        });
    }
    let ended = server.stop();
    // A lookup without a call writes no event.
    let requested = "SELECT request_id FROM events WHERE kind = 4601 ORDER BY 1";
    assert_eq!(ended.rows(requested), ["first", "first"]);
}
