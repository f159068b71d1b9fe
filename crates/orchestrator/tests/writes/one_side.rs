//! Tenants without a provider: create, update, address, password, deletion, verification.

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId, event::EventKind, state::UserState, user_change::UserChange,
};
use masthead_orchestrator::writes::{CreateRequest, Created, DeleteRequest, UpdateRequest, WriteUserError};
use masthead_testkit::{accounts::account, users::WriteFault};

use crate::fixture::{NO_PROVIDER, WriteFixture, email, password, request};

#[tokio::test]
async fn created_user_is_standard_and_recorded() {
    let fixture = WriteFixture::new(NO_PROVIDER);
    let id = fixture.create("ann@example.com").await;
    let stored = fixture.stored(&id).await.unwrap();
    assert_eq!(stored.state(false), UserState::Standard);
    assert_eq!(
        (&*stored.first_name, stored.metadata.get("city")),
        ("Ann", Some("Bergen"))
    );
    assert_eq!(fixture.events(), [EventKind::SubscribeUserCreate]);
    assert_eq!(fixture.provider.writes(), 0);
}

#[tokio::test]
async fn taken_address_is_answered_by_state() {
    let fixture = WriteFixture::new(NO_PROVIDER);
    let pool = fixture.tenant.pool;
    let holder = |number: i64, address, verified, has_password: bool| {
        let user = masthead_domain::account::Account {
            registration_id: Some(number),
            verified: Some(verified),
            ..account(&number.to_string(), address, "", "")
        };
        let hash = has_password.then(|| masthead_testkit::secrets::FakePasswordHasher::new_hash("x"));
        fixture.users.put(pool, user, hash);
    };
    holder(1, "standard@example.com", true, true);
    holder(2, "unverified@example.com", false, true);
    holder(3, "lite@example.com", false, false);
    let pending = CreateRequest {
        verify_email: true,
        ..request("pending@example.com")
    };
    let created = fixture.writes.create.create(fixture.call(), pending).await.unwrap();
    assert_eq!(created.value, Created::Pending);
    let before = fixture.events().len();
    for (address, awaits) in [
        ("standard@example.com", false),
        ("unverified@example.com", true),
        ("lite@example.com", false),
        ("pending@example.com", true),
    ] {
        let error = fixture.try_create(address).await.unwrap_err();
        match error {
            WriteUserError::AwaitsVerification => assert!(awaits, "{address}"),
            WriteUserError::EmailTaken => assert!(!awaits, "{address}"),
            other => panic!("{address}: {other:?}"),
        }
    }
    assert_eq!(fixture.events().len(), before);
}

#[tokio::test]
async fn lite_user_is_upgraded_by_switch_and_code() {
    let settings = [NO_PROVIDER, &[("Users.UpgradeLite", "true")]].concat();
    let fixture = WriteFixture::new(&settings);
    let lite = masthead_domain::account::Account {
        registration_id: Some(7),
        ..account("7", "lite@example.com", "", "")
    };
    fixture.users.put(fixture.tenant.pool, lite, None);
    let created = fixture.try_create("lite@example.com").await.unwrap();
    assert_eq!(created.value, Created::Pending);
    let id = CustomerRegistrationId::parse("7").unwrap();
    assert_eq!(fixture.stored(&id).await.unwrap().state(false), UserState::Unverified);
    let code = fixture.last_mail()["code"].as_str().unwrap().to_owned();
    let verified = fixture
        .writes
        .verify
        .verify(fixture.call(), email("lite@example.com"), code)
        .await;
    assert_eq!(verified.unwrap().value, id);
    assert_eq!(fixture.stored(&id).await.unwrap().state(false), UserState::Standard);
}

#[tokio::test]
async fn user_without_password_gets_a_link() {
    let fixture = WriteFixture::new(NO_PROVIDER);
    let without = CreateRequest {
        password: None,
        return_url: Some("https://herald.example/account/new".into()),
        ..request("ann@example.com")
    };
    let created = fixture
        .writes
        .create
        .create(fixture.call(), without)
        .await
        .unwrap()
        .value;
    let Created::User { crid, password_link } = created else {
        panic!("a user was requested for");
    };
    assert_eq!(fixture.stored(&crid).await.unwrap().state(false), UserState::Lite);
    let link = password_link.unwrap();
    assert_eq!(fixture.last_mail()["link"], *link);
    let value = link.rsplit_once('=').unwrap().1.to_owned();
    let finished = fixture
        .writes
        .reset
        .finish(fixture.call(), value, password("new one"))
        .await;
    finished.unwrap();
    assert_eq!(fixture.stored(&crid).await.unwrap().state(false), UserState::Standard);
}

#[tokio::test]
async fn return_url_and_mail_are_checked_before_anything() {
    let elsewhere = CreateRequest {
        return_url: Some("https://evil.example/".into()),
        ..request("ann@example.com")
    };
    let pending = CreateRequest {
        verify_email: true,
        ..request("ann@example.com")
    };
    let fixture = WriteFixture::with_mail(NO_PROVIDER, false);
    let refused = fixture.writes.create.create(fixture.call(), elsewhere).await;
    assert!(matches!(refused, Err(WriteUserError::ReturnUrl(_))));
    let refused = fixture.writes.create.create(fixture.call(), pending).await;
    assert!(matches!(refused, Err(WriteUserError::MailNotConfigured)));
    assert_eq!(fixture.events(), []);
}

#[tokio::test]
async fn pending_registration_is_created_by_its_code_once() {
    let fixture = WriteFixture::new(NO_PROVIDER);
    let pending = CreateRequest {
        verify_email: true,
        return_url: Some("https://herald.example/account".into()),
        ..request("ann@example.com")
    };
    fixture.writes.create.create(fixture.call(), pending).await.unwrap();
    assert!(fixture.store.kept(fixture.tenant.pool).is_empty());
    let mail = fixture.last_mail();
    let code = mail["code"].as_str().unwrap();
    assert_eq!(
        mail["link"],
        format!("https://herald.example/account?verificationCode={code}")
    );
    let verify = |code: &str| {
        fixture
            .writes
            .verify
            .verify(fixture.call(), email("ANN@example.com"), code.to_owned())
    };
    assert!(matches!(verify("FFFFFF").await, Err(WriteUserError::WrongCode)));
    let id = verify(&format!(" {} ", code.to_lowercase())).await.unwrap().value;
    let stored = fixture.stored(&id).await.unwrap();
    assert_eq!(stored.state(false), UserState::Standard);
    assert!(matches!(verify(code).await, Err(WriteUserError::AlreadyVerified)));
    assert_eq!(
        fixture.events(),
        [EventKind::SubscribeUserCreatePending, EventKind::SubscribeUserCreate]
    );
}

#[tokio::test]
async fn update_merges_and_unknown_user_is_absent() {
    let fixture = WriteFixture::new(NO_PROVIDER);
    let id = fixture.create("ann@example.com").await;
    let update = |crid: CustomerRegistrationId| UpdateRequest {
        crid,
        change: UserChange {
            first_name: Some("Anna".into()),
            metadata: vec![("City".into(), None), ("title".into(), Some("Dr".into()))],
            ..UserChange::default()
        },
        ignore_provider: false,
        read: None,
    };
    fixture
        .writes
        .update
        .update(fixture.call(), update(id.clone()))
        .await
        .unwrap();
    let stored = fixture.stored(&id).await.unwrap();
    assert_eq!(&*stored.first_name, "Anna");
    assert_eq!(
        (stored.metadata.get("city"), stored.metadata.get("title")),
        (None, Some("Dr"))
    );
    let unknown = CustomerRegistrationId::parse("unknown").unwrap();
    let missing = fixture.writes.update.update(fixture.call(), update(unknown)).await;
    assert!(matches!(missing, Err(WriteUserError::NoSuchUser)));
}

#[tokio::test]
async fn update_of_a_changed_user_is_refused() {
    let fixture = WriteFixture::new(NO_PROVIDER);
    let id = fixture.create("ann@example.com").await;
    let read = fixture.stored(&id).await.map(Box::new);
    let update = |name: &str| UpdateRequest {
        crid: id.clone(),
        change: UserChange {
            first_name: Some(name.into()),
            ..UserChange::default()
        },
        ignore_provider: false,
        read: read.clone(),
    };
    fixture
        .writes
        .update
        .update(fixture.call(), update("Anna"))
        .await
        .unwrap();
    let second = fixture.writes.update.update(fixture.call(), update("Anne")).await;
    assert!(matches!(second, Err(WriteUserError::Changed)));
}

#[tokio::test]
async fn changed_address_is_unique_and_old_one_is_notified() {
    let fixture = WriteFixture::new(NO_PROVIDER);
    let id = fixture.create("ann@example.com").await;
    fixture.create("bob@example.com").await;
    let change = |address| fixture.writes.email.change(fixture.call(), id.clone(), email(address));
    assert!(matches!(
        change("bob@example.com").await,
        Err(WriteUserError::EmailTaken)
    ));
    assert!(fixture.users.mails().is_empty());
    change("anna@example.com").await.unwrap();
    let stored = fixture.stored(&id).await.unwrap();
    assert_eq!(stored.email, Some(email("anna@example.com")));
    assert_eq!(stored.verified, Some(true));
    assert_eq!(fixture.last_mail()["to"], "ann@example.com");
}

#[tokio::test]
async fn deleted_user_is_absent() {
    let fixture = WriteFixture::new(NO_PROVIDER);
    let id = fixture.create("ann@example.com").await;
    let delete = || {
        let request = DeleteRequest {
            crid: id.clone(),
            ignore_provider: false,
        };
        fixture.writes.delete.delete(fixture.call(), request)
    };
    delete().await.unwrap();
    assert_eq!(fixture.stored(&id).await, None);
    assert!(matches!(delete().await, Err(WriteUserError::NoSuchUser)));
}

#[tokio::test]
async fn silent_store_is_neither_success_nor_refusal() {
    let fixture = WriteFixture::new(NO_PROVIDER);
    fixture.users.fail_next("create", WriteFault::Unavailable);
    let error = fixture.try_create("ann@example.com").await.unwrap_err();
    assert!(matches!(error, WriteUserError::Unavailable { pending: None, .. }));
    fixture.users.fail_next("create", WriteFault::OutcomeUnknown);
    let error = fixture.try_create("ann@example.com").await.unwrap_err();
    let pending = matches!(
        error,
        WriteUserError::Unavailable {
            pending: Some("Subscribe"),
            ..
        }
    );
    assert!(pending, "{error:?}");
}

#[tokio::test]
async fn write_does_not_end_with_its_caller() {
    let fixture = WriteFixture::new(NO_PROVIDER);
    let mut creating = Box::pin(fixture.try_create("ann@example.com"));
    let polled = futures_util::poll!(&mut creating);
    assert!(polled.is_pending());
    drop(creating);
    fixture.writes.close().await;
    assert_eq!(fixture.store.kept(fixture.tenant.pool).len(), 1);
    assert!(fixture.try_create("bob@example.com").await.is_err(), "closed");
}
