//! The operations port and `masthead health`.

use std::net::TcpListener;

use super::{free_address, loaded, ready, until, with};
use crate::support::{
    http_client,
    process::{self, ServerProcess},
};

#[test]
fn operations_port_alone_shows_metrics_and_details() {
    let (_database, settings) = loaded();
    let (api, operations) = (free_address(), free_address());
    let settings = with(&settings, "HTTP__LISTEN", &api.to_string());
    let settings = with(&settings, "METRICS__ON_API_PORT", "false");
    let settings = with(&settings, "METRICS__LISTEN", &operations.to_string());
    let error = process::run_err(&settings, &["health"], "");
    assert!(error.contains(&format!("no answer at {api}")), "{error}");

    let server = ServerProcess::start(&settings);
    until("ready", || ready(operations).0 == 200);
    assert_eq!(http_client::get(api, "/metrics").status, 404);
    assert_eq!(ready(api).1, serde_json::json!({"ready": true}));
    assert!(
        http_client::get(operations, "/metrics")
            .body
            .contains("masthead_ready{")
    );
    assert!(ready(operations).1["parts"].as_array().unwrap().len() >= 4);
    for (address, page) in [
        (api, "/health/live"),
        (api, "/health/ready"),
        (operations, "/health/ready"),
    ] {
        let answer = http_client::get(address, page);
        assert_eq!(
            http_client::header(&answer, "x-content-type-options"),
            Some("nosniff"),
            "{address} {page}"
        );
    }
    assert_eq!(process::run_ok(&settings, &["health"], ""), "ready");
    assert_eq!(process::run_ok(&settings, &["health", "--live"], ""), "alive");

    // The settings of a server that is not running, whose operations port is that of this server.
    let absent = with(&settings, "HTTP__LISTEN", &free_address().to_string());
    assert!(process::run_err(&absent, &["health"], "").contains("no answer"));
    for (url, is_ready) in [
        (format!("http://{api}"), true),
        (format!("http://{operations}/health/live"), true),
        (format!("http://{operations}/nowhere"), false),
    ] {
        let output = process::run(&[], &["health", "--url", &url], "");
        assert_eq!(output.status.success(), is_ready, "{url}");
    }
    server.stop();
    assert_eq!(process::run(&settings, &["health"], "").status.code(), Some(1));
}

#[test]
fn health_names_what_is_not_ready() {
    let settings = process::settings("postgres://nobody@127.0.0.1:1/nowhere");
    let (api, operations) = (free_address(), free_address());
    let settings = with(&settings, "HTTP__LISTEN", &api.to_string());
    let settings = with(&settings, "METRICS__LISTEN", &operations.to_string());
    let server = ServerProcess::start(&settings);
    let error = process::run_err(&settings, &["health"], "");
    assert!(error.contains("not ready: database: unavailable"), "{error}");
    assert_eq!(process::run_ok(&settings, &["health", "--live"], ""), "alive");
    server.stop();
}

#[test]
fn taken_operations_port_stops_no_server_by_default() {
    let (_database, settings) = loaded();
    let settings = with(&settings, "METRICS__ON_API_PORT", "false");
    // Taken by this test, or by another program already.
    let _taken = TcpListener::bind("127.0.0.1:9090");
    let by_default = with(&settings, "METRICS__LISTEN", "127.0.0.1:9090");
    let log = ServerProcess::start(&by_default).stop();
    assert!(log.contains("the default of metrics.listen is in use"), "{log}");

    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let chosen = with(&settings, "METRICS__LISTEN", &other.local_addr().unwrap().to_string());
    let error = process::run_err(&chosen, &["serve"], "");
    assert!(error.contains("metrics.listen"), "{error}");
}
