//! The simulated Users API over a socket: what it refuses or marks incomplete. What it answers is held by the source suite.

use masthead_sandbox::{UsersApiConfig, sample_registrations};
use serde_json::{Value, json};

use crate::client::{ONE_CALL, SandboxClient, texts};

const HEADERS: [(&str, &str); 6] = [
    ("authorization", "bearer sandbox-users-token"),
    ("x-sourcesystem", "Masthead"),
    ("x-clientgroupcode", "far"),
    ("x-clientcode", "away"),
    ("x-papercode", "post"),
    ("content-type", "application/json; charset=utf-8"),
];

const SEARCH: &str = "v4/Users/Search";

async fn start(users: usize, user_provider: Option<&str>) -> SandboxClient {
    let mut config = UsersApiConfig {
        users: sample_registrations(users).collect(),
        ..UsersApiConfig::default()
    };
    config.settings.user_provider = user_provider.map(str::to_owned);
    let mut client = SandboxClient::start(config).await;
    client.headers = HEADERS.map(|(name, value)| (name, value.to_owned())).to_vec();
    client
}

/// Changes one header, or removes it when the value is empty; the others are the right ones.
fn set_header(client: &mut SandboxClient, name: &str, value: &str) {
    let changed = |(known, right): (&'static str, &str)| (known, if known == name { value } else { right }.to_owned());
    client.headers = HEADERS.map(changed).to_vec();
    client.headers.retain(|(_, value)| !value.is_empty());
}

async fn search(client: &SandboxClient, body: &Value) -> Value {
    client.call("POST", SEARCH, Some(body)).await.json()
}

#[tokio::test]
async fn calls_without_valid_headers_are_refused() {
    let mut client = start(1, None).await;
    for (name, value, status, code) in [
        ("authorization", "", 400, "E400_00"),
        ("authorization", "bearer other", 401, "E401"),
        ("authorization", "basic sandbox-users-token", 401, "E401"),
        ("x-sourcesystem", "", 400, "E400_00"),
        ("x-sourcesystem", "Other", 401, "E401"),
        ("x-clientgroupcode", "", 400, "E400_00"),
        ("x-clientcode", "", 400, "E400_00"),
        ("x-papercode", "", 400, "E400_00"),
        ("x-papercode", "other", 403, "E403"),
        ("content-type", "text/plain", 415, "E415"),
    ] {
        set_header(&mut client, name, value);
        let response = client.call("POST", SEARCH, Some(&json!({}))).await;
        let message = &response.json()["message"];
        let code = format!("UsersOrchestrator_{code}");
        assert_eq!(
            (response.status.as_u16(), &message["code"]),
            (status, &json!(code)),
            "{name}"
        );
        assert_eq!(message["type"], "Error");
    }
    for (name, value, status, text) in [
        ("authorization", "", 400, "Authorization is missing."),
        ("x-sourcesystem", "", 400, "X-SourceSystem is missing."),
        ("authorization", "bearer other", 401, "Invalid Authorization."),
        ("x-sourcesystem", "Other", 401, "Invalid X-SourceSystem."),
    ] {
        set_header(&mut client, name, value);
        let response = client.call("GET", "User", None).await;
        assert_eq!(
            (response.status.as_u16(), response.json()),
            (status, json!({"error": text}))
        );
    }
}

#[tokio::test]
async fn unknown_calls_and_parameters_are_refused() {
    let client = start(1, None).await;
    for (method, path, body, status) in [
        ("GET", "v4/Users?shoes=9", None, 400),
        ("POST", SEARCH, Some(json!([])), 400),
        ("POST", SEARCH, Some(json!({"email": null})), 400),
        ("POST", "v4/Users", Some(json!({})), 400),
        ("DELETE", "v4/Users", None, 405),
        ("GET", "v4/Unknown", None, 404),
    ] {
        assert_eq!(
            client.call(method, path, body.as_ref()).await.status,
            status,
            "{method} {path}"
        );
    }
    let refused = client.get("User?request.shoes=9").await;
    assert_eq!(
        (&refused["Result"], &refused["Errors"][0]["Type"]["Code"]),
        (&Value::Null, &json!("Validation"))
    );
}

#[tokio::test]
async fn responses_without_the_provider_are_incomplete() {
    let client = start(4, Some("Auth0")).await;
    for (ignored, complete, status) in [("true", true, "skipped"), ("false", false, "unavailable")] {
        let response = search(&client, &json!({"ignoreProvider": ignored})).await;
        let meta = &response["meta"];
        assert_eq!(
            (&meta["complete"], &meta["sources"][0]["status"]),
            (&json!(complete), &json!(status))
        );
        assert!(
            texts(&response["data"], "state")
                .into_iter()
                .all(|state| state == "Standard")
        );
    }
    for (path, header) in [
        ("User?request.lookupInUserProvider=false", None),
        ("User", Some("Auth0")),
        ("User/40000001/2", None),
        ("User/40000001/0", Some("Auth0")),
    ] {
        let response = client.call("GET", path, None).await;
        let incomplete = response
            .headers
            .get("x-incomplete")
            .map(|value| value.to_str().unwrap());
        assert_eq!((response.status.as_u16(), incomplete), (200, header), "{path}");
    }
    assert_eq!(client.status("User/40000001/1").await, 500);
}

#[tokio::test]
async fn quota_reports_its_wait() {
    let client = start(1, None).await;
    client.sandbox.clock().freeze();
    client.sandbox.users_api().change_settings(|all| all.quota = ONE_CALL);
    assert_eq!(client.status("v4/Users").await, 200);
    let limited = client.call("GET", "v4/Users", None).await;
    assert!(limited.status == 429 && (1..=2).contains(&limited.number("retry-after")));
}
