//! An attacker with a tenant of his own learns nothing of another's, by any way in.

use std::sync::Arc;

use masthead_domain::{
    crid::Crid,
    email::{EmailKey, EmailNeedle},
    metadata::MetadataPair,
    order::{Direction, Order, SortColumn, SortKey},
    query::{CountMode, EmailFilter, NamePrefix, Position, Total, UserFilter, UserQuery},
    tenant::Tenant,
};
use masthead_ports::source::{SourceErrorKind, UserSource as _};

use crate::{
    sample_users::reader,
    support::{context, first_page, fixture, origin, store_with, tenant},
};

#[tokio::test]
async fn other_pools_are_invisible_to_every_query() {
    for walk in [None, Some(1)] {
        let fixture = store_with(|options| options.search_scan = walk).await;
        let victim = tenant(&fixture.store, "north/daily/victim", &[]).await;
        let attacker = tenant(&fixture.store, "north/daily/attacker", &[]).await;
        fixture
            .store
            .importer()
            .registrations(&victim, &origin(), (0..300).map(reader))
            .await
            .unwrap();
        let decoys = (1000..1003).map(reader);
        fixture
            .store
            .importer()
            .registrations(&attacker, &origin(), decoys)
            .await
            .unwrap();
        let source = fixture.store.registrations();
        let cx = context(&attacker);
        for known in (0..300).map(reader) {
            assert!(source.by_id(&cx, &known.crid).await.unwrap().is_none());
            if let Some(email) = &known.email {
                assert!(source.by_email(&cx, email.key()).await.unwrap().is_empty());
            }
        }
        let mine: Vec<Crid> = (1000..1003).map(|n| reader(n).crid).collect();
        for filter in filters() {
            for column in SortColumn::ALL {
                for direction in [Direction::Ascending, Direction::Descending] {
                    for count in [CountMode::Exact, CountMode::None] {
                        let query = UserQuery {
                            order: Order { column, direction },
                            size: 2,
                            count,
                            ..first_page(filter.clone())
                        };
                        let page = source.search(&cx, &query).await.unwrap();
                        assert!(page.accounts.iter().all(|account| mine.contains(&account.crid)));
                        if let Some(Total::Exact(total)) = page.total {
                            assert!(total <= 3);
                        }
                    }
                }
            }
        }
        // A cursor out of the victim's list is a place like any other.
        let place = source
            .search(&context(&victim), &first_page(UserFilter::default()))
            .await
            .unwrap();
        let place = SortKey::of(&place.accounts[0], SortColumn::Email, false);
        let query = UserQuery {
            position: Position::After(place.into()),
            ..first_page(UserFilter::default())
        };
        let page = source.search(&cx, &query).await.unwrap();
        assert!(page.accounts.iter().all(|account| mine.contains(&account.crid)));
        fixture.store.close().await;
    }
}

fn filters() -> Vec<UserFilter> {
    let contains = |needle: &str| UserFilter {
        emails: vec![EmailFilter::Contains(EmailNeedle::of(needle))],
        ..UserFilter::default()
    };
    vec![
        UserFilter::default(),
        contains("@"),
        contains("gmail"),
        contains("a"),
        UserFilter {
            emails: vec![EmailFilter::Prefix(EmailNeedle::of("m"))],
            ..UserFilter::default()
        },
        UserFilter {
            emails: vec![EmailFilter::Exact(reader_key())],
            ..UserFilter::default()
        },
        UserFilter {
            first_name: Some(NamePrefix::of("maria")),
            ..UserFilter::default()
        },
        UserFilter {
            last_name: Some(NamePrefix::of("b")),
            ..UserFilter::default()
        },
        UserFilter {
            metadata: vec![MetadataPair::of("country", "no")],
            ..UserFilter::default()
        },
        UserFilter {
            crids: vec![reader(0).crid],
            ..UserFilter::default()
        },
    ]
}

fn reader_key() -> EmailKey {
    (0..).map(reader).find_map(|reader| reader.email).unwrap().key().clone()
}

#[tokio::test]
async fn moved_tenant_sees_only_its_new_pool() {
    let fixture = fixture().await;
    let first = tenant(&fixture.store, "north/daily/one", &[]).await;
    let second = tenant(&fixture.store, "north/daily/two", &[]).await;
    fixture
        .store
        .importer()
        .registrations(&first, &origin(), (0..3).map(reader))
        .await
        .unwrap();
    let moved = Arc::new(Tenant {
        pool: second.pool,
        ..Tenant::clone(&first)
    });
    let source = fixture.store.registrations();
    assert!(source.by_id(&context(&moved), &reader(0).crid).await.unwrap().is_none());
    assert!(source.by_id(&context(&first), &reader(0).crid).await.unwrap().is_some());
}

#[tokio::test]
async fn corrupt_row_does_not_affect_its_neighbours() {
    let fixture = fixture().await;
    let tenant = tenant(&fixture.store, "north/daily/one", &[]).await;
    fixture
        .store
        .importer()
        .registrations(&tenant, &origin(), (0..3).map(reader))
        .await
        .unwrap();
    let broken = reader(1).crid;
    fixture
        .database
        .run(&format!(
            "UPDATE registrations SET metadata = '[]' WHERE crid = '{}'",
            broken.as_str()
        ))
        .unwrap();
    let source = fixture.store.registrations();
    let cx = context(&tenant);
    let ids = [reader(0).crid, broken, reader(2).crid];
    let (whole, corrupt, other) = tokio::join!(
        source.by_id(&cx, &ids[0]),
        source.by_id(&cx, &ids[1]),
        source.by_id(&cx, &ids[2])
    );
    assert!(whole.unwrap().is_some() && other.unwrap().is_some());
    assert_eq!(corrupt.unwrap_err().kind, SourceErrorKind::Corrupt);
    let listed = source.search(&cx, &first_page(UserFilter::default())).await;
    assert_eq!(listed.unwrap_err().kind, SourceErrorKind::Corrupt);
}
