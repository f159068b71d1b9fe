//! WriteBackRegistrar from a provider: made once, changed where it differs, never out of a foreign pool.

use std::sync::Arc;

use masthead_domain::{
    account::Account, crid::Crid, email::Email, metadata::Metadata, sync::WriteBack, tenant::Tenant,
};
use masthead_ports::{
    registrations::{Registrations as _, Synchronised, WrittenFor},
    source::UserSource as _,
};
use masthead_testkit::registrations::write_back;
use time::macros::datetime;

use crate::support::{StoreFixture, context, fixture, tenant};

async fn federated(fixture: &StoreFixture) -> Arc<Tenant> {
    tenant(&fixture.store, "north/daily/herald", &[("Flow.UserProvider", "Auth0")]).await
}

fn theirs(email: &str, first_name: &str) -> Account {
    Account {
        email: Email::parse(email).ok(),
        first_name: first_name.into(),
        last_name: "Lee".into(),
        verified: Some(true),
        ..Account::new(Crid::parse("auth0|7").unwrap())
    }
}

fn written_for() -> WrittenFor {
    WrittenFor {
        request_id: "r-1".into(),
        source_system: "CRM".into(),
        at: datetime!(2026-05-06 07:08:09 UTC),
    }
}

/// Writes the account over what the store has now.
async fn write_back_over_now(fixture: &StoreFixture, tenant: &Arc<Tenant>, account: &Account) -> Synchronised {
    let registrations = fixture.store.registrations();
    let over_now = write_back(&*registrations, &context(tenant), account).await.unwrap();
    write(fixture, tenant, &over_now).await
}

async fn write(fixture: &StoreFixture, tenant: &Arc<Tenant>, write_back: &WriteBack) -> Synchronised {
    fixture
        .store
        .registrations()
        .synchronise(&context(tenant), write_back, &written_for())
        .await
        .unwrap()
}

async fn stored(fixture: &StoreFixture, tenant: &Arc<Tenant>, id: &str) -> Option<Account> {
    fixture
        .store
        .registrations()
        .by_id(&context(tenant), &Crid::parse(id).unwrap())
        .await
        .unwrap()
}

fn count(fixture: &StoreFixture, what: &str) -> String {
    fixture.database.run(what).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn write_back_creates_once_then_updates() {
    let fixture = fixture().await;
    let tenant = federated(&fixture).await;
    let ann = theirs("ann@example.com", "Ann");
    assert_eq!(
        write_back_over_now(&fixture, &tenant, &ann).await,
        Synchronised::Created
    );
    assert_eq!(
        write_back_over_now(&fixture, &tenant, &ann).await,
        Synchronised::Unchanged
    );
    let made = stored(&fixture, &tenant, "auth0|7").await.unwrap();
    assert_eq!(
        (&made.email, &*made.first_name, made.verified),
        (&ann.email, "Ann", Some(true))
    );

    let photo = |value: &str| Metadata::new([("photo".to_owned(), value.to_owned())]).unwrap();
    let renamed = Account {
        registration_id: made.registration_id,
        metadata: photo("a.png"),
        ..theirs("Anna@Example.com", "Änna")
    };
    assert_eq!(
        write_back_over_now(&fixture, &tenant, &renamed).await,
        Synchronised::Updated
    );
    let changed = stored(&fixture, &tenant, "auth0|7").await.unwrap();
    assert_eq!(changed.registration_id, made.registration_id);
    assert_eq!(changed.email.as_ref().unwrap().as_str(), "Anna@Example.com");
    assert_eq!(changed.metadata, photo("a.png"));
    // What is found by is changed with it.
    let key = Email::parse("anna@example.com").unwrap();
    let found = fixture
        .store
        .registrations()
        .by_email(&context(&tenant), key.key())
        .await
        .unwrap();
    assert_eq!(found, [changed]);
    assert_eq!(count(&fixture, "SELECT count(*) FROM events WHERE kind = 4004"), "2");
    assert_eq!(count(&fixture, "SELECT count(*) FROM outbox"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_id_keeps_number_and_metadata() {
    let fixture = fixture().await;
    let tenant = federated(&fixture).await;
    let with_club = Account {
        metadata: Metadata::new([("club".to_owned(), "gold".to_owned())]).unwrap(),
        ..theirs("ann@example.com", "Ann")
    };
    write_back_over_now(&fixture, &tenant, &with_club).await;
    let made = stored(&fixture, &tenant, "auth0|7").await.unwrap();
    let adopted = WriteBack {
        account: Account {
            crid: Crid::parse("auth0|8").unwrap(),
            registration_id: made.registration_id,
            ..theirs("ann@example.com", "Ann")
        },
        same_address: vec![made.crid.clone()],
        read: Some(Box::new(made.clone())),
    };
    assert_eq!(write(&fixture, &tenant, &adopted).await, Synchronised::Updated);
    assert_eq!(stored(&fixture, &tenant, "auth0|7").await, None);
    let now = stored(&fixture, &tenant, "auth0|8").await.unwrap();
    assert_eq!(
        (now.registration_id, now.metadata.get("club")),
        (made.registration_id, Some("gold"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_write_backs_create_one_registration() {
    let fixture = Arc::new(fixture().await);
    let tenant = federated(&fixture).await;
    let writers: Vec<_> = (0..50)
        .map(|_| {
            let (fixture, tenant) = (Arc::clone(&fixture), Arc::clone(&tenant));
            tokio::spawn(async move { write_back_over_now(&fixture, &tenant, &theirs("ann@example.com", "Ann")).await })
        })
        .collect();
    let mut created = 0;
    for writer in writers {
        created += usize::from(writer.await.unwrap() == Synchronised::Created);
    }
    assert_eq!(created, 1);
    assert_eq!(count(&fixture, "SELECT count(*) FROM registrations"), "1");
    assert_eq!(count(&fixture, "SELECT count(*) FROM events WHERE kind = 4004"), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn registration_of_another_pool_is_not_changed() {
    let fixture = fixture().await;
    let tenant_of_ann = federated(&fixture).await;
    write_back_over_now(&fixture, &tenant_of_ann, &theirs("ann@example.com", "Ann")).await;
    let made = stored(&fixture, &tenant_of_ann, "auth0|7").await.unwrap();
    let attacker = tenant(&fixture.store, "south/daily/herald", &[("Flow.UserProvider", "Auth0")]).await;
    let forged = WriteBack {
        account: Account {
            registration_id: made.registration_id,
            ..theirs("evil@example.com", "Eve")
        },
        read: Some(Box::new(made.clone())),
        same_address: Vec::new(),
    };
    assert_eq!(write(&fixture, &attacker, &forged).await, Synchronised::Unchanged);
    assert_eq!(stored(&fixture, &tenant_of_ann, "auth0|7").await, Some(made));
    assert_eq!(stored(&fixture, &attacker, "auth0|7").await, None);
}

/// Contract `answers.md`: a write-back "never changes whose registration it is".
#[tokio::test(flavor = "multi_thread")]
async fn changed_registration_is_not_overwritten() {
    let fixture = fixture().await;
    let tenant = federated(&fixture).await;
    write_back_over_now(&fixture, &tenant, &theirs("ann@example.com", "Ann")).await;
    let read = stored(&fixture, &tenant, "auth0|7").await.unwrap();
    let late = |account: Account, read: &Account| WriteBack {
        account: Account {
            registration_id: read.registration_id,
            ..account
        },
        same_address: vec![read.crid.clone()],
        read: Some(Box::new(read.clone())),
    };
    let adopting = |id: &str| Account {
        crid: Crid::parse(id).unwrap(),
        ..theirs("ann@example.com", "Ann")
    };
    // Another write gave it the id of another account, in the meantime.
    let moved = late(adopting("auth0|8"), &read);
    assert_eq!(write(&fixture, &tenant, &moved).await, Synchronised::Updated);
    let now = stored(&fixture, &tenant, "auth0|8").await.unwrap();
    for account in [theirs("new@example.com", "Ann"), adopting("auth0|9")] {
        assert_eq!(
            write(&fixture, &tenant, &late(account, &read)).await,
            Synchronised::Unchanged
        );
    }
    // Its id is as it was read, and its address is not.
    let elsewhere = Account {
        email: Email::parse("old@example.com").ok(),
        ..now.clone()
    };
    assert_eq!(
        write(&fixture, &tenant, &late(adopting("auth0|9"), &elsewhere)).await,
        Synchronised::Unchanged
    );
    assert_eq!(stored(&fixture, &tenant, "auth0|8").await, Some(now));
}

/// Contract §2.2: an address joins only when exactly one account of each side has it.
#[tokio::test(flavor = "multi_thread")]
async fn new_registration_of_address_stops_write_back() {
    let fixture = fixture().await;
    let tenant = federated(&fixture).await;
    write_back_over_now(&fixture, &tenant, &theirs("ann@example.com", "Ann")).await;
    let first = stored(&fixture, &tenant, "auth0|7").await.unwrap();
    let other = |id: &str| Account {
        crid: Crid::parse(id).unwrap(),
        ..theirs("ann@example.com", "Ann")
    };
    let made_of_nothing = WriteBack {
        account: other("auth0|8"),
        read: None,
        same_address: Vec::new(),
    };
    assert_eq!(
        write(&fixture, &tenant, &made_of_nothing).await,
        Synchronised::Unchanged
    );
    assert_eq!(
        write_back_over_now(&fixture, &tenant, &other("auth0|8")).await,
        Synchronised::Created
    );
    let adopted = WriteBack {
        account: Account {
            registration_id: first.registration_id,
            ..other("auth0|9")
        },
        same_address: vec![first.crid.clone()],
        read: Some(Box::new(first)),
    };
    assert_eq!(write(&fixture, &tenant, &adopted).await, Synchronised::Unchanged);
    assert!(stored(&fixture, &tenant, "auth0|7").await.is_some());
    assert_eq!(count(&fixture, "SELECT count(*) FROM events WHERE kind = 4004"), "2");
}
