//! Write-backs create a registration once, update it where it differs, and never write to another pool.

use std::sync::Arc;

use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, metadata::Metadata,
    tenant::Tenant, write_back::WriteBack,
};
use masthead_ports::registrations::{RegistrationWriter as _, WriteBackOutcome, WriteOrigin};
use masthead_testkit::registrations::write_back;
use masthead_testkit::source_client::FindByKey as _;
use time::macros::datetime;

use crate::support::{FEDERATED, StoreFixture, context, fixture, tenant};

const UPDATES: &str = "events WHERE kind = 4004";

fn id(text: &str) -> CustomerRegistrationId {
    CustomerRegistrationId::parse(text).unwrap()
}

/// The provider account `auth0|7`.
fn account(email: &str, first_name: &str) -> Account {
    Account {
        email: Email::parse(email).ok(),
        first_name: first_name.into(),
        last_name: "Lee".into(),
        verified: Some(true),
        ..Account::new(id("auth0|7"))
    }
}

fn ann() -> Account {
    account("ann@example.com", "Ann")
}

fn ann_as(crid: &str) -> Account {
    Account {
        crid: id(crid),
        ..ann()
    }
}

fn metadata(key: &str, value: &str) -> Metadata {
    Metadata::new([(key.to_owned(), value.to_owned())]).unwrap()
}

/// A write-back that was decided when `read` was the only registration of its address.
fn over(read: &Account, account: Account) -> WriteBack {
    WriteBack {
        account: Account {
            registration_id: read.registration_id,
            ..account
        },
        same_email: vec![read.crid.clone()],
        read: Some(Box::new(read.clone())),
    }
}

/// A store with a federated tenant.
struct WriteBackFixture {
    fixture: StoreFixture,
    tenant: Arc<Tenant>,
}

impl WriteBackFixture {
    async fn new() -> Self {
        let fixture = fixture().await;
        let tenant = tenant(&fixture.store, "north/daily/herald", FEDERATED).await;
        Self { fixture, tenant }
    }

    /// Writes the account over the current registration.
    async fn write_current(&self, account: &Account) -> WriteBackOutcome {
        let registrations = self.fixture.store.registrations();
        let current = write_back(&*registrations, &context(&self.tenant), account).await;
        self.write(&self.tenant, &current.unwrap()).await
    }

    async fn write(&self, tenant: &Arc<Tenant>, write_back: &WriteBack) -> WriteBackOutcome {
        let written_for = WriteOrigin::new("r-1".into(), "CRM".into(), datetime!(2026-05-06 07:08:09 UTC));
        let registrations = self.fixture.store.registrations();
        let written = registrations
            .write_back(&context(tenant), write_back, &written_for)
            .await;
        written.unwrap()
    }

    async fn stored(&self, crid: &str) -> Option<Account> {
        self.stored_for(&self.tenant, crid).await
    }

    async fn stored_for(&self, tenant: &Arc<Tenant>, crid: &str) -> Option<Account> {
        let registrations = self.fixture.store.registrations();
        registrations.by_id(&context(tenant), &id(crid)).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn write_back_creates_once_then_updates() {
    let store = WriteBackFixture::new().await;
    assert_eq!(store.write_current(&ann()).await, WriteBackOutcome::Created);
    assert_eq!(store.write_current(&ann()).await, WriteBackOutcome::Unchanged);
    let made = store.stored("auth0|7").await.unwrap();
    assert_eq!(
        (&made.email, &*made.first_name, made.verified),
        (&ann().email, "Ann", Some(true))
    );

    let renamed = Account {
        registration_id: made.registration_id,
        metadata: metadata("photo", "a.png"),
        ..account("Anna@Example.com", "Änna")
    };
    assert_eq!(store.write_current(&renamed).await, WriteBackOutcome::Updated);
    let changed = store.stored("auth0|7").await.unwrap();
    assert_eq!(changed.registration_id, made.registration_id);
    assert_eq!(changed.email.as_ref().unwrap().as_str(), "Anna@Example.com");
    assert_eq!(changed.metadata, metadata("photo", "a.png"));
    // Its keys are updated too.
    let email = Email::parse("anna@example.com").unwrap();
    let registrations = store.fixture.store.registrations();
    let found = registrations.by_email(&context(&store.tenant), email.key()).await;
    assert_eq!(found.unwrap(), [changed]);
    assert_eq!(store.fixture.count(UPDATES), 2);
    assert_eq!(store.fixture.count("outbox"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_id_keeps_number_and_metadata() {
    let store = WriteBackFixture::new().await;
    let with_club = Account {
        metadata: metadata("club", "gold"),
        ..ann()
    };
    store.write_current(&with_club).await;
    let made = store.stored("auth0|7").await.unwrap();
    let adopted = over(&made, ann_as("auth0|8"));
    assert_eq!(store.write(&store.tenant, &adopted).await, WriteBackOutcome::Updated);
    assert_eq!(store.stored("auth0|7").await, None);
    let now = store.stored("auth0|8").await.unwrap();
    assert_eq!(
        (now.registration_id, now.metadata.get("club")),
        (made.registration_id, Some("gold"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_write_backs_create_one_registration() {
    let store = Arc::new(WriteBackFixture::new().await);
    let writers: Vec<_> = (0..50)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.write_current(&ann()).await })
        })
        .collect();
    let mut created = 0;
    for writer in writers {
        created += usize::from(writer.await.unwrap() == WriteBackOutcome::Created);
    }
    assert_eq!(created, 1);
    assert_eq!(store.fixture.count("registrations"), 1);
    assert_eq!(store.fixture.count(UPDATES), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn registration_of_another_pool_is_not_changed() {
    let store = WriteBackFixture::new().await;
    store.write_current(&ann()).await;
    let made = store.stored("auth0|7").await.unwrap();
    let attacker = tenant(&store.fixture.store, "south/daily/herald", FEDERATED).await;
    let forged = WriteBack {
        same_email: Vec::new(),
        ..over(&made, account("evil@example.com", "Eve"))
    };
    assert_eq!(store.write(&attacker, &forged).await, WriteBackOutcome::Unchanged);
    assert_eq!(store.stored("auth0|7").await, Some(made));
    assert_eq!(store.stored_for(&attacker, "auth0|7").await, None);
}

/// Contract `answers.md`: a write-back "never changes whose registration it is".
#[tokio::test(flavor = "multi_thread")]
async fn changed_registration_is_not_overwritten() {
    let store = WriteBackFixture::new().await;
    store.write_current(&ann()).await;
    let read = store.stored("auth0|7").await.unwrap();
    // Another write gives it the id of another account.
    let moved = over(&read, ann_as("auth0|8"));
    assert_eq!(store.write(&store.tenant, &moved).await, WriteBackOutcome::Updated);
    let now = store.stored("auth0|8").await.unwrap();
    let other_address = Account {
        email: Email::parse("old@example.com").ok(),
        ..now.clone()
    };
    for (read, account) in [
        (&read, account("new@example.com", "Ann")),
        (&read, ann_as("auth0|9")),
        // Its id is unchanged, and its address is not.
        (&other_address, ann_as("auth0|9")),
    ] {
        let late = over(read, account);
        assert_eq!(store.write(&store.tenant, &late).await, WriteBackOutcome::Unchanged);
    }
    assert_eq!(store.stored("auth0|8").await, Some(now));
}

/// Contract §2.2: an address joins only when exactly one account of each side has it.
#[tokio::test(flavor = "multi_thread")]
async fn new_registration_of_address_stops_write_back() {
    let store = WriteBackFixture::new().await;
    store.write_current(&ann()).await;
    let first = store.stored("auth0|7").await.unwrap();
    let created_alone = WriteBack {
        account: ann_as("auth0|8"),
        read: None,
        same_email: Vec::new(),
    };
    assert_eq!(
        store.write(&store.tenant, &created_alone).await,
        WriteBackOutcome::Unchanged
    );
    assert_eq!(store.write_current(&ann_as("auth0|8")).await, WriteBackOutcome::Created);
    let adopted = over(&first, ann_as("auth0|9"));
    assert_eq!(store.write(&store.tenant, &adopted).await, WriteBackOutcome::Unchanged);
    assert!(store.stored("auth0|7").await.is_some());
    assert_eq!(store.fixture.count(UPDATES), 2);
}
