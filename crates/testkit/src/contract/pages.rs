//! Order, pages, cursors and counts.

use masthead_domain::{
    account::Account,
    email::EmailFragment,
    order::{Direction, ListCursor, Order, SortColumn, SortKey},
    query::{CountMode, EmailFilter, Position, Total, UserFilter, UserQuery},
};

use super::{SourceFactory, SourceSubject, federated, ids, list, local, model};
use crate::accounts::readers;

/// Adds the cases of this file for `for_each_source_case`.
#[macro_export]
macro_rules! page_cases {
    ($callback:ident $($before:ident)*) => {
        $callback! {
            $($before,)*
            every_order_equals_the_model,
            pages_form_the_list,
            cursors_traverse_the_list_once,
            cursor_works_after_its_user_is_deleted,
            page_past_the_end_has_total,
            total_counts_all_matches,
            count_is_returned_only_on_request,
            more_is_set_before_last_page,
            federated_users_sort_by_id_for_state,
        }
    };
}

/// Thirty readers: each column has values that occur often, and each that may be empty is for some.
fn crowd() -> Vec<Account> {
    let mut all = readers(30);
    for account in all.iter_mut().step_by(6) {
        account.email = None;
    }
    for account in all.iter_mut().step_by(7) {
        account.registered_at = None;
    }
    all
}

fn orders() -> impl Iterator<Item = Order> {
    SortColumn::ALL
        .into_iter()
        .flat_map(|column| [Direction::Ascending, Direction::Descending].map(|direction| Order { column, direction }))
}

/// A filter for all users, and one for most.
fn filters() -> [UserFilter; 2] {
    let some = UserFilter {
        emails: vec![EmailFilter::Contains(EmailFragment::from_text("er1"))],
        ..UserFilter::default()
    };
    [UserFilter::default(), some]
}

async fn page(subject: &SourceSubject, query: &UserQuery) -> masthead_ports::source::AccountPage {
    subject.source.search(&subject.context(0), query).await.expect("a page")
}

/// Sixteen orders.
pub async fn every_order_equals_the_model(factory: &dyn SourceFactory) {
    let subject = factory.source(vec![local(crowd())]).await;
    for filter in filters() {
        for order in orders() {
            let wanted = model::list(&crowd(), &filter, order, false);
            let found = page(
                &subject,
                &UserQuery {
                    order,
                    ..list(filter.clone())
                },
            )
            .await;
            assert_eq!(ids(&found.accounts), ids(&wanted), "{order:?}");
        }
    }
}

/// Page numbers.
pub async fn pages_form_the_list(factory: &dyn SourceFactory) {
    let subject = factory.source(vec![local(crowd())]).await;
    for (filter, order) in filters()
        .into_iter()
        .flat_map(|filter| orders().map(move |order| (filter.clone(), order)))
    {
        let wanted = model::list(&crowd(), &filter, order, false);
        let mut found = Vec::new();
        for offset in (0..wanted.len() as u64).step_by(4) {
            let query = UserQuery {
                order,
                size: 4,
                position: Position::Offset(offset),
                ..list(filter.clone())
            };
            found.extend(page(&subject, &query).await.accounts);
        }
        assert_eq!(ids(&found), ids(&wanted), "{order:?}");
    }
}

/// Cursors, in both directions, over the border between filled and empty values.
pub async fn cursors_traverse_the_list_once(factory: &dyn SourceFactory) {
    let subject = factory.source(vec![local(crowd())]).await;
    for (filter, order) in filters()
        .into_iter()
        .flat_map(|filter| orders().map(move |order| (filter.clone(), order)))
    {
        let wanted = model::list(&crowd(), &filter, order, false);
        let mut query = UserQuery {
            order,
            size: 4,
            ..list(filter.clone())
        };
        let mut found = Vec::new();
        loop {
            let page = page(&subject, &query).await;
            assert_eq!(page.total, Some(Total::Exact(wanted.len() as u64)));
            let place = match (page.cursor, page.accounts.last()) {
                (Some(mark), _) => Some(ListCursor::Opaque(mark)),
                (None, Some(last)) if page.more => Some(SortKey::for_account(last, order.column, false).into()),
                (None, _) => None,
            };
            found.extend(page.accounts);
            match place {
                Some(place) => query.position = Position::After(place),
                None => break,
            }
        }
        assert_eq!(ids(&found), ids(&wanted), "{order:?}");
    }
}

/// The cursor does not need its user.
pub async fn cursor_works_after_its_user_is_deleted(factory: &dyn SourceFactory) {
    let gone = crowd().remove(11);
    let left: Vec<Account> = crowd()
        .into_iter()
        .filter(|account| account.crid != gone.crid)
        .collect();
    let subject = factory.source(vec![local(left.clone())]).await;
    for order in orders() {
        let before = model::list(&crowd(), &UserFilter::default(), order, false);
        let at = before
            .iter()
            .position(|account| account.crid == gone.crid)
            .expect("among them");
        let place = Position::After(SortKey::for_account(&gone, order.column, false).into());
        let found = page(
            &subject,
            &UserQuery {
                order,
                position: place,
                ..list(UserFilter::default())
            },
        )
        .await;
        assert_eq!(ids(&found.accounts), ids(&before[at + 1..]), "{order:?}");
    }
}

/// The page is empty, with the correct total.
pub async fn page_past_the_end_has_total(factory: &dyn SourceFactory) {
    let subject = factory.source(vec![local(crowd())]).await;
    for filter in filters() {
        let total = model::list(&crowd(), &filter, Order::default(), false).len() as u64;
        for offset in [total, total + 1, 100_000] {
            let found = page(
                &subject,
                &UserQuery {
                    position: Position::Offset(offset),
                    ..list(filter.clone())
                },
            )
            .await;
            assert!(found.accounts.is_empty() && !found.more);
            assert_eq!(found.total, Some(Total::Exact(total)));
        }
    }
}

/// For all page sizes.
pub async fn total_counts_all_matches(factory: &dyn SourceFactory) {
    let subject = factory.source(vec![local(crowd())]).await;
    for filter in filters() {
        let total = model::list(&crowd(), &filter, Order::default(), false).len() as u64;
        for (size, offset) in [(1, 0), (1, 3), (7, 7), (1000, 0), (1000, 5)] {
            let query = UserQuery {
                size,
                position: Position::Offset(offset),
                ..list(filter.clone())
            };
            assert_eq!(
                page(&subject, &query).await.total,
                Some(Total::Exact(total)),
                "{size} from {offset}"
            );
        }
    }
}

/// Exact, estimated, and no count.
pub async fn count_is_returned_only_on_request(factory: &dyn SourceFactory) {
    let subject = factory.source(vec![local(crowd())]).await;
    for filter in filters() {
        let query_with = |count| UserQuery {
            size: 2,
            count,
            ..list(filter.clone())
        };
        assert_eq!(page(&subject, &query_with(CountMode::None)).await.total, None);
        assert!(matches!(
            page(&subject, &query_with(CountMode::Exact)).await.total,
            Some(Total::Exact(_))
        ));
        assert!(page(&subject, &query_with(CountMode::Estimate)).await.total.is_some());
    }
}

/// Also where a page ends with the list.
pub async fn more_is_set_before_last_page(factory: &dyn SourceFactory) {
    let subject = factory.source(vec![local(readers(6))]).await;
    for (size, offset, more) in [
        (2, 0, true),
        (3, 3, false),
        (5, 0, true),
        (6, 0, false),
        (1, 5, false),
        (1, 6, false),
    ] {
        let query = UserQuery {
            size,
            position: Position::Offset(offset),
            ..list(UserFilter::default())
        };
        assert_eq!(page(&subject, &query).await.more, more, "{size} from {offset}");
    }
}

/// Every user of a federated tenant is `Standard`, so the order by state is the order by id.
pub async fn federated_users_sort_by_id_for_state(factory: &dyn SourceFactory) {
    let subject = factory.source(vec![federated(crowd())]).await;
    for direction in [Direction::Ascending, Direction::Descending] {
        let order = Order {
            column: SortColumn::State,
            direction,
        };
        let wanted = model::list(&crowd(), &UserFilter::default(), order, true);
        let query = UserQuery {
            order,
            size: 10,
            ..list(UserFilter::default())
        };
        let first = page(&subject, &query).await;
        let place = Position::After(SortKey::for_account(&first.accounts[9], SortColumn::State, true).into());
        let second = page(
            &subject,
            &UserQuery {
                position: place,
                ..query
            },
        )
        .await;
        let found: Vec<Account> = first.accounts.into_iter().chain(second.accounts).collect();
        assert_eq!(ids(&found), ids(&wanted[..20]));
    }
}
