//! The control address and the program.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use crate::support::World;
use serde_json::{Value, json};

#[tokio::test]
async fn the_provider_is_switched_off_and_on_over_http() {
    let world = World::with(2).await;
    assert_eq!(world.control("POST", "off", None).await.json()["outage"], "refused");
    assert!(world.attempt("GET", "/api/v2/users", None).await.is_err());
    assert_eq!(world.control("POST", "on", None).await.json()["outage"], Value::Null);
    assert_eq!(world.call("GET", "/api/v2/users", None).await.status, 200);
    let how = json!({"how": "unreachable"});
    assert_eq!(
        world.control("POST", "off", Some(&how)).await.json()["outage"],
        "unreachable"
    );
}

#[tokio::test]
async fn faults_are_put_in_listed_and_taken_back_over_http() {
    let world = World::with(2).await;
    let rule = json!({"fault": "status", "status": 500, "path": "/api/v2/users", "times": 2});
    let id = world.control("POST", "faults", Some(&rule)).await.json()["id"].clone();
    assert_eq!(world.call("GET", "/api/v2/users", None).await.status, 500);
    let listed = world.control("GET", "faults", None).await.json();
    assert_eq!(
        (&listed[0]["befallen"], &listed[0]["times"], &listed[0]["fault"]),
        (&json!(1), &json!(1), &json!("status"))
    );
    assert_eq!(world.control("DELETE", &format!("faults/{id}"), None).await.status, 200);
    assert_eq!(world.call("GET", "/api/v2/users", None).await.status, 200);
    assert_eq!(world.control("DELETE", &format!("faults/{id}"), None).await.status, 404);
    for wrong in [
        json!({"fault": "rain"}),
        json!({"fault": "status"}),
        json!({"fault": "bom", "tmies": 1}),
    ] {
        assert_eq!(
            world.control("POST", "faults", Some(&wrong)).await.status,
            400,
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn users_settings_keys_and_clock_are_set_over_http() {
    let world = World::with(0).await;
    assert_eq!(
        world
            .control("POST", "users", Some(&json!({"sample": 5_000})))
            .await
            .json(),
        json!({"taken": 5_000})
    );
    let user = json!([{"user_id": "auth0|x", "email": "x@example.com"}, {"no": "id"}]);
    assert_eq!(
        world.control("POST", "users", Some(&user)).await.json(),
        json!({"taken": 1})
    );
    assert_eq!(
        world
            .control("GET", "users", None)
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        5_001
    );
    let change = json!({"searchLagMs": 250, "quota": {"burst": 2, "perSecond": 1}});
    let state = world.control("PATCH", "settings", Some(&change)).await.json();
    assert_eq!(
        (&state["settings"]["searchLagMs"], &state["settings"]["tokenLifetimeS"]),
        (&json!(250), &json!(86_400))
    );
    assert_eq!(world.sandbox.auth0().settings().quota.burst, 2);
    assert_eq!(
        world
            .control("PATCH", "settings", Some(&json!({"lag": 1})))
            .await
            .status,
        400
    );
    assert_eq!(
        world.control("POST", "keys/rotate", None).await.json()["keys"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let before = world.sandbox.clock().now();
    world
        .control("POST", "clock", Some(&json!({"advanceMs": 3_600_000})))
        .await;
    assert!(world.sandbox.clock().now() - before >= std::time::Duration::from_hours(1));
    let token = world
        .control("POST", "tokens", Some(&json!({"sub": "auth0|x"})))
        .await
        .json();
    assert_eq!(token["token"].as_str().unwrap().split('.').count(), 3);
    assert_eq!(world.control("DELETE", "users", None).await.json()["users"], 0);
    let state = world.control("POST", "reset", None).await.json();
    assert_eq!(
        (&state["settings"]["searchLagMs"], &state["calls"]),
        (&json!(0), &json!(0))
    );
}

#[tokio::test]
async fn the_log_keeps_the_wire_form_and_hides_secrets() {
    let world = World::with(1).await;
    world
        .call("GET", "/api/v2/users?q=email:%22a%2Bb%22&page=0", None)
        .await;
    let log = world.control("GET", "requests", None).await.json();
    assert_eq!(
        (&log[0]["path"], &log[0]["status"]),
        (&json!("/oauth/token"), &json!(200))
    );
    assert!(log[0]["body"].as_str().unwrap().contains("<hidden>"));
    assert_eq!(
        (&log[1]["method"], &log[1]["query"]),
        (&json!("GET"), &json!("q=email:%22a%2Bb%22&page=0"))
    );
    assert!(!log.to_string().contains(world.token.as_deref().unwrap()));
    let open = world.control("GET", "requests?secrets=true", None).await.json();
    assert!(open.to_string().contains(world.token.as_deref().unwrap()));
    assert_eq!((world.sandbox.calls(), world.sandbox.calls_to("/api/v2/")), (2, 1));
    world.control("DELETE", "requests", None).await;
    assert_eq!(world.sandbox.calls(), 0);
}

#[tokio::test]
async fn only_loopback_is_listened_on() {
    let listen = "0.0.0.0:0".parse().unwrap();
    let config = masthead_sandbox::SandboxConfig {
        listen,
        ..Default::default()
    };
    assert!(masthead_sandbox::Sandbox::start(config).await.is_err());
}

#[tokio::test]
async fn the_help_names_every_call() {
    let world = World::with(0).await;
    let help = world.control("GET", "", None).await;
    let text = String::from_utf8_lossy(&help.body).into_owned();
    for call in ["POST   /off", "POST   /on", "POST   /faults", "GET    /requests"] {
        assert!(text.contains(call), "{call}");
    }
    assert_eq!(world.control("GET", "nothing", None).await.status, 404);
}

#[test]
fn the_program_prints_its_addresses_and_ends_at_sigterm() {
    for (provider, own) in [("auth0", "audience"), ("users-api", "tenant")] {
        let mut program = Command::new(env!("CARGO_BIN_EXE_masthead-sandbox"))
            .args(["--provider", provider, "--users", "10"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(program.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        assert!(
            said["url"].as_str().unwrap().starts_with("http://127.0.0.1:") && said["users"] == 10,
            "{said}"
        );
        assert!(said["control"].as_str().unwrap().starts_with("http://127.0.0.1:"));
        assert!(said[own].is_string(), "{said}");
        let pid = said["pid"].to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(program.wait().unwrap().success());
    }
}
