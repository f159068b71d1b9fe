//! Limits of requests, on one server and on two.

use std::{
    thread,
    time::{Duration, Instant},
};

use masthead_testkit::contract_cases::{CaseAnswer, ContractCase, Expectation};

use crate::{
    contract::server::{ContractServer, contract_tenants},
    support::{
        http_client,
        process::{self, ServerProcess, setting},
        raw_http::FOREVER,
    },
};

const PER_MINUTE: usize = 60;

fn look_up() -> ContractCase {
    ContractCase::get("/v4/Users/2937", Expectation::Status(200))
}

/// A server whose only limit is this one.
fn server_with(limit: &str, more: &[(String, String)]) -> ContractServer {
    ContractServer::start_with(&contract_tenants(), |settings| {
        settings.push(setting(&format!("LIMITS__{limit}"), &PER_MINUTE.to_string()));
        settings.extend_from_slice(more);
    })
}

fn limited_server() -> ContractServer {
    server_with("SUBJECT_REQUESTS_PER_MINUTE", &[])
}

/// Sends look-ups until one is refused; returns how many were not, and the refusal.
fn until_refused(server: &ContractServer) -> (usize, CaseAnswer) {
    until_one_is_refused(server, &look_up())
}

fn until_one_is_refused(server: &ContractServer, case: &ContractCase) -> (usize, CaseAnswer) {
    for admitted in 0..10 * PER_MINUTE {
        let answer = server.send(case);
        match answer.status {
            200 => {}
            429 => return (admitted, answer),
            other => panic!("{other}: {answer:?}"),
        }
    }
    panic!("nothing is refused");
}

#[test]
fn requests_beyond_the_limit_are_429() {
    let server = limited_server();
    let (admitted, refused) = until_refused(&server);
    // On a slow machine some flow in meanwhile.
    assert!(admitted >= PER_MINUTE, "{admitted}");
    let header = |name| http_client::header(&refused, name);
    assert_eq!(header("retry-after"), Some("1"));
    assert_eq!(header("ratelimit-policy"), Some("\"subject-requests\";q=60;w=60"));
    assert_eq!(header("ratelimit"), Some("\"subject-requests\";r=0;t=1"));
    assert!(refused.body.contains("UsersOrchestrator_E429"), "{}", refused.body);
    let metrics = http_client::get(server.address, "/metrics").body;
    assert!(
        metrics.contains(r#"masthead_rate_limited_total{limit="subject-requests"}"#),
        "{metrics}"
    );
}

/// Of each scope, requests and rows: each look-up is one of both.
#[test]
fn each_limit_of_the_settings_refuses() {
    for scope in ["subject", "address", "tenant"] {
        for unit in ["requests", "rows"] {
            let limit = format!("{scope}_{unit}_per_minute").to_uppercase();
            let server = server_with(&limit, &[]);
            let (admitted, refused) = until_refused(&server);
            assert!(admitted >= PER_MINUTE, "{limit}: {admitted}");
            let policy = format!("\"{scope}-{unit}\";q=60;w=60");
            assert_eq!(http_client::header(&refused, "ratelimit-policy"), Some(&*policy));
        }
    }
}

#[test]
fn list_weighs_as_the_setting_states() {
    let server = server_with("SUBJECT_REQUESTS_PER_MINUTE", &[setting("LIMITS__LIST_WEIGHT", "20")]);
    let list = ContractCase::get("/v4/Users?pageSize=1", Expectation::Status(200));
    let (admitted, _) = until_one_is_refused(&server, &list);
    // Three, and those that flow in meanwhile on a slow machine.
    assert!((3..PER_MINUTE / 4).contains(&admitted), "{admitted}");
}

#[test]
fn servers_of_a_database_limit_together() {
    let first = limited_server();
    let mut settings = process::settings(&first.database.url().unwrap());
    settings.push(setting("LIMITS__SUBJECT_REQUESTS_PER_MINUTE", &PER_MINUTE.to_string()));
    let second = ServerProcess::start(&settings);
    let request = look_up().request(&first);
    // What it reads counts from its first exchange on.
    let began = Instant::now();
    while !http_client::get(second.address, "/metrics")
        .body
        .contains("masthead_rate_limit_keys")
    {
        assert!(began.elapsed() < FOREVER, "it never exchanges");
        thread::sleep(Duration::from_millis(50));
    }
    until_refused(&first);
    // Fewer than the second would admit alone.
    let refused_at = (0..PER_MINUTE / 2).find(|_| {
        let answer = http_client::send(second.address, &request);
        // The first stays at its limit.
        let _ = first.send(&look_up());
        thread::sleep(Duration::from_millis(500));
        answer.status == 429
    });
    assert!(refused_at.is_some(), "the second server never read it");
}
