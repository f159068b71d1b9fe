//! Who is found by an id or an address, and what says that there is nobody.

use masthead_ports::source::SourceErrorKind;
use masthead_sandbox::{DirectoryEnvelope, Fault, FaultRule};
use masthead_testkit::source_client::{SourceClient, ids};
use serde_json::json;

use crate::{
    plain::{PLAIN, TOKEN, config},
    world::{World, kind},
};

#[tokio::test]
async fn a_linked_address_that_is_not_the_readers_own_finds_nobody() {
    let world = World::with(PLAIN, config(0), TOKEN, &[]).await;
    world.sandbox.directory().seed([
        json!({"consumerId": "1", "email": "Own@Example.com", "linkedIdentifiers": [{"emailAddress": "linked@example.com"}]}),
        json!({"consumerId": "2", "linkedIdentifiers": [{"emailAddress": "ONLY@example.com"}]}),
    ]);
    assert_eq!(world.ids_by_email("own@example.com").await, ["1"]);
    assert!(world.ids_by_email("linked@example.com").await.is_empty());
    let only = world.by_email("only@example.com").await.unwrap();
    assert_eq!(ids(&only), ["2"]);
    assert_eq!(only[0].email.as_ref().unwrap().as_str(), "only@example.com");
}

#[tokio::test]
async fn an_address_kept_with_a_unicode_domain_is_found() {
    let world = World::with(PLAIN, config(0), TOKEN, &[]).await;
    world
        .sandbox
        .directory()
        .seed([json!({"consumerId": "1", "email": "ann@m\u{fc}nchen.example"})]);
    assert_eq!(world.ids_by_email("ann@M\u{dc}NCHEN.example").await, ["1"]);
    // In ASCII, in Unicode, and decomposed.
    assert_eq!(world.sandbox.calls(), 3);
}

#[tokio::test]
async fn ids_are_compared_to_the_letter() {
    let mut config = config(0);
    config.settings.envelope = DirectoryEnvelope::Plain;
    let world = World::with(PLAIN, config, TOKEN, &[("Envelope.Errors", "")]).await;
    world
        .sandbox
        .directory()
        .seed([json!({"consumerId": "abc"}), json!({"consumerId": "\u{e9}/x y"})]);
    assert_eq!(world.by_id("ABC").await.unwrap(), None);
    assert!(world.by_id("\u{e9}/x y").await.unwrap().is_some());
    let body = json!({"users": [{"consumerId": "ABC"}]}).to_string();
    let fault = Fault::Status {
        status: 200,
        retry_after: None,
        reset_in: None,
        body: Some(body),
    };
    world.sandbox.inject(FaultRule::from(fault));
    assert_eq!(kind(world.by_id("abc").await), Some(SourceErrorKind::Corrupt));
}

#[tokio::test]
async fn an_empty_list_or_a_bare_status_says_nobody_only_where_it_is_said_to() {
    let answer = |status: u16, body: &str| Fault::Status {
        status,
        retry_after: None,
        reset_in: None,
        body: Some(body.to_owned()),
    };
    let empty = answer(200, r#"{"total":0,"users":[]}"#);
    let bare = answer(404, "");
    for (fault, setting) in [
        (empty, ("NotFound.EmptyList", "true")),
        (bare, ("NotFound.Bare", "true")),
    ] {
        let world = World::with(PLAIN, config(1), TOKEN, &[]).await;
        world.sandbox.inject(fault.clone());
        assert_eq!(kind(world.by_id("70000000").await), Some(SourceErrorKind::Unavailable));
        let world = World::with(PLAIN, config(1), TOKEN, &[setting]).await;
        world.sandbox.inject(fault);
        assert_eq!(world.by_id("70000000").await.unwrap(), None);
    }
    // A not-found signal in answer to an address counts only where it is said to, too.
    let gone = answer(404, r#"{"errMsg":"no such user"}"#);
    let world = World::with(PLAIN, config(1), TOKEN, &[]).await;
    world.sandbox.inject(gone.clone());
    assert_eq!(
        kind(world.by_email("a@example.com").await),
        Some(SourceErrorKind::Misconfigured)
    );
    let world = World::with(PLAIN, config(1), TOKEN, &[("ByEmail.NotFound", "true")]).await;
    world.sandbox.inject(gone);
    assert_eq!(world.by_email("a@example.com").await.unwrap(), []);
}

#[tokio::test]
async fn statuses_that_ask_to_come_back_later_are_settings() {
    let later = |status| Fault::Status {
        status,
        // Longer than anybody waits.
        retry_after: Some(300),
        reset_in: None,
        body: None,
    };
    for (status, settings) in [(503, &[][..]), (420, &[("Retry.Statuses", "420, 503")][..])] {
        let world = World::with(PLAIN, config(1), TOKEN, settings).await;
        world.sandbox.inject(later(status));
        assert_eq!(kind(world.by_id("70000000").await), Some(SourceErrorKind::Unavailable));
        let calls = world.sandbox.calls();
        let told = kind(world.by_id("70000000").await);
        assert!(matches!(told, Some(SourceErrorKind::RateLimited { .. })), "{told:?}");
        assert_eq!(world.sandbox.calls(), calls, "nobody asks before");
    }
    let world = World::with(PLAIN, config(1), TOKEN, &[]).await;
    world.sandbox.inject(later(420));
    assert_eq!(kind(world.by_id("70000000").await), Some(SourceErrorKind::Refused));
}
