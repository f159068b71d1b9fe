//! Intents of two-sided writes.

use std::time::Duration;

use masthead_ports::{
    idempotency::{IdempotencyTicket, KeyState},
    intents::{IntentId, IntentKind, IntentStep, NewIntent},
    source::SourceErrorKind,
    users::{UserWriteError, WriteCommit},
};

use super::{UsersFactory, UsersSubject, commit, id, minute, new_user};

const LEASE: Duration = Duration::from_mins(5);

/// An intent to create a user until the tenth minute.
fn intent(idempotency: Option<IdempotencyTicket>) -> NewIntent {
    NewIntent {
        kind: IntentKind::Create,
        crid: None,
        sealed: "sealed".into(),
        deadline: minute(10),
        request_id: "r-1".into(),
        source_system: "CRM".into(),
        idempotency,
    }
}

async fn begin(subject: &UsersSubject, idempotency: Option<IdempotencyTicket>) -> IntentId {
    let begun = subject
        .intents
        .begin(&subject.context(0), &intent(idempotency), minute(0))
        .await;
    begun.expect("begun")
}

async fn due(subject: &UsersSubject, at: i64) -> Vec<IntentId> {
    let claimed = subject.intents.claim_due(minute(at), LEASE, 10).await;
    claimed.expect("an answer").iter().map(|intent| intent.id).collect()
}

async fn open(subject: &UsersSubject) -> Vec<IntentId> {
    let listed = subject.intents.list(Some(&subject.tenants[0].id), 10).await;
    listed.expect("an answer").iter().map(|intent| intent.id).collect()
}

/// A key whose request has an open intent is running, also after its time.
pub async fn key_with_open_intent_stays_running(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    let cx = subject.context(0);
    let ticket = subject.claimed(1, 10, 0).await;
    let begun = begin(&subject, Some(ticket)).await;
    for at in [1, 30, 3 * 24 * 60] {
        assert!(
            matches!(subject.claim(1, 10, at).await, KeyState::Running { .. }),
            "{at}"
        );
    }
    subject.intents.abandon(&cx, begun).await.expect("abandoned");
    let taken = subject.claimed(1, 10, 30).await;
    let late = subject.intents.begin(&cx, &intent(Some(ticket)), minute(30)).await;
    assert_eq!(
        late.expect_err("the key has passed on").kind,
        SourceErrorKind::Unavailable
    );
    assert_ne!(taken, ticket);
    assert!(open(&subject).await.is_empty());
}

/// An intent is due once its request's time is over, and then leased to one reconciler.
pub async fn intent_is_due_after_its_deadline(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    let cx = subject.context(0);
    let begun = begin(&subject, None).await;
    assert!(due(&subject, 9).await.is_empty());
    subject
        .intents
        .provider_done(&cx, begun, &id("auth0|7"))
        .await
        .expect("recorded");
    let claimed = subject
        .intents
        .claim_due(minute(10), LEASE, 10)
        .await
        .expect("an answer");
    let [claimed] = &claimed[..] else {
        panic!("one intent is due")
    };
    assert_eq!(
        (claimed.id, claimed.step, claimed.attempts),
        (begun, IntentStep::Store, 1)
    );
    assert_eq!((claimed.pool, &claimed.tenant), (cx.tenant.pool, &cx.tenant.id));
    assert_eq!(claimed.created_at, minute(0));
    let expected = NewIntent {
        crid: Some(id("auth0|7")),
        ..intent(None)
    };
    assert!(claimed.new == expected);
    assert!(due(&subject, 14).await.is_empty(), "leased");
    assert_eq!(due(&subject, 15).await, [begun]);
    assert_eq!(open(&subject).await, [begun]);
    let elsewhere = subject.intents.list(Some(&subject.tenants[1].id), 10).await;
    assert!(elsewhere.expect("an answer").is_empty());
    assert_eq!(subject.intents.list(None, 10).await.expect("an answer").len(), 1);
}

/// A postponed intent keeps why; one that cannot be settled is left to an operator.
pub async fn postponed_intent_keeps_its_reason(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    let begun = begin(&subject, None).await;
    let key = (subject.tenants[0].pool, begun);
    assert_eq!(due(&subject, 10).await, [begun]);
    let postponed = subject
        .intents
        .postpone(key, IntentStep::Provider, "unavailable", minute(60))
        .await;
    postponed.expect("postponed");
    assert!(due(&subject, 59).await.is_empty());
    assert_eq!(due(&subject, 60).await, [begun]);
    let unsettled = subject
        .intents
        .postpone(key, IntentStep::Unsettled, "two accounts", minute(60))
        .await;
    unsettled.expect("postponed");
    assert!(due(&subject, 600).await.is_empty());
    let listed = subject.intents.list(None, 10).await.expect("an answer");
    assert_eq!(
        (listed[0].step, &*listed[0].reason, listed[0].attempts),
        (IntentStep::Unsettled, "two accounts", 2)
    );
}

/// An intent ends with the write that it is of; a second write of it does nothing.
pub async fn intent_ends_with_one_write(factory: &dyn UsersFactory) {
    let subject = factory.users().await;
    let cx = subject.context(0);
    let ticket = subject.claimed(1, 10, 0).await;
    let begun = begin(&subject, Some(ticket)).await;
    let with_intent = WriteCommit {
        intent: Some(begun),
        idempotency: Some(ticket),
        ..commit(0)
    };
    let refused = subject.writer.set_password(&cx, &id("7"), None, &with_intent).await;
    assert!(matches!(refused, Err(UserWriteError::NoSuchUser)));
    assert_eq!(open(&subject).await, [begun], "a refused write leaves it open");
    let new = new_user("7", "ann@example.com");
    let created = subject.writer.create(&cx, &new, false, &with_intent).await;
    created.expect("created");
    assert!(open(&subject).await.is_empty() && due(&subject, 60).await.is_empty());
    assert!(matches!(subject.claim(1, 10, 60).await, KeyState::Written { .. }));
    let second = WriteCommit {
        intent: Some(begun),
        ..commit(1)
    };
    let again = subject.writer.set_password(&cx, &id("7"), None, &second).await;
    match again {
        Err(UserWriteError::Source(error)) => assert_eq!(error.kind, SourceErrorKind::OutcomeUnknown),
        other => panic!("{other:?}"),
    }
    assert!(subject.find(&id("7")).await.expect("a user").has_password);
}
