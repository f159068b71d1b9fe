//! A provider that is switched off and on again: what `cargo xtask dev` lets a person try.

use std::time::Duration;

use crate::providers::{
    client::{by_email, by_id},
    server::{FederatedTenant, ProviderTestServer},
};

const DEADLINE: Duration = Duration::from_secs(10);

/// Far more than a loaded machine adds.
const MARGIN: Duration = Duration::from_secs(10);

#[test]
fn a_provider_that_is_switched_off_is_named_and_nobody_is_denied_until_it_is_on_again() {
    let paper = "switched";
    let settings = [("PROVIDERS__FRESH", "0s"), ("HTTP__REQUEST_DEADLINE", "10s")];
    let server = ProviderTestServer::start(&[FederatedTenant::new(paper)], &settings);
    let (client, sandbox) = (server.client(paper), server.sandbox(paper));
    server.runtime.block_on(async {
        let both = "both-switched";
        let paths = [by_id(both), by_email(both)];
        for path in &paths {
            client.get(path, "live").await.assert_merged(both);
        }
        let explained = client.get(&format!("{}?explain=true", paths[0]), "live").await;
        let explained = explained.body.to_string();
        assert!(explained.contains(r#""Auth0""#) && explained.contains(r#""Subscribe""#));
        let unknown = client.get(&by_id("nobody"), "live").await;
        assert_eq!((unknown.status, unknown.complete()), (404, Some(true)));
        let unknown = client.get(&by_email("nobody"), "live").await;
        assert_eq!(
            (unknown.status, unknown.users().len(), unknown.complete()),
            (200, 0, Some(true))
        );

        sandbox.off().await.unwrap();
        for path in &paths {
            // Seen live a moment ago: shown, and called what it is.
            let response = client.get(path, "off").await;
            assert_eq!(
                (response.status, response.complete()),
                (200, Some(false)),
                "{response:?}"
            );
            assert_eq!(response.source("Auth0"), ("stale", "unavailable"));
            assert_eq!(response.source("Subscribe").0, "ok");
            assert!(response.took < DEADLINE + MARGIN);
            let separator = if path.contains('?') { '&' } else { '?' };
            let response = client
                .get(&format!("{path}{separator}ignoreProvider=true"), "off")
                .await;
            assert_eq!((response.status, response.complete()), (200, Some(true)));
            assert_eq!(response.source("Auth0").0, "skipped");
            let response = client
                .get(&format!("{path}{separator}onProviderFailure=fail"), "off")
                .await;
            response.assert_unconfirmed();
            assert!(response.took < DEADLINE + MARGIN);
        }
        let response = client.get(&by_id("local-switched"), "off").await;
        assert_eq!((response.status, response.complete()), (200, Some(false)));
        assert_eq!(response.source("Auth0"), ("unavailable", "unavailable"));
        response.assert_store_record("local-switched");
        // Absence that was confirmed before is no answer for later.
        for path in [
            by_id("nobody"),
            by_email("nobody"),
            by_id("provider-switched"),
            by_email("provider-switched"),
        ] {
            client.get(&path, "off").await.assert_unconfirmed();
        }

        sandbox.on().await.unwrap();
        let response = client.get_until_complete(&paths[0], "on").await;
        response.assert_merged(both);
        assert!(response.took < Duration::from_secs(20) + MARGIN, "{:?}", response.took);
        client.get_until_complete(&by_id("provider-switched"), "on").await;
        assert_eq!(client.get(&by_id("nobody"), "on").await.status, 404);
    });
    server.stop();
}
