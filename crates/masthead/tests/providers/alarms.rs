//! What an operator must see, and what must not be taken for an answer: refused credentials, somebody else, and a
//! provider that asks for a pause.

use std::time::Duration;

use masthead_sandbox::{Fault, FaultRule};
use serde_json::Value;

use crate::{
    asking::{by_email, by_id},
    cells::status,
    people::crid,
    world::{Paper, World},
};

/// What `/health/ready` says of a tenant's provider.
fn health(world: &World, paper: &str) -> Value {
    let (status, body) = world.page("/health/ready");
    assert_eq!(status, 200, "the store still answers");
    let body: Value = serde_json::from_str(&body).unwrap();
    let all = body["providers"].as_array().unwrap();
    let tenant = format!("north/daily/{paper}");
    all.iter().find(|one| one["tenant"] == *tenant).unwrap().clone()
}

/// The alarm's metric of a tenant.
fn alarm(world: &World, paper: &str) -> String {
    let (_, metrics) = world.page("/metrics");
    let of_tenant = format!(r#"tenant="north/daily/{paper}""#);
    let mut lines = metrics
        .lines()
        .filter(|line| line.starts_with("masthead_provider_misconfigured{") && line.contains(&of_tenant));
    let line = lines.next().unwrap_or_else(|| panic!("no alarm: {metrics}"));
    line.rsplit(' ').next().unwrap().to_owned()
}

#[test]
fn refused_credentials_are_an_alarm_and_never_not_found() {
    let mut wrong = Paper::of("wrong");
    wrong.settings = &[("Auth0.ClientSecretEnv", "MASTHEAD_SECRET_WRONG")];
    let mut missing = Paper::of("missing");
    missing.settings = &[("Auth0.ClientSecretEnv", "MASTHEAD_SECRET_NOBODY_SETS")];
    let world = World::start(&[wrong, missing, Paper::of("expired")], &[("PROVIDERS__FRESH", "0s")]);
    for (paper, fault) in [("wrong", None), ("expired", Some(401)), ("missing", None)] {
        let client = world.client(paper);
        if let Some(code) = fault {
            world.sandbox(paper).inject(FaultRule::from(status(code)).on("/api/"));
        }
        world.runtime.block_on(async {
            let told = client.ask(&by_id(&format!("both-{paper}")), "alarm").await;
            assert_eq!((told.status, told.complete()), (200, Some(false)));
            assert_eq!(told.source("Auth0"), ("unavailable", "misconfigured"));
            told.is_the_stores(&format!("both-{paper}"));
            for path in [by_id("nobody"), by_email("nobody"), by_id(&format!("theirs-{paper}"))] {
                client.ask(&path, "alarm").await.cannot_tell();
            }
        });
        if paper != "missing" {
            let health = health(&world, paper);
            assert_eq!(
                (&health["provider"], &health["misconfigured"]),
                (&"Auth0".into(), &true.into())
            );
            assert_eq!(alarm(&world, paper), "1");
        }
    }
    // Each look-up had one new token and no more.
    let sandbox = world.sandbox("expired");
    assert!(sandbox.calls_to("/oauth/token") <= 1 + sandbox.calls_to("/api/"));
    assert_eq!(world.sandbox("wrong").calls_to("/api/"), 0);
    sandbox.clear_faults();
    let client = world.client("expired");
    let told = world
        .runtime
        .block_on(client.ask_until_complete(&by_id("both-expired"), "over"));
    told.is_merged("both-expired");
    assert_eq!(health(&world, "expired")["misconfigured"], false);
    assert_eq!(alarm(&world, "expired"), "0");

    let log = world.end().log;
    let alarms = log.lines().filter(|line| line.contains("rejects our credentials"));
    let alarms: Vec<_> = alarms.collect();
    for paper in ["wrong", "expired"] {
        let of_tenant = alarms
            .iter()
            .filter(|line| line.contains(&format!("north/daily/{paper}")));
        assert_eq!(of_tenant.count(), 1, "told once: {alarms:?}");
    }
    assert!(log.contains("accepts our credentials again"));
    assert!(log.contains("the secret is not at its place"));
}

#[test]
fn an_answer_about_somebody_else_is_refused_and_audited() {
    let mut paper = Paper::of("someone");
    paper.shown.push("stranger".to_owned());
    let world = World::start(&[paper], &[("PROVIDERS__FRESH", "1h")]);
    let (client, sandbox) = (world.client("someone"), world.sandbox("someone"));
    sandbox.inject(FaultRule::from(Fault::OtherUser).on("/api/"));
    let before = world.registrations("someone");
    world.runtime.block_on(async {
        for path in [by_id("both-someone"), by_email("both-someone")] {
            let told = client.ask(&path, "other").await;
            assert_eq!((told.status, told.complete()), (200, Some(false)));
            assert_eq!(told.source("Auth0"), ("unavailable", "corrupt"));
            told.is_the_stores("both-someone");
        }
        for path in [by_id("theirs-someone"), by_email("theirs-someone")] {
            let told = client.ask(&path, "other").await;
            told.cannot_tell();
            assert!(!told.body.to_string().contains(&crid("stranger")));
        }
    });
    assert_eq!(world.registrations("someone"), before);
    sandbox.clear_faults();
    world.runtime.block_on(async {
        client
            .ask(&by_id("both-someone"), "true")
            .await
            .is_merged("both-someone");
    });
    let ended = world.end();
    let audited = ended
        .log
        .lines()
        .filter(|line| line.contains("the provider's answer is refused"));
    assert!(audited.clone().count() >= 4, "{}", ended.log);
    assert!(audited.clone().all(|line| line.contains("somebody else")));
    let written = "SELECT request_id FROM events WHERE kind = 4004 AND request_id = 'other'";
    assert_eq!(ended.rows(written), Vec::<String>::new());
}

#[test]
fn nobody_calls_before_the_time_that_a_provider_asks_for() {
    let world = World::start(&[Paper::of("later"), Paper::of("limited")], &[]);
    for (paper, code) in [("later", 503), ("limited", 429)] {
        let (client, sandbox) = (world.client(paper), world.sandbox(paper));
        sandbox.inject(
            FaultRule::from(Fault::Status {
                status: code,
                retry_after: Some(600),
                reset_in: None,
                body: None,
            })
            .on("/api/"),
        );
        world.runtime.block_on(async {
            let told = client.ask(&by_id(&format!("theirs-{paper}")), "first").await;
            told.cannot_tell();
            let calls = sandbox.calls_to("/api/");
            assert!(calls >= 1);
            for name in ["both", "ours"] {
                let told = client.ask(&by_id(&format!("{name}-{paper}")), "next").await;
                assert_eq!((told.status, told.complete()), (200, Some(false)));
                assert_eq!(told.source("Auth0"), ("unavailable", "rate_limited"));
                assert!(told.took < Duration::from_secs(20), "it does not wait for it");
            }
            let told = client.ask(&by_id("nobody"), "next").await;
            told.cannot_tell();
            assert!(told.retry_after > Some(300), "the client is told when: {told:?}");
            assert_eq!(sandbox.calls_to("/api/"), calls);
        });
    }
    let ended = world.end();
    // A call that did not leave us is no event.
    let asked = "SELECT request_id FROM events WHERE kind = 4601 ORDER BY 1";
    assert_eq!(ended.rows(asked), ["first", "first"]);
}
