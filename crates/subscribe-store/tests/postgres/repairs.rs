//! What earlier write-backs left: found from the events and the directory, and merged only where no value is lost.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, metadata::Metadata,
    query::UserFilter, tenant::Tenant, write_back::WriteBack,
};
use masthead_ports::{
    mirror::{RemovalBrake, StartOutcome, StartRun, UserMirror as _},
    registrations::{RegistrationWriter as _, WriteBackOutcome, WriteOrigin},
    scan::ScanPage,
    source::UserSource as _,
};
use masthead_subscribe_store::{ImportOrigin, Merged, RepairError, Suspects};
use time::{OffsetDateTime, macros::datetime};

use crate::support::{World, context, first_page, tenant, world};

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
        ..Account::new(CustomerRegistrationId::parse(crid).unwrap())
    }
}

/// A pool in which these were imported, of a provider that has these.
async fn staged(imported: &[&str], theirs: &[Account]) -> (World, Arc<Tenant>) {
    let world = world().await;
    let tenant = tenant(&world.store, "north/daily/herald", &[("Flow.UserProvider", "Auth0")]).await;
    let origin = ImportOrigin {
        request_id: "import-1".into(),
        source_system: "CLI".into(),
        at: RAN,
    };
    let lines = imported.iter().map(|line| Ok((*line).to_owned()));
    world.store.importer().lines(&tenant, &origin, lines).await.unwrap();
    synchronised(&world, &tenant, theirs).await;
    (world, tenant)
}

async fn synchronised(world: &World, tenant: &Arc<Tenant>, theirs: &[Account]) {
    let (directory, cx) = (world.store.directory(), context(tenant));
    let beginning = StartRun {
        holder: "test",
        at: RAN,
        lease: Duration::from_mins(1),
        full_every: Duration::ZERO,
    };
    let StartOutcome::Run(run) = directory.start_run(&cx, beginning).await.unwrap() else {
        panic!("no other run is under way")
    };
    let step = ScanPage {
        accounts: theirs.to_vec(),
        next: None,
        expected: None,
        truncated: false,
        gaps: false,
        left_out: Vec::new(),
    };
    directory.record_page(&cx, &run, &step, RAN).await.unwrap();
    directory.finish_run(&cx, &run, RAN, RemovalBrake::On).await.unwrap();
}

/// Writes as an earlier version did, which did not ask whose registration it was.
async fn wrote_back(world: &World, tenant: &Arc<Tenant>, account: &Account, over: Option<&str>) -> WriteBackOutcome {
    let (registrations, cx) = (world.store.registrations(), context(tenant));
    let read = match over {
        Some(id) => registrations
            .by_id(&cx, &CustomerRegistrationId::parse(id).unwrap())
            .await
            .unwrap(),
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
    let written_for = WriteOrigin {
        request_id: "r-1".into(),
        source_system: "CRM".into(),
        at: WROTE,
    };
    registrations.write_back(&cx, &write_back, &written_for).await.unwrap()
}

async fn suspects(world: &World, tenant: &Arc<Tenant>) -> Suspects {
    world.store.repairs().suspects(&context(tenant)).await.unwrap()
}

const OLD_ANN: &str = r#"{"customerRegistrationId":"2937","email":"ann@example.com","metadata":{"promo_flag":"Y"}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_split_registration_is_found_and_merged_into_the_older_one() {
    let ann = account("auth0|7", "ann@example.com", &[]);
    let (world, tenant) = staged(&[OLD_ANN], std::slice::from_ref(&ann)).await;
    assert_eq!(suspects(&world, &tenant).await, Suspects::default());
    assert_eq!(wrote_back(&world, &tenant, &ann, None).await, WriteBackOutcome::Created);

    let found = suspects(&world, &tenant).await;
    let [split] = &found.split[..] else { panic!("{found:?}") };
    assert_eq!(
        (split.older_crid.as_str(), split.younger_crid.as_str()),
        ("2937", "auth0|7")
    );
    assert_eq!(split.written_at, WROTE);
    let (repairs, cx) = (world.store.repairs(), context(&tenant));
    assert_eq!(
        repairs.merge(&cx, split, "r-2".into(), WROTE).await.unwrap(),
        Merged::Done
    );
    let now = world
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
    let listed = world
        .store
        .directory()
        .search(&cx, &first_page(UserFilter::default()))
        .await
        .unwrap()
        .unwrap();
    let [entry] = &listed.entries[..] else {
        panic!("{} users", listed.entries.len())
    };
    assert_eq!(entry.registration.as_ref(), Some(&now));
    assert!(entry.profile.is_some());
    assert_eq!(suspects(&world, &tenant).await, Suspects::default());
    assert_eq!(
        repairs.merge(&cx, split, "r-3".into(), WROTE).await.unwrap(),
        Merged::Changed
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_split_whose_values_differ_is_left_for_a_person() {
    let ann = account("auth0|7", "ann@example.com", &[]);
    let (world, tenant) = staged(&[OLD_ANN], std::slice::from_ref(&ann)).await;
    wrote_back(&world, &tenant, &ann, None).await;
    world
        .database
        .run(r#"UPDATE registrations SET metadata = '{"promo_flag":"N"}' WHERE crid = 'auth0|7'"#)
        .unwrap();
    let split = suspects(&world, &tenant).await.split.remove(0);
    let (repairs, cx) = (world.store.repairs(), context(&tenant));
    assert_eq!(
        repairs.merge(&cx, &split, "r-2".into(), WROTE).await.unwrap(),
        Merged::ValuesDiffer
    );
    let registrations = world.store.registrations();
    let beside = registrations
        .by_email(&cx, ann.email.as_ref().unwrap().key())
        .await
        .unwrap();
    assert_eq!(beside.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn registrations_that_share_an_address_rightly_are_no_split() {
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
    let (world, tenant) = staged(&imported, &theirs).await;
    assert_eq!(
        wrote_back(&world, &tenant, &theirs[1], None).await,
        WriteBackOutcome::Created
    );
    assert_eq!(suspects(&world, &tenant).await.split, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_that_took_another_accounts_id_is_suspected() {
    let ann = account("auth0|1", "ann@example.com", &[]);
    let theirs = [ann.clone(), account("auth0|2", "bob@example.com", &[])];
    let bobs = r#"{"customerRegistrationId":"auth0|2","email":"ann@example.com","metadata":{"promo_flag":"Y"}}"#;
    let (world, tenant) = staged(&[bobs], &theirs).await;
    assert_eq!(suspects(&world, &tenant).await.moved, []);
    assert_eq!(
        wrote_back(&world, &tenant, &ann, Some("auth0|2")).await,
        WriteBackOutcome::Updated
    );
    let moved: Vec<_> = suspects(&world, &tenant).await.moved;
    let ids: BTreeSet<_> = moved.iter().map(|moved| moved.crid.as_str()).collect();
    assert_eq!(ids, BTreeSet::from(["auth0|1"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_whole_directory_nothing_is_suspected() {
    let world = world().await;
    let tenant = tenant(&world.store, "north/daily/herald", &[("Flow.UserProvider", "Auth0")]).await;
    let refused = world.store.repairs().suspects(&context(&tenant)).await;
    assert!(matches!(refused, Err(RepairError::NoDirectory)));
}
