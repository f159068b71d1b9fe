//! Write-backs after an answer, and their events.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::{
    providers::{
        client::{by_email, by_id},
        server::{FederatedTenant, ProviderTestServer, StoppedServer},
    },
    support::raw_http::FOREVER,
};

/// The events of a request as `kind outcome`.
fn events(ended: &StoppedServer, request_id: &str) -> Vec<String> {
    let query =
        format!("SELECT kind || ' ' || outcome FROM events WHERE request_id = '{request_id}' ORDER BY kind, id");
    ended.rows(&query)
}

async fn until_registrations_differ(server: &ProviderTestServer, paper: &str, from: &str) -> String {
    let began = Instant::now();
    loop {
        let now = server.registrations(paper);
        if now != from {
            return now;
        }
        assert!(began.elapsed() < FOREVER, "nothing was written");
        sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn only_live_answers_are_written_back() {
    let paper = "written";
    let server = ProviderTestServer::start(&[FederatedTenant::new(paper)], &[("PROVIDERS__FRESH", "0s")]);
    let (client, sandbox) = (server.client(paper), server.sandbox(paper));
    server.runtime.block_on(async {
        // A registration that differs is changed, a missing one is created.
        let untouched = server.registrations(paper);
        client
            .get(&by_id("both-written"), "changed")
            .await
            .assert_merged("both-written");
        let changed = until_registrations_differ(&server, paper, &untouched).await;
        let response = client.get(&by_email("provider-written"), "made").await;
        response.assert_status(200, true);
        let made = until_registrations_differ(&server, paper, &changed).await;
        // Equal ones are unchanged.
        for path in [
            by_id("both-written"),
            by_email("both-written"),
            by_id("provider-written"),
        ] {
            assert_eq!(client.get(&path, "same").await.complete(), Some(true));
        }
        client.get(&by_id("missing"), "absent").await;
        client
            .get(&(by_id("both-written") + "?ignoreProvider=true"), "ignored")
            .await;

        // The provider's user has changed, but only the cached answer is available.
        let mut newer = (crate::support::sources::AUTH0.user)("both-written");
        newer["given_name"] = "Newer Liveside".into();
        sandbox.auth0().seed([newer]);
        sandbox.off().await.unwrap();
        let response = client.get(&by_id("both-written"), "stale").await;
        assert_eq!(response.source("Auth0").0, "stale");
        let response = client.get(&by_id("local-written"), "unknown").await;
        assert_eq!(response.source("Auth0").0, "unavailable");
        assert_eq!(server.registrations(paper), made);

        sandbox.on().await.unwrap();
        client.get_until_complete(&by_id("both-written"), "newer").await;
        until_registrations_differ(&server, paper, &made).await;
    });
    let ended = server.stop();
    assert_eq!(events(&ended, "changed"), ["4001 found", "4004 found", "4601 found"]);
    assert_eq!(events(&ended, "made"), ["4000 absent", "4004 found", "4601 found"]);
    let same = events(&ended, "same");
    assert_eq!(
        same.iter().filter(|event| *event == "4601 found").count(),
        3,
        "{same:?}"
    );
    assert_eq!(same.iter().filter(|event| event.starts_with("4004")).count(), 0);
    assert_eq!(events(&ended, "absent"), ["4001 absent", "4601 absent"]);
    assert_eq!(events(&ended, "ignored"), ["4001 found"]);
    assert_eq!(events(&ended, "unknown"), ["4001 found", "4601 unknown"]);
    assert!(!events(&ended, "stale").iter().any(|event| event.starts_with("4004")));
    let changes = "SELECT count(*) FROM events WHERE kind = 4004";
    assert_eq!(ended.rows(changes), ["3"], "changed, made, and changed again");
}
