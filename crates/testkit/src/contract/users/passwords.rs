//! Passwords: what they decide, who gets a first one, and when a hash is replaced.

use masthead_domain::state::UserState;
use masthead_ports::users::{NewRegistration, NewResetLink, UserWriteError};

use super::{UsersFactory, commit, email, hash, hour, id, minute, new_user, password};

/// The state follows the password; credentials are those of the address, in any case.
pub async fn password_decides_state_and_credentials(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    let cx = subject.context(0);
    let lite = NewRegistration {
        password: None,
        ..new_user("7", "ann@example.com")
    };
    assert_eq!(subject.create(&lite).await.state(false), UserState::Lite);
    for (hash, state) in [(Some(password("hash-2")), UserState::Standard), (None, UserState::Lite)] {
        let set = subject
            .writer
            .set_password(&cx, &id("7"), hash.as_ref(), &commit(1))
            .await;
        let set = set.expect("set");
        assert_eq!(set.state(false), state);
        assert!(subject.find(&id("7")).await == Some(set.clone()));
        let credentials = subject.writer.credentials(&cx, &email("ANN@example.com")).await;
        let credentials = credentials.expect("an answer").expect("a user");
        assert!(credentials.account == set && credentials.password == hash);
    }
    let unknown = subject.writer.credentials(&cx, &email("bob@example.com")).await;
    assert!(unknown.expect("an answer").is_none());
}

/// A first password is set like any other, and only for a user without one.
pub async fn first_password_is_set_once(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    let cx = subject.context(0);
    let imported = NewRegistration {
        password: None,
        ..new_user("7", "ann@example.com")
    };
    subject.create(&imported).await;
    let link = NewResetLink {
        hash: hash(1),
        expires_at: hour(1),
        proves_address: false,
    };
    let linked = subject.writer.create_reset_link(&cx, &id("7"), &link, &commit(0)).await;
    linked.expect("kept");
    let before = subject.log.events().await.len();
    let first = |hash: &'static str| {
        let (subject, cx) = (&subject, &cx);
        async move {
            let writer = &subject.writer;
            writer
                .set_first_password(cx, &id("7"), &password(hash), &commit(1))
                .await
        }
    };
    let set = first("hash-2").await.expect("set");
    assert_eq!(
        (set.state(false), set.changed_at),
        (UserState::Standard, Some(minute(1)))
    );
    assert!(subject.find(&id("7")).await == Some(set));
    assert_eq!(subject.log.events().await.len(), before + 1);
    let found = subject.writer.find_reset_link(&cx, &[hash(1)], minute(1)).await;
    assert!(found.expect("an answer").is_none(), "its links end");
    assert!(matches!(first("hash-3").await, Err(UserWriteError::Changed)));
    assert_eq!(subject.log.events().await.len(), before + 1);
    let credentials = subject.writer.credentials(&cx, &email("ann@example.com")).await;
    let stored = credentials.expect("an answer").expect("a user").password;
    assert_eq!(stored, Some(password("hash-2")));
    let absent = subject
        .writer
        .set_first_password(&cx, &id("8"), &password("hash-2"), &commit(1))
        .await;
    assert!(matches!(absent, Err(UserWriteError::NoSuchUser)));
}

/// A rehash replaces only the password that it was made of.
pub async fn rehash_replaces_unchanged_password_only(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    let cx = subject.context(0);
    subject.create(&new_user("7", "ann@example.com")).await;
    for (old, new, expected) in [("hash-1", "hash-2", "hash-2"), ("hash-1", "hash-3", "hash-2")] {
        let done = subject
            .writer
            .rehash(&cx, &id("7"), &password(old), &password(new))
            .await;
        done.expect("an answer");
        let credentials = subject.writer.credentials(&cx, &email("ann@example.com")).await;
        let stored = credentials.expect("an answer").expect("a user").password;
        assert_eq!(stored, Some(password(expected)));
    }
}
