//! Writes: success, rejection, and unknown outcome.

use masthead_domain::email::Email;
use masthead_ports::{
    accounts::{AccountChange, NewAccount, WriteError},
    source::SourceErrorKind,
};
use masthead_provider_testkit::{failure_kind, first_name, new_account, status};
use masthead_sandbox::{Fault, FaultRule};
use serde_json::json;

use crate::support::{Auth0Fixture, DATABASE, SECRET, SourceClient, reader, requests, user, with, with_attempts};

fn nova() -> NewAccount {
    new_account(&[("phoneNumber", "+12025550100")])
}

async fn fixture() -> Auth0Fixture {
    with(vec![reader("1", "ann@example.com")], &[("Auth0.Connection", DATABASE)]).await
}

#[tokio::test]
async fn created_account_is_found() {
    let fixture = fixture().await;
    let made = fixture.create(&nova()).await.unwrap();
    let found = fixture.by_id(made.crid.as_str()).await.unwrap().unwrap();
    assert_eq!(made, found);
    assert_eq!((&*found.first_name, found.verified), ("Nova", Some(false)));
    assert_eq!(found.metadata.get("phoneNumber"), Some("+12025550100"));
}

#[tokio::test]
async fn taken_address_is_reported() {
    fixture().await.assert_taken_address_is_reported().await;
}

#[tokio::test]
async fn weak_password_returns_auth0_message() {
    let fixture = fixture().await;
    fixture
        .assert_weak_password_returns("auth0|1", "Password is too weak")
        .await;
}

#[tokio::test]
async fn update_merges_and_removes_fields() {
    let mut ann = reader("1", "ann@example.com");
    ann["user_metadata"] = json!({"city": "Oslo", "title": "Dr", "internal": "kept"});
    ann["nickname"] = "annie".into();
    let fixture = with(vec![ann], &[]).await;
    let change = AccountChange {
        first_name: Some("Anna".into()),
        last_name: Some("".into()),
        verified: Some(false),
        metadata: vec![
            ("city".into(), Some("Bergen".into())),
            ("title".into(), None),
            ("displayName".into(), None),
            ("unknownKey".into(), Some("x".into())),
        ],
    };
    let changed = fixture.update("auth0|1", &change).await.unwrap();
    assert_eq!(
        (&*changed.first_name, &*changed.last_name, changed.verified),
        ("Anna", "", Some(false))
    );
    assert_eq!(changed.metadata.iter().collect::<Vec<_>>(), [("city", "Bergen")]);
    let kept = fixture.sandbox.auth0().user("auth0|1").unwrap();
    assert_eq!(kept["user_metadata"], json!({"city": "Bergen", "internal": "kept"}));
    assert_eq!(kept["email"], "ann@example.com");
}

#[tokio::test]
async fn unmapped_change_is_no_write() {
    let fixture = fixture().await;
    fixture.assert_unmapped_change_succeeds("auth0|1").await;
    assert!(requests(&fixture).iter().all(|(method, ..)| method == "GET"));
}

#[tokio::test]
async fn address_and_password_need_separate_calls() {
    let fixture = fixture().await;
    let changed = fixture.set_email("auth0|1", "anna@example.com", true).await.unwrap();
    let email = Email::parse("anna@example.com").unwrap();
    assert_eq!((changed.email, changed.verified), (Some(email), Some(true)));
    fixture.set_password("auth0|1", "Sandbox-password-2").await.unwrap();
    let requests = requests(&fixture);
    let patches = requests.iter().filter(|(method, ..)| method == "PATCH");
    assert_eq!(patches.count(), 2);
}

#[tokio::test]
async fn unknown_user_cannot_be_changed() {
    let fixture = fixture().await;
    let answer = fixture.update("auth0|nobody", &first_name("X")).await;
    assert!(matches!(answer, Err(WriteError::NoSuchUser)), "{answer:?}");
    assert!(fixture.delete("auth0|nobody").await.is_ok());
    assert!(fixture.delete("auth0|1").await.is_ok());
    assert!(fixture.by_id("auth0|1").await.unwrap().is_none());
}

#[tokio::test]
async fn social_profile_update_is_refused() {
    let social = user("google-oauth2", "google-oauth2", "2", "ann@example.com");
    let fixture = with(vec![social], &[]).await;
    let answer = fixture.update("google-oauth2|2", &first_name("X")).await;
    assert!(
        matches!(answer, Err(WriteError::Refused { message: None })),
        "{answer:?}"
    );
}

#[tokio::test]
async fn creation_needs_a_connection() {
    let fixture = with(vec![], &[]).await;
    assert_eq!(
        failure_kind(fixture.create(&nova()).await),
        SourceErrorKind::Misconfigured
    );
    assert_eq!(fixture.sandbox.calls(), 0);
}

#[tokio::test]
async fn lost_write_answer_has_unknown_outcome() {
    for fault in [
        Fault::ResetBeforeHeaders,
        Fault::ResetMidBody,
        Fault::TruncatedJson,
        Fault::Html,
        Fault::OtherUser,
        status(500),
        status(502),
    ] {
        let fixture = with_attempts(
            vec![reader("1", "ann@example.com")],
            &[("Auth0.Connection", DATABASE)],
            3,
            Some(SECRET),
        )
        .await;
        fixture.inject(FaultRule::from(fault.clone()).on("/api/").method("POST"));
        let kind = failure_kind(fixture.create(&nova()).await);
        assert_eq!(kind, SourceErrorKind::OutcomeUnknown, "{fault:?}");
        assert_eq!(requests(&fixture).len(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn unsent_write_is_unavailable() {
    let fixture = fixture().await;
    assert!(fixture.by_id("auth0|1").await.unwrap().is_some());
    fixture.sandbox.off().await.unwrap();
    assert_eq!(
        failure_kind(fixture.create(&nova()).await),
        SourceErrorKind::Unavailable
    );
}
