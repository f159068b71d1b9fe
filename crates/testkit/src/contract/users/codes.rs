//! Pending registrations and codes.

use masthead_domain::customer_registration_id::CustomerRegistrationId;
use masthead_ports::users::{CodeCheck, CodeRefusal, NewCode, NewRegistration, PendingRegistration, UserWriteError};

use super::{UsersFactory, UsersSubject, commit, email, hash, hour, id, minute, new_user, password};

/// A pending registration of this address until the third hour.
fn pending(address: &str) -> PendingRegistration {
    PendingRegistration {
        registration: NewRegistration {
            crid: None,
            ..new_user("-", address)
        },
        email: email(address),
        had_password: true,
        ignore_provider: false,
        expires_at: hour(3),
    }
}

/// A code with this number that ends at the second hour.
fn code(number: u8) -> NewCode {
    NewCode {
        hash: hash(number),
        expires_at: hour(2),
    }
}

async fn create_pending(subject: &UsersSubject, address: &str, at: i64) -> Result<(), UserWriteError> {
    let (cx, pending) = (subject.context(0), pending(address));
    subject
        .writer
        .create_pending(&cx, &pending, &code(1), &commit(at))
        .await
}

async fn check(subject: &UsersSubject, number: u8, at: i64) -> CodeCheck {
    let address = email("ann@example.com");
    let hashes = [hash(0), hash(number)];
    let checked = subject
        .writer
        .check_code(&subject.context(0), &address, &hashes, minute(at))
        .await;
    checked.expect("an answer")
}

async fn replace(subject: &UsersSubject, number: u8, at: i64) -> Result<(), CodeRefusal> {
    let (cx, address) = (subject.context(0), email("ann@example.com"));
    let replaced = subject
        .writer
        .replace_code(&cx, &address, &code(number), &commit(at))
        .await;
    replaced.expect("an answer")
}

/// A pending registration keeps its address from others until it expires.
pub async fn pending_registration_reserves_its_address(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    let cx = subject.context(0);
    create_pending(&subject, "Ann@Example.com", 0).await.expect("pending");
    assert_eq!(subject.log.events().await.len(), 1);
    let taken = |result: Result<(), UserWriteError>| matches!(result, Err(UserWriteError::EmailTaken { state: None }));
    assert!(taken(create_pending(&subject, "ann@example.com", 1).await));
    let new = new_user("7", "ANN@example.com");
    let created = subject.writer.create(&cx, &new, false, &commit(1)).await;
    assert!(taken(created.map(|_| ())));
    subject.create(&new_user("8", "bob@example.com")).await;
    let moved = subject
        .writer
        .set_email(&cx, &id("8"), &email("ann@example.com"), None, &commit(1))
        .await;
    assert!(taken(moved.map(|_| ())));
    assert!(matches!(
        create_pending(&subject, "bob@example.com", 1).await,
        Err(UserWriteError::EmailTaken { state: Some(_) })
    ));
    // Expired after three hours.
    let again = PendingRegistration {
        expires_at: hour(6),
        ..pending("ann@example.com")
    };
    let replaced = subject.writer.create_pending(&cx, &again, &code(2), &commit(180)).await;
    replaced.expect("replaced");
    let created = subject.writer.create(&cx, &new, false, &commit(360)).await;
    assert_eq!(created.expect("created").crid, id("7"));
}

/// The right code gives the registration back until it is created, which happens once.
pub async fn pending_registration_becomes_a_user_once(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    let cx = subject.context(0);
    create_pending(&subject, "Ann@Example.com", 0).await.expect("pending");
    for _ in 0..2 {
        match check(&subject, 1, 10).await {
            CodeCheck::Pending(found) => assert!(*found == pending("Ann@Example.com")),
            _ => panic!("the code is right"),
        }
    }
    let new = pending("Ann@Example.com").registration;
    let created = subject
        .writer
        .create(&cx, &new, true, &commit(11))
        .await
        .expect("created");
    assert!(CustomerRegistrationId::parse(created.crid.as_str()).is_ok() && created.has_password);
    assert!(matches!(check(&subject, 1, 12).await, CodeCheck::Verified));
    let again = subject.writer.create(&cx, &new, true, &commit(13)).await;
    assert!(matches!(again, Err(UserWriteError::NoSuchUser)));
    let credentials = subject.writer.credentials(&cx, &email("ann@example.com")).await;
    let stored = credentials.expect("an answer").expect("a user").password;
    assert_eq!(stored, Some(password("hash-1")));
}

/// Five wrong tries end a code; a new one begins anew.
pub async fn five_wrong_tries_end_a_code(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    assert!(matches!(check(&subject, 1, 0).await, CodeCheck::Unknown));
    create_pending(&subject, "ann@example.com", 0).await.expect("pending");
    for _ in 0..4 {
        assert!(matches!(check(&subject, 9, 1).await, CodeCheck::Wrong));
    }
    assert!(matches!(check(&subject, 1, 1).await, CodeCheck::Pending(_)));
    assert!(matches!(check(&subject, 9, 1).await, CodeCheck::Wrong));
    assert!(
        matches!(check(&subject, 1, 1).await, CodeCheck::Wrong),
        "tried too often"
    );
    assert_eq!(replace(&subject, 2, 2).await, Ok(()));
    assert!(matches!(check(&subject, 1, 3).await, CodeCheck::Wrong), "replaced");
    assert!(matches!(check(&subject, 2, 3).await, CodeCheck::Pending(_)));
    assert!(matches!(check(&subject, 2, 120).await, CodeCheck::Wrong), "expired");
}

/// One code a minute and ten a day; a refused one is not kept.
pub async fn codes_are_limited_by_minute_and_day(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    let cx = subject.context(0);
    let unverified = NewRegistration {
        verified: false,
        ..new_user("7", "ann@example.com")
    };
    subject.create(&unverified).await;
    let sent_before = subject.log.mails().await.len();
    assert_eq!(replace(&subject, 1, 0).await, Ok(()));
    assert_eq!(replace(&subject, 2, 0).await, Err(CodeRefusal::TooMany));
    assert!(matches!(check(&subject, 1, 0).await, CodeCheck::Unverified(_)));
    for sent in 1..10 {
        assert_eq!(replace(&subject, 3, sent).await, Ok(()), "{sent}");
    }
    assert_eq!(replace(&subject, 4, 100).await, Err(CodeRefusal::TooMany));
    assert_eq!(subject.log.mails().await.len(), sent_before + 10);
    let next_day = NewCode {
        hash: hash(5),
        expires_at: hour(30),
    };
    let address = email("ann@example.com");
    let sent = subject
        .writer
        .replace_code(&cx, &address, &next_day, &commit(24 * 60 + 10))
        .await;
    assert_eq!(sent.expect("an answer"), Ok(()));
    assert!(matches!(
        check(&subject, 5, 24 * 60 + 11).await,
        CodeCheck::Unverified(_)
    ));
}

/// A code verifies an unverified user; a verified or unknown one gets none.
pub async fn unverified_user_is_verified_by_code(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    let cx = subject.context(0);
    assert_eq!(replace(&subject, 1, 0).await, Err(CodeRefusal::Unknown));
    assert!(subject.has_committed_nothing().await);
    let unverified = NewRegistration {
        verified: false,
        ..new_user("7", "ann@example.com")
    };
    let user = subject.create(&unverified).await;
    assert!(matches!(check(&subject, 1, 1).await, CodeCheck::Wrong));
    assert_eq!(replace(&subject, 1, 1).await, Ok(()));
    match check(&subject, 1, 2).await {
        CodeCheck::Unverified(found) => assert!(*found == user),
        _ => panic!("the code is right"),
    }
    let change = masthead_domain::user_change::UserChange {
        verified: Some(true),
        ..Default::default()
    };
    subject
        .writer
        .update(&cx, &id("7"), &change, None, &commit(3))
        .await
        .expect("verified");
    assert!(matches!(check(&subject, 1, 4).await, CodeCheck::Verified));
    assert_eq!(replace(&subject, 2, 5).await, Err(CodeRefusal::Verified));
}
