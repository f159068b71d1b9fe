//! Look-ups by id and address, and the not-found signals.

use masthead_ports::source::SourceErrorKind;
use masthead_provider_testkit::{SourceClient, ids, with_body};
use masthead_sandbox::{Fault, FaultRule, GenericStubEnvelope};
use serde_json::json;

use crate::{
    fixture::{kind, with},
    plain::{PLAIN, TOKEN, config},
};

#[tokio::test]
async fn linked_address_of_others_finds_no_user() {
    let fixture = with(PLAIN, config(0), TOKEN, &[]).await;
    fixture.sandbox.generic().seed([
        json!({"consumerId": "1", "email": "Own@Example.com", "linkedIdentifiers": [{"emailAddress": "linked@example.com"}]}),
        json!({"consumerId": "2", "linkedIdentifiers": [{"emailAddress": "ONLY@example.com"}]}),
    ]);
    assert_eq!(fixture.ids_by_email("own@example.com").await, ["1"]);
    assert!(fixture.ids_by_email("linked@example.com").await.is_empty());
    let only = fixture.by_email("only@example.com").await.unwrap();
    assert_eq!(ids(&only), ["2"]);
    assert_eq!(only[0].email.as_ref().unwrap().as_str(), "only@example.com");
}

#[tokio::test]
async fn unicode_domain_is_found() {
    let fixture = with(PLAIN, config(0), TOKEN, &[]).await;
    fixture
        .sandbox
        .generic()
        .seed([json!({"consumerId": "1", "email": "ann@m\u{fc}nchen.example"})]);
    assert_eq!(fixture.ids_by_email("ann@M\u{dc}NCHEN.example").await, ["1"]);
    // In ASCII, in Unicode, and decomposed.
    assert_eq!(fixture.sandbox.calls(), 3);
}

#[tokio::test]
async fn ids_are_compared_exactly() {
    let mut config = config(0);
    config.settings.envelope = GenericStubEnvelope::Plain;
    let fixture = with(PLAIN, config, TOKEN, &[("Envelope.Errors", "")]).await;
    fixture
        .sandbox
        .generic()
        .seed([json!({"consumerId": "abc"}), json!({"consumerId": "\u{e9}/x y"})]);
    assert_eq!(fixture.by_id("ABC").await.unwrap(), None);
    assert!(fixture.by_id("\u{e9}/x y").await.unwrap().is_some());
    let body = json!({"users": [{"consumerId": "ABC"}]}).to_string();
    let fault = with_body(200, &body);
    fixture.inject(FaultRule::from(fault));
    assert_eq!(kind(fixture.by_id("abc").await), Some(SourceErrorKind::Corrupt));
}

#[tokio::test]
async fn absence_signals_need_their_settings() {
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
        let fixture = with(PLAIN, config(1), TOKEN, &[]).await;
        fixture.inject(fault.clone());
        assert_eq!(
            kind(fixture.by_id("70000000").await),
            Some(SourceErrorKind::Unavailable)
        );
        let fixture = with(PLAIN, config(1), TOKEN, &[setting]).await;
        fixture.inject(fault);
        assert_eq!(fixture.by_id("70000000").await.unwrap(), None);
    }
    // A not-found signal in answer to an address counts only if configured.
    let gone = answer(404, r#"{"errMsg":"no such user"}"#);
    let fixture = with(PLAIN, config(1), TOKEN, &[]).await;
    fixture.inject(gone.clone());
    assert_eq!(
        kind(fixture.by_email("a@example.com").await),
        Some(SourceErrorKind::Misconfigured)
    );
    let fixture = with(PLAIN, config(1), TOKEN, &[("ByEmail.NotFound", "true")]).await;
    fixture.inject(gone);
    assert_eq!(fixture.by_email("a@example.com").await.unwrap(), []);
}

#[tokio::test]
async fn retry_statuses_pause_calls() {
    let later = |status| Fault::Status {
        status,
        // Longer than any caller waits.
        retry_after: Some(300),
        reset_in: None,
        body: None,
    };
    for (status, settings) in [(503, &[][..]), (420, &[("Retry.Statuses", "420, 503")][..])] {
        let fixture = with(PLAIN, config(1), TOKEN, settings).await;
        fixture.inject(later(status));
        assert_eq!(
            kind(fixture.by_id("70000000").await),
            Some(SourceErrorKind::Unavailable)
        );
        let calls = fixture.sandbox.calls();
        let reported = kind(fixture.by_id("70000000").await);
        assert!(
            matches!(reported, Some(SourceErrorKind::RateLimited { .. })),
            "{reported:?}"
        );
        assert_eq!(fixture.sandbox.calls(), calls, "no call before");
    }
    let fixture = with(PLAIN, config(1), TOKEN, &[]).await;
    fixture.inject(later(420));
    assert_eq!(kind(fixture.by_id("70000000").await), Some(SourceErrorKind::Refused));
}
