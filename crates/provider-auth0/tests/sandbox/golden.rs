//! Compares the requests with those of Auth0's own Node library for the same calls.

use std::path::PathBuf;

use masthead_domain::{email::Email, query::UserFilter};
use masthead_ports::accounts::{AccountChange, NewAccount};
use masthead_provider_testkit::new_account;
use masthead_sandbox::RecordedRequest;
use serde_json::{Value, json};

use crate::support::{Auth0Fixture, DATABASE, SourceClient, listing, with};

fn recording(name: &str) -> Value {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../sandbox/fixtures/auth0-node");
    serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap()
}

/// The recorded requests of a call, in the form in which they are compared.
fn recorded(name: &str) -> Vec<Value> {
    let requests = recording(&format!("{name}.json"))["requests"].clone();
    let text = |request: &Value, member: &str| request[member].as_str().unwrap().to_owned();
    let all = requests.as_array().unwrap().iter();
    all.map(|request| {
        let kind = request["headers"]["content-type"].as_str();
        compared(
            &text(request, "method"),
            &text(request, "path"),
            &text(request, "query"),
            kind,
            &text(request, "body"),
        )
    })
    .collect()
}

/// The compared parts of a request, without the order of parameters, form fields and members, and without the library's
/// own parts.
fn compared(method: &str, path: &str, query: &str, kind: Option<&str>, body: &str) -> Value {
    let sorted = |text: &str| {
        let mut parts: Vec<String> = text.split('&').map(str::to_owned).collect();
        parts.sort();
        parts
    };
    let body = match serde_json::from_str::<Value>(body) {
        Ok(json @ Value::Object(_)) => json,
        _ => json!(sorted(body)),
    };
    json!({"method": method, "path": path, "query": sorted(query), "content-type": kind, "body": body})
}

fn local(fixture: &Auth0Fixture) -> Vec<Value> {
    let form = |entry: &RecordedRequest| {
        let body = entry.body.replace(
            &encoded(fixture.sandbox.auth0().audience().as_str()),
            "https%3A%2F%2Ftenant.example%2Fapi%2Fv2%2F",
        );
        if entry.path != "/oauth/token" {
            assert!(entry.header("authorization").unwrap().starts_with("Bearer "));
        }
        compared(
            &entry.method,
            &entry.path,
            &entry.query,
            entry.header("content-type"),
            &body,
        )
    };
    fixture.sandbox.log_with_secrets().iter().map(form).collect()
}

fn encoded(text: &str) -> String {
    text.replace(':', "%3A").replace('/', "%2F")
}

/// A fixture with the users of the recordings, whose token is already fetched.
async fn fixture(settings: &[(&str, &str)]) -> Auth0Fixture {
    let users = recording("seed/users.json").as_array().unwrap().clone();
    let fixture = with(users, settings).await;
    fixture.by_id("auth0|plain").await.unwrap();
    fixture.sandbox.clear_log();
    fixture
}

#[tokio::test]
async fn user_request_matches_library() {
    let fixture = fixture(&[]).await;
    for (at, id) in ["plain", "a b+c", "sla/sh?x=1&y#z", "k\u{e4}se%41"].iter().enumerate() {
        fixture.sandbox.clear_log();
        fixture.by_id(&format!("auth0|{id}")).await.unwrap();
        assert_eq!(local(&fixture), recorded(&format!("get-{at}")));
    }
    fixture.sandbox.clear_log();
    fixture.by_id("waad|Ann.O'Neil@example.com~(x)*!").await.unwrap();
    assert_eq!(local(&fixture), recorded("get-4"));
    fixture.sandbox.clear_log();
    fixture.by_id("auth0|nobody").await.unwrap();
    assert_eq!(local(&fixture)[..1], recorded("get-missing"));
}

#[tokio::test]
async fn linked_identity_search_matches_library() {
    let fixture = fixture(&[]).await;
    fixture.by_id("github|ann").await.unwrap();
    assert_eq!(local(&fixture)[1..2], recorded("list-by-linked-identity"));
}

#[tokio::test]
async fn address_request_matches_library() {
    let fixture = fixture(&[]).await;
    fixture.by_email("Ann+News@example.com").await.unwrap();
    let mut requests = local(&fixture);
    requests.sort_by_key(|request| request["path"].as_str().map(str::len));
    // The library was called with capitals; Masthead's keys have none, and search ignores case.
    let search = recorded("list-by-email")[0]
        .to_string()
        .replace("Ann%2BNews", "ann%2Bnews");
    assert_eq!(requests[0].to_string(), search);
    assert_eq!(requests[1..], recorded("by-email"));
    fixture.sandbox.clear_log();
    fixture
        .by_email("o'neil&co=1/\u{e9} \u{fc}%@example.com")
        .await
        .unwrap();
    assert!(
        local(&fixture).contains(&recorded("by-email-odd")[0]),
        "{:?}",
        local(&fixture)
    );
}

#[tokio::test]
async fn token_request_matches_library() {
    let fixture = with(vec![], &[]).await;
    fixture.by_id("auth0|nobody").await.unwrap();
    assert_eq!(local(&fixture)[0], recorded("token")[0]);
}

#[tokio::test]
async fn page_requests_match_library() {
    let fixture = fixture(&[("Auth0.PageSize", "4")]).await;
    fixture.search(&listing(UserFilter::default(), 1_000)).await.unwrap();
    // The library's call ordered the youngest first.
    let wanted = json!(recorded("list-next-page"))
        .to_string()
        .replace("created_at%3A-1", "created_at%3A1");
    assert_eq!(json!(local(&fixture)).to_string(), wanted);
}

#[tokio::test]
async fn write_requests_match_library() {
    let settings = [
        ("Auth0.Connections", DATABASE),
        ("Auth0.Connection", DATABASE),
        ("Auth0.MetadataMap", "app_metadata.plan=plan, gone=displayName"),
    ];
    let fixture = fixture(&settings).await;
    let new = NewAccount {
        email: Email::parse("new@example.com").unwrap(),
        ..new_account(&[("phoneNumber", "+12025550100"), ("plan", "digital")])
    };
    fixture.create(&new).await.unwrap();
    let change = AccountChange {
        first_name: Some("Anna".into()),
        metadata: vec![
            ("timeZone".into(), Some("Europe/Oslo".into())),
            ("displayName".into(), None),
        ],
        ..AccountChange::default()
    };
    fixture.update("auth0|ann", &change).await.unwrap();
    fixture.set_email("auth0|ann", "anna@example.com", true).await.unwrap();
    fixture.set_password("auth0|ann", "Sandbox-password-2").await.unwrap();
    fixture.delete("auth0|a b+c").await.unwrap();
    let calls = ["create", "update", "update-email", "update-password", "delete"];
    for (local, call) in local(&fixture).iter().zip(calls) {
        assert_eq!(*local, recorded(call)[0], "{call}");
    }
}
