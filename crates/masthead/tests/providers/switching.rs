//! A provider that is switched off and on again: what `cargo xtask dev` lets a person try.

use std::time::Duration;

use crate::{
    asking::{by_email, by_id},
    world::{Paper, World},
};

const DEADLINE: Duration = Duration::from_secs(10);

/// Far more than a loaded machine adds.
const MARGIN: Duration = Duration::from_secs(10);

#[test]
fn a_provider_that_is_switched_off_is_named_and_nobody_is_denied_until_it_is_on_again() {
    let paper = "switched";
    let settings = [("PROVIDERS__FRESH", "0s"), ("HTTP__REQUEST_DEADLINE", "10s")];
    let world = World::start(&[Paper::of(paper)], &settings);
    let (client, sandbox) = (world.client(paper), world.sandbox(paper));
    world.runtime.block_on(async {
        let both = "both-switched";
        let paths = [by_id(both), by_email(both)];
        for path in &paths {
            client.ask(path, "live").await.is_merged(both);
        }
        let explained = client.ask(&format!("{}?explain=true", paths[0]), "live").await;
        let explained = explained.body.to_string();
        assert!(explained.contains(r#""Auth0""#) && explained.contains(r#""Subscribe""#));
        let nobody = client.ask(&by_id("nobody"), "live").await;
        assert_eq!((nobody.status, nobody.complete()), (404, Some(true)));
        let nobody = client.ask(&by_email("nobody"), "live").await;
        assert_eq!(
            (nobody.status, nobody.users().len(), nobody.complete()),
            (200, 0, Some(true))
        );

        sandbox.off().await.unwrap();
        for path in &paths {
            // Seen live a moment ago: shown, and called what it is.
            let told = client.ask(path, "off").await;
            assert_eq!((told.status, told.complete()), (200, Some(false)), "{told:?}");
            assert_eq!(told.source("Auth0"), ("stale", "unavailable"));
            assert_eq!(told.source("Subscribe").0, "ok");
            assert!(told.took < DEADLINE + MARGIN);
            let separator = if path.contains('?') { '&' } else { '?' };
            let told = client
                .ask(&format!("{path}{separator}ignoreProvider=true"), "off")
                .await;
            assert_eq!((told.status, told.complete()), (200, Some(true)));
            assert_eq!(told.source("Auth0").0, "skipped");
            let told = client
                .ask(&format!("{path}{separator}onProviderFailure=fail"), "off")
                .await;
            told.cannot_tell();
            assert!(told.took < DEADLINE + MARGIN);
        }
        let told = client.ask(&by_id("ours-switched"), "off").await;
        assert_eq!((told.status, told.complete()), (200, Some(false)));
        assert_eq!(told.source("Auth0"), ("unavailable", "unavailable"));
        told.is_the_stores("ours-switched");
        // Absence that was confirmed before is no answer for later.
        for path in [
            by_id("nobody"),
            by_email("nobody"),
            by_id("theirs-switched"),
            by_email("theirs-switched"),
        ] {
            client.ask(&path, "off").await.cannot_tell();
        }

        sandbox.on().await.unwrap();
        let told = client.ask_until_complete(&paths[0], "on").await;
        told.is_merged(both);
        assert!(told.took < Duration::from_secs(20) + MARGIN, "{:?}", told.took);
        client.ask_until_complete(&by_id("theirs-switched"), "on").await;
        assert_eq!(client.ask(&by_id("nobody"), "on").await.status, 404);
    });
    world.end();
}
