//! A storm of searches: other tenants are served in turn, and each search waits until its deadline.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use masthead_testkit::contract_cases::{
    ContractCase, Expectation,
    fixture::{GAZETTE, HERALD},
};

use super::slow_searches::while_table_is_locked;
use crate::support::process::setting;
use crate::{
    contract::server::{ContractServer, contract_tenants},
    support::{http_client, raw_http::FOREVER},
};

const STORM: usize = 60;

fn search(tenant: &'static str, target: &str, status: u16) -> ContractCase {
    ContractCase::get(target, Expectation::Status(status)).for_tenant(tenant)
}

/// Waits until so many searches are in the queue.
fn wait_for_waiting(server: &ContractServer, expected: usize) {
    let expected = format!("masthead_search_waiting {expected}");
    let began = Instant::now();
    while !http_client::get(server.address, "/metrics")
        .body
        .lines()
        .any(|line| line == expected)
    {
        assert!(began.elapsed() < FOREVER, "never: {expected}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn storm_of_one_tenant_does_not_delay_another() {
    const CONCURRENCY: usize = 2;
    // No search has ended: all count as short, and these have twice the places.
    const RUNNING: usize = 2 * CONCURRENCY;
    let server = ContractServer::start_with(&contract_tenants(), |settings| {
        settings.push(setting("DATABASE__SEARCH_CONCURRENCY", &CONCURRENCY.to_string()));
    });
    let (server, answered) = (&server, &AtomicUsize::new(0));
    thread::scope(|scope| {
        let (storm, quiet) = while_table_is_locked(server, || {
            let storm: Vec<_> = (0..STORM)
                .map(|n| {
                    scope.spawn(move || {
                        // A filter of its own, so that no answer can be shared.
                        let answer = server.send(&search(GAZETTE, &format!("/v4/Users?email={n}"), 200));
                        (answer.status, answered.fetch_add(1, Ordering::SeqCst))
                    })
                })
                .collect();
            wait_for_waiting(server, STORM - RUNNING);
            let quiet = scope.spawn(move || {
                let answer = server.send(&search(HERALD, "/v4/Users?firstName=an", 200));
                (answer.status, answered.fetch_add(1, Ordering::SeqCst))
            });
            wait_for_waiting(server, STORM - RUNNING + 1);
            (storm, quiet)
        });
        let (status, before) = quiet.join().unwrap();
        assert_eq!(status, 200);
        // In the order of arrival it would be after all 60. Its turn is after the running ones; threads may be slow to count.
        assert!(before <= STORM / 2, "{before} of the storm were answered before");
        for search in storm {
            assert_eq!(search.join().unwrap().0, 200);
        }
    });
    wait_for_waiting(server, 0);
}

#[test]
fn waiting_search_is_503_only_at_its_deadline() {
    let server = ContractServer::start_with(&contract_tenants(), |settings| {
        settings.retain(|(key, _)| !key.ends_with("_DEADLINE"));
        settings.push(setting("HTTP__REQUEST_DEADLINE", "3s"));
        settings.push(setting("DATABASE__SEARCH_CONCURRENCY", "1"));
    });
    // The first search is slow; it is repeated until it succeeds.
    let case = search(GAZETTE, "/v4/Users?lastName=moor", 200);
    let began = Instant::now();
    while server.send(&case).status != 200 {
        assert!(began.elapsed() < FOREVER, "it is never answered");
    }
    let server = &server;
    while_table_is_locked(server, || {
        thread::scope(|scope| {
            let searches: Vec<_> = (0..8)
                .map(|n| {
                    scope.spawn(move || {
                        let began = Instant::now();
                        let answer = server.send(&search(GAZETTE, &format!("/v4/Users?email={n}"), 503));
                        assert!(
                            began.elapsed() >= Duration::from_secs(2),
                            "{:?}: {answer:?}",
                            began.elapsed()
                        );
                        answer
                    })
                })
                .collect();
            let answers: Vec<_> = searches.into_iter().map(|search| search.join().unwrap()).collect();
            // The two that run may be too broad: short searches have twice the places.
            let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 503).collect();
            assert!(refused.len() >= answers.len() - 2, "{answers:?}");
            for answer in refused {
                assert!(http_client::header(answer, "retry-after").is_some(), "{answer:?}");
            }
        });
    });
    let metrics = http_client::get(server.address, "/metrics").body;
    assert!(
        metrics.contains(r#"masthead_search_refused_total{reason="deadline"}"#),
        "{metrics}"
    );
}
