//! Signing in, and forgotten passwords.

use std::net::IpAddr;

use masthead_domain::{account::Account, event::EventKind, user_change::UserChange};
use masthead_orchestrator::writes::{DeleteRequest, SignInError, SignInRequest, UpdateRequest, WriteUserError};
use masthead_testkit::{accounts::account, secrets::FakePasswordHasher, users::WriteFault};
use time::Duration;

use crate::fixture::{FEDERATED, NO_PROVIDER, WriteFixture, password};

const HOME: &str = "192.0.2.1";
const ELSEWHERE: &str = "198.51.100.1";

fn attempt(login: &str, typed: &str, address: &str) -> SignInRequest {
    SignInRequest {
        login: login.into(),
        password: password(typed),
        address: Some(address.parse::<IpAddr>().unwrap()),
    }
}

async fn sign_in(fixture: &WriteFixture, login: &str, typed: &str) -> Result<String, SignInError> {
    sign_in_from(fixture, login, typed, HOME).await
}

async fn sign_in_from(fixture: &WriteFixture, login: &str, typed: &str, at: &str) -> Result<String, SignInError> {
    let signed_in = fixture
        .writes
        .sign_in
        .sign_in(fixture.call(), attempt(login, typed, at))
        .await;
    signed_in.map(|user| user.crid.as_str().to_owned())
}

#[tokio::test]
async fn right_password_signs_in_and_wrong_one_does_not() {
    for settings in [NO_PROVIDER, FEDERATED] {
        let fixture = WriteFixture::new(settings);
        let id = fixture.create("ann@example.com").await;
        let before = fixture.events().len();
        assert_eq!(
            sign_in(&fixture, "Ann@Example.com", "correct horse").await.unwrap(),
            id.as_str()
        );
        for (login, typed) in [
            ("ann@example.com", "wrong"),
            ("unknown@example.com", "correct horse"),
            ("no address", "correct horse"),
        ] {
            let refused = sign_in(&fixture, login, typed).await;
            assert!(matches!(refused, Err(SignInError::Incorrect)), "{login}");
        }
        let events = fixture.events().split_off(before);
        let answered = |kind| events.iter().filter(|event| **event == kind).count();
        assert_eq!(answered(EventKind::SubscribeUserLogin), 1);
        assert_eq!(answered(EventKind::SubscribeUserLoginFailed), 3);
        let at_provider = if settings == FEDERATED { 4 } else { 0 };
        assert_eq!(answered(EventKind::AuthSystemUserLogin), at_provider);
    }
}

#[tokio::test]
async fn state_and_block_need_the_right_password() {
    let fixture = WriteFixture::new(NO_PROVIDER);
    let pool = fixture.tenant.pool;
    let unverified = Account {
        registration_id: Some(1),
        verified: Some(false),
        ..account("1", "unverified@example.com", "", "")
    };
    let lite = Account {
        registration_id: Some(2),
        ..account("2", "lite@example.com", "", "")
    };
    fixture
        .users
        .put(pool, unverified, Some(FakePasswordHasher::new_hash("right")));
    fixture.users.put(pool, lite, None);
    let id = fixture.create("blocked@example.com").await;
    let block = UpdateRequest {
        crid: id,
        change: UserChange {
            blocked: Some(true),
            ..UserChange::default()
        },
        ignore_provider: false,
        read: None,
    };
    fixture.writes.update.update(fixture.call(), block).await.unwrap();
    let of = async |login, typed| sign_in(&fixture, login, typed).await.unwrap_err();
    assert!(matches!(
        of("unverified@example.com", "right").await,
        SignInError::Unverified
    ));
    assert!(matches!(
        of("unverified@example.com", "wrong").await,
        SignInError::Incorrect
    ));
    assert!(matches!(of("lite@example.com", "any").await, SignInError::Lite));
    assert!(matches!(
        of("blocked@example.com", "correct horse").await,
        SignInError::Blocked
    ));
    assert!(matches!(
        of("blocked@example.com", "wrong").await,
        SignInError::Incorrect
    ));
}

#[tokio::test]
async fn block_of_our_store_holds_at_the_provider() {
    let fixture = WriteFixture::new(FEDERATED);
    let id = fixture.create("ann@example.com").await;
    let block = UpdateRequest {
        crid: id,
        change: UserChange {
            blocked: Some(true),
            ..UserChange::default()
        },
        ignore_provider: false,
        read: None,
    };
    fixture.writes.update.update(fixture.call(), block).await.unwrap();
    let right = sign_in(&fixture, "ann@example.com", "correct horse").await;
    assert!(matches!(right, Err(SignInError::Blocked)), "{right:?}");
    let wrong = sign_in(&fixture, "ann@example.com", "wrong").await;
    assert!(matches!(wrong, Err(SignInError::Incorrect)), "{wrong:?}");
}

#[tokio::test]
async fn user_deleted_from_our_store_alone_cannot_sign_in() {
    let fixture = WriteFixture::new(FEDERATED);
    let crid = fixture.create("ann@example.com").await;
    let request = DeleteRequest {
        crid,
        ignore_provider: true,
    };
    fixture.writes.delete.delete(fixture.call(), request).await.unwrap();
    let refused = sign_in(&fixture, "ann@example.com", "correct horse").await;
    assert!(matches!(refused, Err(SignInError::Incorrect)), "{refused:?}");
}

#[tokio::test]
async fn old_hash_is_replaced_at_success() {
    let fixture = WriteFixture::new(NO_PROVIDER);
    let user = Account {
        registration_id: Some(1),
        ..account("1", "ann@example.com", "", "")
    };
    let old = FakePasswordHasher::old_hash("right");
    fixture.users.put(fixture.tenant.pool, user, Some(old.clone()));
    sign_in(&fixture, "ann@example.com", "wrong").await.unwrap_err();
    assert_eq!(fixture.users.password(fixture.tenant.pool, 1), Some(old));
    sign_in(&fixture, "ann@example.com", "right").await.unwrap();
    let new = FakePasswordHasher::new_hash("right");
    assert_eq!(fixture.users.password(fixture.tenant.pool, 1), Some(new));
}

#[tokio::test]
async fn failures_are_limited_and_never_for_ever() {
    let fixture = WriteFixture::new(NO_PROVIDER);
    fixture.create("ann@example.com").await;
    for _ in 0..10 {
        let refused = sign_in_from(&fixture, "ann@example.com", "wrong", ELSEWHERE).await;
        assert!(matches!(refused, Err(SignInError::Incorrect)));
    }
    let limited = sign_in_from(&fixture, "ann@example.com", "correct horse", ELSEWHERE).await;
    let Err(SignInError::TooManyAttempts { retry_after }) = limited else {
        panic!("{limited:?}");
    };
    assert!(retry_after <= std::time::Duration::from_mins(15));
    fixture.clock.advance(Duration::minutes(15));
    sign_in_from(&fixture, "ann@example.com", "correct horse", ELSEWHERE)
        .await
        .unwrap();
}

#[tokio::test]
async fn stranger_cannot_lock_out_a_known_address() {
    let fixture = WriteFixture::new(NO_PROVIDER);
    fixture.create("ann@example.com").await;
    sign_in_from(&fixture, "ann@example.com", "correct horse", HOME)
        .await
        .unwrap();
    for _ in 0..11 {
        let _refused = sign_in_from(&fixture, "ann@example.com", "wrong", ELSEWHERE).await;
    }
    let elsewhere = sign_in_from(&fixture, "ann@example.com", "correct horse", ELSEWHERE).await;
    assert!(matches!(elsewhere, Err(SignInError::TooManyAttempts { .. })));
    sign_in_from(&fixture, "ann@example.com", "correct horse", HOME)
        .await
        .unwrap();
}

#[tokio::test]
async fn silence_is_never_a_wrong_password() {
    let fixture = WriteFixture::new(FEDERATED);
    fixture.create("ann@example.com").await;
    fixture.provider.fail_look_ups(true);
    // More often than wrong passwords are allowed: none of them is counted.
    for _ in 0..12 {
        let silent = sign_in(&fixture, "ann@example.com", "correct horse").await;
        assert!(matches!(
            silent,
            Err(SignInError::Failed(WriteUserError::Unavailable { .. }))
        ));
    }
    fixture.provider.fail_look_ups(false);
    sign_in(&fixture, "ann@example.com", "correct horse").await.unwrap();
    let own = WriteFixture::new(NO_PROVIDER);
    own.create("ann@example.com").await;
    own.users.fail_next("credentials", WriteFault::Unavailable);
    let silent = sign_in(&own, "ann@example.com", "correct horse").await;
    assert!(matches!(
        silent,
        Err(SignInError::Failed(WriteUserError::Unavailable { .. }))
    ));
}

#[tokio::test(start_paused = true)]
async fn forgotten_password_is_reset_by_its_link_once() {
    for settings in [NO_PROVIDER, FEDERATED] {
        let fixture = WriteFixture::new(settings);
        fixture.create("ann@example.com").await;
        let reset = &fixture.writes.reset;
        let start = || reset.start(fixture.call(), "ann@example.com".to_owned(), None, false);
        let answered = start().await.unwrap();
        let first = fixture.last_mail();
        let first = first["link"].as_str().unwrap().rsplit_once('=').unwrap().1.to_owned();
        assert_ne!(answered, first, "the answered value opens nothing");
        let refused = reset.validate(&fixture.call(), &answered).await;
        assert!(matches!(refused, Err(WriteUserError::LinkInvalid)));
        start().await.unwrap();
        let second = fixture.last_mail();
        let second = second["link"].as_str().unwrap().rsplit_once('=').unwrap().1.to_owned();
        reset.validate(&fixture.call(), &first).await.unwrap();
        let finish = |value: &str| reset.finish(fixture.call(), value.to_owned(), password("another one"));
        finish(&second).await.unwrap();
        for used in [&first, &second] {
            assert!(matches!(finish(used).await, Err(WriteUserError::LinkInvalid)));
        }
        sign_in(&fixture, "ann@example.com", "another one").await.unwrap();
        sign_in(&fixture, "ann@example.com", "correct horse").await.unwrap_err();
    }
}

#[tokio::test(start_paused = true)]
async fn link_expires() {
    let fixture = WriteFixture::new(NO_PROVIDER);
    fixture.create("ann@example.com").await;
    let reset = &fixture.writes.reset;
    let link = reset
        .start(fixture.call(), "ann@example.com".to_owned(), None, true)
        .await
        .unwrap();
    reset.validate(&fixture.call(), &link).await.unwrap();
    fixture.clock.advance(Duration::minutes(60));
    let late = reset.finish(fixture.call(), link, password("another one")).await;
    assert!(matches!(late, Err(WriteUserError::LinkInvalid)));
}

#[tokio::test(start_paused = true)]
async fn mailbox_is_not_filled_by_strangers() {
    let fixture = WriteFixture::new(NO_PROVIDER);
    fixture.create("ann@example.com").await;
    let start = || {
        fixture
            .writes
            .reset
            .start(fixture.call(), "ann@example.com".to_owned(), None, false)
    };
    for _ in 0..8 {
        start().await.unwrap();
    }
    assert_eq!(fixture.users.mails().len(), 5);
    fixture.clock.advance(Duration::hours(1));
    start().await.unwrap();
    assert_eq!(fixture.users.mails().len(), 6);
}

/// A call that must not show whether a user exists took 200 ms and at most 20 ms at random, in paused time.
#[track_caller]
fn assert_even(took: std::time::Duration) {
    assert!((200..=221).contains(&took.as_millis()), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn unknown_address_is_answered_alike() {
    let fixture = WriteFixture::new(NO_PROVIDER);
    fixture.create("ann@example.com").await;
    let start = async |login: &str| {
        let began = tokio::time::Instant::now();
        let answered = fixture
            .writes
            .reset
            .start(fixture.call(), login.to_owned(), None, false)
            .await;
        assert_even(began.elapsed());
        answered.unwrap().len()
    };
    let known = start("ann@example.com").await;
    let mails = fixture.users.mails().len();
    for unknown in ["unknown@example.com", "no address"] {
        assert_eq!(start(unknown).await, known, "{unknown}");
    }
    assert_eq!(fixture.users.mails().len(), mails);
    let code = async |address| {
        let began = tokio::time::Instant::now();
        let sent = fixture
            .writes
            .verify
            .send_code(fixture.call(), crate::fixture::email(address), None)
            .await;
        sent.unwrap();
        assert_even(began.elapsed());
    };
    code("ann@example.com").await;
    code("unknown@example.com").await;
    assert_eq!(fixture.users.mails().len(), mails, "a verified address gets no code");
}
