//! Writes: success, rejection, and unknown outcome.

use std::sync::Arc;

use masthead_domain::{email::Email, user_key::UserKey};
use masthead_ports::{
    accounts::{
        Ability, AccountChange, AccountWriter as _, MissingSetting, NewAccount, SignIn as _, SignInAnswer,
        SignInAttempt, WriteError,
    },
    passwords::PlainPassword,
    provider::{IdentityProvider as _, Searchable},
    source::SourceErrorKind,
};
use masthead_provider_kit::{AccountAbilities as _, CacheOptions, CachedProvider, CachedSource};
use masthead_provider_testkit::{
    AdapterFixture, crid, failure_kind, first_name, new_account, status, writer_suite::WriterFixture, writer_tests,
};
use masthead_sandbox::{Fault, FaultRule};
use masthead_testkit::clock::StoppedClock;
use serde_json::json;

use crate::support::{Auth0Fixture, DATABASE, SECRET, SourceClient, reader, requests, user, with, with_attempts};

fn nova() -> NewAccount {
    new_account(&[("phoneNumber", "+12025550100")])
}

async fn fixture() -> Auth0Fixture {
    with(vec![reader("1", "ann@example.com")], &[("Auth0.Connection", DATABASE)]).await
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
        ..AccountChange::default()
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

/// A tenant without users, for the suite.
async fn writer() -> WriterFixture {
    let settings = [("Auth0.Connection", DATABASE), ("Auth0.MixedCaseEmails", "false")];
    WriterFixture {
        creation: ("POST", "/api/v2/users"),
        weak_password_text: "Password is too weak",
        // Auth0 makes up other names to display.
        key: "city",
        unknown_id: "auth0|nobody",
        ..with(vec![], &settings).await.into()
    }
}

writer_tests!(writer);

#[tokio::test]
async fn account_without_password_gets_random_one() {
    let new = |email| NewAccount {
        email: Email::parse(email).unwrap(),
        password: None,
        ..nova()
    };
    let fixture = fixture().await;
    for email in ["one@example.com", "two@example.com"] {
        fixture.create(&new(email)).await.unwrap();
    }
    let passwords: Vec<String> = sent_passwords(&fixture);
    assert!(passwords.len() == 2 && passwords[0] != passwords[1] && passwords[0].len() > 30);
    let passwordless = with(vec![], &[("Auth0.Connection", "email")]).await;
    passwordless.create(&new("one@example.com")).await.unwrap();
    assert!(sent_passwords(&passwordless).is_empty());
}

fn sent_passwords(fixture: &Auth0Fixture) -> Vec<String> {
    let log = fixture.sandbox.log_with_secrets().into_iter();
    let bodies = log.filter_map(|entry| serde_json::from_str::<serde_json::Value>(&entry.body).ok());
    bodies
        .filter_map(|body| body["password"].as_str().map(str::to_owned))
        .collect()
}

#[tokio::test]
async fn given_id_is_one_of_auth0s_own() {
    let fixture = fixture().await;
    let with_id = |id: &str| NewAccount {
        id: Some(crid(id)),
        ..nova()
    };
    let made = fixture.create(&with_id("auth0|own-1")).await.unwrap();
    assert_eq!(made.crid, crid("auth0|own-1"));
    for foreign in ["google-oauth2|1", "own-1", "auth0|"] {
        let answer = fixture.create(&with_id(foreign)).await;
        assert!(
            matches!(answer, Err(WriteError::Refused { message: None })),
            "{answer:?}"
        );
    }
    let again = fixture.create(&with_id("auth0|own-1")).await;
    assert!(matches!(again, Err(WriteError::AlreadyExists)), "{again:?}");
}

#[tokio::test]
async fn written_account_is_found_before_search_sees_it() {
    let fixture = fixture().await;
    fixture
        .sandbox
        .auth0()
        .change_settings(|settings| settings.search_lag_ms = 60_000);
    let made = fixture.create(&nova()).await.unwrap();
    let calls = fixture.sandbox.calls();
    for key in [
        UserKey::Id(made.crid.clone()),
        UserKey::Email(made.email.clone().unwrap().key().clone()),
    ] {
        assert_eq!(
            fixture.adapter.find_written(&fixture.cx(), &key).await.unwrap(),
            std::slice::from_ref(&made)
        );
    }
    assert_eq!(fixture.sandbox.calls() - calls, 2, "no search");
}

#[tokio::test]
async fn sign_in_names_connection_and_device() {
    let mut ann = reader("1", "ann@example.com");
    ann["password"] = "Sandbox-password-1".into();
    let fixture = with(vec![ann], &[("Auth0.Connection", DATABASE)]).await;
    let password = PlainPassword::new("Sandbox-password-1");
    for address in [None, Some("::ffff:203.0.113.7".parse().unwrap())] {
        let attempt = SignInAttempt {
            login: "ann@example.com",
            password: &password,
            address,
        };
        let answer = fixture.adapter.sign_in(&fixture.cx(), &attempt).await.unwrap();
        assert!(matches!(answer, SignInAnswer::Accepted(_)), "{answer:?}");
    }
    let log = fixture.sandbox.log_with_secrets();
    let grants: Vec<_> = log
        .iter()
        .filter(|entry| entry.body.contains("password%2Drealm"))
        .collect();
    assert!(
        grants
            .iter()
            .all(|grant| grant.body.contains("realm=Username%2DPassword%2DAuthentication"))
    );
    assert!(grants.iter().all(|grant| grant.header("authorization").is_none()));
    let devices: Vec<_> = grants.iter().map(|grant| grant.header("auth0-forwarded-for")).collect();
    assert_eq!(devices, [None, Some("203.0.113.7")]);
}

#[tokio::test]
async fn refused_sign_in_has_its_reason() {
    let mut blocked = reader("1", "blocked@example.com");
    blocked["blocked"] = true.into();
    let mut factor = reader("2", "factor@example.com");
    factor["multifactor"] = json!(["guardian"]);
    for user in [&mut blocked, &mut factor] {
        user["password"] = "Sandbox-password-1".into();
    }
    let fixture = with(vec![blocked, factor], &[("Auth0.Connection", DATABASE)]).await;
    for (login, wanted) in [
        ("blocked@example.com", SignInAnswer::Blocked),
        ("factor@example.com", SignInAnswer::SecondFactorNeeded),
    ] {
        let answer = fixture.sign_in(login, "Sandbox-password-1").await.unwrap();
        assert_eq!(answer, wanted);
    }
}

#[tokio::test]
async fn missing_connection_is_named() {
    let without = with(vec![], &[]).await;
    let with = fixture().await;
    for ability in Ability::ALL {
        let missing = without.adapter.missing_setting(&without.tenant, ability);
        let needs_it = matches!(ability, Ability::Create | Ability::SignIn);
        assert_eq!(
            missing,
            needs_it.then(|| MissingSetting::new("Auth0.Connection")),
            "{ability:?}"
        );
        assert_eq!(with.adapter.missing_setting(&with.tenant, ability), None);
    }
}

#[tokio::test]
async fn reads_follow_writes_through_the_cache() {
    let fixture = fixture().await;
    let (cx, tenant) = (fixture.cx(), Arc::clone(&fixture.tenant));
    let AdapterFixture { sandbox, adapter, .. } = fixture;
    let source = CachedSource::new(adapter, CacheOptions::default(), Arc::new(StoppedClock::default()));
    let provider = CachedProvider::new(source.clone(), Searchable::default());
    let key = |email: &str| UserKey::Email(Email::parse(email).unwrap().key().clone());
    let (id, old, new) = (
        UserKey::Id(crid("auth0|1")),
        key("ann@example.com"),
        key("anna@example.com"),
    );
    let found = async |key: &UserKey| provider.find(&cx, key).await.accounts;
    for (key, count) in [(&id, 1), (&old, 1), (&new, 0)] {
        assert_eq!(found(key).await.len(), count);
    }
    let calls = sandbox.calls();
    assert!(
        found(&old).await.len() == 1 && sandbox.calls() == calls,
        "it is remembered"
    );

    let writer = source.writer(&tenant, Ability::SetEmail).unwrap();
    let email = Email::parse("anna@example.com").unwrap();
    writer.set_email(&cx, &crid("auth0|1"), &email, true).await.unwrap();
    assert!(found(&old).await.is_empty());
    assert_eq!(found(&new).await[0].email, Some(email.clone()));
    assert_eq!(found(&id).await[0].email, Some(email));

    // Also a write without an answer.
    sandbox.inject(FaultRule::from(Fault::StatusAfterCall { status: 502 }).method("PATCH"));
    let lost = writer.update(&cx, &crid("auth0|1"), &first_name("Anna")).await;
    assert!(lost.unwrap_err().may_have_happened());
    assert_eq!(&*found(&id).await[0].first_name, "Anna");

    // A write of another replica is seen when it is looked for.
    assert_eq!(found(&new).await.len(), 1);
    let mut ann = sandbox.auth0().user("auth0|1").unwrap();
    ann["given_name"] = "Annie".into();
    sandbox.auth0().seed([ann]);
    assert_eq!(&*found(&new).await[0].first_name, "Anna");
    assert_eq!(&*provider.find_live(&cx, &new).await.accounts[0].first_name, "Annie");
}
