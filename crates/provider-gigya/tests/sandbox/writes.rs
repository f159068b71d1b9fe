//! Writes: what is done, what is refused, and what nobody knows.

use masthead_domain::{account::Account, email::Email, metadata::Metadata};
use masthead_ports::{
    accounts::{AccountChange, AccountWriter, NewAccount, PlainPassword, WriteError},
    source::SourceErrorKind,
};
use masthead_provider_gigya::Login;
use masthead_sandbox::{Fault, FaultRule};
use serde_json::json;

use crate::support::{SourceClient, World, crid, reader, social};

pub(crate) fn nova() -> NewAccount {
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    NewAccount {
        email: Email::parse("Nova@Example.com").unwrap(),
        password: Some(PlainPassword::new("Sandbox-password-1")),
        first_name: "Nova".into(),
        last_name: "M\u{fc}ller".into(),
        verified: false,
        metadata: Metadata::from_valid([pair("cellPhone", "+12025550100"), pair("timeZone", "Europe/Oslo")]),
    }
}

async fn world() -> World {
    World::with(vec![reader("1", "ann@example.com")], &[]).await
}

fn silence<T: std::fmt::Debug>(answer: Result<T, WriteError>) -> SourceErrorKind {
    match answer {
        Err(WriteError::Source(error)) => error.kind,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_account_is_made_and_found_as_it_was_made() {
    for verified in [false, true] {
        for strict in [false, true] {
            let world = world().await;
            world
                .sandbox
                .gigya()
                .change_settings(|settings| settings.require_verification = strict);
            let new = NewAccount { verified, ..nova() };
            let made = world.gigya.create(&world.cx(), &new).await.unwrap();
            let found = world.by_id(made.crid.as_str()).await.unwrap().unwrap();
            assert_eq!(made, found, "{verified} {strict}");
            assert_eq!((&*found.first_name, found.verified), ("Nova", Some(verified)));
            assert_eq!(found.metadata.get("cellPhone"), Some("+12025550100"));
            assert_eq!(found.metadata.get("timeZone"), Some("Europe/Oslo"));
            let kept = world.sandbox.gigya().account(made.crid.as_str()).unwrap();
            assert_eq!(kept["isRegistered"], true);
            assert!(
                world
                    .sandbox
                    .gigya()
                    .is_password(made.crid.as_str(), "Sandbox-password-1")
            );
        }
    }
}

#[tokio::test]
async fn an_account_without_a_password_gets_one_that_nobody_knows() {
    let world = world().await;
    let new = |email| NewAccount {
        email: Email::parse(email).unwrap(),
        password: None,
        ..nova()
    };
    for email in ["one@example.com", "two@example.com"] {
        world.gigya.create(&world.cx(), &new(email)).await.unwrap();
    }
    let log = world.sandbox.log_with_secrets();
    let mut passwords: Vec<&str> = log
        .iter()
        .flat_map(|entry| entry.body.split('&'))
        .filter(|pair| pair.starts_with("password="))
        .collect();
    passwords.sort_unstable();
    passwords.dedup();
    assert_eq!(passwords.len(), 2);
    assert!(passwords.iter().all(|password| password.len() > 30));
}

#[tokio::test]
async fn an_address_that_is_taken_is_told_as_such() {
    let world = world().await;
    let taken = Email::parse("Ann@Example.com").unwrap();
    let twice = NewAccount {
        email: taken.clone(),
        ..nova()
    };
    let answer = world.gigya.create(&world.cx(), &twice).await;
    assert!(matches!(answer, Err(WriteError::AlreadyExists)), "{answer:?}");
    let made = world.gigya.create(&world.cx(), &nova()).await.unwrap();
    let answer = world.gigya.set_email(&world.cx(), &made.crid, &taken, true).await;
    assert!(matches!(answer, Err(WriteError::AlreadyExists)), "{answer:?}");
}

#[tokio::test]
async fn a_weak_password_is_told_in_gigyas_words() {
    let world = world().await;
    let weak = PlainPassword::new("short");
    let told = |answer: Result<(), WriteError>| match answer {
        Err(WriteError::Refused { message: told }) => told.map(|told| told.as_str().to_owned()),
        other => panic!("{other:?}"),
    };
    let words = Some("Password does not meet complexity requirements");
    let answer = world.gigya.set_password(&world.cx(), &crid("1"), &weak).await;
    assert_eq!(told(answer).as_deref(), words);
    let new = NewAccount {
        password: Some(weak),
        ..nova()
    };
    let answer = world.gigya.create(&world.cx(), &new).await.map(|_| ());
    assert_eq!(told(answer).as_deref(), words);
}

#[tokio::test]
async fn a_change_merges_removes_and_leaves_the_rest() {
    let mut ann = reader("1", "ann@example.com");
    ann["data"] = json!({"timeZone": "Europe/Oslo", "title": "Dr", "internal": "kept"});
    ann["profile"]["nickname"] = "annie".into();
    ann["profile"]["phones"] = json!([{"type": "mobile", "number": "1"}, {"type": "work", "number": "2"}]);
    let world = World::with(vec![ann], &[]).await;
    let set = |key: &str, value: &str| (key.into(), Some(value.into()));
    let change = AccountChange {
        first_name: Some("'<>()*!~+&=%\u{e9}".into()),
        last_name: Some("".into()),
        verified: Some(false),
        metadata: vec![
            set("timeZone", "Europe/Madrid"),
            ("title".into(), None),
            ("displayName".into(), None),
            set("cellPhone", "9"),
            ("workPhone".into(), None),
            set("unknownKey", "x"),
        ],
    };
    let changed = world.gigya.update(&world.cx(), &crid("1"), &change).await.unwrap();
    assert_eq!(
        (&*changed.first_name, &*changed.last_name, changed.verified),
        ("'<>()*!~+&=%\u{e9}", "", Some(false))
    );
    assert_eq!(
        changed.metadata.iter().collect::<Vec<_>>(),
        [("timeZone", "Europe/Madrid"), ("cellPhone", "9")]
    );
    let kept = world.sandbox.gigya().account("1").unwrap();
    assert_eq!(kept["data"], json!({"timeZone": "Europe/Madrid", "internal": "kept"}));
    assert_eq!(kept["profile"]["email"], "ann@example.com");
}

#[tokio::test]
async fn a_change_of_nothing_that_gigya_keeps_is_no_write() {
    let world = world().await;
    let change = AccountChange {
        metadata: vec![("unknownKey".into(), None)],
        ..AccountChange::default()
    };
    assert!(world.gigya.update(&world.cx(), &crid("1"), &change).await.is_ok());
    assert_eq!(world.called(), ["getAccountInfo"]);
}

#[tokio::test]
async fn an_address_is_changed_and_signs_in_from_then_on() {
    let mut ann = reader("1", "ann@example.com");
    ann["password"] = "Sandbox-password-1".into();
    let world = World::with(vec![ann, social("2", "bob@example.com")], &[]).await;
    let new = Email::parse("Anna+'&=%@Example.com").unwrap();
    let changed = world
        .gigya
        .set_email(&world.cx(), &crid("1"), &new, false)
        .await
        .unwrap();
    assert_eq!(changed.email.as_ref().unwrap().as_str(), new.as_str());
    assert_eq!(changed.verified, Some(false));
    let password = PlainPassword::new("Sandbox-password-1");
    let login = async |id: &str| world.gigya.login(&world.cx(), id, &password).await.unwrap();
    assert_eq!(login(new.as_str()).await, Login::Accepted(Box::new(changed)));
    assert_eq!(login("ann@example.com").await, Login::WrongCredentials);
    // Somebody who signs in with another account gets no way in of the own.
    let email = Email::parse("bobby@example.com").unwrap();
    world
        .gigya
        .set_email(&world.cx(), &crid("2"), &email, true)
        .await
        .unwrap();
    let kept = world.sandbox.gigya().account("2").unwrap();
    assert_eq!(kept["loginIDs"]["emails"], json!([]));
    assert_eq!(kept["profile"]["email"], "bobby@example.com");
}

#[tokio::test]
async fn a_password_is_set_without_the_old_one() {
    let world = world().await;
    let odd = "geheim'<>()*!~+&=% 2\u{fc}";
    world
        .gigya
        .set_password(&world.cx(), &crid("1"), &PlainPassword::new(odd))
        .await
        .unwrap();
    assert!(world.sandbox.gigya().is_password("1", odd));
}

#[tokio::test]
async fn who_is_not_there_cannot_be_changed_and_is_removed_already() {
    let world = world().await;
    let (cx, nobody) = (world.cx(), crid("nobody"));
    let email = Email::parse("x@example.com").unwrap();
    let change = AccountChange {
        first_name: Some("x".into()),
        ..AccountChange::default()
    };
    let answers = [
        world.gigya.update(&cx, &nobody, &change).await.map(|_| ()),
        world.gigya.set_email(&cx, &nobody, &email, true).await.map(|_| ()),
        world
            .gigya
            .set_password(&cx, &nobody, &PlainPassword::new("Sandbox-1"))
            .await,
    ];
    for answer in answers {
        assert!(matches!(answer, Err(WriteError::NoSuchUser)), "{answer:?}");
    }
    for _ in 0..2 {
        world.gigya.delete(&cx, &crid("1")).await.unwrap();
    }
    assert_eq!(world.sandbox.gigya().account_count(), 0);
}

#[tokio::test]
async fn signing_in_says_what_it_may_and_is_tried_once() {
    let mut ann = reader("1", "ann@example.com");
    ann["password"] = "Sandbox-password-1".into();
    let mut off = reader("2", "off@example.com");
    off["password"] = "Sandbox-password-1".into();
    off["isActive"] = false.into();
    let world = World::patient(vec![ann, off], &[], 3).await;
    let login =
        async |id: &str, password: &str| world.gigya.login(&world.cx(), id, &PlainPassword::new(password)).await;
    assert!(matches!(
        login("Ann@Example.com", "Sandbox-password-1").await.unwrap(),
        Login::Accepted(account) if account.crid == crid("1")
    ));
    for (id, password) in [
        ("ann@example.com", "wrong"),
        ("nobody@example.com", "Sandbox-password-1"),
    ] {
        assert_eq!(login(id, password).await.unwrap(), Login::WrongCredentials);
    }
    assert_eq!(
        login("off@example.com", "Sandbox-password-1").await.unwrap(),
        Login::Locked
    );
    for _ in 0..5 {
        login("ann@example.com", "wrong").await.unwrap();
    }
    assert_eq!(
        login("ann@example.com", "Sandbox-password-1").await.unwrap(),
        Login::Locked
    );
    for (fault, wanted) in [
        (Fault::ErrorCode { code: 401_020 }, Ok(Login::MoreAsked)),
        (Fault::ErrorCode { code: 206_001 }, Err(SourceErrorKind::Unavailable)),
        (Fault::ErrorCode { code: 500_001 }, Err(SourceErrorKind::Unavailable)),
        (Fault::ResetMidBody, Err(SourceErrorKind::Unavailable)),
        (Fault::ErrorCode { code: 403_005 }, Err(SourceErrorKind::Misconfigured)),
    ] {
        let calls = world.sandbox.calls();
        world.sandbox.inject(FaultRule::from(fault).times(1));
        let answer = login("ann@example.com", "Sandbox-password-1").await;
        assert_eq!(answer.map_err(|error| error.kind), wanted);
        assert_eq!(world.sandbox.calls(), calls + 1);
    }
}

#[tokio::test]
async fn a_registration_that_is_not_finished_is_pending_at_sign_in() {
    let mut ann = reader("1", "ann@example.com");
    ann["password"] = "Sandbox-password-1".into();
    ann["isRegistered"] = false.into();
    let world = World::with(vec![ann], &[]).await;
    let password = PlainPassword::new("Sandbox-password-1");
    let said = world
        .gigya
        .login(&world.cx(), "ann@example.com", &password)
        .await
        .unwrap();
    assert_eq!(said, Login::Pending);
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_of_unknown_outcome_and_made_once() {
    for fault in [
        Fault::ResetBeforeHeaders,
        Fault::ResetMidBody,
        Fault::TruncatedJson,
        Fault::Html,
        Fault::WrongContentType,
        Fault::ErrorCode { code: 500_001 },
        Fault::ErrorCode { code: 504_002 },
        Fault::ErrorCode { code: 403_004 },
    ] {
        let world = World::patient(vec![reader("1", "ann@example.com")], &[], 3).await;
        world
            .sandbox
            .inject(FaultRule::from(fault.clone()).on("/accounts.setAccountInfo"));
        let answer = world
            .gigya
            .set_password(&world.cx(), &crid("1"), &PlainPassword::new("Sandbox-password-2"))
            .await;
        assert_eq!(silence(answer), SourceErrorKind::OutcomeUnknown, "{fault:?}");
        assert_eq!(world.sandbox.calls(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn what_was_refused_before_it_was_done_is_not_of_unknown_outcome() {
    for (code, wanted) in [
        (403_048, SourceErrorKind::RateLimited { retry_after: None }),
        (400_093, SourceErrorKind::Misconfigured),
        (403_005, SourceErrorKind::Misconfigured),
        (403_007, SourceErrorKind::Misconfigured),
    ] {
        let world = world().await;
        world.sandbox.inject(Fault::ErrorCode { code });
        let answer = world.gigya.delete(&world.cx(), &crid("1")).await;
        let got = silence(answer);
        assert_eq!(
            std::mem::discriminant(&got),
            std::mem::discriminant(&wanted),
            "{code}: {got:?}"
        );
    }
}

#[tokio::test]
async fn an_account_that_was_made_and_could_not_be_finished_is_of_unknown_outcome() {
    for broken in ["/accounts.setAccountInfo", "/accounts.getAccountInfo"] {
        let world = world().await;
        world
            .sandbox
            .inject(FaultRule::from(Fault::ErrorCode { code: 403_048 }).on(broken));
        let new = NewAccount {
            verified: true,
            ..nova()
        };
        let answer: Result<Account, WriteError> = world.gigya.create(&world.cx(), &new).await;
        assert_eq!(silence(answer), SourceErrorKind::OutcomeUnknown, "{broken}");
    }
    let world = world().await;
    world
        .sandbox
        .inject(FaultRule::from(Fault::ErrorCode { code: 500_001 }).on("/accounts.initRegistration"));
    let answer = world.gigya.create(&world.cx(), &nova()).await;
    assert_eq!(silence(answer), SourceErrorKind::Unavailable);
}

#[tokio::test]
async fn an_account_that_is_made_for_somebody_else_is_of_unknown_outcome() {
    let world = world().await;
    world
        .sandbox
        .inject(FaultRule::from(Fault::OtherUser).on("/accounts.register"));
    assert_eq!(
        silence(world.gigya.create(&world.cx(), &nova()).await),
        SourceErrorKind::OutcomeUnknown
    );
}
