//! Tenants whose registrations are at a remote Users API: alone, and after a provider.

use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, event::EventKind, user_change::UserChange,
    user_key::UserKey,
};
use masthead_orchestrator::writes::{
    CreateRequest, Created, EraseRequest, KeyClaim, Reconciled, SignInError, SignInRequest, UpdateRequest, WriteCall,
    WriteUserError,
};
use masthead_testkit::{account_writer::AccountFault, users::WriteFault};

use crate::{
    faults::{KINDS, Kind, reconcile, shows, write},
    fixture::{REMOTE, REMOTE_AND_PROVIDER, WriteFixture, email, password, request},
};

/// A tenant, and the user that is written.
async fn prepared(settings: &[(&str, &str)], kind: Kind) -> (WriteFixture, CustomerRegistrationId) {
    let fixture = WriteFixture::new(settings);
    let first = if settings == REMOTE { "1" } else { "auth0|1" };
    let id = match kind {
        Kind::Create => CustomerRegistrationId::parse(first).unwrap(),
        _ => fixture.create("ann@example.com").await,
    };
    (fixture, id)
}

fn at_remote(fixture: &WriteFixture, id: &CustomerRegistrationId) -> Option<Account> {
    let kept = fixture.remote.kept(&fixture.tenant);
    kept.into_iter().find(|account| account.crid == *id)
}

/// Whether the remote API shows the write.
fn is_done(fixture: &WriteFixture, kind: Kind, id: &CustomerRegistrationId) -> bool {
    match kind {
        Kind::SetPassword => fixture.remote.password(id).as_deref() == Some("another one"),
        _ => shows(kind, at_remote(fixture, id).as_ref()),
    }
}

async fn sign_in(fixture: &WriteFixture, text: &str) -> Result<CustomerRegistrationId, SignInError> {
    let attempt = SignInRequest {
        login: "ann@example.com".into(),
        password: password(text),
        address: None,
    };
    let signed_in = fixture.writes.sign_in.sign_in(fixture.call(), attempt).await;
    signed_in.map(|user| user.crid)
}

#[tokio::test]
async fn remote_store_is_written_alone_and_recorded_here() {
    for kind in KINDS {
        let (fixture, id) = prepared(REMOTE, kind).await;
        let written = write(&fixture, kind, &id).await.unwrap();
        assert_eq!(written.pending, None, "{kind:?}");
        assert!(is_done(&fixture, kind, &id), "{kind:?}");
        assert!(fixture.users.open_intents().is_empty(), "{kind:?}");
        assert_eq!(fixture.provider.writes(), 0, "{kind:?}");
        assert!(fixture.stored(&id).await.is_none(), "our store has no registration");
        let events = fixture.events();
        assert!(
            !events.is_empty() && events.iter().all(|event| event.name().starts_with("SUBSCRIBE_")),
            "{kind:?}: {events:?}"
        );
    }
}

#[tokio::test]
async fn created_user_of_a_remote_store_is_verified() {
    let fixture = WriteFixture::new(REMOTE);
    let id = fixture.create("ann@example.com").await;
    let account = at_remote(&fixture, &id).unwrap();
    assert_eq!(
        (account.verified, account.metadata.get("city")),
        (Some(true), Some("Bergen"))
    );
    assert_eq!(sign_in(&fixture, "correct horse").await.unwrap(), id);
    assert!(matches!(sign_in(&fixture, "wrong").await, Err(SignInError::Incorrect)));
    let error = fixture.try_create("ann@example.com").await.unwrap_err();
    assert!(matches!(error, WriteUserError::EmailTaken), "{error:?}");
}

#[tokio::test]
async fn lost_answer_of_a_remote_store_is_looked_up() {
    for kind in KINDS {
        for (fault, happened) in [(AccountFault::LostAfter, true), (AccountFault::LostBefore, false)] {
            let (fixture, id) = prepared(REMOTE, kind).await;
            fixture.remote.fail_next(fault);
            let answer = write(&fixture, kind, &id).await;
            match (kind, happened) {
                // A password cannot be read back.
                (Kind::SetPassword, _) => {
                    assert!(
                        matches!(
                            answer,
                            Err(WriteUserError::Unavailable {
                                pending: Some("Subscribe"),
                                ..
                            })
                        ),
                        "{answer:?}"
                    );
                    assert_eq!(reconcile(&fixture).await, [Reconciled::Done]);
                }
                (_, true) => assert_eq!(answer.unwrap().pending, None, "{kind:?}"),
                (_, false) => assert!(
                    matches!(answer, Err(WriteUserError::Unavailable { pending: None, .. })),
                    "{kind:?}: {answer:?}"
                ),
            }
            assert!(fixture.users.open_intents().is_empty(), "{kind:?}");
            assert_eq!(is_done(&fixture, kind, &id), happened, "{kind:?}");
        }
    }
}

#[tokio::test]
async fn record_of_a_remote_write_follows_later() {
    for kind in KINDS {
        let (fixture, id) = prepared(REMOTE, kind).await;
        let before = fixture.events().len();
        fixture.users.fail_next("record_write", WriteFault::Unavailable);
        let answer = write(&fixture, kind, &id).await.unwrap();
        assert_eq!(answer.pending, Some("Subscribe"), "{kind:?}");
        assert_eq!(fixture.events().len(), before, "{kind:?}");
        let writes = fixture.remote.writes();
        assert_eq!(reconcile(&fixture).await, [Reconciled::Done], "{kind:?}");
        assert_eq!(fixture.events().len(), before + 1, "{kind:?}");
        assert_eq!(fixture.remote.writes(), writes, "{kind:?}: it is not repeated");
        assert!(fixture.users.open_intents().is_empty(), "{kind:?}");
    }
}

#[tokio::test]
async fn remote_store_follows_a_provider() {
    for kind in KINDS {
        let (fixture, id) = prepared(REMOTE_AND_PROVIDER, kind).await;
        let written = write(&fixture, kind, &id).await.unwrap();
        assert_eq!(written.pending, None, "{kind:?}");
        let kept = fixture.provider.kept(&fixture.tenant);
        let at_provider = kept.iter().find(|account| account.crid == id);
        if kind == Kind::SetPassword {
            assert_eq!(fixture.provider.password(&id).as_deref(), Some("another one"));
            assert_eq!(fixture.remote.password(&id), None, "the provider alone has passwords");
        } else {
            assert!(shows(kind, at_provider) && is_done(&fixture, kind, &id), "{kind:?}");
        }
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
async fn failed_remote_store_follows_a_provider_later() {
    for kind in [Kind::Create, Kind::Update, Kind::SetEmail, Kind::Delete] {
        for fault in [
            AccountFault::NotReached,
            AccountFault::LostBefore,
            AccountFault::LostAfter,
        ] {
            let (fixture, id) = prepared(REMOTE_AND_PROVIDER, kind).await;
            fixture.remote.fail_next(fault);
            let answer = write(&fixture, kind, &id).await.unwrap();
            assert_eq!(answer.pending, Some("Subscribe"), "{kind:?} {fault:?}");
            assert_eq!(reconcile(&fixture).await, [Reconciled::Done], "{kind:?} {fault:?}");
            assert!(is_done(&fixture, kind, &id), "{kind:?} {fault:?}");
            assert_eq!(
                fixture.remote.kept(&fixture.tenant).len(),
                usize::from(kind != Kind::Delete)
            );
        }
    }
}

#[tokio::test]
async fn refusal_of_a_remote_store_after_a_provider_needs_a_decision() {
    let (fixture, id) = prepared(REMOTE_AND_PROVIDER, Kind::Update).await;
    fixture.remote.fail_next(AccountFault::Refused("no"));
    let answer = write(&fixture, Kind::Update, &id).await.unwrap();
    assert_eq!(answer.pending, Some("Subscribe"));
    fixture.remote.fail_next(AccountFault::Refused("no"));
    assert_eq!(
        reconcile(&fixture).await,
        [Reconciled::Unsettled("the remote Users API refuses the write")]
    );
}

#[tokio::test]
async fn key_of_the_caller_is_passed_on() {
    let fixture = WriteFixture::new(REMOTE);
    let claimed = |key: &'static str| {
        let call = fixture.call();
        let keys = fixture.writes.idempotent.clone();
        async move {
            match keys.claim(&call.caller, key, "content").await.unwrap() {
                KeyClaim::Go { claimed, .. } => WriteCall {
                    idempotency: Some(claimed),
                    ..call
                },
                _ => panic!("the key is free"),
            }
        }
    };
    let change = |id: &CustomerRegistrationId| UpdateRequest {
        crid: id.clone(),
        change: UserChange {
            first_name: Some("Anna".into()),
            ..UserChange::default()
        },
        ignore_provider: false,
        read: None,
    };
    let id = fixture.create("ann@example.com").await;
    let first = claimed("one").await;
    fixture.remote.fail_next(AccountFault::NotReached);
    fixture
        .writes
        .update
        .update(first.clone(), change(&id))
        .await
        .unwrap_err();
    let again = claimed("one").await;
    fixture.writes.update.update(again, change(&id)).await.unwrap();
    let other = claimed("two").await;
    fixture.writes.update.update(other, change(&id)).await.unwrap();
    fixture.writes.update.update(fixture.call(), change(&id)).await.unwrap();
    let keys = fixture.remote.write_keys();
    assert!(keys.iter().all(Option::is_some), "each write has one: {keys:?}");
    let [create, first, again, other, without] = &*keys else {
        panic!("{keys:?}");
    };
    assert_eq!(first, again, "the same request has the same key");
    let distinct: std::collections::HashSet<_> = [create, first, other, without].into();
    assert_eq!(distinct.len(), 4);
}

#[tokio::test]
async fn pending_registration_of_a_remote_store_gets_a_link() {
    let fixture = WriteFixture::new(REMOTE);
    let pending = CreateRequest {
        verify_email: true,
        ..request("ann@example.com")
    };
    let created = fixture.writes.create.create(fixture.call(), pending).await.unwrap();
    assert_eq!(created.value, Created::Pending);
    assert!(fixture.remote.kept(&fixture.tenant).is_empty());
    let error = fixture.try_create("ann@example.com").await.unwrap_err();
    assert!(matches!(error, WriteUserError::AwaitsVerification), "{error:?}");
    let code = fixture.last_mail()["code"].as_str().unwrap().to_owned();
    let verify = |code: String| {
        fixture
            .writes
            .verify
            .verify(fixture.call(), email("ann@example.com"), code)
    };
    let id = verify(code.clone()).await.unwrap().value;
    assert!(fixture.users.pending(fixture.tenant.pool).is_empty());
    assert!(matches!(verify(code).await, Err(WriteUserError::AlreadyVerified)));
    assert!(matches!(
        sign_in(&fixture, "correct horse").await,
        Err(SignInError::Lite)
    ));
    let link = fixture.last_mail()["link"].as_str().unwrap().to_owned();
    let value = link.rsplit_once('=').unwrap().1.to_owned();
    let finish = |value: String| {
        fixture
            .writes
            .reset
            .finish(fixture.call(), value, password("a new one"))
    };
    fixture.writes.reset.validate(&fixture.call(), &value).await.unwrap();
    finish(value.clone()).await.unwrap();
    assert!(matches!(finish(value).await, Err(WriteUserError::LinkInvalid)));
    assert_eq!(sign_in(&fixture, "a new one").await.unwrap(), id);
}

#[tokio::test]
async fn unverified_user_of_a_remote_store_is_verified_by_code() {
    let fixture = WriteFixture::new(REMOTE);
    let id = fixture.create("ann@example.com").await;
    let change = UpdateRequest {
        crid: id.clone(),
        change: UserChange {
            verified: Some(false),
            blocked: Some(true),
            ..UserChange::default()
        },
        ignore_provider: false,
        read: None,
    };
    fixture.writes.update.update(fixture.call(), change).await.unwrap();
    assert_eq!(at_remote(&fixture, &id).unwrap().metadata.get("blocked"), Some("true"));
    let send = |address: &str| fixture.writes.verify.send_code(fixture.call(), email(address), None);
    send("ann@example.com").await.unwrap();
    let mails = fixture.users.mails().len();
    send("nobody@example.com").await.unwrap();
    assert_eq!(fixture.users.mails().len(), mails);
    let code = fixture.last_mail()["code"].as_str().unwrap().to_owned();
    let verify = |code: String| {
        fixture
            .writes
            .verify
            .verify(fixture.call(), email("ann@example.com"), code)
    };
    assert!(matches!(verify("0".to_owned()).await, Err(WriteUserError::WrongCode)));
    assert_eq!(verify(code).await.unwrap().value, id);
    assert_eq!(at_remote(&fixture, &id).unwrap().verified, Some(true));
    assert!(fixture.events().contains(&EventKind::SubscribeUserCreatePending));
}

#[tokio::test]
async fn changed_user_of_a_remote_store_is_refused() {
    let fixture = WriteFixture::new(REMOTE);
    let id = fixture.create("ann@example.com").await;
    let read = at_remote(&fixture, &id).unwrap();
    let update = |name: &str, read: &Account| UpdateRequest {
        crid: id.clone(),
        change: UserChange {
            first_name: Some(name.into()),
            ..UserChange::default()
        },
        ignore_provider: false,
        read: Some(Box::new(read.clone())),
    };
    fixture
        .writes
        .update
        .update(fixture.call(), update("Anna", &read))
        .await
        .unwrap();
    let refused = fixture.writes.update.update(fixture.call(), update("Ada", &read)).await;
    assert!(matches!(refused, Err(WriteUserError::Changed)), "{refused:?}");
    assert!(fixture.users.open_intents().is_empty());
    let purge = EraseRequest {
        key: UserKey::Id(id),
        ignore_provider: false,
    };
    let refused = fixture.writes.erase.erase(fixture.call(), purge).await;
    assert!(matches!(refused, Err(WriteUserError::MissingSetting(_))), "{refused:?}");
}
