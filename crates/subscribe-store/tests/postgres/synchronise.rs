//! Synchronising from a provider: made once, changed where it differs, never out of a foreign pool.

use std::sync::Arc;

use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, metadata::Metadata,
    tenant::Tenant, write_back::WriteBack,
};
use masthead_ports::{
    registrations::{RegistrationWriter as _, WriteBackOutcome, WriteOrigin},
    source::UserSource as _,
};
use masthead_testkit::registrations::write_back;
use time::macros::datetime;

use crate::support::{World, context, tenant, world};

async fn federated(world: &World) -> Arc<Tenant> {
    tenant(&world.store, "north/daily/herald", &[("Flow.UserProvider", "Auth0")]).await
}

fn theirs(email: &str, first_name: &str) -> Account {
    Account {
        email: Email::parse(email).ok(),
        first_name: first_name.into(),
        last_name: "Lee".into(),
        verified: Some(true),
        ..Account::new(CustomerRegistrationId::parse("auth0|7").unwrap())
    }
}

fn written_for() -> WriteOrigin {
    WriteOrigin {
        request_id: "r-1".into(),
        source_system: "CRM".into(),
        at: datetime!(2026-05-06 07:08:09 UTC),
    }
}

/// Writes the account over what the store has now.
async fn synchronise(world: &World, tenant: &Arc<Tenant>, account: &Account) -> WriteBackOutcome {
    let registrations = world.store.registrations();
    let over_now = write_back(&*registrations, &context(tenant), account).await.unwrap();
    write(world, tenant, &over_now).await
}

async fn write(world: &World, tenant: &Arc<Tenant>, write_back: &WriteBack) -> WriteBackOutcome {
    world
        .store
        .registrations()
        .write_back(&context(tenant), write_back, &written_for())
        .await
        .unwrap()
}

async fn stored(world: &World, tenant: &Arc<Tenant>, id: &str) -> Option<Account> {
    world
        .store
        .registrations()
        .by_id(&context(tenant), &CustomerRegistrationId::parse(id).unwrap())
        .await
        .unwrap()
}

fn count(world: &World, what: &str) -> String {
    world.database.run(what).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_is_made_once_changed_where_it_differs_and_each_change_has_its_event() {
    let world = world().await;
    let tenant = federated(&world).await;
    let ann = theirs("ann@example.com", "Ann");
    assert_eq!(synchronise(&world, &tenant, &ann).await, WriteBackOutcome::Created);
    assert_eq!(synchronise(&world, &tenant, &ann).await, WriteBackOutcome::Unchanged);
    let made = stored(&world, &tenant, "auth0|7").await.unwrap();
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
    assert_eq!(synchronise(&world, &tenant, &renamed).await, WriteBackOutcome::Updated);
    let changed = stored(&world, &tenant, "auth0|7").await.unwrap();
    assert_eq!(changed.registration_id, made.registration_id);
    assert_eq!(changed.email.as_ref().unwrap().as_str(), "Anna@Example.com");
    assert_eq!(changed.metadata, photo("a.png"));
    // What is found by is changed with it.
    let key = Email::parse("anna@example.com").unwrap();
    let found = world
        .store
        .registrations()
        .by_email(&context(&tenant), key.key())
        .await
        .unwrap();
    assert_eq!(found, [changed]);
    assert_eq!(count(&world, "SELECT count(*) FROM events WHERE kind = 4004"), "2");
    assert_eq!(count(&world, "SELECT count(*) FROM outbox"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_id_moves_the_registration_and_metadata_that_is_not_carried_stays() {
    let world = world().await;
    let tenant = federated(&world).await;
    let with_club = Account {
        metadata: Metadata::new([("club".to_owned(), "gold".to_owned())]).unwrap(),
        ..theirs("ann@example.com", "Ann")
    };
    synchronise(&world, &tenant, &with_club).await;
    let made = stored(&world, &tenant, "auth0|7").await.unwrap();
    let adopted = WriteBack {
        account: Account {
            crid: CustomerRegistrationId::parse("auth0|8").unwrap(),
            registration_id: made.registration_id,
            ..theirs("ann@example.com", "Ann")
        },
        same_address: vec![made.crid.clone()],
        read: Some(Box::new(made.clone())),
    };
    assert_eq!(write(&world, &tenant, &adopted).await, WriteBackOutcome::Updated);
    assert_eq!(stored(&world, &tenant, "auth0|7").await, None);
    let now = stored(&world, &tenant, "auth0|8").await.unwrap();
    assert_eq!(
        (now.registration_id, now.metadata.get("club")),
        (made.registration_id, Some("gold"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_at_once_make_one_registration() {
    let world = Arc::new(world().await);
    let tenant = federated(&world).await;
    let writers: Vec<_> = (0..50)
        .map(|_| {
            let (world, tenant) = (Arc::clone(&world), Arc::clone(&tenant));
            tokio::spawn(async move { synchronise(&world, &tenant, &theirs("ann@example.com", "Ann")).await })
        })
        .collect();
    let mut created = 0;
    for writer in writers {
        created += usize::from(writer.await.unwrap() == WriteBackOutcome::Created);
    }
    assert_eq!(created, 1);
    assert_eq!(count(&world, "SELECT count(*) FROM registrations"), "1");
    assert_eq!(count(&world, "SELECT count(*) FROM events WHERE kind = 4004"), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_pools_registration_is_never_changed() {
    let world = world().await;
    let tenant_of_ann = federated(&world).await;
    synchronise(&world, &tenant_of_ann, &theirs("ann@example.com", "Ann")).await;
    let made = stored(&world, &tenant_of_ann, "auth0|7").await.unwrap();
    let attacker = tenant(&world.store, "south/daily/herald", &[("Flow.UserProvider", "Auth0")]).await;
    let forged = WriteBack {
        account: Account {
            registration_id: made.registration_id,
            ..theirs("evil@example.com", "Eve")
        },
        read: Some(Box::new(made.clone())),
        same_address: Vec::new(),
    };
    assert_eq!(write(&world, &attacker, &forged).await, WriteBackOutcome::Unchanged);
    assert_eq!(stored(&world, &tenant_of_ann, "auth0|7").await, Some(made));
    assert_eq!(stored(&world, &attacker, "auth0|7").await, None);
}

/// Contract `answers.md`: a write-back "never changes whose registration it is".
#[tokio::test(flavor = "multi_thread")]
async fn a_registration_that_changed_since_it_was_read_is_not_written() {
    let world = world().await;
    let tenant = federated(&world).await;
    synchronise(&world, &tenant, &theirs("ann@example.com", "Ann")).await;
    let read = stored(&world, &tenant, "auth0|7").await.unwrap();
    let late = |account: Account, read: &Account| WriteBack {
        account: Account {
            registration_id: read.registration_id,
            ..account
        },
        same_address: vec![read.crid.clone()],
        read: Some(Box::new(read.clone())),
    };
    let adopting = |id: &str| Account {
        crid: CustomerRegistrationId::parse(id).unwrap(),
        ..theirs("ann@example.com", "Ann")
    };
    // Another write gave it the id of another account, in the meantime.
    let moved = late(adopting("auth0|8"), &read);
    assert_eq!(write(&world, &tenant, &moved).await, WriteBackOutcome::Updated);
    let now = stored(&world, &tenant, "auth0|8").await.unwrap();
    for account in [theirs("new@example.com", "Ann"), adopting("auth0|9")] {
        assert_eq!(
            write(&world, &tenant, &late(account, &read)).await,
            WriteBackOutcome::Unchanged
        );
    }
    // Its id is as it was read, and its address is not.
    let elsewhere = Account {
        email: Email::parse("old@example.com").ok(),
        ..now.clone()
    };
    assert_eq!(
        write(&world, &tenant, &late(adopting("auth0|9"), &elsewhere)).await,
        WriteBackOutcome::Unchanged
    );
    assert_eq!(stored(&world, &tenant, "auth0|8").await, Some(now));
}

/// Contract §2.2: an address joins only when exactly one account of each side has it.
#[tokio::test(flavor = "multi_thread")]
async fn a_registration_that_came_to_the_address_since_stops_the_write() {
    let world = world().await;
    let tenant = federated(&world).await;
    synchronise(&world, &tenant, &theirs("ann@example.com", "Ann")).await;
    let first = stored(&world, &tenant, "auth0|7").await.unwrap();
    let other = |id: &str| Account {
        crid: CustomerRegistrationId::parse(id).unwrap(),
        ..theirs("ann@example.com", "Ann")
    };
    let made_of_nothing = WriteBack {
        account: other("auth0|8"),
        read: None,
        same_address: Vec::new(),
    };
    assert_eq!(
        write(&world, &tenant, &made_of_nothing).await,
        WriteBackOutcome::Unchanged
    );
    assert_eq!(
        synchronise(&world, &tenant, &other("auth0|8")).await,
        WriteBackOutcome::Created
    );
    let adopted = WriteBack {
        account: Account {
            registration_id: first.registration_id,
            ..other("auth0|9")
        },
        same_address: vec![first.crid.clone()],
        read: Some(Box::new(first)),
    };
    assert_eq!(write(&world, &tenant, &adopted).await, WriteBackOutcome::Unchanged);
    assert!(stored(&world, &tenant, "auth0|7").await.is_some());
    assert_eq!(count(&world, "SELECT count(*) FROM events WHERE kind = 4004"), "2");
}
