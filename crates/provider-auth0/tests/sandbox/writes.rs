//! Writes: success, rejection, and unknown outcome.

use masthead_domain::{account::Account, email::Email, metadata::Metadata};
use masthead_ports::{
    accounts::{AccountChange, AccountWriter, NewAccount, PlainPassword, WriteError},
    source::SourceErrorKind,
};
use masthead_sandbox::{Fault, FaultRule};
use serde_json::json;

use crate::support::{Asking, Auth0Fixture, DATABASE, SECRET, crid, reader, requests, user, with, with_attempts};

fn nova() -> NewAccount {
    NewAccount {
        email: Email::parse("Nova@Example.com").unwrap(),
        password: Some(PlainPassword::new("Sandbox-password-1")),
        first_name: "Nova".into(),
        last_name: "M\u{fc}ller".into(),
        verified: false,
        metadata: Metadata::from_valid([("phoneNumber".to_owned(), "+12025550100".to_owned())]),
    }
}

async fn fixture() -> Auth0Fixture {
    with(vec![reader("1", "ann@example.com")], &[("Auth0.Connection", DATABASE)]).await
}

fn failure_kind(answer: Result<Account, WriteError>) -> SourceErrorKind {
    match answer {
        Err(WriteError::Silent(error)) => error.kind,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn created_account_is_found() {
    let fixture = fixture().await;
    let made = fixture.adapter.create(&fixture.cx(), &nova()).await.unwrap();
    let found = fixture.by_id(made.crid.as_str()).await.unwrap().unwrap();
    assert_eq!(made, found);
    assert_eq!((&*found.first_name, found.verified), ("Nova", Some(false)));
    assert_eq!(found.metadata.get("phoneNumber"), Some("+12025550100"));
}

#[tokio::test]
async fn taken_address_is_reported() {
    let fixture = fixture().await;
    let taken = Email::parse("Ann@Example.com").unwrap();
    let twice = NewAccount {
        email: taken.clone(),
        ..nova()
    };
    let answer = fixture.adapter.create(&fixture.cx(), &twice).await;
    assert!(matches!(answer, Err(WriteError::AlreadyExists)), "{answer:?}");
    let made = fixture.adapter.create(&fixture.cx(), &nova()).await.unwrap();
    let answer = fixture.adapter.set_email(&fixture.cx(), &made.crid, &taken, true).await;
    assert!(matches!(answer, Err(WriteError::AlreadyExists)), "{answer:?}");
}

#[tokio::test]
async fn weak_password_returns_auth0_message() {
    let fixture = fixture().await;
    let weak = PlainPassword::new("short");
    let reported = |answer: Result<(), WriteError>| match answer {
        Err(WriteError::Refused { told: reported }) => reported.map(|reported| reported.as_str().to_owned()),
        other => panic!("{other:?}"),
    };
    let answer = fixture
        .adapter
        .set_password(&fixture.cx(), &crid("auth0|1"), &weak)
        .await;
    assert_eq!(reported(answer).as_deref(), Some("Password is too weak"));
    let new = NewAccount {
        password: Some(weak),
        ..nova()
    };
    let answer = fixture.adapter.create(&fixture.cx(), &new).await.map(|_| ());
    assert_eq!(reported(answer).as_deref(), Some("Password is too weak"));
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
    let changed = fixture
        .adapter
        .update(&fixture.cx(), &crid("auth0|1"), &change)
        .await
        .unwrap();
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
    let change = AccountChange {
        metadata: vec![("unknownKey".into(), None)],
        ..AccountChange::default()
    };
    assert!(
        fixture
            .adapter
            .update(&fixture.cx(), &crid("auth0|1"), &change)
            .await
            .is_ok()
    );
    assert!(requests(&fixture).iter().all(|(method, ..)| method == "GET"));
}

#[tokio::test]
async fn address_and_password_need_separate_calls() {
    let fixture = fixture().await;
    let id = crid("auth0|1");
    let email = Email::parse("anna@example.com").unwrap();
    let changed = fixture
        .adapter
        .set_email(&fixture.cx(), &id, &email, true)
        .await
        .unwrap();
    assert_eq!((changed.email, changed.verified), (Some(email), Some(true)));
    let password = PlainPassword::new("Sandbox-password-2");
    fixture
        .adapter
        .set_password(&fixture.cx(), &id, &password)
        .await
        .unwrap();
    assert_eq!(
        requests(&fixture)
            .iter()
            .filter(|(method, ..)| method == "PATCH")
            .count(),
        2
    );
}

#[tokio::test]
async fn unknown_user_cannot_be_changed() {
    let fixture = fixture().await;
    let unknown = crid("auth0|nobody");
    let change = AccountChange {
        first_name: Some("X".into()),
        ..AccountChange::default()
    };
    let answer = fixture.adapter.update(&fixture.cx(), &unknown, &change).await;
    assert!(matches!(answer, Err(WriteError::NoSuchUser)), "{answer:?}");
    assert!(fixture.adapter.delete(&fixture.cx(), &unknown).await.is_ok());
    assert!(fixture.adapter.delete(&fixture.cx(), &crid("auth0|1")).await.is_ok());
    assert!(fixture.by_id("auth0|1").await.unwrap().is_none());
}

#[tokio::test]
async fn social_profile_update_is_refused() {
    let fixture = with(
        vec![user("google-oauth2", "google-oauth2", "2", "ann@example.com")],
        &[],
    )
    .await;
    let change = AccountChange {
        first_name: Some("X".into()),
        ..AccountChange::default()
    };
    let answer = fixture
        .adapter
        .update(&fixture.cx(), &crid("google-oauth2|2"), &change)
        .await;
    assert!(matches!(answer, Err(WriteError::Refused { told: None })), "{answer:?}");
}

#[tokio::test]
async fn creation_needs_a_connection() {
    let fixture = with(vec![], &[]).await;
    assert_eq!(
        failure_kind(fixture.adapter.create(&fixture.cx(), &nova()).await),
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
        Fault::Status {
            status: 500,
            retry_after: None,
            reset_in: None,
            body: None,
        },
        Fault::Status {
            status: 502,
            retry_after: None,
            reset_in: None,
            body: None,
        },
    ] {
        let fixture = with_attempts(
            vec![reader("1", "ann@example.com")],
            &[("Auth0.Connection", DATABASE)],
            3,
            Some(SECRET),
        )
        .await;
        fixture
            .sandbox
            .inject(FaultRule::from(fault.clone()).on("/api/").method("POST"));
        let kind = failure_kind(fixture.adapter.create(&fixture.cx(), &nova()).await);
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
        failure_kind(fixture.adapter.create(&fixture.cx(), &nova()).await),
        SourceErrorKind::Unavailable
    );
}
