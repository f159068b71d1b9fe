//! The audit log over real sockets: who read a user, refused calls, changes by operators, and what a killed server has lost.

use std::{
    thread,
    time::{Duration, Instant},
};

use masthead_dev_postgres::TestDatabase;
use masthead_testkit::contract_cases::{CaseAnswer, CaseRequest, fixture::HERALD};
use serde_json::{Value, json};

use crate::support::{
    FULL_DISK, http_client, jwt,
    process::{self, SECRET, ServerProcess},
    raw_http::FOREVER,
};

const SINCE: &str = "2026-01-01T00:00:00Z";

/// A server with one tenant and one user.
struct AuditedServer {
    server: ServerProcess,
    database: TestDatabase,
    settings: Vec<(String, String)>,
}

fn claims(scope: &str) -> Value {
    let mut claims = jwt::claims(&[HERALD]);
    claims["scope"] = scope.into();
    claims["sub"] = "service-newsletter".into();
    claims["azp"] = "newsletter".into();
    claims["jti"] = "token-1".into();
    claims
}

impl AuditedServer {
    fn start() -> Self {
        Self::start_with(&[])
    }

    fn start_with(more: &[(String, String)]) -> Self {
        let user = json!({"tenant": HERALD, "customerRegistrationId": "2937", "email": "ann@example.com"});
        let tenant = (HERALD.to_owned(), Vec::new());
        let database = process::loaded_database(&[tenant], &format!("{user}\n"));
        let settings = [process::settings(&database.url().unwrap()), more.to_vec()].concat();
        Self {
            server: ServerProcess::start(&settings),
            database,
            settings,
        }
    }

    fn get(&self, target: &str, claims: &Value, source_system: &str) -> CaseAnswer {
        let mut parts = HERALD.split('/').map(str::to_owned);
        let mut part = || parts.next().unwrap();
        let token = jwt::hs256_token(claims, SECRET);
        let request = CaseRequest {
            method: "GET",
            target: target.to_owned(),
            headers: vec![
                ("X-ClientGroupCode", part()),
                ("X-ClientCode", part()),
                ("X-PaperCode", part()),
                ("X-SourceSystem", source_system.to_owned()),
                ("Authorization", format!("bearer {token}")),
            ],
            body: String::new(),
        };
        http_client::send(self.server.address, &request)
    }

    /// The events of this query, once there are so many.
    fn events(&self, query: &str, count: usize) -> Vec<Value> {
        let began = Instant::now();
        loop {
            let answer = self.get(
                &format!("/v4/Audit?{query}&since={SINCE}"),
                &claims("audit:read"),
                "AUDIT",
            );
            assert_eq!(answer.status, 200, "{}", answer.body);
            let body: Value = serde_json::from_str(&answer.body).unwrap();
            let events = body["data"].as_array().unwrap().clone();
            if events.len() >= count {
                return events;
            }
            assert!(began.elapsed() < FOREVER, "{}", answer.body);
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// The lines that `masthead audit` prints as JSON.
    fn command(&self, arguments: &[&str]) -> Vec<Value> {
        let arguments = [&["audit", "--json", "--since", SINCE], arguments].concat();
        let printed = process::run_ok(&self.settings, &arguments, "");
        printed
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

#[test]
fn reads_are_answered_with_their_caller() {
    let audited = AuditedServer::start();
    let reader = claims("users:read");
    assert_eq!(audited.get("/v4/Users/2937", &reader, "CRM").status, 200);
    assert_eq!(audited.get("/v4/Users?firstName=x", &reader, "CRM").status, 200);
    assert_eq!(audited.get("/v4/Users", &reader, "CRM").status, 200);
    // The last of them, with the import.
    let events = audited.events("user=2937", 2);
    let kinds: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["SUBSCRIBE_USER_GET", "SUBSCRIBE_USER_GETBYID"]);
    assert_eq!(events[0]["filter"]["kind"], "all");
    assert_eq!(events[1]["filter"]["kind"], "id");
    assert_eq!(events[1]["network"], "127.0.0.0/24");
    let caller = &events[1]["caller"];
    assert_eq!(
        (&caller["subject"], &caller["clientId"], &caller["tokenId"]),
        (&json!("service-newsletter"), &json!("newsletter"), &json!("token-1"))
    );
    // By subject and by client, page by page; reads of the log are events of the same caller.
    assert!(audited.events("caller=service-newsletter", 3).len() >= 3);
    assert_eq!(audited.events("caller=newsletter&limit=1", 1).len(), 1);
    let page = audited.get(
        &format!("/v4/Audit?user=2937&since={SINCE}&limit=1"),
        &claims("audit:read"),
        "AUDIT",
    );
    let page: Value = serde_json::from_str(&page.body).unwrap();
    let cursor = http_client::percent_encoded(page["meta"]["nextCursor"].as_str().unwrap());
    let last = audited.events(&format!("user=2937&limit=1&cursor={cursor}"), 1);
    assert_eq!(last[0]["requestId"], events[1]["requestId"]);
    assert!(!audited.events("kind=audit", 1).is_empty());

    // The same by command.
    let printed = audited.command(&["--user", "2937", "--tenant", HERALD]);
    assert_eq!(printed.len(), 2);
    assert_eq!(printed[1]["subject"], "service-newsletter");
    assert!(audited.command(&["--caller", "newsletter"]).len() >= 3);
    assert!(audited.command(&["--user", "2938"]).is_empty());
}

#[test]
fn refused_calls_are_events() {
    let audited = AuditedServer::start();
    let mut expired = claims("users:read");
    expired["exp"] = (jwt::now() - 3600).into();
    assert_eq!(audited.get("/v4/Users/2937", &expired, "CRM").status, 401);
    assert_eq!(audited.get("/v4/Users/2937", &claims("users:write"), "CRM").status, 403);
    let mut bound = claims("users:read");
    bound["source_systems"] = json!(["CRM"]);
    assert_eq!(audited.get("/v4/Users/2937", &bound, "CRM").status, 200);
    let refused = audited.get("/v4/Users/2937", &bound, "WEB");
    assert_eq!(refused.status, 401);
    assert!(
        refused.body.contains("the token does not grant this X-SourceSystem"),
        "{}",
        refused.body
    );
    let events = audited.events("kind=refused", 3);
    let reasons: Vec<_> = events
        .iter()
        .map(|event| event["detail"]["reason"].as_str().unwrap())
        .collect();
    assert_eq!(
        reasons,
        [
            "the token does not grant this X-SourceSystem",
            "the token does not grant this call for this tenant: it has no scope users:read or users:search or users:list",
            "the token is expired",
        ]
    );
    assert_eq!(events[1]["caller"]["subject"], "service-newsletter");
    assert_eq!(events[2].get("caller"), None, "an expired token names nobody");

    // A workspace that requests too many users, and one with a wrong key.
    let limits = ["--identifiers-per-payload", "2", "--users-per-minute", "3"];
    let arguments = [&["workspace", "add", "herald", "--tenant", HERALD][..], &limits].concat();
    let key = process::run_ok(&audited.settings, &arguments, "");
    let export = |key: &str| {
        let identifiers = ["2937", "2938"].map(|id| json!({"identifier_type": "customer_id", "identifier": id}));
        let request = CaseRequest {
            method: "POST",
            target: "/v1/customers/export?app_id=herald".to_owned(),
            headers: vec![
                ("Authorization", crate::contract::export::basic("herald", key)),
                ("Content-Type", "application/json".to_owned()),
            ],
            body: json!({"identifiers": identifiers}).to_string(),
        };
        http_client::send(audited.server.address, &request).status
    };
    let began = Instant::now();
    while export(&key) != 429 {
        assert!(began.elapsed() < FOREVER, "the workspace is not known");
        thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(export("wrong"), 401);
    let began = Instant::now();
    loop {
        let printed = audited.command(&["--refused"]);
        // A workspace is named where its key was right.
        let has = |status: u16, workspace: &str, reason: &str| {
            let is = |event: &Value| {
                event["detail"]["status"] == status
                    && event["detail"]["reason"] == reason
                    && event["sourceSystem"] == workspace
            };
            printed.iter().any(is)
        };
        if has(429, "herald", "RateLimitError") && has(401, "", "Authentication required") {
            break;
        }
        assert!(began.elapsed() < FOREVER, "{printed:?}");
    }
}

#[test]
fn changes_by_operators_are_events() {
    let audited = AuditedServer::start();
    let set = [
        "tenant",
        "set",
        HERALD,
        "Retention.EventDays=90",
        "Auth0.ClientSecretEnv=MASTHEAD_SECRET__NORTH__DAILY__HERALD__A",
    ];
    process::run_ok(&audited.settings, &set, "");
    process::run_ok(&audited.settings, &["workspace", "add", "w", "--tenant", HERALD], "");
    let show = ["user", "show", "--tenant", HERALD, "2937"];
    process::run_ok(&audited.settings, &show, "");
    let caller = ["--issuer", "https://issuer.example", "--subject", "crm"];
    let add = [&["caller", "add"], &caller[..], &["--tenant", HERALD]].concat();
    process::run_ok(&audited.settings, &add, "");
    process::run_ok(&audited.settings, &[&["caller", "deny"], &caller[..]].concat(), "");
    let events = audited.command(&["--operators"]);
    let commands: Vec<_> = events
        .iter()
        .map(|event| event["detail"]["command"].as_str().unwrap())
        .collect();
    assert_eq!(
        commands[..4],
        ["caller deny", "caller add", "workspace add", "tenant set"]
    );
    assert_eq!(events[1]["detail"]["after"]["caller"]["value"], "crm");
    let events = &events[2..];
    assert!(commands.contains(&"import") && commands.contains(&"tenant add") && commands.contains(&"migrate"));
    let detail = &events[1]["detail"];
    assert_eq!(detail["before"]["settings"], json!({}));
    assert_eq!(detail["after"]["settings"]["Retention.EventDays"], "90");
    let operator = events[0]["subject"].as_str().unwrap();
    assert!(events[0]["issuer"].as_str().unwrap().starts_with("os:"));
    // What an operator reads is an event as well.
    let read = audited.command(&["--caller", operator, "--tenant", HERALD]);
    assert!(
        read.iter().any(|event| event["event"] == "SUBSCRIBE_USER_GETBYID"),
        "{read:?}"
    );
    let keys = audited
        .database
        .run("SELECT count(*) FROM events WHERE detail::text ~ 'mhk_'");
    assert_eq!(keys.unwrap().trim(), "0");
}

#[test]
fn unrecordable_read_is_503_when_required() {
    let audited = AuditedServer::start_with(&[
        process::setting("AUDIT__REQUIRED", "true"),
        process::setting("DATABASE__EVENT_QUEUE", "4"),
    ]);
    let read = || audited.get("/v4/Users/2937", &claims("users:read"), "CRM");
    assert_eq!(read().status, 200);
    audited.database.run(FULL_DISK).unwrap();
    let until = |status: u16| {
        let began = Instant::now();
        loop {
            let answer = read();
            if answer.status == status {
                return answer.body;
            }
            assert!(began.elapsed() < FOREVER, "never {status}: {}", answer.body);
        }
    };
    // The writer holds a batch; then the queue fills.
    let refused = until(503);
    assert!(
        refused.contains("UsersOrchestrator_E503") && !refused.contains("ann"),
        "{refused}"
    );
    let metrics = http_client::get(audited.server.address, "/metrics").body;
    assert!(metrics.contains("masthead_events_dropped_total"), "{metrics}");
    audited.database.run("DROP TRIGGER full_disk ON events").unwrap();
    until(200);
    // What was answered is in the log, and the log has the number of what is not.
    let began = Instant::now();
    while !audited
        .command(&["--refused"])
        .iter()
        .any(|line| line["lost"].as_u64() > Some(0))
    {
        assert!(began.elapsed() < FOREVER, "no loss is reported");
        read();
    }
}

#[test]
fn addresses_are_kept_as_the_setting_states() {
    for (kept, network) in [("address", json!("127.0.0.1")), ("none", Value::Null)] {
        let audited = AuditedServer::start_with(&[process::setting("AUDIT__ADDRESS", kept)]);
        assert_eq!(audited.get("/v4/Users/2937", &claims("users:read"), "CRM").status, 200);
        assert_eq!(audited.events("caller=newsletter", 1)[0]["network"], network, "{kept}");
    }
}

#[test]
fn writes_name_their_caller() {
    let audited = AuditedServer::start();
    let mut parts = HERALD.split('/').map(str::to_owned);
    let mut part = || parts.next().unwrap();
    let token = jwt::hs256_token(&claims("users:write"), SECRET);
    let update = CaseRequest {
        method: "PUT",
        target: "/v4/Users/2937".to_owned(),
        headers: vec![
            ("X-ClientGroupCode", part()),
            ("X-ClientCode", part()),
            ("X-PaperCode", part()),
            ("X-SourceSystem", "CRM".to_owned()),
            ("Content-Type", "application/json".to_owned()),
            ("Authorization", format!("bearer {token}")),
        ],
        body: json!({"firstName": "Ann"}).to_string(),
    };
    let answer = http_client::send(audited.server.address, &update);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let event = &audited.events("user=2937", 1)[0];
    assert_eq!(event["event"], "SUBSCRIBE_USER_UPDATE");
    assert_eq!(event["network"], "127.0.0.0/24");
    let named = ["subject", "clientId", "tokenId"].map(|name| &event["caller"][name]);
    assert_eq!(json!(named), json!(["service-newsletter", "newsletter", "token-1"]));
}

#[test]
fn killed_server_is_reported() {
    let audited = AuditedServer::start();
    assert_eq!(audited.get("/v4/Users/2937", &claims("users:read"), "CRM").status, 200);
    audited.events("user=2937", 1);
    assert!(
        audited.command(&["--refused"]).is_empty(),
        "a server that runs has lost nothing"
    );
    audited.server.signal("KILL");
    // As a minute later.
    audited
        .database
        .run("UPDATE event_writers SET flushed_at = flushed_at - interval '61 seconds' WHERE stopped_at IS NULL")
        .unwrap();
    let printed = audited.command(&["--refused"]);
    assert_eq!(printed.len(), 1, "{printed:?}");
    assert_eq!(
        (&printed[0]["brokenOff"], &printed[0]["lost"]),
        (&json!(true), &json!(0))
    );
}
