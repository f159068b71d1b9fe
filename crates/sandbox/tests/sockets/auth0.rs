//! The simulated Auth0 over a socket: what it refuses, and its quota. What it answers is held by the tests of the adapter.

use std::time::Duration;

use masthead_sandbox::Quota;
use serde_json::{Value, json};

use crate::client::{SandboxClient, SandboxResponse};

const LIST: &str = "api/v2/users";

fn with(mut body: Value, name: &str, value: &str) -> Value {
    body[name] = value.into();
    body
}

/// The status, and this member of the body.
fn outcome(response: &SandboxResponse, member: &str) -> (u16, String) {
    let text = response.json()[member].as_str().unwrap_or_default().to_owned();
    (response.status.as_u16(), text)
}

#[tokio::test]
async fn invalid_token_request_has_an_oauth_error() {
    let client = SandboxClient::auth0(0).await;
    let right = client.credentials();
    let wrong_audience = format!("{}api/v2", client.sandbox.url());
    for (name, value, status, error) in [
        ("client_secret", "wrong", 401, "access_denied"),
        ("client_id", "unknown", 401, "access_denied"),
        ("audience", &wrong_audience, 403, "access_denied"),
        ("grant_type", "password", 403, "unsupported_grant_type"),
        ("grant_type", "", 400, "invalid_request"),
    ] {
        let refused = client.request_token(&with(right.clone(), name, value)).await;
        assert_eq!(outcome(&refused, "error"), (status, error.into()), "{name} {value}");
        assert!(refused.json()["error_description"].is_string());
    }
}

#[tokio::test]
async fn unsupported_parameters_and_queries_are_refused() {
    let client = SandboxClient::auth0(1).await;
    for query in [
        "page=-1",
        "page=x",
        "per_page=101",
        "include_totals=1",
        "sort=email",
        "sort=user_metadata.x:1",
        "foo=1",
        "fields=email",
        "search_engine=v1",
        "q=picture:x",
        "q=email:*ab*",
        "q=name:(",
        "q=email:jane",
        "q=",
        "page=1&page=2",
    ] {
        let refused = client.call("GET", &format!("{LIST}?{query}"), None).await;
        assert_eq!(
            outcome(&refused, "errorCode"),
            (400, "invalid_query_string".into()),
            "{query}"
        );
    }
    let past = client.call("GET", &format!("{LIST}?page=10&per_page=100"), None).await;
    assert_eq!(outcome(&past, "errorCode"), (400, "invalid_paging".into()));
    assert_eq!(client.status(&format!("{LIST}?q={}", "a".repeat(9_000))).await, 414);
    assert_eq!(client.status("api/v2/nothing").await, 404);
}

#[tokio::test]
async fn user_is_created_once_per_connection() {
    let client = SandboxClient::auth0(0).await;
    let right = json!({"connection": "Username-Password-Authentication", "email": "a@example.com", "password": "long enough",
        "user_id": "mine", "user_metadata": {"x": 1}});
    let created = client.call("POST", LIST, Some(&right)).await;
    assert_eq!(outcome(&created, "user_id"), (201, "auth0|mine".into()));
    assert!(created.json().get("password").is_none());
    for (name, value, status, code) in [
        ("user_id", "other", 409, "auth0_idp_error"),
        ("password", "short", 400, "invalid_password"),
        ("connection", "nowhere", 400, "inexistent_connection"),
        ("foo", "bar", 400, "invalid_body"),
    ] {
        let refused = client.call("POST", LIST, Some(&with(right.clone(), name, value))).await;
        assert_eq!(outcome(&refused, "errorCode"), (status, code.into()), "{name}");
    }
    let elsewhere = with(with(right, "user_id", "third"), "connection", "imported-readers");
    assert_eq!(client.call("POST", LIST, Some(&elsewhere)).await.status, 201);
    let huge = json!({"connection": "email", "email": "b@example.com", "name": "x".repeat(1_100_000)});
    assert_eq!(client.call("POST", LIST, Some(&huge)).await.status, 413);
}

#[tokio::test]
async fn used_up_quota_reports_its_reset() {
    let client = SandboxClient::auth0(1).await;
    client.sandbox.clock().freeze();
    client.sandbox.auth0().change_settings(|all| all.quota = Quota::free());
    let first = client.call("GET", LIST, None).await;
    assert_eq!(
        (first.number("x-ratelimit-limit"), first.number("x-ratelimit-remaining")),
        (2, 1)
    );
    client.call("GET", LIST, None).await;
    let refused = client.call("GET", LIST, None).await;
    assert_eq!(outcome(&refused, "errorCode"), (429, "too_many_requests".into()));
    let wait = refused.number("x-ratelimit-reset") - client.sandbox.clock().now().unix_timestamp();
    client.sandbox.clock().advance(Duration::from_secs(wait.unsigned_abs()));
    assert_eq!(client.status(LIST).await, 200);
}

#[tokio::test]
async fn long_response_is_compressed_on_request() {
    let mut client = SandboxClient::auth0(50).await;
    client.headers.push(("accept-encoding", "gzip".into()));
    assert_eq!(client.call("GET", LIST, None).await.headers["content-encoding"], "gzip");
}

#[tokio::test]
async fn every_call_checks_its_token() {
    let mut client = SandboxClient::auth0(1).await;
    assert_eq!(client.status(LIST).await, 200);
    client.sandbox.clock().advance(Duration::from_secs(86_401));
    assert_eq!(client.get(LIST).await["attributes"]["error"], "Invalid token.");
    client.sign_in().await;
    client.sandbox.auth0().revoke_tokens();
    assert_eq!(client.status(LIST).await, 401);
    client.headers.clear();
    assert_eq!(client.status(LIST).await, 401);
}
