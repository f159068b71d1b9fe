//! Writes: what is done, what is refused, and what nobody knows.

use masthead_domain::{account::Account, email::Email, metadata::Metadata};
use masthead_ports::{
    accounts::{AccountChange, AccountWriter, NewAccount, PlainPassword, WriteError},
    source::SourceErrorKind,
};
use masthead_sandbox::{Fault, FaultRule};
use serde_json::json;

use crate::support::{DATABASE, SourceClient, World, crid, reader, user};

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

async fn world() -> World {
    World::with(vec![reader("1", "ann@example.com")], &[("Auth0.Connection", DATABASE)]).await
}

fn silence(answer: Result<Account, WriteError>) -> SourceErrorKind {
    match answer {
        Err(WriteError::Source(error)) => error.kind,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_account_is_made_and_found_as_it_was_made() {
    let world = world().await;
    let made = world.auth0.create(&world.cx(), &nova()).await.unwrap();
    let found = world.by_id(made.crid.as_str()).await.unwrap().unwrap();
    assert_eq!(made, found);
    assert_eq!((&*found.first_name, found.verified), ("Nova", Some(false)));
    assert_eq!(found.metadata.get("phoneNumber"), Some("+12025550100"));
}

#[tokio::test]
async fn an_address_that_is_taken_is_told_as_such() {
    let world = world().await;
    let taken = Email::parse("Ann@Example.com").unwrap();
    let twice = NewAccount {
        email: taken.clone(),
        ..nova()
    };
    let answer = world.auth0.create(&world.cx(), &twice).await;
    assert!(matches!(answer, Err(WriteError::AlreadyExists)), "{answer:?}");
    let made = world.auth0.create(&world.cx(), &nova()).await.unwrap();
    let answer = world.auth0.set_email(&world.cx(), &made.crid, &taken, true).await;
    assert!(matches!(answer, Err(WriteError::AlreadyExists)), "{answer:?}");
}

#[tokio::test]
async fn a_weak_password_is_told_in_auth0s_words() {
    let world = world().await;
    let weak = PlainPassword::new("short");
    let told = |answer: Result<(), WriteError>| match answer {
        Err(WriteError::Refused { message: told }) => told.map(|told| told.as_str().to_owned()),
        other => panic!("{other:?}"),
    };
    let answer = world.auth0.set_password(&world.cx(), &crid("auth0|1"), &weak).await;
    assert_eq!(told(answer).as_deref(), Some("Password is too weak"));
    let new = NewAccount {
        password: Some(weak),
        ..nova()
    };
    let answer = world.auth0.create(&world.cx(), &new).await.map(|_| ());
    assert_eq!(told(answer).as_deref(), Some("Password is too weak"));
}

#[tokio::test]
async fn a_change_merges_removes_and_leaves_the_rest() {
    let mut ann = reader("1", "ann@example.com");
    ann["user_metadata"] = json!({"city": "Oslo", "title": "Dr", "internal": "kept"});
    ann["nickname"] = "annie".into();
    let world = World::with(vec![ann], &[]).await;
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
    let changed = world
        .auth0
        .update(&world.cx(), &crid("auth0|1"), &change)
        .await
        .unwrap();
    assert_eq!(
        (&*changed.first_name, &*changed.last_name, changed.verified),
        ("Anna", "", Some(false))
    );
    assert_eq!(changed.metadata.iter().collect::<Vec<_>>(), [("city", "Bergen")]);
    let kept = world.sandbox.auth0().user("auth0|1").unwrap();
    assert_eq!(kept["user_metadata"], json!({"city": "Bergen", "internal": "kept"}));
    assert_eq!(kept["email"], "ann@example.com");
}

#[tokio::test]
async fn a_change_of_nothing_that_auth0_keeps_is_no_write() {
    let world = world().await;
    let change = AccountChange {
        metadata: vec![("unknownKey".into(), None)],
        ..AccountChange::default()
    };
    assert!(world.auth0.update(&world.cx(), &crid("auth0|1"), &change).await.is_ok());
    assert!(world.asked().iter().all(|(method, ..)| method == "GET"));
}

#[tokio::test]
async fn address_and_password_are_set_in_calls_of_their_own() {
    let world = world().await;
    let id = crid("auth0|1");
    let email = Email::parse("anna@example.com").unwrap();
    let changed = world.auth0.set_email(&world.cx(), &id, &email, true).await.unwrap();
    assert_eq!((changed.email, changed.verified), (Some(email), Some(true)));
    let password = PlainPassword::new("Sandbox-password-2");
    world.auth0.set_password(&world.cx(), &id, &password).await.unwrap();
    assert_eq!(world.asked().iter().filter(|(method, ..)| method == "PATCH").count(), 2);
}

#[tokio::test]
async fn nobody_cannot_be_changed_and_can_be_removed() {
    let world = world().await;
    let nobody = crid("auth0|nobody");
    let change = AccountChange {
        first_name: Some("X".into()),
        ..AccountChange::default()
    };
    let answer = world.auth0.update(&world.cx(), &nobody, &change).await;
    assert!(matches!(answer, Err(WriteError::NoSuchUser)), "{answer:?}");
    assert!(world.auth0.delete(&world.cx(), &nobody).await.is_ok());
    assert!(world.auth0.delete(&world.cx(), &crid("auth0|1")).await.is_ok());
    assert!(world.by_id("auth0|1").await.unwrap().is_none());
}

#[tokio::test]
async fn what_a_social_provider_masters_is_refused() {
    let world = World::with(
        vec![user("google-oauth2", "google-oauth2", "2", "ann@example.com")],
        &[],
    )
    .await;
    let change = AccountChange {
        first_name: Some("X".into()),
        ..AccountChange::default()
    };
    let answer = world.auth0.update(&world.cx(), &crid("google-oauth2|2"), &change).await;
    assert!(
        matches!(answer, Err(WriteError::Refused { message: None })),
        "{answer:?}"
    );
}

#[tokio::test]
async fn without_a_connection_no_account_can_be_made() {
    let world = World::with(vec![], &[]).await;
    assert_eq!(
        silence(world.auth0.create(&world.cx(), &nova()).await),
        SourceErrorKind::Misconfigured
    );
    assert_eq!(world.sandbox.calls(), 0);
}

#[tokio::test]
async fn a_write_whose_answer_did_not_come_is_of_unknown_outcome_and_is_made_once() {
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
        let world = World::patient(
            vec![reader("1", "ann@example.com")],
            &[("Auth0.Connection", DATABASE)],
            3,
            Some("sandbox-client-secret"),
        )
        .await;
        world
            .sandbox
            .inject(FaultRule::from(fault.clone()).on("/api/").method("POST"));
        let kind = silence(world.auth0.create(&world.cx(), &nova()).await);
        assert_eq!(kind, SourceErrorKind::OutcomeUnknown, "{fault:?}");
        assert_eq!(world.asked().len(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_write_that_never_left_is_known_not_to_be_done() {
    let world = world().await;
    assert!(world.by_id("auth0|1").await.unwrap().is_some());
    world.sandbox.off().await.unwrap();
    assert_eq!(
        silence(world.auth0.create(&world.cx(), &nova()).await),
        SourceErrorKind::Unavailable
    );
}
