//! An attacker with a tenant of his own learns nothing of another's, by any way in.

use std::sync::Arc;

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    email::{EmailFragment, EmailKey},
    metadata::MetadataPair,
    order::{Direction, Order, SortColumn, SortKey},
    query::{CountMode, EmailFilter, NamePrefix, Position, Total, UserFilter, UserQuery},
    tenant::Tenant,
};
use masthead_ports::source::{SourceErrorKind, UserSource as _};

use crate::{
    readers::reader,
    support::{context, first_page, origin, tenant, world, world_with},
};

#[tokio::test]
async fn an_attacker_finds_nothing_of_another_pool_by_any_way_in() {
    for walk in [None, Some(1)] {
        let world = world_with(|options| options.search_walk = walk).await;
        let victim = tenant(&world.store, "north/daily/victim", &[]).await;
        let attacker = tenant(&world.store, "north/daily/attacker", &[]).await;
        world
            .store
            .importer()
            .registrations(&victim, &origin(), (0..300).map(reader))
            .await
            .unwrap();
        let decoys = (1000..1003).map(reader);
        world
            .store
            .importer()
            .registrations(&attacker, &origin(), decoys)
            .await
            .unwrap();
        let source = world.store.registrations();
        let cx = context(&attacker);
        for known in (0..300).map(reader) {
            assert!(source.by_id(&cx, &known.crid).await.unwrap().is_none());
            if let Some(email) = &known.email {
                assert!(source.by_email(&cx, email.key()).await.unwrap().is_empty());
            }
        }
        let mine: Vec<CustomerRegistrationId> = (1000..1003).map(|n| reader(n).crid).collect();
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
        let place = SortKey::for_account(&place.accounts[0], SortColumn::Email, false);
        let query = UserQuery {
            position: Position::After(place.into()),
            ..first_page(UserFilter::default())
        };
        let page = source.search(&cx, &query).await.unwrap();
        assert!(page.accounts.iter().all(|account| mine.contains(&account.crid)));
        world.store.close().await;
    }
}

fn filters() -> Vec<UserFilter> {
    let contains = |needle: &str| UserFilter {
        emails: vec![EmailFilter::Contains(EmailFragment::from_text(needle))],
        ..UserFilter::default()
    };
    vec![
        UserFilter::default(),
        contains("@"),
        contains("gmail"),
        contains("a"),
        UserFilter {
            emails: vec![EmailFilter::Prefix(EmailFragment::from_text("m"))],
            ..UserFilter::default()
        },
        UserFilter {
            emails: vec![EmailFilter::Exact(reader_key())],
            ..UserFilter::default()
        },
        UserFilter {
            first_name: Some(NamePrefix::from_text("maria")),
            ..UserFilter::default()
        },
        UserFilter {
            last_name: Some(NamePrefix::from_text("b")),
            ..UserFilter::default()
        },
        UserFilter {
            metadata: vec![MetadataPair::new("country", "no")],
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
async fn a_tenant_that_changed_pools_behind_our_back_sees_its_new_pool_alone() {
    let world = world().await;
    let first = tenant(&world.store, "north/daily/one", &[]).await;
    let second = tenant(&world.store, "north/daily/two", &[]).await;
    world
        .store
        .importer()
        .registrations(&first, &origin(), (0..3).map(reader))
        .await
        .unwrap();
    let moved = Arc::new(Tenant {
        pool: second.pool,
        ..Tenant::clone(&first)
    });
    let source = world.store.registrations();
    assert!(source.by_id(&context(&moved), &reader(0).crid).await.unwrap().is_none());
    assert!(source.by_id(&context(&first), &reader(0).crid).await.unwrap().is_some());
}

#[tokio::test]
async fn a_row_that_cannot_be_an_account_is_refused_and_its_neighbours_are_answered() {
    let world = world().await;
    let tenant = tenant(&world.store, "north/daily/one", &[]).await;
    world
        .store
        .importer()
        .registrations(&tenant, &origin(), (0..3).map(reader))
        .await
        .unwrap();
    let broken = reader(1).crid;
    world
        .database
        .run(&format!(
            "UPDATE registrations SET metadata = '[]' WHERE crid = '{}'",
            broken.as_str()
        ))
        .unwrap();
    let source = world.store.registrations();
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
