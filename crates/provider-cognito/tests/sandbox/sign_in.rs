//! Signing in: each state of a user, and each error of the settings.

use masthead_ports::{accounts::SignInAnswer, source::SourceErrorKind};
use masthead_sandbox::CognitoStubSettings;
use serde_json::json;

use crate::support::{PASSWORD, reader, sign_in, with, with_secret};

#[tokio::test]
async fn right_password_shows_the_account() {
    let mut unverified = reader("bob", "bob@example.com");
    unverified["Attributes"][2]["Value"] = "false".into();
    let fixture = with(vec![reader("ann", "Ann@Example.com"), unverified]).await;
    for (login, id, email, verified) in [
        ("ann@example.com", "sub-ann", "Ann@Example.com", true),
        ("ANN", "sub-ann", "Ann@Example.com", true),
        ("bob@example.com", "sub-bob", "bob@example.com", false),
    ] {
        let SignInAnswer::Accepted(account) = sign_in(&fixture, login, PASSWORD).await.unwrap() else {
            unreachable!("{login} is not accepted");
        };
        assert_eq!(account.crid.as_str(), id);
        assert_eq!(account.email.unwrap().as_str(), email);
        assert_eq!(account.verified, Some(verified));
    }
    for (login, password) in [("ann@example.com", "wrong"), ("nobody@example.com", PASSWORD)] {
        let wrong = sign_in(&fixture, login, password).await.unwrap();
        assert_eq!(wrong, SignInAnswer::WrongCredentials);
    }
    assert_eq!(fixture.sandbox.calls(), 5, "each attempt is one call");
}

#[tokio::test]
async fn state_of_user_has_its_answer() {
    let user = |name: &str, member: &str, value: serde_json::Value| {
        let mut user = reader(name, &format!("{name}@example.com"));
        user[member] = value;
        user
    };
    let users = vec![
        user("a", "Enabled", false.into()),
        user("b", "UserStatus", "UNCONFIRMED".into()),
        user("c", "UserStatus", "RESET_REQUIRED".into()),
        user("d", "UserStatus", "FORCE_CHANGE_PASSWORD".into()),
        user("e", "UserMFASettingList", json!(["SOFTWARE_TOKEN_MFA"])),
    ];
    let fixture = with(users).await;
    for (name, wanted) in [
        ("a", SignInAnswer::Blocked),
        ("b", SignInAnswer::Unverified(None)),
        ("c", SignInAnswer::PasswordChangeNeeded),
        ("d", SignInAnswer::PasswordChangeNeeded),
        ("e", SignInAnswer::SecondFactorNeeded),
    ] {
        assert_eq!(sign_in(&fixture, name, PASSWORD).await.unwrap(), wanted, "{name}");
        let wrong = sign_in(&fixture, name, "wrong").await.unwrap();
        assert_eq!(wrong, SignInAnswer::WrongCredentials, "{name}");
    }
}

#[tokio::test]
async fn many_wrong_passwords_lock_the_account_there() {
    let fixture = with(vec![reader("ann", "ann@example.com")]).await;
    for _ in 0..10 {
        let wrong = sign_in(&fixture, "ann", "wrong").await.unwrap();
        assert_eq!(wrong, SignInAnswer::WrongCredentials);
    }
    assert_eq!(
        sign_in(&fixture, "ann", PASSWORD).await.unwrap(),
        SignInAnswer::LockedOut
    );
}

#[tokio::test]
async fn public_client_and_revealing_client_work() {
    let settings = CognitoStubSettings {
        client_secret: None,
        reveals_unknown_users: true,
        ..CognitoStubSettings::default()
    };
    let fixture = with_secret(vec![reader("ann", "ann@example.com")], None, settings).await;
    let accepted = sign_in(&fixture, "ann", PASSWORD).await.unwrap();
    assert!(matches!(accepted, SignInAnswer::Accepted(_)), "{accepted:?}");
    let unknown = sign_in(&fixture, "nobody", PASSWORD).await.unwrap();
    assert_eq!(unknown, SignInAnswer::WrongCredentials);
}

#[tokio::test]
async fn errors_of_settings_are_no_wrong_passwords() {
    let default = CognitoStubSettings::default;
    let other_client = CognitoStubSettings {
        client_id: "another".into(),
        ..default()
    };
    let no_passwords = CognitoStubSettings {
        allows_passwords: false,
        ..default()
    };
    for (secret, settings) in [
        (Some("a-wrong-secret"), default()),
        (None, default()),
        (Some(crate::support::SECRET), other_client),
        (Some(crate::support::SECRET), no_passwords),
    ] {
        let fixture = with_secret(vec![reader("ann", "ann@example.com")], secret, settings).await;
        let error = sign_in(&fixture, "ann", PASSWORD).await.unwrap_err();
        assert_eq!(error.kind, SourceErrorKind::Misconfigured);
        assert!(fixture.adapter.health()[0].1.misconfigured, "an operator must act");
    }
}
