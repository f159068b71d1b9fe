//! Refused calls are events, a token is bound to its source systems, and the audit log needs its scope.

use http::Request;
use masthead_domain::event::{Event, EventKind};
use masthead_testkit::contract_cases::{CaseToken, ContractCase, Expectation};
use serde_json::Value;

use crate::fixture::ApiFixture;

const SINCE: &str = "since=2026-01-01T00:00:00Z";

/// Gets this path with this token from this source system.
async fn get(api: &ApiFixture, target: &str, token: &str, source_system: &str) -> (u16, String) {
    let request = Request::get(target)
        .header("authorization", format!("bearer {token}"))
        .header("x-sourcesystem", source_system)
        .header("x-clientgroupcode", "north")
        .header("x-clientcode", "daily")
        .header("x-papercode", "herald")
        .body(String::new());
    let answer = api.send(request.unwrap()).await;
    (answer.status, answer.body)
}

fn detail(event: &Event) -> Value {
    serde_json::from_str(event.detail.as_deref().unwrap()).unwrap()
}

#[tokio::test]
async fn refused_calls_are_events() {
    let api = ApiFixture::new();
    let get = |status| ContractCase::get("/v4/Users", Expectation::Status(status));
    for (case, status, subject) in [
        (get(401).bearing(CaseToken::Expired), 401, None),
        (get(403).bearing(CaseToken::OtherTenant), 403, Some("other")),
    ] {
        api.check(vec![case]).await;
        let events = api.events.take();
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].kind, EventKind::CallRefused);
        assert_eq!(detail(&events[0])["status"], status);
        assert_eq!(events[0].caller.subject.as_deref(), subject);
        assert_eq!(
            (events[0].tenant.as_str(), &*events[0].source_system),
            ("north/daily/herald", "CRM")
        );
    }
    // A header that is missing is a mistake, not a refusal.
    api.check(vec![get(400).without("X-PaperCode")]).await;
    assert!(api.events.take().is_empty());
    // Beyond the rate they are counted; the clock of the fixture stands still.
    for _ in 0..100 {
        api.check(vec![get(401).bearing(CaseToken::Expired)]).await;
    }
    assert_eq!(api.events.take().len(), 18);
}

#[tokio::test]
async fn wrong_key_of_a_workspace_is_an_event() {
    let api = ApiFixture::new();
    let request = Request::post("/v1/customers/export?app_id=herald")
        .header("authorization", "Basic aGVyYWxkOndyb25n")
        .header("content-type", "application/json")
        .body("{}".to_owned());
    assert_eq!(api.send(request.unwrap()).await.status, 401);
    let events = api.events.take();
    assert_eq!(events.len(), 1);
    assert_eq!(
        (events[0].kind, &*events[0].source_system),
        (EventKind::CallRefused, "")
    );
    assert_eq!(detail(&events[0])["reason"], "Authentication required");
}

#[tokio::test]
async fn token_is_bound_to_its_source_systems() {
    let api = ApiFixture::new();
    assert_eq!(get(&api, "/v4/Users/2937", "bound", "CRM").await.0, 200);
    let (status, body) = get(&api, "/v4/Users/2937", "bound", "WEB").await;
    assert_eq!(status, 401);
    assert!(body.contains("the token does not grant this X-SourceSystem"), "{body}");
    let refused = api.events.take().pop().unwrap();
    assert_eq!(
        (refused.kind, refused.caller.subject.as_deref()),
        (EventKind::CallRefused, Some("bound"))
    );
}

#[tokio::test]
async fn audit_log_needs_its_scope_and_is_recorded() {
    let api = ApiFixture::new();
    let target = format!("/v4/Audit?user=2937&{SINCE}");
    assert_eq!(get(&api, &target, "reader", "CRM").await.0, 403);
    assert_eq!(get(&api, &target, "admin", "CRM").await.0, 403);
    api.events.take();
    let (status, body) = get(&api, &target, "auditor", "CRM").await;
    assert_eq!(status, 200, "{body}");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["message"]["code"], "UsersOrchestrator_S200_15");
    assert_eq!(body["data"], serde_json::json!([]));
    let events = api.events.take();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].kind, EventKind::AuditRead);
    assert_eq!(events[0].filter.as_ref().unwrap().kind, "id");

    let (status, body) = get(&api, "/v4/Audit?user=2937", "auditor", "CRM").await;
    assert_eq!(status, 400);
    assert!(
        body.contains("E400_02") && body.contains("since must be given"),
        "{body}"
    );
}
