//! Writes: success, rejection, and unknown outcome.

use masthead_domain::{account::Account, email::Email, user_key::UserKey};
use masthead_ports::{
    accounts::{AccountChange, AccountWriter as _, NewAccount, SignInAnswer, WriteError},
    source::SourceErrorKind,
};
use masthead_provider_testkit::{failure_kind, first_name, new_account, writer_suite::WriterFixture, writer_tests};
use masthead_sandbox::{Fault, FaultRule};
use serde_json::json;

use crate::support::{GigyaFixture, SourceClient, called, crid, reader, social, with, with_attempts};

pub(crate) fn nova() -> NewAccount {
    new_account(&[("cellPhone", "+12025550100"), ("timeZone", "Europe/Oslo")])
}

async fn fixture() -> GigyaFixture {
    with(vec![reader("1", "ann@example.com")], &[]).await
}

#[tokio::test]
async fn created_account_is_registered_and_verified() {
    for verified in [false, true] {
        for strict in [false, true] {
            let fixture = fixture().await;
            fixture
                .sandbox
                .gigya()
                .change_settings(|settings| settings.require_verification = strict);
            let new = NewAccount { verified, ..nova() };
            let made = fixture.create(&new).await.unwrap();
            let found = fixture.by_id(made.crid.as_str()).await.unwrap().unwrap();
            assert_eq!(made, found, "{verified} {strict}");
            assert_eq!((&*found.first_name, found.verified), ("Nova", Some(verified)));
            assert_eq!(found.metadata.get("cellPhone"), Some("+12025550100"));
            assert_eq!(found.metadata.get("timeZone"), Some("Europe/Oslo"));
            let kept = fixture.sandbox.gigya().user(made.crid.as_str()).unwrap();
            assert_eq!(kept["isRegistered"], true);
            assert!(
                fixture
                    .sandbox
                    .gigya()
                    .is_password(made.crid.as_str(), "Sandbox-password-1")
            );
        }
    }
}

#[tokio::test]
async fn account_without_password_gets_random_one() {
    let fixture = fixture().await;
    let new = |email| NewAccount {
        email: Email::parse(email).unwrap(),
        password: None,
        ..nova()
    };
    for email in ["one@example.com", "two@example.com"] {
        fixture.create(&new(email)).await.unwrap();
    }
    let log = fixture.sandbox.log_with_secrets();
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
async fn update_merges_and_removes_fields() {
    let mut ann = reader("1", "ann@example.com");
    ann["data"] = json!({"timeZone": "Europe/Oslo", "title": "Dr", "internal": "kept"});
    ann["profile"]["nickname"] = "annie".into();
    ann["profile"]["phones"] = json!([{"type": "mobile", "number": "1"}, {"type": "work", "number": "2"}]);
    let fixture = with(vec![ann], &[]).await;
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
        ..AccountChange::default()
    };
    let changed = fixture.update("1", &change).await.unwrap();
    assert_eq!(
        (&*changed.first_name, &*changed.last_name, changed.verified),
        ("'<>()*!~+&=%\u{e9}", "", Some(false))
    );
    assert_eq!(
        changed.metadata.iter().collect::<Vec<_>>(),
        [("timeZone", "Europe/Madrid"), ("cellPhone", "9")]
    );
    let kept = fixture.sandbox.gigya().user("1").unwrap();
    assert_eq!(kept["data"], json!({"timeZone": "Europe/Madrid", "internal": "kept"}));
    assert_eq!(kept["profile"]["email"], "ann@example.com");
}

#[tokio::test]
async fn unmapped_change_is_no_write() {
    let fixture = fixture().await;
    fixture.assert_unmapped_change_succeeds("1").await;
    assert_eq!(called(&fixture), ["getAccountInfo"]);
}

#[tokio::test]
async fn changed_address_signs_in() {
    let mut ann = reader("1", "ann@example.com");
    ann["password"] = "Sandbox-password-1".into();
    let fixture = with(vec![ann, social("2", "bob@example.com")], &[]).await;
    let new = "Anna+'&=%@Example.com";
    let changed = fixture.set_email("1", new, false).await.unwrap();
    assert_eq!(changed.email.as_ref().unwrap().as_str(), new);
    assert_eq!(changed.verified, Some(false));
    let login = async |id: &str| fixture.sign_in(id, "Sandbox-password-1").await.unwrap();
    assert_eq!(login(new).await, SignInAnswer::Accepted(Box::new(changed)));
    assert_eq!(login("ann@example.com").await, SignInAnswer::WrongCredentials);
    // Signing in with another account gives no access.
    fixture.set_email("2", "bobby@example.com", true).await.unwrap();
    let kept = fixture.sandbox.gigya().user("2").unwrap();
    assert_eq!(kept["loginIDs"]["emails"], json!([]));
    assert_eq!(kept["profile"]["email"], "bobby@example.com");
}

#[tokio::test]
async fn password_is_set_without_old_one() {
    let fixture = fixture().await;
    let odd = "geheim'<>()*!~+&=% 2\u{fc}";
    fixture.set_password("1", odd).await.unwrap();
    assert!(fixture.sandbox.gigya().is_password("1", odd));
}

#[tokio::test]
async fn unknown_user_cannot_be_changed() {
    let fixture = fixture().await;
    for answer in [
        fixture.update("nobody", &first_name("x")).await.map(|_| ()),
        fixture.set_email("nobody", "x@example.com", true).await.map(|_| ()),
        fixture.set_password("nobody", "Sandbox-1").await,
    ] {
        assert!(matches!(answer, Err(WriteError::NoSuchUser)), "{answer:?}");
    }
    for _ in 0..2 {
        fixture.delete("1").await.unwrap();
    }
    assert_eq!(fixture.sandbox.gigya().user_count(), 0);
}

#[tokio::test]
async fn login_is_tried_once() {
    let mut ann = reader("1", "ann@example.com");
    ann["password"] = "Sandbox-password-1".into();
    let mut off = reader("2", "off@example.com");
    off["password"] = "Sandbox-password-1".into();
    off["isActive"] = false.into();
    let fixture = with_attempts(vec![ann, off], &[], 3).await;
    let login = async |id: &str, password: &str| fixture.sign_in(id, password).await;
    assert!(matches!(
        login("Ann@Example.com", "Sandbox-password-1").await.unwrap(),
        SignInAnswer::Accepted(account) if account.crid == crid("1")
    ));
    for (id, password) in [
        ("ann@example.com", "wrong"),
        ("nobody@example.com", "Sandbox-password-1"),
    ] {
        assert_eq!(login(id, password).await.unwrap(), SignInAnswer::WrongCredentials);
    }
    assert_eq!(
        login("off@example.com", "Sandbox-password-1").await.unwrap(),
        SignInAnswer::Blocked
    );
    for (fault, wanted) in [
        (Fault::ErrorCode { code: 403_120 }, Ok(SignInAnswer::LockedOut)),
        (Fault::ErrorCode { code: 401_020 }, Ok(SignInAnswer::ChallengeNeeded)),
        (
            Fault::ErrorCode { code: 403_100 },
            Ok(SignInAnswer::PasswordChangeNeeded),
        ),
        (Fault::ErrorCode { code: 403_102 }, Ok(SignInAnswer::SecondFactorNeeded)),
        (Fault::ErrorCode { code: 206_001 }, Err(SourceErrorKind::Unavailable)),
        (Fault::ErrorCode { code: 500_001 }, Err(SourceErrorKind::Unavailable)),
        (Fault::ResetMidBody, Err(SourceErrorKind::Unavailable)),
        (Fault::ErrorCode { code: 403_005 }, Err(SourceErrorKind::Misconfigured)),
    ] {
        let calls = fixture.sandbox.calls();
        fixture.inject(FaultRule::from(fault).times(1));
        let answer = login("ann@example.com", "Sandbox-password-1").await;
        assert_eq!(answer.map_err(|error| error.kind), wanted);
        assert_eq!(fixture.sandbox.calls(), calls + 1);
    }
}

#[tokio::test]
async fn unusable_account_has_its_reason() {
    let account = |uid: &str, email: &str, member: &str, value: serde_json::Value| {
        let mut account = reader(uid, email);
        account["password"] = "Sandbox-password-1".into();
        account[member] = value;
        account
    };
    let accounts = vec![
        account("1", "a@example.com", "isRegistered", false.into()),
        account("2", "b@example.com", "isVerified", false.into()),
        account("3", "c@example.com", "tfaStatus", "forceOn".into()),
    ];
    let fixture = with(accounts, &[]).await;
    fixture
        .sandbox
        .gigya()
        .change_settings(|settings| settings.require_verification = true);
    let sign_in = async |login| fixture.sign_in(login, "Sandbox-password-1").await.unwrap();
    // The password is right: the account is shown.
    let id = |account: Option<Box<Account>>| account.map(|account| account.crid.as_str().to_owned());
    let incomplete = sign_in("a@example.com").await;
    assert!(
        matches!(&incomplete, SignInAnswer::RegistrationIncomplete(account) if id(account.clone()).as_deref() == Some("1")),
        "{incomplete:?}"
    );
    let unverified = sign_in("b@example.com").await;
    assert!(
        matches!(&unverified, SignInAnswer::Unverified(account) if id(account.clone()).as_deref() == Some("2")),
        "{unverified:?}"
    );
    assert_eq!(sign_in("c@example.com").await, SignInAnswer::SecondFactorNeeded);
    let wrong = fixture.sign_in("a@example.com", "wrong").await.unwrap();
    assert_eq!(wrong, SignInAnswer::WrongCredentials);
}

/// A site without accounts, for the suite.
async fn writer() -> WriterFixture {
    WriterFixture {
        creation: ("POST", "/accounts.register"),
        weak_password_text: "Password does not meet complexity requirements",
        ..with(vec![], &[]).await.into()
    }
}

writer_tests!(writer);

#[tokio::test]
async fn given_id_is_refused() {
    let fixture = fixture().await;
    let new = NewAccount {
        id: Some(crid("own")),
        ..nova()
    };
    let answer = fixture.create(&new).await;
    assert!(
        matches!(answer, Err(WriteError::Refused { message: None })),
        "{answer:?}"
    );
    assert_eq!(fixture.sandbox.calls(), 0);
}

#[tokio::test]
async fn written_account_is_found_before_search_sees_it() {
    let fixture = fixture().await;
    fixture
        .sandbox
        .gigya()
        .change_settings(|settings| settings.search_lag_ms = 60_000);
    let made = fixture.create(&nova()).await.unwrap();
    let before = called(&fixture).len();
    for key in [
        UserKey::Id(made.crid.clone()),
        UserKey::Email(made.email.clone().unwrap().key().clone()),
    ] {
        assert_eq!(
            fixture.adapter.find_written(&fixture.cx(), &key).await.unwrap(),
            std::slice::from_ref(&made)
        );
    }
    assert_eq!(called(&fixture)[before..], ["getAccountInfo", "getAccountInfo"]);
}

#[tokio::test]
async fn lost_write_answer_has_unknown_outcome() {
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
        let fixture = with_attempts(vec![reader("1", "ann@example.com")], &[], 3).await;
        fixture.inject(FaultRule::from(fault.clone()).on("/accounts.setAccountInfo"));
        let answer = fixture.set_password("1", "Sandbox-password-2").await;
        assert_eq!(failure_kind(answer), SourceErrorKind::OutcomeUnknown, "{fault:?}");
        assert_eq!(fixture.sandbox.calls(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn refused_write_has_known_outcome() {
    for (code, wanted) in [
        (403_048, SourceErrorKind::RateLimited { retry_after: None }),
        (400_093, SourceErrorKind::Misconfigured),
        (403_005, SourceErrorKind::Misconfigured),
        (403_007, SourceErrorKind::Misconfigured),
    ] {
        let fixture = fixture().await;
        fixture.inject(Fault::ErrorCode { code });
        let answer = fixture.delete("1").await;
        let got = failure_kind(answer);
        assert_eq!(
            std::mem::discriminant(&got),
            std::mem::discriminant(&wanted),
            "{code}: {got:?}"
        );
    }
}

#[tokio::test]
async fn unfinished_creation_has_unknown_outcome() {
    for broken in ["/accounts.setAccountInfo", "/accounts.getAccountInfo"] {
        let fixture = fixture().await;
        fixture.inject(FaultRule::from(Fault::ErrorCode { code: 403_048 }).on(broken));
        let new = NewAccount {
            verified: true,
            ..nova()
        };
        let answer = fixture.create(&new).await;
        assert_eq!(failure_kind(answer), SourceErrorKind::OutcomeUnknown, "{broken}");
    }
    let fixture = fixture().await;
    fixture.inject(FaultRule::from(Fault::ErrorCode { code: 500_001 }).on("/accounts.initRegistration"));
    let answer = fixture.create(&nova()).await;
    assert_eq!(failure_kind(answer), SourceErrorKind::Unavailable);
}

#[tokio::test]
async fn mismatched_creation_has_unknown_outcome() {
    let fixture = fixture().await;
    fixture.inject(FaultRule::from(Fault::OtherUser).on("/accounts.register"));
    assert_eq!(
        failure_kind(fixture.create(&nova()).await),
        SourceErrorKind::OutcomeUnknown
    );
}
