//! The control API and the program.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use masthead_sandbox::{GenericStubConfig, GigyaConfig, Sandbox, SandboxConfig, UsersApiConfig};
use serde_json::{Value, json};

use crate::client::SandboxClient;

const LIST: &str = "api/v2/users";

#[tokio::test]
async fn provider_is_switched_off_and_on() {
    let client = SandboxClient::auth0(2).await;
    assert_eq!(
        client.control("POST", "off", &Value::Null).await.json()["outage"],
        "refused"
    );
    assert!(client.try_call("GET", LIST, None).await.is_err());
    assert_eq!(
        client.control("POST", "on", &Value::Null).await.json()["outage"],
        Value::Null
    );
    assert_eq!(client.status(LIST).await, 200);
    let how = json!({"how": "unreachable"});
    assert_eq!(
        client.control("POST", "off", &how).await.json()["outage"],
        "unreachable"
    );
}

#[tokio::test]
async fn faults_are_injected_listed_and_removed() {
    let client = SandboxClient::auth0(2).await;
    let rule = json!({"fault": "status", "status": 500, "path": "/api/v2/users", "times": 2});
    let id = client.control("POST", "faults", &rule).await.json()["id"].clone();
    assert_eq!(client.status(LIST).await, 500);
    let listed = &client.control("GET", "faults", &Value::Null).await.json()[0];
    let shown = [&listed["befallen"], &listed["times"], &listed["fault"]];
    assert_eq!(shown, [&json!(1), &json!(1), &json!("status")]);
    let remove = async || {
        client
            .control("DELETE", &format!("faults/{id}"), &Value::Null)
            .await
            .status
    };
    assert_eq!(remove().await, 200);
    assert_eq!(client.status(LIST).await, 200);
    assert_eq!(remove().await, 404);
    for wrong in [
        json!({"fault": "rain"}),
        json!({"fault": "status"}),
        json!({"fault": "bom", "tmies": 1}),
    ] {
        assert_eq!(client.control("POST", "faults", &wrong).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn users_settings_and_clock_are_changed() {
    let client = SandboxClient::auth0(0).await;
    let control = async |method: &str, path: &str, body: Value| client.control(method, path, &body).await.json();
    assert_eq!(
        control("POST", "users", json!({"sample": 5_000})).await,
        json!({"taken": 5_000})
    );
    let user = json!([{"user_id": "auth0|x", "email": "x@example.com"}, {"no": "id"}]);
    assert_eq!(control("POST", "users", user).await, json!({"taken": 1}));
    assert_eq!(
        control("GET", "users", Value::Null).await.as_array().unwrap().len(),
        5_001
    );
    let change = json!({"searchLagMs": 250, "quota": {"burst": 2, "perSecond": 1}});
    let state = control("PATCH", "settings", change).await;
    let settings = &state["settings"];
    assert_eq!(
        (&settings["searchLagMs"], &settings["tokenLifetimeS"]),
        (&json!(250), &json!(86_400))
    );
    assert_eq!(client.sandbox.auth0().settings().quota.burst, 2);
    let before = client.sandbox.clock().now();
    control("POST", "clock", json!({"advanceMs": 3_600_000})).await;
    assert!(client.sandbox.clock().now() - before >= Duration::from_hours(1));
    assert_eq!(control("DELETE", "users", Value::Null).await["users"], 0);
    let state = control("POST", "reset", Value::Null).await;
    assert_eq!(
        (&state["settings"]["searchLagMs"], &state["calls"]),
        (&json!(0), &json!(0))
    );
}

#[tokio::test]
async fn every_provider_is_controlled_in_the_same_way() {
    let configs: [(SandboxConfig, &str); 5] = [
        (SandboxConfig::default(), "auth0"),
        (GigyaConfig::default().into(), "gigya"),
        (GenericStubConfig::ssor().into(), "ssor"),
        (GenericStubConfig::firefly().into(), "firefly"),
        (UsersApiConfig::default().into(), "users-api"),
    ];
    for (config, name) in configs {
        let client = SandboxClient::start(config).await;
        let state = client.control("GET", "state", &Value::Null).await.json();
        assert_eq!((&state["provider"], &state["users"]), (&json!(name), &json!(0)));
        client.control("POST", "users", &json!({"sample": 9})).await;
        let change = json!({"quota": {"burst": 7, "perSecond": 7}});
        let state = client.control("PATCH", "settings", &change).await.json();
        assert_eq!(
            (&state["users"], &state["settings"]["quota"]["burst"]),
            (&json!(9), &json!(7)),
            "{name}"
        );
        for (method, path, status) in [("PATCH", "settings", 400), ("POST", "nothing", 404)] {
            assert_eq!(
                client.control(method, path, &json!({"shoes": 7})).await.status,
                status,
                "{name}"
            );
        }
        let state = client.control("POST", "reset", &Value::Null).await.json();
        assert_eq!(
            (&state["users"], &state["settings"]["quota"]["burst"] == 7),
            (&json!(0), false),
            "{name}"
        );
    }
}

#[tokio::test]
async fn log_keeps_requests_as_sent_without_secrets() {
    let client = SandboxClient::auth0(1).await;
    client
        .call("GET", "/api/v2/users?q=email:%22a%2Bb%22&page=0", None)
        .await;
    let token = client.headers[0].1.trim_start_matches("Bearer ");
    let log = client.control("GET", "requests", &Value::Null).await.json();
    assert_eq!(
        (&log[0]["path"], &log[0]["status"]),
        (&json!("/oauth/token"), &json!(200))
    );
    assert!(log[0]["body"].as_str().unwrap().contains("<hidden>") && !log.to_string().contains(token));
    let sent = [&log[1]["method"], &log[1]["query"]];
    assert_eq!(sent, [&json!("GET"), &json!("q=email:%22a%2Bb%22&page=0")]);
    let with_secrets = client
        .control("GET", "requests?secrets=true", &Value::Null)
        .await
        .json();
    assert!(with_secrets.to_string().contains(token));
    assert_eq!((client.sandbox.calls(), client.sandbox.calls_to("/api/v2/")), (2, 1));
    client.control("DELETE", "requests", &Value::Null).await;
    assert_eq!(client.sandbox.calls(), 0);
}

#[tokio::test]
async fn only_loopback_addresses_are_bound() {
    let config = SandboxConfig {
        listen: "0.0.0.0:0".parse().unwrap(),
        ..SandboxConfig::default()
    };
    assert!(Sandbox::start(config).await.is_err());
}

#[tokio::test]
async fn help_names_every_call() {
    let client = SandboxClient::auth0(0).await;
    let help = client.control("GET", "", &Value::Null).await;
    let text = String::from_utf8_lossy(&help.body).into_owned();
    for call in ["POST   /off", "POST   /on", "POST   /faults", "GET    /requests"] {
        assert!(text.contains(call), "{call}");
    }
}

#[test]
fn program_prints_its_addresses_and_ends_on_sigterm() {
    for (provider, member) in [
        ("auth0", "audience"),
        ("gigya", "apiKey"),
        ("ssor", "required"),
        ("users-api", "tenant"),
    ] {
        let mut program = Command::new(env!("CARGO_BIN_EXE_masthead-sandbox"))
            .args(["--provider", provider, "--users", "10"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(program.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let printed: Value = serde_json::from_str(&line).unwrap();
        for address in ["url", "control"] {
            assert!(
                printed[address].as_str().unwrap().starts_with("http://127.0.0.1:"),
                "{printed}"
            );
        }
        assert!(printed["users"] == 10 && !printed[member].is_null(), "{printed}");
        let pid = printed["pid"].to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(program.wait().unwrap().success());
    }
}
