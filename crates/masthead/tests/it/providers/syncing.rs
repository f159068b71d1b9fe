//! Sync runs of the server's schedule and of `masthead sync`.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use masthead_sandbox::Fault;
use serde_json::{Value, json};

use crate::{
    providers::{
        client::by_id,
        server::{FederatedTenant, ProviderTestServer},
    },
    support::{raw_http::FOREVER, readers::crid, sources::AUTH0},
};

/// The state of the tenant's mirror in `/health/ready`, once it matches.
fn wait_for_mirror(server: &ProviderTestServer, paper: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    let tenant = format!("north/daily/{paper}");
    loop {
        let (_, body) = server.page("/health/ready");
        let body: Value = serde_json::from_str(&body).unwrap();
        let all = body["syncs"].as_array().cloned().unwrap_or_default();
        if let Some(found) = all.into_iter().find(|one| one["tenant"] == *tenant && is_so(one)) {
            return found;
        }
        assert!(began.elapsed() < FOREVER, "{body}");
        sleep(Duration::from_millis(100));
    }
}

#[test]
fn lists_come_from_the_mirror() {
    let server = ProviderTestServer::start(&[FederatedTenant::new("kept")], &[("SYNC__EVERY", "1s")]);
    let mirror = wait_for_mirror(&server, "kept", |one| {
        one["asOf"].is_string() && one["running"] == false
    });
    assert_eq!((&mirror["profiles"], &mirror["braked"]), (&json!(2), &json!(false)));
    let (_, metrics) = server.page("/metrics");
    for wanted in [
        "masthead_sync_last_success_timestamp_seconds{",
        r#"masthead_sync_running{tenant="north/daily/kept"}"#,
        r#"masthead_sync_users_total{tenant="north/daily/kept",change="added"} 2"#,
        r#"outcome="finished"}"#,
    ] {
        assert!(metrics.contains(wanted), "{wanted}: {metrics}");
    }
    server.runtime.block_on(async {
        server.sandbox("kept").off().await.unwrap();
        let response = server
            .client("kept")
            .get("/v4/Users?pageSize=10&lastName=quizzel", "list")
            .await;
        assert_eq!(
            (response.status, response.source("Auth0").0),
            (200, "ok"),
            "{response:?}"
        );
        let ids: Vec<&Value> = response
            .users()
            .iter()
            .map(|user| &user["customerRegistrationId"])
            .collect();
        assert_eq!(ids, [&crid("both-kept"), &crid("local-kept"), &crid("provider-kept")]);
        assert_eq!(response.body["meta"]["totalRecords"], 3);
    });
    let ended = server.stop();
    assert!(ended.log.contains("the mirror is up to date"), "{}", ended.log);
}

/// The output of a command, and whether it succeeded.
fn report_of(output: &std::process::Output) -> (Value, bool) {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let report = serde_json::from_str(text.trim()).unwrap_or(Value::Null);
    (report, output.status.success())
}

/// docs/operations.md: the check needs a finished sync, and changes nothing without `--repair`.
#[test]
fn registration_check_needs_a_complete_mirror() {
    let server = ProviderTestServer::start(&[FederatedTenant::new("checked")], &[("SYNC__EVERY", "0s")]);
    let check = ["registrations", "check", "--tenant", "north/daily/checked"];
    let early = server.command(&check, &[]);
    let why = String::from_utf8(early.stderr.clone()).unwrap();
    assert!(!early.status.success() && why.contains("masthead sync"), "{why}");
    let (_, succeeded) = report_of(&server.command(&["sync", "--tenant", "north/daily/checked"], &[]));
    assert!(succeeded);
    let (summary, succeeded) = report_of(&server.command(&check, &[]));
    assert!(succeeded, "{summary}");
    assert_eq!(summary, json!({"dryRun": true, "split": 0, "merged": 0, "moved": 0}));
}

#[test]
fn manual_sync_reports_and_brakes() {
    let mut paper = FederatedTenant::new("hand");
    paper.shown.extend((0..40).map(|number| format!("more{number}-hand")));
    let server = ProviderTestServer::start(&[paper], &[("SYNC__FULL_EVERY", "0s")]);
    let tenant = ["--tenant", "north/daily/hand"];
    let sync = |more: &[&str]| {
        let arguments: Vec<&str> = ["sync"].into_iter().chain(tenant).chain(more.iter().copied()).collect();
        server.command(&arguments, &[])
    };

    let (preview, succeeded) = report_of(&sync(&["--dry-run"]));
    assert!(succeeded);
    assert_eq!(
        (&preview["added"], &preview["profiles"], &preview["dryRun"]),
        (&json!(42), &json!(0), &json!(true))
    );
    let (report, succeeded) = report_of(&sync(&[]));
    assert!(succeeded, "{report}");
    assert_eq!(
        (&report["added"], &report["seen"], &report["missing"]),
        (&json!(42), &json!(42), &json!(0))
    );

    let sandbox = server.sandbox("hand");
    sandbox.auth0().clear_users();
    sandbox
        .auth0()
        .seed((0..30).map(|number| (AUTH0.user)(&format!("more{number}-hand"))));
    let (preview, _) = report_of(&sync(&["--dry-run"]));
    assert_eq!((&preview["missing"], &preview["unchanged"]), (&json!(12), &json!(30)));
    let braked = sync(&[]);
    let (report, succeeded) = report_of(&braked);
    assert!(!succeeded);
    assert_eq!(
        (&report["missing"], &report["removed"], &report["braked"]),
        (&json!(12), &json!(0), &json!(true))
    );
    let why = String::from_utf8(braked.stderr).unwrap();
    assert!(why.contains("--release-brake") && why.contains("gone at once"), "{why}");
    let (report, succeeded) = report_of(&sync(&["--release-brake"]));
    assert_eq!(
        (succeeded, &report["missing"], &report["braked"]),
        (true, &json!(12), &json!(false))
    );

    let unknown = server.command(&["sync", "--tenant", "north/daily/missing"], &[]);
    assert!(!unknown.status.success() && unknown.stdout.is_empty());
    let response = server
        .runtime
        .block_on(async { server.client("hand").get(&by_id("more1-hand"), "live").await });
    assert_eq!(
        (response.status, response.source("Auth0").0),
        (200, "ok"),
        "{response:?}"
    );
    let ended = server.stop();
    let kept = ended.rows("SELECT count(*) FROM mirror_entries WHERE profile IS NOT NULL");
    assert_eq!(
        kept,
        ["42"],
        "no user is removed before its absence is confirmed often enough"
    );
}

#[test]
fn brake_is_shown_in_readiness_and_metrics() {
    let mut paper = FederatedTenant::new("alarm");
    paper.shown.extend((0..40).map(|number| format!("more{number}-alarm")));
    let server = ProviderTestServer::start(&[paper], &[("SYNC__EVERY", "1s"), ("SYNC__FULL_EVERY", "0s")]);
    wait_for_mirror(&server, "alarm", |one| one["asOf"].is_string());
    let sandbox = server.sandbox("alarm");
    sandbox.auth0().clear_users();
    sandbox.auth0().seed([(AUTH0.user)("both-alarm")]);
    let mirror = wait_for_mirror(&server, "alarm", |one| one["braked"] == true && one["running"] == false);
    assert_eq!(
        (&mirror["profiles"], &mirror["lastOutcome"]),
        (&json!(42), &json!("braked"))
    );
    let (status, metrics) = server.page("/metrics");
    assert_eq!(status, 200);
    assert!(
        metrics.contains(r#"masthead_sync_braked{tenant="north/daily/alarm"} 1"#),
        "{metrics}"
    );
    let ended = server.stop();
    assert!(
        ended
            .log
            .contains("none is removed until an operator releases the brake"),
        "{}",
        ended.log
    );
}

/// The number of this tenant's runs with this outcome.
fn runs(server: &ProviderTestServer, paper: &str, outcome: &str) -> u64 {
    let name = format!(r#"masthead_sync_runs_total{{tenant="north/daily/{paper}",outcome="{outcome}"}} "#);
    let (_, metrics) = server.page("/metrics");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
    line.map_or(0, |count| count.parse().unwrap())
}

/// With one permit: a tenant whose provider is off, and two whose provider does not answer.
#[test]
fn failing_tenants_do_not_delay_others() {
    let papers = ["dead-1", "dead-2", "dead-3", "living"].map(FederatedTenant::new);
    let settings = [
        ("SYNC__EVERY", "1s"),
        ("SYNC__AT_ONCE", "1"),
        ("PROVIDERS__CALL_TIMEOUT", "1s"),
    ];
    let server = ProviderTestServer::start(&papers, &settings);
    for paper in &papers {
        wait_for_mirror(&server, paper.code, |one| one["asOf"].is_string());
    }
    server
        .runtime
        .block_on(async { server.sandbox("dead-1").off().await.unwrap() });
    for code in ["dead-2", "dead-3"] {
        server.sandbox(code).inject(Fault::Silence);
    }
    for code in ["dead-1", "dead-2", "dead-3"] {
        wait_for_mirror(&server, code, |one| one["lastOutcome"] == "failed");
    }
    // Each failing tenant gets a permit meanwhile, for at least three seconds.
    let (before, began) = (runs(&server, "living", "finished"), Instant::now());
    while runs(&server, "living", "finished") < before + 5 {
        assert!(
            began.elapsed() < Duration::from_mins(1),
            "the living one waits for the dead"
        );
        sleep(Duration::from_millis(100));
    }
    server.stop();
}

/// A sync leaves half of the budget to other calls and waits for the rest with the lowest priority.
#[test]
fn lookups_have_priority_over_sync() {
    const HALF: usize = 200;
    const PEOPLE: usize = 150;
    let mut paper = FederatedTenant::new("first");
    paper.settings = &[
        ("Auth0.BudgetBurst", "400"),
        ("Auth0.BudgetPerSecond", "1"),
        ("Auth0.PageSize", "2"),
    ];
    paper.stored.clear();
    paper.shown = (0..900).map(|number| format!("reader-{number}")).collect();
    let settings = [
        ("SYNC__EVERY", "1s"),
        ("PROVIDERS__FRESH", "0s"),
        ("HTTP__REQUEST_DEADLINE", "90s"),
    ];
    let server = ProviderTestServer::start(&[paper], &settings);
    let sandbox = server.sandbox("first");
    let (of_people, of_sync) = ("/api/v2/users/", "/api/v2/users");
    server.runtime.block_on(async {
        let began = Instant::now();
        // The sync now waits for its half to be refilled.
        while sandbox.calls_to(of_sync) < HALF as u64 {
            assert!(began.elapsed() < FOREVER, "the sync makes no calls");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let client = server.client("first");
        let requested = (0..PEOPLE).map(|number| {
            let client = &client;
            async move {
                let response = client.get(&by_id(&format!("reader-{}", 6 * number)), "person").await;
                response.assert_status(200, true);
            }
        });
        join_all(requested).await;
    });
    assert_eq!(sandbox.calls_to(of_people), PEOPLE as u64, "one call for each");
    let log = sandbox.log();
    let calls: Vec<bool> = log
        .iter()
        .filter(|call| call.path.starts_with(of_sync))
        .map(|call| call.path.starts_with(of_people))
        .collect();
    // Half of the lookups use more budget than is refilled in the meantime, so from then on the budget leaves no call to the
    // sync.
    let mut people = calls.iter().enumerate().filter(|(_, is_persons)| **is_persons);
    let (middle, _) = people.nth(PEOPLE / 2).unwrap();
    let (last, _) = people.next_back().unwrap();
    let between = calls[middle..last].iter().filter(|is_persons| !**is_persons).count();
    assert_eq!(between, 0, "calls of the sync before those of people");
    let (_, body) = server.page("/health/ready");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["syncs"][0]["running"], true, "{body}");
    server.stop();
}
