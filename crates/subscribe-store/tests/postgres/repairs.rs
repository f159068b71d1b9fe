//! What earlier write-backs left: found from the events and the directory, and merged only where no value is lost.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use masthead_domain::{
    account::Account, crid::Crid, email::Email, metadata::Metadata, query::UserFilter, sync::WriteBack, tenant::Tenant,
};
use masthead_ports::{
    directory::{Beginning, Begun, Brake, Directory as _},
    registrations::{Registrations as _, Synchronised, WrittenFor},
    source::UserSource as _,
    walk::Step,
};
use masthead_subscribe_store::{ImportOrigin, Merged, RepairError, Suspects};
use time::{OffsetDateTime, macros::datetime};

use crate::support::{StoreFixture, context, first_page, fixture, tenant};

const RAN: OffsetDateTime = datetime!(2026-05-06 06:00 UTC);
const WROTE: OffsetDateTime = datetime!(2026-05-06 07:08:09.123456 UTC);

fn account(crid: &str, email: &str, metadata: &[(&str, &str)]) -> Account {
    let pairs = metadata
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Account {
        email: Email::parse(email).ok(),
        first_name: "Ann".into(),
        verified: Some(true),
        metadata: Metadata::new(pairs).unwrap(),
        ..Account::new(Crid::parse(crid).unwrap())
    }
}

/// A pool in which these were imported, of a provider that has these.
async fn staged(imported: &[&str], theirs: &[Account]) -> (StoreFixture, Arc<Tenant>) {
    let fixture = fixture().await;
    let tenant = tenant(&fixture.store, "north/daily/herald", &[("Flow.UserProvider", "Auth0")]).await;
    let origin = ImportOrigin {
        request_id: "import-1".into(),
        source_system: "CLI".into(),
        at: RAN,
    };
    let lines = imported.iter().map(|line| Ok((*line).to_owned()));
    fixture.store.importer().lines(&tenant, &origin, lines).await.unwrap();
    synchronised(&fixture, &tenant, theirs).await;
    (fixture, tenant)
}

async fn synchronised(fixture: &StoreFixture, tenant: &Arc<Tenant>, theirs: &[Account]) {
    let (directory, cx) = (fixture.store.mirror(), context(tenant));
    let beginning = Beginning {
        holder: "test",
        at: RAN,
        lease: Duration::from_mins(1),
        full_every: Duration::ZERO,
    };
    let Begun::Run(run) = directory.begin(&cx, beginning).await.unwrap() else {
        panic!("no other run is under way")
    };
    let step = Step {
        accounts: theirs.to_vec(),
        next: None,
        expected: None,
        truncated: false,
        gaps: false,
        left_out: Vec::new(),
    };
    directory.take(&cx, &run, &step, RAN).await.unwrap();
    directory.finish(&cx, &run, RAN, Brake::On).await.unwrap();
}

/// Writes as an earlier version did, which did not ask whose registration it was.
async fn wrote_back(
    fixture: &StoreFixture,
    tenant: &Arc<Tenant>,
    account: &Account,
    over: Option<&str>,
) -> Synchronised {
    let (registrations, cx) = (fixture.store.registrations(), context(tenant));
    let read = match over {
        Some(id) => registrations.by_id(&cx, &Crid::parse(id).unwrap()).await.unwrap(),
        None => None,
    };
    let key = account.email.as_ref().unwrap().key();
    let same_address = registrations.by_email(&cx, key).await.unwrap();
    let write_back = WriteBack {
        account: Account {
            metadata: Metadata::default(),
            ..account.clone()
        },
        read: read.map(Box::new),
        same_address: same_address.into_iter().map(|beside| beside.crid).collect(),
    };
    let written_for = WrittenFor {
        request_id: "r-1".into(),
        source_system: "CRM".into(),
        at: WROTE,
    };
    registrations.synchronise(&cx, &write_back, &written_for).await.unwrap()
}

async fn suspects(fixture: &StoreFixture, tenant: &Arc<Tenant>) -> Suspects {
    fixture.store.repairs().suspects(&context(tenant)).await.unwrap()
}

const OLD_ANN: &str = r#"{"customerRegistrationId":"2937","email":"ann@example.com","metadata":{"promo_flag":"Y"}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn split_registration_is_merged_into_older() {
    let ann = account("auth0|7", "ann@example.com", &[]);
    let (fixture, tenant) = staged(&[OLD_ANN], std::slice::from_ref(&ann)).await;
    assert_eq!(suspects(&fixture, &tenant).await, Suspects::default());
    assert_eq!(wrote_back(&fixture, &tenant, &ann, None).await, Synchronised::Created);

    let found = suspects(&fixture, &tenant).await;
    let [split] = &found.split[..] else { panic!("{found:?}") };
    assert_eq!(
        (split.older_crid.as_str(), split.younger_crid.as_str()),
        ("2937", "auth0|7")
    );
    assert_eq!(split.written_at, WROTE);
    let (repairs, cx) = (fixture.store.repairs(), context(&tenant));
    assert_eq!(
        repairs.merge(&cx, split, "r-2".into(), WROTE).await.unwrap(),
        Merged::Done
    );
    let now = fixture
        .store
        .registrations()
        .by_id(&cx, &split.younger_crid)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (now.registration_id, now.metadata.get("promo_flag")),
        (Some(split.older), Some("Y"))
    );
    let listed = fixture
        .store
        .mirror()
        .search(&cx, &first_page(UserFilter::default()))
        .await
        .unwrap()
        .unwrap();
    let [entry] = &listed.entries[..] else {
        panic!("{} users", listed.entries.len())
    };
    assert_eq!(entry.registration.as_ref(), Some(&now));
    assert!(entry.profile.is_some());
    assert_eq!(suspects(&fixture, &tenant).await, Suspects::default());
    assert_eq!(
        repairs.merge(&cx, split, "r-3".into(), WROTE).await.unwrap(),
        Merged::Changed
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn split_with_different_values_is_left() {
    let ann = account("auth0|7", "ann@example.com", &[]);
    let (fixture, tenant) = staged(&[OLD_ANN], std::slice::from_ref(&ann)).await;
    wrote_back(&fixture, &tenant, &ann, None).await;
    fixture
        .database
        .run(r#"UPDATE registrations SET metadata = '{"promo_flag":"N"}' WHERE crid = 'auth0|7'"#)
        .unwrap();
    let split = suspects(&fixture, &tenant).await.split.remove(0);
    let (repairs, cx) = (fixture.store.repairs(), context(&tenant));
    assert_eq!(
        repairs.merge(&cx, &split, "r-2".into(), WROTE).await.unwrap(),
        Merged::ValuesDiffer
    );
    let registrations = fixture.store.registrations();
    let beside = registrations
        .by_email(&cx, ann.email.as_ref().unwrap().key())
        .await
        .unwrap();
    assert_eq!(beside.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn legitimately_shared_address_is_no_split() {
    // Both ids are the provider's; both accounts have the address; the older one came to it by an import.
    let theirs = [
        account("auth0|1", "bob@example.com", &[]),
        account("auth0|2", "bob@example.com", &[]),
        account("auth0|3", "cy@example.com", &[]),
    ];
    let imported = [
        r#"{"customerRegistrationId":"auth0|1","email":"bob@example.com"}"#,
        r#"{"customerRegistrationId":"30","email":"cy@example.com"}"#,
        r#"{"customerRegistrationId":"auth0|3","email":"cy@example.com"}"#,
    ];
    let (fixture, tenant) = staged(&imported, &theirs).await;
    assert_eq!(
        wrote_back(&fixture, &tenant, &theirs[1], None).await,
        Synchronised::Created
    );
    assert_eq!(suspects(&fixture, &tenant).await.split, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn moved_registration_is_suspected() {
    let ann = account("auth0|1", "ann@example.com", &[]);
    let theirs = [ann.clone(), account("auth0|2", "bob@example.com", &[])];
    let bobs = r#"{"customerRegistrationId":"auth0|2","email":"ann@example.com","metadata":{"promo_flag":"Y"}}"#;
    let (fixture, tenant) = staged(&[bobs], &theirs).await;
    assert_eq!(suspects(&fixture, &tenant).await.moved, []);
    assert_eq!(
        wrote_back(&fixture, &tenant, &ann, Some("auth0|2")).await,
        Synchronised::Updated
    );
    let moved: Vec<_> = suspects(&fixture, &tenant).await.moved;
    let ids: BTreeSet<_> = moved.iter().map(|moved| moved.crid.as_str()).collect();
    assert_eq!(ids, BTreeSet::from(["auth0|1"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn suspects_need_a_complete_mirror() {
    let fixture = fixture().await;
    let tenant = tenant(&fixture.store, "north/daily/herald", &[("Flow.UserProvider", "Auth0")]).await;
    let refused = fixture.store.repairs().suspects(&context(&tenant)).await;
    assert!(matches!(refused, Err(RepairError::NoCompleteMirror)));
}
