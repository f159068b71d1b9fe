//! Links to set a new password.

use masthead_ports::users::{NewRegistration, NewResetLink, UserWriteError};

use super::{UsersFactory, UsersSubject, commit, email, hash, hour, id, minute, new_user, password};

async fn create_link(subject: &UsersSubject, crid: &str, number: u8) -> Result<(), UserWriteError> {
    let link = NewResetLink {
        hash: hash(number),
        expires_at: hour(1),
        proves_address: number.is_multiple_of(2),
    };
    let (cx, user) = (subject.context(0), id(crid));
    subject.writer.create_reset_link(&cx, &user, &link, &commit(0)).await
}

async fn is_valid(subject: &UsersSubject, number: u8, at: i64) -> bool {
    let (cx, hashes) = (subject.context(0), [hash(0), hash(number)]);
    let found = subject.writer.find_reset_link(&cx, &hashes, minute(at)).await;
    found.expect("an answer").is_some()
}

/// A link sets one password, and then ends with all others of the user.
pub async fn link_sets_one_password(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    let (cx, other) = (subject.context(0), subject.context(1));
    let user = subject.create(&new_user("7", "ann@example.com")).await;
    subject.create(&new_user("8", "bob@example.com")).await;
    for (crid, number) in [("7", 1), ("7", 2), ("8", 3)] {
        create_link(&subject, crid, number).await.expect("kept");
    }
    assert!(matches!(
        create_link(&subject, "absent", 4).await,
        Err(UserWriteError::NoSuchUser)
    ));
    let found = subject.writer.find_reset_link(&cx, &[hash(1)], minute(59)).await;
    let found = found.expect("an answer").expect("a link");
    assert!(found.account == user);
    assert_eq!(found.expires_at, hour(1));
    assert!(!is_valid(&subject, 1, 60).await, "expired");
    let elsewhere = subject.writer.find_reset_link(&other, &[hash(1)], minute(1)).await;
    assert!(elsewhere.expect("an answer").is_none());

    let new = password("hash-2");
    let late = subject
        .writer
        .use_reset_link(&cx, &[hash(1)], Some(&new), &commit(60))
        .await;
    assert!(matches!(late, Err(UserWriteError::NoSuchUser)));
    let changed = subject
        .writer
        .use_reset_link(&cx, &[hash(0), hash(1)], Some(&new), &commit(1))
        .await;
    assert_eq!(changed.expect("used").crid, id("7"));
    let again = subject
        .writer
        .use_reset_link(&cx, &[hash(1)], Some(&new), &commit(2))
        .await;
    assert!(matches!(again, Err(UserWriteError::NoSuchUser)));
    assert!(!is_valid(&subject, 2, 2).await, "ended with the other");
    assert!(is_valid(&subject, 3, 2).await, "of another user");
    let credentials = subject.writer.credentials(&cx, &email("ann@example.com")).await;
    assert_eq!(credentials.expect("an answer").expect("a user").password, Some(new));
}

/// A password that is set by a link which only the mail had verifies the address; one that others have seen does not.
pub async fn link_of_the_mail_alone_verifies(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    let cx = subject.context(0);
    let unverified = NewRegistration {
        verified: false,
        ..new_user("7", "ann@example.com")
    };
    subject.create(&unverified).await;
    for (number, verified) in [(1, false), (2, true)] {
        create_link(&subject, "7", number).await.expect("kept");
        let new = password("hash-2");
        let used = subject
            .writer
            .use_reset_link(&cx, &[hash(number)], Some(&new), &commit(1))
            .await;
        assert_eq!(used.expect("used").verified, Some(verified), "{number}");
        assert_eq!(subject.find(&id("7")).await.expect("a user").verified, Some(verified));
    }
}

/// A new password, another address or a deletion ends all links of the user.
pub async fn new_password_or_address_ends_all_links(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    let cx = subject.context(0);
    subject.create(&new_user("7", "ann@example.com")).await;
    create_link(&subject, "7", 1).await.expect("kept");
    let set = subject
        .writer
        .set_password(&cx, &id("7"), Some(&password("hash-2")), &commit(1))
        .await;
    set.expect("set");
    assert!(!is_valid(&subject, 1, 2).await);
    create_link(&subject, "7", 2).await.expect("kept");
    let moved = subject
        .writer
        .set_email(&cx, &id("7"), &email("ann@new.example"), None, &commit(2))
        .await;
    moved.expect("set");
    assert!(!is_valid(&subject, 2, 3).await);
    create_link(&subject, "7", 3).await.expect("kept");
    subject.writer.delete(&cx, &id("7"), &commit(3)).await.expect("deleted");
    assert!(!is_valid(&subject, 3, 4).await);
}
