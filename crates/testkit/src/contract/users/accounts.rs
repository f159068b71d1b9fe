//! Creating, changing and deleting users.

use masthead_domain::{
    account::Account, event::EventKind, metadata::Metadata, query::UserFilter, state::UserState,
    user_change::UserChange,
};
use masthead_ports::users::{NewRegistration, UserWriteError, WriteCommit};

use super::{UsersFactory, commit, email, id, minute, new_user, password};
use crate::source_client::FindByKey as _;

const CREATED: i32 = EventKind::SubscribeUserCreate.id();

/// A created user is found by id and address; its event and mail are committed with it.
pub async fn created_user_is_found_with_events_and_mail(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    let new = NewRegistration {
        metadata: Metadata::from_valid([("city", "Oslo")]),
        ..new_user("7", "Ann@Example.com")
    };
    let created = subject.create(&new).await;
    assert!(created.registration_id.is_some() && created.has_password);
    assert_eq!(
        (created.registered_at, created.changed_at),
        (Some(minute(0)), Some(minute(0)))
    );
    let cx = subject.context(0);
    let found = subject.source.by_email(&cx, email("ann@example.com").key()).await;
    assert!(found.expect("an answer") == [created.clone()]);
    assert!(subject.find(&id("7")).await == Some(created.clone()));
    assert_eq!(created.email, new.email);
    assert_eq!(created.metadata, new.metadata);
    assert_eq!(subject.log.events().await, [(CREATED, created.registration_id)]);
    assert_eq!(subject.log.mails().await, ["mail at 0"]);
}

/// Without an id the number is the id; a number that is another user's id is not taken.
pub async fn id_is_the_number_unless_given(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    let unnamed = |address: &str| NewRegistration {
        crid: None,
        ..new_user("-", address)
    };
    let is_number = |user: &Account| {
        let number = user.registration_id.expect("a number").to_string();
        user.crid.as_str() == number
    };
    let first = subject.create(&unnamed("a@example.com")).await;
    assert!(is_number(&first));
    // The next numbers are taken as ids.
    let number = first.registration_id.expect("a number");
    for ahead in 3..6 {
        let crid = (number + ahead).to_string();
        subject.create(&new_user(&crid, &format!("{crid}@example.com"))).await;
    }
    for address in ["b@example.com", "c@example.com", "d@example.com"] {
        assert!(is_number(&subject.create(&unnamed(address)).await), "{address}");
    }
}

/// An id or address of another user is refused, and nothing is committed.
pub async fn taken_id_or_address_is_refused(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    let cx = subject.context(0);
    let silent = WriteCommit {
        events: Vec::new(),
        mails: Vec::new(),
        ..commit(0)
    };
    for (crid, address, verified, hash) in [
        ("1", "standard@example.com", true, Some("hash")),
        ("2", "unverified@example.com", false, Some("hash")),
        ("3", "lite@example.com", true, None),
    ] {
        let new = NewRegistration {
            verified,
            password: hash.map(password),
            ..new_user(crid, address)
        };
        let created = subject.writer.create(&cx, &new, false, &silent).await;
        created.expect("created");
    }
    for (address, expected) in [
        ("Standard@Example.com", UserState::Standard),
        ("unverified@example.com", UserState::Unverified),
        ("lite@example.com", UserState::Lite),
    ] {
        let taken = subject
            .writer
            .create(&cx, &new_user("9", address), false, &commit(1))
            .await;
        match taken {
            Err(UserWriteError::EmailTaken { state }) => assert_eq!(state, Some(expected)),
            other => panic!("{address}: {other:?}"),
        }
    }
    let taken = subject
        .writer
        .create(&cx, &new_user("1", "new@example.com"), false, &commit(1))
        .await;
    assert!(matches!(taken, Err(UserWriteError::IdTaken)));
    assert!(subject.has_committed_nothing().await);
    assert!(subject.find(&id("9")).await.is_none());
}

/// Where a provider decides about addresses, several users may have one.
pub async fn users_of_a_provider_may_share_an_address(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    let cx = subject.context(1);
    for crid in ["a", "b"] {
        let created = subject
            .writer
            .create(&cx, &new_user(crid, "ann@example.com"), false, &commit(0))
            .await;
        created.expect("created");
    }
    let found = subject.source.by_email(&cx, email("ann@example.com").key()).await;
    assert_eq!(super::super::ids(&found.expect("an answer")), ["a", "b"]);
}

/// The account of the provider takes the registration that has its id meanwhile.
pub async fn account_of_the_provider_overwrites_registration(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    let cx = subject.context(1);
    let new = new_user("auth0|7", "ann@example.com");
    let before = subject
        .writer
        .create(&cx, &new, false, &commit(0))
        .await
        .expect("created");
    let renamed = NewRegistration {
        first_name: "Anna".into(),
        email: Some(email("anna@example.com")),
        password: None,
        of_provider: true,
        ..new
    };
    let after = subject
        .writer
        .create(&cx, &renamed, false, &commit(1))
        .await
        .expect("overwritten");
    assert_eq!(after.registration_id, before.registration_id);
    assert_eq!(after.registered_at, before.registered_at);
    assert_eq!((&*after.first_name, after.has_password), ("Anna", false));
    let found = subject.source.by_id(&cx, &id("auth0|7")).await.expect("an answer");
    assert!(found == Some(after));
}

/// A change writes the given fields, and nothing else.
pub async fn change_keeps_other_fields(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    let cx = subject.context(0);
    let new = NewRegistration {
        metadata: Metadata::from_valid([("City", "Oslo"), ("title", "Dr")]),
        ..new_user("7", "ann@example.com")
    };
    let before = subject.create(&new).await;
    let change = UserChange {
        last_name: Some("Berg".into()),
        metadata: vec![("city".into(), Some("Bergen".into())), ("title".into(), None)],
        blocked: Some(true),
        last_logout_at: Some(Some(minute(3))),
        ..UserChange::default()
    };
    let changed = subject
        .writer
        .update(&cx, &id("7"), &change, Some(&before), &commit(5))
        .await;
    let changed = changed.expect("changed");
    let expected = Account {
        changed_at: Some(minute(5)),
        ..change.applied_to(&before)
    };
    assert!(changed == expected);
    assert_eq!(changed.metadata.get("blocked"), Some("true"));
    assert!(subject.find(&id("7")).await == Some(changed));
    assert_eq!(subject.log.events().await, [(CREATED, before.registration_id); 2]);
    let credentials = subject.writer.credentials(&cx, &email("ann@example.com")).await;
    let kept = credentials.expect("an answer").expect("a user").password;
    assert_eq!(kept, Some(password("hash-1")));
}

/// A caller that insists on what it has read does not overwrite another change.
pub async fn change_of_another_state_is_refused(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    let cx = subject.context(0);
    let read = subject.create(&new_user("7", "ann@example.com")).await;
    let named = |name: &str| UserChange {
        first_name: Some(name.into()),
        ..UserChange::default()
    };
    let first = subject
        .writer
        .update(&cx, &id("7"), &named("Eve"), Some(&read), &commit(1))
        .await;
    first.expect("changed");
    let second = subject
        .writer
        .update(&cx, &id("7"), &named("Bob"), Some(&read), &commit(2))
        .await;
    assert!(matches!(second, Err(UserWriteError::Changed)));
    assert_eq!(&*subject.find(&id("7")).await.expect("a user").first_name, "Eve");
    let last = subject
        .writer
        .update(&cx, &id("7"), &named("Bob"), None, &commit(3))
        .await;
    assert_eq!(&*last.expect("changed").first_name, "Bob");
}

/// An address is changed, unless another user has it.
pub async fn address_is_changed_unless_taken(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    let cx = subject.context(0);
    let before = subject.create(&new_user("7", "ann@example.com")).await;
    subject.create(&new_user("8", "bob@example.com")).await;
    let taken = subject
        .writer
        .set_email(&cx, &id("7"), &email("BOB@example.com"), None, &commit(1))
        .await;
    assert!(matches!(
        taken,
        Err(UserWriteError::EmailTaken {
            state: Some(UserState::Standard)
        })
    ));
    let set = subject
        .writer
        .set_email(&cx, &id("7"), &email("Ann@new.example"), Some(false), &commit(2))
        .await;
    let (was, now) = set.expect("set");
    assert!(was == before);
    assert_eq!(
        (now.email.clone(), now.verified),
        (Some(email("Ann@new.example")), Some(false))
    );
    assert!(subject.find(&id("7")).await == Some(now));
    // The former address is free, and a change of its case is no conflict with itself.
    subject.create(&new_user("9", "ann@example.com")).await;
    let spelled = subject
        .writer
        .set_email(&cx, &id("7"), &email("ANN@new.example"), None, &commit(3))
        .await;
    assert_eq!(spelled.expect("set").1.verified, Some(false));
}

/// A deleted user is found by nothing; its id and address can be used again.
pub async fn deleted_user_is_absent_and_may_return(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    let cx = subject.context(0);
    for _ in 0..2 {
        let created = subject.create(&new_user("7", "ann@example.com")).await;
        let deleted = subject.writer.delete(&cx, &id("7"), &commit(1)).await;
        assert!(deleted.expect("deleted") == created);
        assert!(subject.find(&id("7")).await.is_none());
        let found = subject.source.by_email(&cx, email("ann@example.com").key()).await;
        assert!(found.expect("an answer").is_empty());
        let listed = subject
            .source
            .search(&cx, &super::super::list(UserFilter::default()))
            .await;
        assert!(listed.expect("an answer").accounts.is_empty());
        let credentials = subject.writer.credentials(&cx, &email("ann@example.com")).await;
        assert!(credentials.expect("an answer").is_none());
        let again = subject.writer.delete(&cx, &id("7"), &commit(2)).await;
        assert!(matches!(again, Err(UserWriteError::NoSuchUser)));
    }
}

/// Every write of an absent user is refused, and nothing is committed.
pub async fn absent_user_is_not_written(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    let (cx, absent, commit) = (subject.context(0), id("7"), commit(0));
    let is_absent = |result: Result<(), UserWriteError>| matches!(result, Err(UserWriteError::NoSuchUser));
    let writer = &subject.writer;
    let change = UserChange {
        verified: Some(true),
        ..UserChange::default()
    };
    assert!(is_absent(
        writer.update(&cx, &absent, &change, None, &commit).await.map(|_| ())
    ));
    assert!(is_absent(
        writer.set_password(&cx, &absent, None, &commit).await.map(|_| ())
    ));
    let address = email("ann@example.com");
    assert!(is_absent(
        writer
            .set_email(&cx, &absent, &address, None, &commit)
            .await
            .map(|_| ())
    ));
    assert!(is_absent(writer.delete(&cx, &absent, &commit).await.map(|_| ())));
    assert!(subject.has_committed_nothing().await);
    // An event needs no user.
    writer.record(&cx, Some(&absent), &commit).await.expect("recorded");
    assert_eq!(subject.log.events().await, [(CREATED, None)]);
}

/// Ids and addresses of one tenant mean nothing to another.
pub async fn tenants_are_kept_apart(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    let created = subject.create(&new_user("7", "ann@example.com")).await;
    let other = subject.context(1);
    let absent = subject.writer.set_password(&other, &id("7"), None, &commit(1)).await;
    assert!(matches!(absent, Err(UserWriteError::NoSuchUser)));
    assert!(matches!(
        subject.writer.delete(&other, &id("7"), &commit(1)).await,
        Err(UserWriteError::NoSuchUser)
    ));
    let credentials = subject.writer.credentials(&other, &email("ann@example.com")).await;
    assert!(credentials.expect("an answer").is_none());
    let second = subject
        .writer
        .create(&other, &new_user("7", "ann@example.com"), false, &commit(1))
        .await;
    assert_ne!(second.expect("created").registration_id, created.registration_id);
    assert!(subject.find(&id("7")).await == Some(created));
}
