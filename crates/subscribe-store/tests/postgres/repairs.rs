//! Damage of earlier write-backs is found from the events and the mirror, and merged only where no value is lost.

use std::sync::Arc;

use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, metadata::Metadata,
    query::UserFilter, tenant::Tenant, write_back::WriteBack,
};
use masthead_ports::{
    mirror::{RemovalBrake, UserMirror as _},
    registrations::{RegistrationWriter as _, WriteBackOutcome, WriteOrigin},
};
use masthead_subscribe_store::{Merged, NewRegistration, RepairError, Split, Suspects};
use masthead_testkit::source_client::FindByKey as _;
use time::{OffsetDateTime, macros::datetime};

use crate::{
    mirror::mirror_subject,
    support::{FEDERATED, StoreFixture, context, first_page, fixture, import, registration, tenant},
};

const RAN: OffsetDateTime = datetime!(2026-05-06 06:00 UTC);
const WROTE: OffsetDateTime = datetime!(2026-05-06 07:08:09.123456 UTC);

/// A registration with this metadata.
fn registered(crid: &str, email: &str, metadata: &[(&str, &str)]) -> NewRegistration {
    let metadata = metadata
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    registration(&Account {
        email: Email::parse(email).ok(),
        metadata: Metadata::new(metadata).unwrap(),
        ..Account::new(CustomerRegistrationId::parse(crid).unwrap())
    })
}

fn old_ann() -> NewRegistration {
    registered("2937", "ann@example.com", &[("promo_flag", "Y")])
}

fn account(crid: &str, email: &str) -> Account {
    Account {
        email: Email::parse(email).ok(),
        first_name: "Ann".into(),
        verified: Some(true),
        ..Account::new(CustomerRegistrationId::parse(crid).unwrap())
    }
}

/// A federated pool with a complete mirror.
struct RepairFixture {
    fixture: StoreFixture,
    tenant: Arc<Tenant>,
}

impl RepairFixture {
    /// Imports these registrations, and mirrors these provider accounts.
    async fn new(imported: &[NewRegistration], provider: &[Account]) -> Self {
        let fixture = fixture().await;
        let tenant = tenant(&fixture.store, "north/daily/herald", FEDERATED).await;
        let done = import(&fixture.store, &tenant, imported.iter().cloned()).await;
        assert_eq!(done.inserted, imported.len() as u64);
        let subject = mirror_subject(&fixture.store, vec![Arc::clone(&tenant)], ());
        subject.run(provider, RAN, RemovalBrake::On).await;
        Self { fixture, tenant }
    }

    /// Writes as earlier versions did, which did not check whose registration it was.
    async fn write_back(&self, account: &Account, over: Option<&str>) -> WriteBackOutcome {
        let (registrations, cx) = (self.fixture.store.registrations(), context(&self.tenant));
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
            same_email: same_address.into_iter().map(|beside| beside.crid).collect(),
        };
        let written_for = WriteOrigin::new("r-1".into(), "CRM".into(), WROTE);
        registrations.write_back(&cx, &write_back, &written_for).await.unwrap()
    }

    async fn suspects(&self) -> Suspects {
        let repairs = self.fixture.store.repairs();
        repairs.suspects(&context(&self.tenant)).await.unwrap()
    }

    async fn merge(&self, split: &Split) -> Merged {
        let repairs = self.fixture.store.repairs();
        let merged = repairs.merge(&context(&self.tenant), split, "r-2".into(), WROTE).await;
        merged.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn split_registration_is_merged_into_older() {
    let ann = account("auth0|7", "ann@example.com");
    let pool = RepairFixture::new(&[old_ann()], std::slice::from_ref(&ann)).await;
    assert_eq!(pool.suspects().await, Suspects::default());
    assert_eq!(pool.write_back(&ann, None).await, WriteBackOutcome::Created);

    let found = pool.suspects().await;
    let [split] = &found.split[..] else { panic!("{found:?}") };
    assert_eq!(
        (split.older_crid.as_str(), split.younger_crid.as_str()),
        ("2937", "auth0|7")
    );
    assert_eq!(split.written_at, WROTE);
    assert_eq!(pool.merge(split).await, Merged::Done);
    let (store, cx) = (&pool.fixture.store, context(&pool.tenant));
    let now = store.registrations().by_id(&cx, &split.younger_crid).await;
    let now = now.unwrap().unwrap();
    assert_eq!(
        (now.registration_id, now.metadata.get("promo_flag")),
        (Some(split.older), Some("Y"))
    );
    let listed = store.mirror().search(&cx, &first_page(UserFilter::default())).await;
    let listed = listed.unwrap().unwrap();
    let [entry] = &listed.entries[..] else {
        panic!("{} users", listed.entries.len())
    };
    assert_eq!(entry.registration.as_ref(), Some(&now));
    assert!(entry.profile.is_some());
    assert_eq!(pool.suspects().await, Suspects::default());
    assert_eq!(pool.merge(split).await, Merged::Changed);
}

#[tokio::test(flavor = "multi_thread")]
async fn split_with_different_values_is_left() {
    let ann = account("auth0|7", "ann@example.com");
    let pool = RepairFixture::new(&[old_ann()], std::slice::from_ref(&ann)).await;
    pool.write_back(&ann, None).await;
    pool.fixture
        .sql(r#"UPDATE registrations SET metadata = '{"promo_flag":"N"}' WHERE crid = 'auth0|7'"#);
    let split = pool.suspects().await.split.remove(0);
    assert_eq!(pool.merge(&split).await, Merged::ValuesDiffer);
    assert_eq!(pool.fixture.count("registrations WHERE deleted_at IS NULL"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn legitimately_shared_address_is_no_split() {
    // Bob's two accounts share an address at the provider; Cy's older registration was imported.
    let provider = [
        account("auth0|1", "bob@example.com"),
        account("auth0|2", "bob@example.com"),
        account("auth0|3", "cy@example.com"),
    ];
    let imported = [
        registered("auth0|1", "bob@example.com", &[]),
        registered("30", "cy@example.com", &[]),
        registered("auth0|3", "cy@example.com", &[]),
    ];
    let pool = RepairFixture::new(&imported, &provider).await;
    assert_eq!(pool.write_back(&provider[1], None).await, WriteBackOutcome::Created);
    assert_eq!(pool.suspects().await.split, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn moved_registration_is_suspected() {
    let provider = [
        account("auth0|1", "ann@example.com"),
        account("auth0|2", "bob@example.com"),
    ];
    let bobs = registered("auth0|2", "ann@example.com", &[("promo_flag", "Y")]);
    let pool = RepairFixture::new(&[bobs], &provider).await;
    assert_eq!(pool.suspects().await.moved, []);
    let written = pool.write_back(&provider[0], Some("auth0|2")).await;
    assert_eq!(written, WriteBackOutcome::Updated);
    let moved = pool.suspects().await.moved;
    let ids: Vec<_> = moved.iter().map(|moved| moved.crid.as_str()).collect();
    assert_eq!(ids, ["auth0|1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn suspects_need_a_complete_mirror() {
    let fixture = fixture().await;
    let tenant = tenant(&fixture.store, "north/daily/herald", FEDERATED).await;
    let rejected = fixture.store.repairs().suspects(&context(&tenant)).await;
    assert!(matches!(rejected, Err(RepairError::NoCompleteMirror)));
}

/// An account that was deleted at the provider leaves a registration, which an operator can find.
#[tokio::test]
async fn registration_without_account_is_listed() {
    let imported = [
        old_ann(),
        registered("7", "bo@example.com", &[]),
        registered("8", "cy@example.com", &[]),
        registered("9", "", &[]),
    ];
    // That of cy has another id, and is joined by its address.
    let accounts = [account("2937", "ann@example.com"), account("auth0|8", "cy@example.com")];
    let repair = RepairFixture::new(&imported, &accounts).await;
    let repairs = repair.fixture.store.repairs();
    let cx = context(&repair.tenant);
    let listed = async |after, limit| {
        let found = repairs.without_account(&cx, after, limit).await.unwrap();
        found
            .into_iter()
            .map(|(number, crid)| (number, crid.as_str().to_owned()))
            .collect::<Vec<_>>()
    };
    let all = listed(0, 10).await;
    assert_eq!(all.iter().map(|(_, crid)| &**crid).collect::<Vec<_>>(), ["7", "9"]);
    assert_eq!(listed(0, 1).await, all[..1]);
    assert_eq!(listed(all[0].0, 10).await, all[1..]);
}
