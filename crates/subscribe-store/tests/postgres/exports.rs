//! Exports are one snapshot in the order of ids, equal lists, end with their reader, and pass through a pooler.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    email::EmailKey,
    metadata::Metadata,
    order::{Direction, Order, SortColumn},
    query::{EmailFilter, NamePrefix, Position, UserFilter, UserQuery},
    tenant::Tenant,
};
use masthead_ports::{
    exports::{ExportSelection, ExportedRegistration, RegistrationExport, RegistrationExports as _},
    source::{SourceErrorKind, UserSource as _},
};
use masthead_subscribe_store::{NewRegistration, Store};

use crate::{
    sample_users::sample_user,
    support::{
        FEDERATED, StoreFixture, and_first_name, and_metadata, containing, context, first_page, fixture, import,
        import_users, starting_with, store_behind_pgbouncer, tenant,
    },
};

/// Longer than anything takes on a busy machine.
const PATIENT: Duration = Duration::from_secs(30);

fn selection(filter: UserFilter) -> ExportSelection {
    ExportSelection {
        filter,
        with_hashes: false,
        idle_limit: PATIENT,
    }
}

async fn open(store: &Store, tenant: &Arc<Tenant>, selection: &ExportSelection) -> Box<dyn RegistrationExport> {
    let exports = store.registration_exports();
    exports.open(&context(tenant), selection).await.unwrap()
}

async fn rest(mut export: Box<dyn RegistrationExport>) -> Vec<ExportedRegistration> {
    let mut all = Vec::new();
    while let Some(batch) = export.next().await.unwrap() {
        all.extend(batch);
    }
    assert!(export.next().await.unwrap().is_none(), "the end stays the end");
    all
}

async fn export(store: &Store, tenant: &Arc<Tenant>, filter: UserFilter) -> Vec<ExportedRegistration> {
    rest(open(store, tenant, &selection(filter)).await).await
}

fn ids(all: &[ExportedRegistration]) -> Vec<&str> {
    all.iter().map(|one| one.account.crid.as_str()).collect()
}

/// Waits until no session of this database is in a transaction of an export.
async fn wait_until_no_export(fixture: &StoreFixture) {
    let began = Instant::now();
    while fixture.count(
        "pg_stat_activity WHERE datname = current_database() AND query LIKE '%masthead_export%' \
                         AND pid <> pg_backend_pid() AND xact_start IS NOT NULL",
    ) > 0
    {
        assert!(began.elapsed() < PATIENT, "the transaction stays");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn export_is_one_snapshot_in_the_order_of_ids() {
    let fixture = fixture().await;
    let tenant = tenant(&fixture.store, "north/daily/herald", &[]).await;
    import_users(&fixture.store, &tenant, 0..900).await;
    let before = export(&fixture.store, &tenant, UserFilter::default()).await;
    assert_eq!(before.len(), 900);
    assert!(ids(&before).is_sorted_by(|a, b| a.as_bytes() < b.as_bytes()));
    let mut running = open(&fixture.store, &tenant, &selection(UserFilter::default())).await;
    let mut seen = running.next().await.unwrap().unwrap();
    // Everything changes meanwhile: new, changed, deleted and purged users, before and after the place of the export.
    import_users(&fixture.store, &tenant, 900..1_800).await;
    fixture.sql("UPDATE registrations SET first_name = 'changed' WHERE id % 3 = 0");
    fixture.sql("UPDATE registrations SET deleted_at = now(), search_terms = '{}' WHERE id % 3 = 1");
    fixture.sql("DELETE FROM registrations WHERE id % 3 = 2");
    fixture.sql("ANALYZE registrations");
    seen.extend(rest(running).await);
    assert_eq!(seen, before);
    wait_until_no_export(&fixture).await;
}

#[tokio::test]
async fn filters_equal_those_of_lists() {
    let fixture = fixture().await;
    for (number, settings) in [&[][..], FEDERATED].into_iter().enumerate() {
        let tenant = tenant(&fixture.store, &format!("north/daily/{number}"), settings).await;
        import_users(&fixture.store, &tenant, 0..1_500).await;
        let some = sample_user(77);
        let email = some.email.unwrap().key().clone();
        let with_emails = |emails| UserFilter {
            emails,
            ..UserFilter::default()
        };
        let oslo = || and_metadata(UserFilter::default(), "city", "oslo");
        let last_name = UserFilter {
            last_name: Some(NamePrefix::from_text("Be")),
            ..UserFilter::default()
        };
        for filter in [
            UserFilter::default(),
            containing("maria"),
            containing("_"),
            starting_with("a"),
            and_first_name(UserFilter::default(), "jose"),
            last_name,
            oslo(),
            and_first_name(oslo(), "maria"),
            and_metadata(containing("gmail"), "favouriteSection", "SPORT"),
            and_metadata(UserFilter::default(), "firstName", "maria"),
            with_emails(vec![EmailFilter::Exact(email.clone())]),
            with_emails(vec![EmailFilter::Exact(EmailKey::from_text("nobody@example.org"))]),
            with_emails(vec![EmailFilter::Exact(EmailKey::from_text("a\0@example.org"))]),
            UserFilter {
                crids: vec![some.crid.clone()],
                ..UserFilter::default()
            },
            UserFilter {
                crids: vec![some.crid.clone(), CustomerRegistrationId::parse("x").unwrap()],
                ..UserFilter::default()
            },
        ] {
            let mut listed = Vec::new();
            loop {
                let page = UserQuery {
                    order: Order {
                        column: SortColumn::CustomerRegistrationId,
                        direction: Direction::Ascending,
                    },
                    position: Position::Offset(listed.len() as u64),
                    size: 1_000,
                    ..first_page(filter.clone())
                };
                let page = fixture
                    .store
                    .registrations()
                    .search(&context(&tenant), &page)
                    .await
                    .unwrap();
                listed.extend(page.accounts);
                if !page.more {
                    break;
                }
            }
            let exported = export(&fixture.store, &tenant, filter.clone()).await;
            let exported: Vec<_> = exported.into_iter().map(|one| one.account).collect();
            assert!(
                exported == listed,
                "{}: {} of {}",
                filter.kind(),
                exported.len(),
                listed.len()
            );
        }
    }
}

#[tokio::test]
async fn hashes_are_exported_on_request_alone() {
    let fixture = fixture().await;
    let tenant = tenant(&fixture.store, "north/daily/herald", &[]).await;
    import_users(&fixture.store, &tenant, 0..40).await;
    let without = export(&fixture.store, &tenant, UserFilter::default()).await;
    assert!(without.iter().all(|one| one.password_hash.is_none()));
    let with = ExportSelection {
        with_hashes: true,
        ..selection(UserFilter::default())
    };
    let with = rest(open(&fixture.store, &tenant, &with).await).await;
    for (without, with) in without.iter().zip(&with) {
        assert_eq!(without.account, with.account);
        assert_eq!(with.password_hash.is_some(), with.account.has_password);
    }
    assert!(with.iter().any(|one| one.password_hash.is_some()));
}

#[tokio::test]
async fn pools_are_exported_apart() {
    let fixture = fixture().await;
    let herald = tenant(&fixture.store, "north/daily/herald", &[]).await;
    let times = tenant(&fixture.store, "north/daily/times", &[]).await;
    import_users(&fixture.store, &herald, 0..300).await;
    import_users(&fixture.store, &times, 200..500).await;
    for (tenant, numbers) in [(&herald, 0..300), (&times, 200..500)] {
        let exported = export(&fixture.store, tenant, UserFilter::default()).await;
        let mut expected: Vec<_> = numbers.map(|n| sample_user(n).crid).collect();
        expected.sort();
        let exported: Vec<_> = exported.into_iter().map(|one| one.account.crid).collect();
        assert_eq!(exported, expected);
    }
}

#[tokio::test]
async fn export_ends_with_its_reader() {
    let fixture = fixture().await;
    let tenant = tenant(&fixture.store, "north/daily/herald", &[]).await;
    import_users(&fixture.store, &tenant, 0..900).await;
    // More than there are connections for exports.
    for _ in 0..5 {
        let mut export = open(&fixture.store, &tenant, &selection(UserFilter::default())).await;
        assert!(export.next().await.unwrap().is_some());
        drop(export);
    }
    wait_until_no_export(&fixture).await;
    assert_eq!(export(&fixture.store, &tenant, UserFilter::default()).await.len(), 900);
}

#[tokio::test]
async fn server_ends_an_export_that_is_not_read() {
    let fixture = fixture().await;
    let tenant = tenant(&fixture.store, "north/daily/herald", &[]).await;
    import_users(&fixture.store, &tenant, 0..900).await;
    let short = ExportSelection {
        idle_limit: Duration::from_secs(1),
        ..selection(UserFilter::default())
    };
    let mut export = open(&fixture.store, &tenant, &short).await;
    wait_until_no_export(&fixture).await;
    let error = export.next().await.unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Unavailable);
    assert!(export.next().await.unwrap().is_none(), "nothing after an error");
}

#[tokio::test]
async fn batches_are_bounded_in_bytes() {
    let fixture = fixture().await;
    let tenant = tenant(&fixture.store, "north/daily/herald", &[]).await;
    let large = |n: u64| NewRegistration {
        metadata: Metadata::from_valid([("biography", "x".repeat(60_000))]),
        ..sample_user(n)
    };
    import(&fixture.store, &tenant, (0..120).map(large)).await;
    let mut export = open(&fixture.store, &tenant, &selection(UserFilter::default())).await;
    let (mut sizes, mut total) = (Vec::new(), 0);
    while let Some(batch) = export.next().await.unwrap() {
        total += batch.len();
        sizes.push(batch.len());
    }
    assert_eq!(total, 120);
    // The first batch knows no sizes; the others have 256 KiB.
    assert!(sizes[0] <= 50 && sizes[1..].iter().all(|size| *size <= 5), "{sizes:?}");
}

#[tokio::test]
async fn export_passes_through_pgbouncer() {
    // In session mode each connection of the store has one of the server.
    for (mode, size) in [("transaction", "2"), ("session", "20")] {
        let fixture = store_behind_pgbouncer(&[("pool_mode", mode), ("default_pool_size", size)], |_| {}).await;
        if fixture.bouncer.is_none() {
            return;
        }
        let tenant = tenant(&fixture.store, "north/daily/herald", &[]).await;
        import_users(&fixture.store, &tenant, 0..700).await;
        let mut running = open(&fixture.store, &tenant, &selection(UserFilter::default())).await;
        let mut seen = running.next().await.unwrap().unwrap();
        import_users(&fixture.store, &tenant, 700..800).await;
        seen.extend(rest(running).await);
        assert_eq!(seen.len(), 700, "{mode}");
        assert_eq!(export(&fixture.store, &tenant, containing("maria")).await.len(), {
            let all = export(&fixture.store, &tenant, UserFilter::default()).await;
            all.iter()
                .filter(|one| containing("maria").matches(&one.account))
                .count()
        });
    }
}
