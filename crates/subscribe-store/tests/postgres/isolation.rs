//! A tenant sees only its own pool, and a corrupt row affects only itself.

use std::sync::Arc;

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    order::{SortColumn, SortKey},
    query::{CountMode, EmailFilter, NamePrefix, Position, Total, UserFilter, UserQuery},
    tenant::Tenant,
};
use masthead_ports::source::{SourceErrorKind, UserSource as _};
use masthead_testkit::source_client::FindByKey as _;

use crate::{
    sample_users::sample_user,
    support::{
        all_orders, and_first_name, and_metadata, containing, context, first_page, fixture, import_users,
        starting_with, store_with, tenant,
    },
};

#[tokio::test]
async fn other_pools_are_invisible_to_every_query() {
    for scan in [None, Some(1)] {
        let fixture = store_with(|options| options.search_scan = scan).await;
        let other = tenant(&fixture.store, "north/daily/other", &[]).await;
        let own = tenant(&fixture.store, "north/daily/own", &[]).await;
        import_users(&fixture.store, &other, 0..300).await;
        import_users(&fixture.store, &own, 1000..1003).await;
        let source = fixture.store.registrations();
        let cx = context(&own);
        for known in (0..300).map(sample_user) {
            assert!(source.by_id(&cx, &known.crid).await.unwrap().is_none());
            if let Some(email) = &known.email {
                assert!(source.by_email(&cx, email.key()).await.unwrap().is_empty());
            }
        }
        let own_ids: Vec<CustomerRegistrationId> = (1000..1003).map(|n| sample_user(n).crid).collect();
        for filter in filters() {
            for order in all_orders() {
                for count in [CountMode::Exact, CountMode::None] {
                    let query = UserQuery {
                        order,
                        size: 2,
                        count,
                        ..first_page(filter.clone())
                    };
                    let page = source.search(&cx, &query).await.unwrap();
                    assert!(page.accounts.iter().all(|account| own_ids.contains(&account.crid)));
                    if let Some(Total::Exact(total)) = page.total {
                        assert!(total <= 3);
                    }
                }
            }
        }
        // A cursor from a list of the other pool only sets the position.
        let everyone = first_page(UserFilter::default());
        let page = source.search(&context(&other), &everyone).await.unwrap();
        let query = UserQuery {
            position: Position::After(SortKey::for_account(&page.accounts[0], SortColumn::Email, false).into()),
            ..everyone
        };
        let page = source.search(&cx, &query).await.unwrap();
        assert!(page.accounts.iter().all(|account| own_ids.contains(&account.crid)));
        fixture.store.close().await;
    }
}

fn filters() -> Vec<UserFilter> {
    let none = UserFilter::default;
    let email = (0..).map(sample_user).find_map(|user| user.email).unwrap();
    vec![
        none(),
        containing("@"),
        containing("gmail"),
        containing("a"),
        starting_with("m"),
        UserFilter {
            emails: vec![EmailFilter::Exact(email.key().clone())],
            ..none()
        },
        and_first_name(none(), "maria"),
        UserFilter {
            last_name: Some(NamePrefix::from_text("b")),
            ..none()
        },
        and_metadata(none(), "country", "no"),
        UserFilter {
            crids: vec![sample_user(0).crid],
            ..none()
        },
    ]
}

#[tokio::test]
async fn moved_tenant_sees_only_its_new_pool() {
    let fixture = fixture().await;
    let first = tenant(&fixture.store, "north/daily/one", &[]).await;
    let second = tenant(&fixture.store, "north/daily/two", &[]).await;
    import_users(&fixture.store, &first, 0..3).await;
    let moved = Arc::new(Tenant {
        pool: second.pool,
        ..Tenant::clone(&first)
    });
    let (source, id) = (fixture.store.registrations(), sample_user(0).crid);
    assert!(source.by_id(&context(&moved), &id).await.unwrap().is_none());
    assert!(source.by_id(&context(&first), &id).await.unwrap().is_some());
}

#[tokio::test]
async fn corrupt_row_does_not_affect_its_neighbours() {
    let fixture = fixture().await;
    let tenant = tenant(&fixture.store, "north/daily/one", &[]).await;
    import_users(&fixture.store, &tenant, 0..3).await;
    let ids = [0, 1, 2].map(|n| sample_user(n).crid);
    fixture.sql(&format!(
        "UPDATE registrations SET metadata = '[]' WHERE crid = '{}'",
        ids[1].as_str()
    ));
    let (source, cx) = (fixture.store.registrations(), context(&tenant));
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
