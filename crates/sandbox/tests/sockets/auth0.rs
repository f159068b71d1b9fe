//! The simulated Auth0 over a socket: each endpoint, its rules and its error bodies.

use std::time::Duration;

use masthead_sandbox::Quota;
use serde_json::{Value, json};

use crate::client::{ONE_CALL, SandboxClient, SandboxResponse, percent_encode, user_ids};

const LIST: &str = "api/v2/users";

async fn search(client: &SandboxClient, q: &str) -> Value {
    client.get(&format!("{LIST}?q={}", percent_encode(q))).await
}

fn user_path(id: &str) -> String {
    format!("{LIST}/{}", percent_encode(id))
}

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
async fn token_has_the_scopes_of_its_client() {
    let client = SandboxClient::auth0(0).await;
    let token = client.request_token(&client.credentials()).await.json();
    assert_eq!(
        (&token["token_type"], &token["expires_in"]),
        (&json!("Bearer"), &json!(86_400))
    );
    assert!(token["scope"].as_str().unwrap().contains("read:users"));
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
async fn token_endpoint_has_its_own_quota() {
    let client = SandboxClient::auth0(0).await;
    client.sandbox.clock().freeze();
    client.sandbox.auth0().change_settings(|all| all.token_quota = ONE_CALL);
    assert_eq!(client.request_token(&client.credentials()).await.status, 200);
    let refused = client.request_token(&client.credentials()).await;
    assert_eq!(outcome(&refused, "error"), (429, "too_many_requests".into()));
    assert!(refused.number("retry-after") >= 1 && refused.headers.contains_key("auth0-client-quota-limit"));
}

#[tokio::test]
async fn key_set_contains_rotated_keys() {
    let client = SandboxClient::auth0(0).await;
    let keys = client.get(".well-known/jwks.json").await;
    for member in ["kty", "use", "alg", "kid", "n", "e"] {
        assert!(keys["keys"][0].get(member).is_some(), "{member}");
    }
    assert!(client.sandbox.auth0().rotate_keys(false));
    let keys = client.get(".well-known/jwks.json").await;
    assert_eq!(keys["keys"].as_array().unwrap().len(), 2);
    assert_eq!(keys["keys"][0]["kid"], client.sandbox.auth0().key_ids()[0]);
}

#[tokio::test]
async fn every_call_checks_its_token() {
    let mut client = SandboxClient::auth0(1).await;
    let right = client.headers.clone();
    let mint = |client: &SandboxClient, audience: &str, scope: &str| {
        client
            .sandbox
            .auth0()
            .mint(&json!({"aud": audience, "scope": scope}))
            .unwrap()
    };
    let audience = client.sandbox.auth0().audience();
    for (token, status, message) in [
        ("rubbish".to_owned(), 401, "Invalid token."),
        (
            mint(&client, &audience, "read:clients"),
            403,
            "Insufficient scope, expected any of: read:users",
        ),
        (
            mint(&client, "https://other.example/", "read:users"),
            401,
            "Bad audience: \"https://other.example/\"",
        ),
    ] {
        client.set_token(&token);
        assert_eq!(
            outcome(&client.call("GET", LIST, None).await, "message"),
            (status, message.into())
        );
    }
    client.headers = right;
    assert_eq!(client.status(LIST).await, 200);
    client.sandbox.clock().advance(Duration::from_secs(86_401));
    let expired = client.get(LIST).await;
    assert_eq!(
        expired["message"],
        "Expired token received for JSON Web Token validation"
    );
    assert_eq!(expired["attributes"]["error"], expired["message"]);
    client.sign_in().await;
    assert!(client.sandbox.auth0().rotate_keys(true));
    let revoked = client.get(LIST).await;
    assert_eq!(
        revoked["message"],
        "Invalid signature received for JSON Web Token validation."
    );
    client.headers.clear();
    assert_eq!(client.status(LIST).await, 401);
}

#[tokio::test]
async fn pages_contain_every_user_once() {
    let client = SandboxClient::auth0(130).await;
    let mut seen = Vec::new();
    for page in 0..3 {
        let shown = client
            .get(&format!("{LIST}?page={page}&per_page=50&include_totals=true"))
            .await;
        let totals = [&shown["start"], &shown["limit"], &shown["total"]];
        assert_eq!(totals, [&json!(page * 50), &json!(50), &json!(130)]);
        assert_eq!(shown["length"], json!(shown["users"].as_array().unwrap().len()));
        seen.extend(user_ids(&shown).into_iter().map(str::to_owned));
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 130);
    assert!(client.get(LIST).await.is_array());
    client.sandbox.auth0().change_settings(|all| all.longest_page = 20);
    let cut = client.get(&format!("{LIST}?per_page=50&include_totals=true")).await;
    assert_eq!((&cut["limit"], &cut["length"]), (&json!(20), &json!(20)));
}

#[tokio::test]
async fn paging_ends_after_a_thousand_users() {
    let client = SandboxClient::auth0(1_050).await;
    let last = client
        .get(&format!("{LIST}?page=9&per_page=100&include_totals=true"))
        .await;
    assert_eq!(last["total"], 1_050);
    let past = client.call("GET", &format!("{LIST}?page=10&per_page=100"), None).await;
    assert_eq!(outcome(&past, "errorCode"), (400, "invalid_paging".into()));
    let message = past.json()["message"].to_string();
    assert!(
        message.contains("You can only page through the first 1000 records."),
        "{message}"
    );
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
    assert_eq!(client.status(&format!("{LIST}?q={}", "a".repeat(9_000))).await, 414);
    assert_eq!(client.status("api/v2/nothing").await, 404);
}

#[tokio::test]
async fn lists_are_sorted_in_both_directions() {
    let client = SandboxClient::auth0(40).await;
    let up = client.get(&format!("{LIST}?sort=created_at:1")).await;
    let down = client.get(&format!("{LIST}?sort=created_at:-1")).await;
    let mut reversed = user_ids(&down);
    reversed.reverse();
    assert_eq!(user_ids(&up), reversed);
}

#[tokio::test]
async fn only_search_lags_behind_changes() {
    let client = SandboxClient::auth0(0).await;
    client.sandbox.clock().freeze();
    client.sandbox.auth0().change_settings(|all| all.search_lag_ms = 3_000);
    let body = json!({"connection": "Username-Password-Authentication", "email": "New@Example.com", "password": "long enough"});
    let created = client.call("POST", LIST, Some(&body)).await;
    assert_eq!(outcome(&created, "email"), (201, "new@example.com".into()));
    let id = created.json()["user_id"].as_str().unwrap().to_owned();
    assert_eq!(search(&client, "email:new*").await, json!([]));
    assert_eq!(client.status(&user_path(&id)).await, 200);
    let by_email = client.get("api/v2/users-by-email?email=new%40example.com").await;
    assert_eq!(user_ids(&by_email), [id.as_str()]);
    client.sandbox.clock().advance(Duration::from_secs(3));
    assert_eq!(user_ids(&search(&client, "email:new*").await), [id.as_str()]);
}

#[tokio::test]
async fn address_lookup_is_exact_and_search_is_not() {
    let client = SandboxClient::auth0(0).await;
    client.sandbox.auth0().seed([
        json!({"user_id": "auth0|1", "email": "ann@example.com"}),
        json!({"user_id": "google-oauth2|2", "email": "ann@example.com"}),
        json!({"user_id": "saml|3", "email": "Ann@Example.com"}),
    ]);
    for (email, count) in [("ann@example.com", 2), ("Ann@Example.com", 1), ("ANN@example.com", 0)] {
        let found = client
            .get(&format!("api/v2/users-by-email?email={}", percent_encode(email)))
            .await;
        assert_eq!(user_ids(&found).len(), count, "{email}");
    }
    assert_eq!(user_ids(&search(&client, r#"email:"ANN@example.com""#).await).len(), 3);
    assert_eq!(client.status("api/v2/users-by-email").await, 400);
    assert_eq!(client.status("api/v2/users-by-email?email=x&page=1").await, 400);
}

#[tokio::test]
async fn linked_identity_is_found_by_search_only() {
    let client = SandboxClient::auth0(40).await;
    let users = client.sandbox.auth0().users();
    let user = users.iter().find(|user| user["identities"][1].is_object()).unwrap();
    let second = user["identities"][1]["user_id"].as_str().unwrap();
    let missing = client
        .call("GET", &user_path(&format!("facebook|{second}")), None)
        .await;
    let body = json!({"statusCode": 404, "error": "Not Found", "message": "The user does not exist.", "errorCode": "inexistent_user"});
    assert_eq!((missing.status.as_u16(), missing.json()), (404, body));
    let found = search(&client, &format!(r#"identities.user_id:"{second}""#)).await;
    assert_eq!(user_ids(&found), [user["user_id"].as_str().unwrap()]);
}

#[tokio::test]
async fn ids_are_decoded_once_and_validated() {
    let client = SandboxClient::auth0(0).await;
    let odd = "auth0|a+b/c%41é ü";
    client
        .sandbox
        .auth0()
        .seed([json!({"user_id": odd, "email": "x@example.com"})]);
    assert_eq!(client.get(&user_path(odd)).await["user_id"], odd);
    let wrong = client.call("GET", &user_path("2937"), None).await;
    assert_eq!(outcome(&wrong, "errorCode"), (400, "invalid_uri".into()));
    assert_eq!(client.status(&format!("{}?fields=email", user_path(odd))).await, 400);
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
async fn user_update_follows_the_documented_rules() {
    let client = SandboxClient::auth0(10).await;
    let users = client.sandbox.auth0().users();
    let patch = async |id: &str, body: Value| client.call("PATCH", &user_path(id), Some(&body)).await;
    let id = users[0]["user_id"].as_str().unwrap();
    let change = json!({"given_name": "Nova", "nickname": null, "user_metadata": {"x": {"y": 1}}});
    let changed = patch(id, change).await.json();
    assert_eq!(
        (&changed["given_name"], changed.get("nickname")),
        (&json!("Nova"), None)
    );
    assert_eq!(changed["user_metadata"]["timeZone"], "Europe/Madrid");
    let moved = patch(id, json!({"email": "Nova@Example.com"})).await.json();
    assert_eq!(
        (&moved["email"], &moved["email_verified"]),
        (&json!("nova@example.com"), &json!(false))
    );
    assert_eq!(
        patch(id, json!({"password": "long enough", "email": "n@example.com"}))
            .await
            .status,
        400
    );
    assert_eq!(patch("auth0|missing", json!({"name": "x"})).await.status, 404);
    let social = users
        .iter()
        .find(|user| user["identities"][0]["isSocial"] == true)
        .unwrap();
    let refused = patch(social["user_id"].as_str().unwrap(), json!({"name": "x"})).await;
    assert_eq!(outcome(&refused, "errorCode"), (400, "operation_not_supported".into()));
}

#[tokio::test]
async fn deleting_an_absent_user_succeeds() {
    let client = SandboxClient::auth0(1).await;
    let id = client.sandbox.auth0().users()[0]["user_id"]
        .as_str()
        .unwrap()
        .to_owned();
    for _ in 0..2 {
        let response = client.call("DELETE", &user_path(&id), None).await;
        assert_eq!((response.status.as_u16(), response.body.len()), (204, 0));
    }
    assert_eq!(client.sandbox.auth0().user_count(), 0);
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
async fn slow_wildcard_times_out_when_configured() {
    let client = SandboxClient::auth0(5).await;
    client.sandbox.auth0().change_settings(|all| all.slow_wildcards = true);
    assert_eq!(search(&client, "email:*example*").await["statusCode"], 503);
    assert!(search(&client, "email:m*").await.is_array());
}

#[tokio::test]
async fn long_response_is_compressed_on_request() {
    let mut client = SandboxClient::auth0(50).await;
    client.headers.push(("accept-encoding", "gzip".into()));
    assert_eq!(client.call("GET", LIST, None).await.headers["content-encoding"], "gzip");
}
