//! Two-sided writes that fail between their steps: both sides agree after reconciling, or an intent has the reason.

use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, event::EventKind, user_change::UserChange,
};
use masthead_orchestrator::writes::{
    CreateRequest, DeleteRequest, OperatorDecision, Reconciled, UpdateRequest, WriteUserError, Written,
};
use masthead_ports::sealing::{Purpose, Sealing as _};
use masthead_testkit::{account_writer::AccountFault, sealing::FakeSealing, users::WriteFault};
use time::Duration;

use crate::fixture::{FEDERATED, WriteFixture, email, password, request};

/// Every kind of two-sided write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Create,
    Update,
    SetPassword,
    SetEmail,
    Delete,
}

pub(crate) const KINDS: [Kind; 5] = [
    Kind::Create,
    Kind::Update,
    Kind::SetPassword,
    Kind::SetEmail,
    Kind::Delete,
];

/// The operation of our store that the write ends with.
fn store_operation(kind: Kind) -> &'static str {
    match kind {
        Kind::Create => "create",
        Kind::Update => "update",
        Kind::SetPassword => "set_password",
        Kind::SetEmail => "set_email",
        Kind::Delete => "delete",
    }
}

/// A tenant with a provider, and the user that is written.
async fn prepared(kind: Kind) -> (WriteFixture, CustomerRegistrationId) {
    let fixture = WriteFixture::new(FEDERATED);
    let id = match kind {
        Kind::Create => CustomerRegistrationId::parse("auth0|1").unwrap(),
        _ => fixture.create("ann@example.com").await,
    };
    (fixture, id)
}

pub(crate) async fn write(
    fixture: &WriteFixture,
    kind: Kind,
    id: &CustomerRegistrationId,
) -> Result<Written<()>, WriteUserError> {
    let call = fixture.call();
    let writes = &fixture.writes;
    match kind {
        Kind::Create => {
            let created = writes.create.create(call, request("ann@example.com")).await?;
            Ok(Written {
                value: (),
                pending: created.pending,
            })
        }
        Kind::Update => {
            let change = UserChange {
                first_name: Some("Anna".into()),
                metadata: vec![("city".into(), Some("Oslo".into()))],
                ..UserChange::default()
            };
            let request = UpdateRequest {
                crid: id.clone(),
                change,
                ignore_provider: false,
                read: None,
            };
            writes.update.update(call, request).await
        }
        Kind::SetPassword => writes.password.set(call, id.clone(), password("another one")).await,
        Kind::SetEmail => writes.email.change(call, id.clone(), email("anna@example.com")).await,
        Kind::Delete => {
            let request = DeleteRequest {
                crid: id.clone(),
                ignore_provider: false,
            };
            writes.delete.delete(call, request).await
        }
    }
}

/// Whether a side shows the write.
pub(crate) fn shows(kind: Kind, account: Option<&Account>) -> bool {
    match (kind, account) {
        (Kind::Create, account) => account.is_some(),
        (Kind::Update, account) => account.is_some_and(|account| &*account.first_name == "Anna"),
        (Kind::SetEmail, account) => account.is_some_and(|account| account.email == Some(email("anna@example.com"))),
        (Kind::Delete, account) => account.is_none(),
        (Kind::SetPassword, _) => panic!("a password is no part of an account"),
    }
}

/// Whether provider and store show the write.
async fn sides(fixture: &WriteFixture, kind: Kind, id: &CustomerRegistrationId) -> (bool, bool) {
    let kept = fixture.provider.kept(&fixture.tenant);
    let at_provider = kept.iter().find(|account| account.crid == *id);
    let stored = fixture.stored(id).await;
    match kind {
        Kind::SetPassword => {
            let is_set = fixture.provider.password(id).as_deref() == Some("another one");
            let recorded = fixture.events().contains(&EventKind::SubscribeUserChangePassword);
            (is_set, recorded)
        }
        _ => (shows(kind, at_provider), shows(kind, stored.as_ref())),
    }
}

/// Reconciles until nothing is due for a day.
pub(crate) async fn reconcile(fixture: &WriteFixture) -> Vec<Reconciled> {
    let mut outcomes = Vec::new();
    for _ in 0..12 {
        fixture.clock.advance(Duration::hours(2));
        let settled = fixture.writes.reconcile.run_once().await.unwrap();
        outcomes.extend(settled.into_iter().map(|(_, outcome)| outcome));
    }
    outcomes
}

#[tokio::test]
async fn both_sides_are_written_and_recorded() {
    for kind in KINDS {
        let (fixture, id) = prepared(kind).await;
        let written = write(&fixture, kind, &id).await.unwrap();
        assert_eq!(written.pending, None, "{kind:?}");
        assert_eq!(sides(&fixture, kind, &id).await, (true, true), "{kind:?}");
        assert!(fixture.users.open_intents().is_empty(), "{kind:?}");
        let events = fixture.events();
        assert!(
            events[events.len() - 2].name().starts_with("AUTHSYSTEM_"),
            "{kind:?}: {events:?}"
        );
        assert!(
            events[events.len() - 1].name().starts_with("SUBSCRIBE_"),
            "{kind:?}: {events:?}"
        );
    }
}

#[tokio::test]
async fn nothing_is_written_before_the_intent() {
    for kind in KINDS {
        let (fixture, id) = prepared(kind).await;
        let before = fixture.provider.writes();
        fixture.users.fail_next("begin_intent", WriteFault::Unavailable);
        let error = write(&fixture, kind, &id).await.unwrap_err();
        assert!(
            matches!(error, WriteUserError::Unavailable { pending: None, .. }),
            "{kind:?}: {error:?}"
        );
        assert_eq!(fixture.provider.writes(), before, "{kind:?}");
        assert_eq!(sides(&fixture, kind, &id).await, (false, false), "{kind:?}");
    }
}

#[tokio::test]
async fn unreached_provider_leaves_nothing() {
    for kind in KINDS {
        let (fixture, id) = prepared(kind).await;
        fixture.provider.fail_next(AccountFault::NotReached);
        let error = write(&fixture, kind, &id).await.unwrap_err();
        assert!(
            matches!(error, WriteUserError::Unavailable { pending: None, .. }),
            "{kind:?}: {error:?}"
        );
        assert_eq!(sides(&fixture, kind, &id).await, (false, false), "{kind:?}");
        assert!(fixture.users.open_intents().is_empty(), "{kind:?}");
    }
}

#[tokio::test]
async fn refusal_is_reported_and_leaves_nothing() {
    for kind in KINDS {
        let (fixture, id) = prepared(kind).await;
        fixture.provider.fail_next(AccountFault::Refused("too weak"));
        let Err(WriteUserError::Refused(Some(message))) = write(&fixture, kind, &id).await else {
            panic!("{kind:?}");
        };
        assert_eq!(message.as_str(), "too weak");
        assert_eq!(sides(&fixture, kind, &id).await, (false, false), "{kind:?}");
        assert!(fixture.users.open_intents().is_empty(), "{kind:?}");
    }
}

#[tokio::test]
async fn lost_answer_is_looked_up() {
    for kind in KINDS {
        let (fixture, id) = prepared(kind).await;
        fixture.provider.fail_next(AccountFault::LostAfter);
        let written = write(&fixture, kind, &id).await;
        if kind == Kind::SetPassword {
            let pending = matches!(
                written,
                Err(WriteUserError::Unavailable {
                    pending: Some("Auth0"),
                    ..
                })
            );
            assert!(pending, "{written:?}");
            assert_eq!(reconcile(&fixture).await, [Reconciled::Done]);
        } else {
            assert_eq!(written.unwrap().pending, None, "{kind:?}");
        }
        assert_eq!(sides(&fixture, kind, &id).await, (true, true), "{kind:?}");
        assert!(fixture.users.open_intents().is_empty(), "{kind:?}");
    }
}

#[tokio::test]
async fn lost_request_is_looked_up() {
    for kind in KINDS.into_iter().filter(|kind| *kind != Kind::SetPassword) {
        let (fixture, id) = prepared(kind).await;
        fixture.provider.fail_next(AccountFault::LostBefore);
        let error = write(&fixture, kind, &id).await.unwrap_err();
        assert!(
            matches!(error, WriteUserError::Unavailable { pending: None, .. }),
            "{kind:?}: {error:?}"
        );
        assert_eq!(sides(&fixture, kind, &id).await, (false, false), "{kind:?}");
        assert!(fixture.users.open_intents().is_empty(), "{kind:?}");
        write(&fixture, kind, &id).await.unwrap();
        assert_eq!(sides(&fixture, kind, &id).await, (true, true), "{kind:?}");
    }
}

#[tokio::test]
async fn unknown_outcome_is_settled_later() {
    for kind in [Kind::Create, Kind::Update] {
        for (fault, is_done) in [(AccountFault::LostAfter, true), (AccountFault::LostBefore, false)] {
            let (fixture, id) = prepared(kind).await;
            fixture.provider.fail_next(fault);
            fixture.provider.fail_look_ups(true);
            let error = write(&fixture, kind, &id).await.unwrap_err();
            let pending = matches!(
                error,
                WriteUserError::Unavailable {
                    pending: Some("Auth0"),
                    ..
                }
            );
            assert!(pending, "{kind:?}: {error:?}");
            fixture.clock.advance(Duration::hours(1));
            let silent = fixture.writes.reconcile.run_once().await.unwrap();
            let outcomes: Vec<_> = silent.into_iter().map(|(_, outcome)| outcome).collect();
            assert_eq!(outcomes, [Reconciled::Postponed("the provider does not answer")]);
            fixture.provider.fail_look_ups(false);
            let expected = if is_done {
                Reconciled::Done
            } else {
                Reconciled::NotWritten
            };
            assert_eq!(reconcile(&fixture).await, [expected], "{kind:?}");
            assert_eq!(sides(&fixture, kind, &id).await, (is_done, is_done), "{kind:?}");
        }
    }
}

#[tokio::test]
async fn store_follows_later() {
    for kind in KINDS {
        for fault in [WriteFault::Unavailable, WriteFault::OutcomeUnknown] {
            let (fixture, id) = prepared(kind).await;
            fixture.users.fail_next(store_operation(kind), fault);
            let written = write(&fixture, kind, &id).await.unwrap();
            assert_eq!(written.pending, Some("Subscribe"), "{kind:?}");
            let outcomes = reconcile(&fixture).await;
            let expected: &[Reconciled] = match fault {
                WriteFault::Unavailable => &[Reconciled::Done],
                // The commit had ended the intent.
                WriteFault::OutcomeUnknown => &[],
            };
            assert_eq!(outcomes, expected, "{kind:?} {fault:?}");
            assert_eq!(sides(&fixture, kind, &id).await, (true, true), "{kind:?}");
            assert!(fixture.users.open_intents().is_empty(), "{kind:?}");
            let users = fixture.store.kept(fixture.tenant.pool).len();
            assert_eq!(users, usize::from(kind != Kind::Delete), "{kind:?}: none is doubled");
        }
    }
}

#[tokio::test]
async fn write_finished_later_sends_its_mails() {
    let (fixture, id) = prepared(Kind::SetEmail).await;
    fixture.users.fail_next("set_email", WriteFault::Unavailable);
    write(&fixture, Kind::SetEmail, &id).await.unwrap();
    assert!(fixture.users.mails().is_empty());
    assert_eq!(reconcile(&fixture).await, [Reconciled::Done]);
    let notice = fixture.last_mail();
    assert_eq!(
        (&notice["kind"], &notice["to"], &notice["first_name"]),
        (&"email-changed".into(), &"ann@example.com".into(), &"Ann".into())
    );

    let fixture = WriteFixture::new(FEDERATED);
    fixture.users.fail_next("create", WriteFault::Unavailable);
    let without_password = CreateRequest {
        password: None,
        return_url: Some("https://herald.example/account".into()),
        ..request("bob@example.com")
    };
    let created = fixture.writes.create.create(fixture.call(), without_password).await;
    assert_eq!(created.unwrap().pending, Some("Subscribe"));
    assert_eq!(reconcile(&fixture).await, [Reconciled::Done]);
    assert_eq!(fixture.users.mails().len(), 1);
    let link = fixture.last_mail();
    assert!(
        link["link"]
            .as_str()
            .unwrap()
            .starts_with("https://herald.example/account"),
        "{link}"
    );
}

#[tokio::test]
async fn store_that_stays_silent_is_tried_again() {
    let (fixture, id) = prepared(Kind::Update).await;
    for _ in 0..3 {
        fixture.users.fail_next("update", WriteFault::Unavailable);
    }
    let written = write(&fixture, Kind::Update, &id).await.unwrap();
    assert_eq!(written.pending, Some("Subscribe"));
    let silent = Reconciled::Postponed("our store does not answer");
    assert_eq!(reconcile(&fixture).await, [silent, silent, Reconciled::Done]);
    assert_eq!(sides(&fixture, Kind::Update, &id).await, (true, true));
}

#[tokio::test]
async fn account_of_unknown_origin_is_left_to_an_operator() {
    let fixture = WriteFixture::new(FEDERATED);
    fixture.provider.fail_next(AccountFault::LostBefore);
    fixture.provider.fail_look_ups(true);
    fixture.try_create("ann@example.com").await.unwrap_err();
    fixture.provider.fail_look_ups(false);
    // Another client creates it meanwhile, under another name.
    let other = CreateRequest {
        first_name: "Bob".into(),
        ..request("ann@example.com")
    };
    fixture.writes.create.create(fixture.call(), other).await.unwrap();
    let reason = "the provider does not show whether it has written";
    assert_eq!(reconcile(&fixture).await, [Reconciled::Unsettled(reason)]);
    let reconcile = &fixture.writes.reconcile;
    let open = reconcile.list(None, 10).await.unwrap();
    assert_eq!((open.len(), &*open[0].reason), (1, reason));
    let found = reconcile.find(open[0].id).await.unwrap().unwrap();
    let decided = reconcile.decide(&found, OperatorDecision::NothingWritten).await;
    assert_eq!(decided.unwrap(), Reconciled::NotWritten);
    assert!(reconcile.find(open[0].id).await.unwrap().is_none());
}

#[tokio::test]
async fn operator_lets_our_store_follow() {
    let fixture = WriteFixture::new(FEDERATED);
    fixture.provider.fail_next(AccountFault::LostAfter);
    fixture.provider.fail_look_ups(true);
    fixture.try_create("ann@example.com").await.unwrap_err();
    fixture.provider.fail_look_ups(false);
    let reconcile = &fixture.writes.reconcile;
    let open = reconcile.list(None, 10).await.unwrap();
    let decided = reconcile.decide(&open[0], OperatorDecision::ProviderWrote).await;
    assert_eq!(decided.unwrap(), Reconciled::Done);
    assert_eq!(fixture.store.kept(fixture.tenant.pool).len(), 1);
    assert!(reconcile.list(None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn user_of_our_store_alone_has_no_account_to_write() {
    for kind in [Kind::Update, Kind::SetPassword, Kind::SetEmail] {
        let fixture = WriteFixture::new(FEDERATED);
        let own = CreateRequest {
            ignore_provider: true,
            ..request("ann@example.com")
        };
        fixture.writes.create.create(fixture.call(), own).await.unwrap();
        let id = fixture.store.kept(fixture.tenant.pool).remove(0).crid;
        let error = write(&fixture, kind, &id).await.unwrap_err();
        assert!(
            matches!(error, WriteUserError::NoProviderAccount),
            "{kind:?}: {error:?}"
        );
        let unknown = CustomerRegistrationId::parse("unknown").unwrap();
        let error = write(&fixture, kind, &unknown).await.unwrap_err();
        assert!(matches!(error, WriteUserError::NoSuchUser), "{kind:?}: {error:?}");
        let taken = fixture.try_create("ann@example.com").await.unwrap_err();
        assert!(matches!(taken, WriteUserError::EmailTaken), "{taken:?}");
        assert!(fixture.provider.kept(&fixture.tenant).is_empty());
    }
}

#[tokio::test]
async fn intent_has_no_password() {
    let fixture = WriteFixture::new(FEDERATED);
    fixture.provider.fail_next(AccountFault::LostAfter);
    fixture.provider.fail_look_ups(true);
    fixture.try_create("ann@example.com").await.unwrap_err();
    let open = fixture.writes.reconcile.list(None, 10).await.unwrap();
    let content = FakeSealing.open(&fixture.tenant.id, Purpose::WriteIntent, &open[0].new.sealed);
    let content = content.unwrap();
    assert!(
        content.contains("ann@example.com") && !content.contains("correct horse"),
        "{content}"
    );
}

#[tokio::test]
async fn request_can_ignore_the_provider() {
    let fixture = WriteFixture::new(FEDERATED);
    let own = CreateRequest {
        ignore_provider: true,
        ..request("ann@example.com")
    };
    fixture.writes.create.create(fixture.call(), own).await.unwrap();
    assert_eq!(fixture.provider.writes(), 0);
    assert_eq!(fixture.events(), [EventKind::SubscribeUserCreate]);
    assert_eq!(fixture.store.kept(fixture.tenant.pool).len(), 1);
}
