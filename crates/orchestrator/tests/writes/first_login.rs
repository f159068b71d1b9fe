//! The check at first login, over fakes: each answer of the former provider, and what becomes of the user.

use std::sync::Arc;

use masthead_domain::{account::Account, event::EventKind, state::UserState};
use masthead_orchestrator::writes::{SignInError, SignInRequest, WriteUserError};
use masthead_ports::{accounts::SignInAnswer, passwords::PasswordHash};
use masthead_testkit::{accounts::account, secrets::FakePasswordHasher, users::WriteFault};
use time::Duration;

use crate::fixture::{WriteFixture, password};

const MOVED: &[(&str, &str)] = &[
    ("Import.FirstLogin", "auth0"),
    ("Users.ReturnUrls", "https://herald.example/account"),
];
const ANN: &str = "ann@example.com";
const ID: &str = "auth0|ann";

/// A user who was imported without a hash, and has this password at the former provider.
fn moved() -> WriteFixture {
    let fixture = WriteFixture::new(MOVED);
    fixture.users.put(fixture.tenant.pool, imported(), None);
    fixture.provider.put(&fixture.tenant, account(ID, ANN, "", ""), "right");
    fixture
}

fn imported() -> Account {
    Account {
        registration_id: Some(1),
        ..account(ID, ANN, "", "")
    }
}

async fn sign_in(fixture: &WriteFixture, typed: &str) -> Result<String, SignInError> {
    let request = SignInRequest {
        login: ANN.into(),
        password: password(typed),
        address: None,
    };
    let signed_in = fixture.writes.sign_in.sign_in(fixture.call(), request).await;
    signed_in.map(|user| user.crid.as_str().to_owned())
}

fn kept(fixture: &WriteFixture) -> Option<PasswordHash> {
    fixture.users.password(fixture.tenant.pool, 1)
}

#[tokio::test]
async fn confirmed_password_is_kept_for_good() {
    let fixture = moved();
    assert_eq!(sign_in(&fixture, "right").await.unwrap(), ID);
    assert_eq!(kept(&fixture), Some(FakePasswordHasher::new_hash("right")));
    let stored = fixture.stored(&imported().crid).await.unwrap();
    assert_eq!(stored.state(false), UserState::Standard);
    assert_eq!(
        fixture.events(),
        [EventKind::SubscribeUserFirstLogin, EventKind::SubscribeUserLogin]
    );
    assert_eq!(fixture.users.events()[0].registration_id, Some(1));
    sign_in(&fixture, "right").await.unwrap();
    let wrong = sign_in(&fixture, "wrong").await;
    assert!(matches!(wrong, Err(SignInError::Incorrect)), "{wrong:?}");
    assert_eq!(fixture.provider.sign_ins(), 1);
}

#[tokio::test]
async fn refusal_is_a_counted_wrong_password() {
    let fixture = moved();
    for _ in 0..10 {
        let wrong = sign_in(&fixture, "wrong").await;
        assert!(matches!(wrong, Err(SignInError::Incorrect)), "{wrong:?}");
    }
    let limited = sign_in(&fixture, "right").await;
    assert!(
        matches!(limited, Err(SignInError::TooManyAttempts { .. })),
        "{limited:?}"
    );
    assert_eq!((fixture.provider.sign_ins(), kept(&fixture)), (10, None));
    assert!(
        fixture
            .events()
            .iter()
            .all(|event| *event == EventKind::SubscribeUserLoginFailed)
    );
    fixture.clock.advance(Duration::minutes(15));
    sign_in(&fixture, "right").await.unwrap();
}

#[tokio::test]
async fn silence_is_neither_wrong_nor_counted() {
    let fixture = moved();
    fixture.provider.fail_look_ups(true);
    for _ in 0..12 {
        let silent = sign_in(&fixture, "right").await;
        assert!(
            matches!(
                silent,
                Err(SignInError::Failed(WriteUserError::Unavailable { pending: None, .. }))
            ),
            "{silent:?}"
        );
    }
    assert_eq!((fixture.events(), kept(&fixture)), (Vec::new(), None));
    fixture.provider.fail_look_ups(false);
    sign_in(&fixture, "right").await.unwrap();
}

#[tokio::test]
async fn only_a_full_success_is_kept() {
    let reason = |refused: &Result<String, SignInError>| match refused {
        Err(SignInError::Refused { reason }) => Some(*reason),
        _ => None,
    };
    for (answer, class) in [
        (SignInAnswer::SecondFactorNeeded, Some("second_factor_needed")),
        (SignInAnswer::PasswordChangeNeeded, Some("password_change_needed")),
        (SignInAnswer::ChallengeNeeded, Some("challenge_needed")),
        (SignInAnswer::LockedOut, Some("locked_out")),
        (SignInAnswer::Denied, Some("denied")),
        (
            SignInAnswer::RegistrationIncomplete(None),
            Some("registration_incomplete"),
        ),
        (SignInAnswer::Unverified(None), None),
        (SignInAnswer::Blocked, None),
    ] {
        let fixture = moved();
        fixture.provider.answer_next(answer.clone());
        let refused = sign_in(&fixture, "right").await;
        assert_eq!(reason(&refused), class, "{refused:?}");
        let is_own = match answer {
            SignInAnswer::Unverified(_) => matches!(refused, Err(SignInError::Unverified)),
            SignInAnswer::Blocked => matches!(refused, Err(SignInError::Blocked)),
            _ => class.is_some(),
        };
        assert!(is_own, "{refused:?}");
        assert_eq!(kept(&fixture), None, "{answer:?}");
    }
}

/// The account comes with the answer: its password is right, and what the former provider misses is no concern of the store.
#[tokio::test]
async fn unfinished_account_at_the_former_provider_signs_in() {
    let its_account = || Some(Box::new(account(ID, ANN, "", "")));
    for answer in [
        SignInAnswer::RegistrationIncomplete(its_account()),
        SignInAnswer::Unverified(its_account()),
    ] {
        let fixture = moved();
        fixture.provider.answer_next(answer);
        sign_in(&fixture, "right").await.unwrap();
        assert_eq!(kept(&fixture), Some(FakePasswordHasher::new_hash("right")));
    }
}

#[tokio::test]
async fn account_of_another_person_is_refused() {
    for (id, verified, is_same) in [
        ("auth0|other", Some(false), false),
        ("auth0|other", None, false),
        ("auth0|other", Some(true), true),
        (ID, Some(false), true),
    ] {
        let fixture = moved();
        let former = Account {
            verified,
            ..account(id, ANN, "", "")
        };
        fixture.provider.answer_next(SignInAnswer::Accepted(Box::new(former)));
        let answer = sign_in(&fixture, "chosen by a stranger").await;
        if is_same {
            assert_eq!(answer.unwrap(), ID);
        } else {
            assert!(matches!(answer, Err(SignInError::Incorrect)), "{answer:?}");
        }
        assert_eq!(kept(&fixture).is_some(), is_same, "{id} {verified:?}");
    }
}

#[tokio::test]
async fn our_store_decides_who_is_admitted() {
    for (is_blocked, verified) in [(true, Some(true)), (false, Some(false))] {
        let fixture = moved();
        let mut user = Account { verified, ..imported() };
        if is_blocked {
            user.metadata = masthead_domain::metadata::Metadata::from_valid([("blocked", "true")]);
        }
        fixture.users.put(fixture.tenant.pool, user, None);
        let refused = sign_in(&fixture, "right").await.unwrap_err();
        let is_own = if is_blocked {
            matches!(refused, SignInError::Blocked)
        } else {
            matches!(refused, SignInError::Unverified)
        };
        assert!(is_own, "{refused:?}");
        assert!(kept(&fixture).is_some(), "the password is right");
        let wrong = sign_in(&fixture, "wrong").await;
        assert!(matches!(wrong, Err(SignInError::Incorrect)), "{wrong:?}");
        assert_eq!(fixture.provider.sign_ins(), 1);
    }
}

#[tokio::test]
async fn only_users_from_before_the_move_are_checked() {
    let settings: Vec<_> = MOVED
        .iter()
        .copied()
        .chain([("Import.FirstLoginBefore", "2026-01-01")])
        .collect();
    let at = |text| time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).unwrap();
    for (settings, registered_at, calls) in [
        (&settings[1..], None, 0),
        (&settings[..], Some(at("2026-02-01T00:00:00Z")), 0),
        (&settings[..], Some(at("2025-02-01T00:00:00Z")), 1),
        (&settings[..], None, 1),
        (MOVED, Some(at("2026-02-01T00:00:00Z")), 1),
    ] {
        let fixture = WriteFixture::new(settings);
        let user = Account {
            registered_at,
            ..imported()
        };
        fixture.users.put(fixture.tenant.pool, user, None);
        let refused = sign_in(&fixture, "wrong").await.unwrap_err();
        let is_lite = matches!(refused, SignInError::Lite);
        assert_eq!(
            (is_lite, fixture.provider.sign_ins()),
            (calls == 0, calls),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn concurrent_first_logins_make_one_call() {
    let fixture = Arc::new(moved());
    let all = (0..9).map(|_| {
        let fixture = Arc::clone(&fixture);
        tokio::spawn(async move { sign_in(&fixture, "right").await.unwrap() })
    });
    let all: Vec<_> = all.collect();
    for one in all {
        assert_eq!(one.await.unwrap(), ID);
    }
    assert_eq!(fixture.provider.sign_ins(), 1);
    let first_logins = fixture.events();
    let first_logins = first_logins
        .iter()
        .filter(|event| **event == EventKind::SubscribeUserFirstLogin);
    assert_eq!(first_logins.count(), 1);
}

#[tokio::test]
async fn password_set_before_or_meanwhile_wins() {
    // Reset before the first login: the former provider is not called.
    let fixture = moved();
    let new = FakePasswordHasher::new_hash("new");
    fixture.users.put(fixture.tenant.pool, imported(), Some(new.clone()));
    let former = sign_in(&fixture, "right").await;
    assert!(matches!(former, Err(SignInError::Incorrect)), "{former:?}");
    sign_in(&fixture, "new").await.unwrap();
    assert_eq!((fixture.provider.sign_ins(), kept(&fixture)), (0, Some(new)));
    // Reset during the call of the former provider.
    let fixture = Arc::new(moved());
    let signing_in = Arc::clone(&fixture);
    let signing_in = tokio::spawn(async move { sign_in(&signing_in, "right").await });
    while fixture.provider.sign_ins() == 0 {
        tokio::task::yield_now().await;
    }
    let new = FakePasswordHasher::new_hash("new");
    fixture.users.put(fixture.tenant.pool, imported(), Some(new.clone()));
    let former = signing_in.await.unwrap();
    assert!(matches!(former, Err(SignInError::Incorrect)), "{former:?}");
    assert_eq!(kept(&fixture), Some(new));
}

#[tokio::test]
async fn failed_write_does_not_lose_the_user() {
    // A lost answer of our store: the password is kept, and the next sign-in needs no call.
    let fixture = moved();
    fixture
        .users
        .fail_next("set_first_password", WriteFault::OutcomeUnknown);
    let lost = sign_in(&fixture, "right").await;
    assert!(matches!(lost, Err(SignInError::Failed(_))), "{lost:?}");
    sign_in(&fixture, "right").await.unwrap();
    assert_eq!(fixture.provider.sign_ins(), 1);
    // An unavailable one: nothing is kept, and the next sign-in calls again.
    let fixture = moved();
    fixture.users.fail_next("set_first_password", WriteFault::Unavailable);
    let failed = sign_in(&fixture, "right").await;
    assert!(matches!(failed, Err(SignInError::Failed(_))), "{failed:?}");
    assert_eq!(kept(&fixture), None);
    sign_in(&fixture, "right").await.unwrap();
    assert_eq!(fixture.provider.sign_ins(), 2);
}

#[tokio::test]
async fn unknown_user_is_not_looked_for() {
    let fixture = moved();
    let request = SignInRequest {
        login: "unknown@example.com".into(),
        password: password("right"),
        address: None,
    };
    let unknown = fixture.writes.sign_in.sign_in(fixture.call(), request).await;
    assert!(matches!(unknown, Err(SignInError::Incorrect)));
    assert_eq!(fixture.provider.sign_ins(), 0);
}
