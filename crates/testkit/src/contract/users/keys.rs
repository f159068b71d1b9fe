//! Idempotency keys.

use std::time::Duration;

use masthead_ports::{
    idempotency::{KeyState, StoredAnswer},
    source::SourceErrorKind,
    users::{UserWriteError, WriteCommit},
};

use super::{UsersFactory, commit, id, new_user};

const DAY: i64 = 24 * 60;

fn answer() -> StoredAnswer {
    StoredAnswer {
        status: 200,
        sealed_body: "sealed".into(),
    }
}

/// A claimed key is running, and then answered for a day.
pub async fn claimed_key_is_running_then_answered(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    let ticket = subject.claimed(1, 10, 0).await;
    match subject.claim(1, 10, 1).await {
        KeyState::Running { retry_after } => assert_eq!(retry_after, Duration::from_mins(1)),
        other => panic!("{other:?}"),
    }
    assert_eq!(subject.claim(1, 11, 1).await, KeyState::OtherContent);
    let elsewhere = subject.context(1);
    let (now, until) = (super::minute(1), super::minute(2));
    let other = subject
        .keys
        .claim(&elsewhere, super::hash(1), super::hash(11), now, until)
        .await;
    assert!(matches!(other, Ok(KeyState::Claimed(_))), "a key of another tenant");
    subject
        .keys
        .answer(&subject.context(0), ticket, &answer())
        .await
        .expect("kept");
    for at in [1, 5, DAY - 1] {
        assert_eq!(subject.claim(1, 10, at).await, KeyState::Answered(answer()));
        assert_eq!(subject.claim(1, 11, at).await, KeyState::OtherContent);
    }
    subject.claimed(1, 11, DAY).await;
}

/// A claim that was released, or whose time is over, can be taken; the former request has no part in it.
pub async fn released_or_abandoned_claim_can_be_taken(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    let cx = subject.context(0);
    let released = subject.claimed(1, 10, 0).await;
    subject.keys.release(&cx, released).await.expect("released");
    let crashed = subject.claimed(1, 11, 0).await;
    assert_eq!(subject.claim(1, 10, 2).await, KeyState::OtherContent);
    let taken = subject.claimed(1, 11, 2).await;
    assert_ne!(taken, crashed);
    subject.keys.answer(&cx, crashed, &answer()).await.expect("ignored");
    subject.keys.release(&cx, crashed).await.expect("ignored");
    assert!(matches!(subject.claim(1, 11, 3).await, KeyState::Running { .. }));
}

/// A key that was written with a user stays so, however long its answer is missing.
pub async fn written_key_is_never_claimed_again(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    let cx = subject.context(0);
    let ticket = subject.claimed(1, 10, 0).await;
    let with_key = WriteCommit {
        idempotency: Some(ticket),
        ..commit(0)
    };
    let created = subject
        .writer
        .create(&cx, &new_user("7", "ann@example.com"), false, &with_key)
        .await;
    created.expect("created");
    let written = KeyState::Written {
        ticket,
        crid: Some(id("7")),
    };
    assert_eq!(subject.claim(1, 10, 60).await, written);
    subject.keys.release(&cx, ticket).await.expect("ignored");
    assert_eq!(subject.claim(1, 10, 60).await, written);
    subject.keys.answer(&cx, ticket, &answer()).await.expect("kept");
    assert_eq!(subject.claim(1, 10, 60).await, KeyState::Answered(answer()));
}

/// A write whose key another request has claimed meanwhile writes nothing.
pub async fn write_fails_whose_key_has_passed_on(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    let cx = subject.context(0);
    let late = subject.claimed(1, 10, 0).await;
    subject.claimed(1, 10, 3).await;
    let with_key = WriteCommit {
        idempotency: Some(late),
        ..commit(3)
    };
    let created = subject
        .writer
        .create(&cx, &new_user("7", "ann@example.com"), false, &with_key)
        .await;
    match created {
        Err(UserWriteError::Source(error)) => assert_eq!(error.kind, SourceErrorKind::Unavailable),
        other => panic!("{other:?}"),
    }
    assert!(subject.find(&id("7")).await.is_none());
    assert!(subject.has_committed_nothing().await);
}
