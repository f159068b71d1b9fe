//! For any users, filter, order and page, Postgres answers like the naive model.

use std::{
    ops::Range,
    sync::{Arc, atomic::AtomicU32},
};

use masthead_domain::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    email::{Email, EmailFragment, EmailKey},
    metadata::{Metadata, MetadataPair},
    order::{Direction, Order, SortColumn, SortKey},
    query::{CountMode, EmailFilter, NamePrefix, Position, Total, UserFilter, UserQuery},
    tenant::Tenant,
};
use masthead_ports::source::UserSource as _;
use masthead_testkit::contract::{ids, model};
use proptest::{
    collection::vec,
    option,
    prelude::{Strategy, any, prop_assert, prop_assert_eq, prop_oneof},
    sample::select,
    test_runner::{Config, TestCaseError, TestRunner},
};
use time::{Duration, OffsetDateTime};

use crate::support::{
    FEDERATED, StoreFixture, and_metadata, containing, context, current_thread_runtime, first_page, import_accounts,
    store_with, tenant,
};

/// Few letters, so that texts collide; among them special characters of SQL, LIKE, JSON and Unicode.
const LETTERS: [&str; 28] = [
    "a", "b", "ab", "A", ".", "@", "%", "_", "\\", "'", "\"", "+", " ", "é", "e\u{301}", "İ", "ß", "😀", "{", "$1",
    "ÿ", "ø", "か", "が", "क", "\u{941}", "기", "김",
];
const LAST_LETTER: &str = "\u{10ffff}";

fn text(most: usize) -> impl Strategy<Value = String> {
    vec(select([&LETTERS[..], &[LAST_LETTER]].concat()), 0..=most).prop_map(|letters| letters.concat())
}

fn moment() -> impl Strategy<Value = Option<OffsetDateTime>> {
    option::of((-3..4_i64, 0..3_i64).prop_map(|(days, micros)| {
        OffsetDateTime::UNIX_EPOCH + Duration::days(days * 4000) + Duration::microseconds(micros)
    }))
}

fn metadata() -> impl Strategy<Value = Metadata> {
    vec((select(vec!["city", "City", "firstName", "a=b", "é"]), text(2)), 0..3).prop_map(|pairs| {
        Metadata::new(pairs.into_iter().map(|(key, value)| (key.to_owned(), value))).unwrap_or_default()
    })
}

fn account() -> impl Strategy<Value = Account> {
    let names = (text(3), text(3));
    (text(5), names, any::<(bool, bool)>(), metadata(), moment(), moment()).prop_map(
        |(email, (first, last), (verified, has_password), metadata, registered_at, changed_at)| Account {
            email: Email::from_source(&email).ok(),
            first_name: first.into(),
            last_name: last.into(),
            verified: Some(verified),
            has_password,
            metadata,
            registered_at,
            changed_at,
            ..Account::new(CustomerRegistrationId::parse("x").unwrap())
        },
    )
}

/// Accounts with distinct ids, whose order is not that of insertion.
fn users(number: Range<usize>) -> impl Strategy<Value = Vec<Account>> {
    vec(account(), number).prop_map(|accounts| {
        let ids = ["é", "z", "%", "auth0|", "A"];
        let numbered = accounts.into_iter().enumerate();
        numbered
            .map(|(n, account)| Account {
                crid: CustomerRegistrationId::parse(&format!("{}{}", ids[n % 5], n * 7 % 61)).unwrap(),
                ..account
            })
            .collect()
    })
}

fn needle() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => text(3),
        1 => select(vec!["\0".to_owned(), "a\0b".to_owned(), "\u{301}".to_owned(), "a".repeat(65_536), "%20".to_owned()]),
    ]
}

fn filter() -> impl Strategy<Value = UserFilter> {
    let email = (0..6_u8, needle()).prop_map(|(kind, text)| match kind {
        // Empty conditions are not passed to the store (contract §3.1).
        0 if !text.trim().is_empty() => EmailFilter::Exact(EmailKey::from_text(&text)),
        1 | 2 => EmailFilter::Prefix(EmailFragment::from_text(&text)),
        _ => EmailFilter::Contains(EmailFragment::from_text(&text)),
    });
    let name = || option::weighted(0.3, needle().prop_map(|text| NamePrefix::from_text(&text)));
    let pair = || {
        (
            select(vec!["CITY", "firstname", "lastName", "a=b", "É", "\0"]),
            needle(),
        )
            .prop_map(|(key, value)| MetadataPair::new(key, &value))
    };
    (
        vec(email, 0..3),
        name(),
        name(),
        prop_oneof![3 => vec(pair(), 0), 1 => vec(pair(), 1..3)],
        proptest::bool::weighted(0.2),
    )
        .prop_map(|(emails, first_name, last_name, metadata, only_active)| UserFilter {
            emails,
            crids: Vec::new(),
            first_name,
            last_name,
            metadata,
            only_active,
        })
}

/// A filter that many accounts meet.
fn common() -> impl Strategy<Value = UserFilter> {
    let letter = || select(&LETTERS[..8]);
    prop_oneof![
        4 => letter().prop_map(containing),
        1 => letter().prop_map(|letter| UserFilter {
            last_name: Some(NamePrefix::from_text(letter)),
            ..UserFilter::default()
        }),
        2 => select(vec!["a", "b", ""]).prop_map(|city| UserFilter {
            metadata: vec![MetadataPair::new("colour", "red"), MetadataPair::new("city", city)].into_iter().take(1 + city.len()).collect(),
            ..UserFilter::default()
        }),
    ]
}

fn order() -> impl Strategy<Value = Order> {
    (select(&SortColumn::ALL[..]), any::<bool>()).prop_map(|(column, down)| Order {
        column,
        direction: if down {
            Direction::Descending
        } else {
            Direction::Ascending
        },
    })
}

type ListRequest = (UserFilter, Order, u16);

async fn check(
    fixture: &StoreFixture,
    tenant: &Arc<Tenant>,
    users: &[Account],
    (filter, order, size): &ListRequest,
) -> Result<(), TestCaseError> {
    let (order, size) = (*order, *size);
    let federated = tenant.settings.is_federated();
    let wanted = model::list(users, filter, order, federated);
    let total = Some(Total::Exact(wanted.len() as u64));
    let source = fixture.store.registrations();
    let query = |position| UserQuery {
        filter: filter.clone(),
        order,
        position,
        size,
        count: CountMode::Exact,
    };

    let mut paged = Vec::new();
    let mut after = Position::Offset(0);
    let mut by_cursor = Vec::new();
    for offset in (0..=wanted.len()).step_by(usize::from(size)) {
        let page = source
            .search(&context(tenant), &query(Position::Offset(offset as u64)))
            .await
            .unwrap();
        prop_assert_eq!(page.total, total, "of {:?}", order);
        prop_assert_eq!(page.more, offset + usize::from(size) < wanted.len());
        paged.extend(page.accounts);
        let page = source.search(&context(tenant), &query(after.clone())).await.unwrap();
        prop_assert_eq!(page.total, total, "at a cursor of {:?}", order);
        if let Some(last) = page.accounts.last() {
            after = Position::After(SortKey::for_account(last, order.column, federated).into());
        }
        by_cursor.extend(page.accounts);
        if !page.more {
            break;
        }
    }
    prop_assert_eq!(ids(&paged), ids(&wanted), "pages of {:?}", order);
    prop_assert_eq!(ids(&by_cursor), ids(&wanted), "cursors of {:?}", order);
    for (found, wanted) in paged.iter().zip(&wanted) {
        let numbered = Account {
            registration_id: found.registration_id,
            ..wanted.clone()
        };
        prop_assert!(*found == numbered, "a field came back changed");
    }
    Ok(())
}

type ListCase = (Vec<Account>, bool, Vec<ListRequest>);

/// All kinds of users and requests.
fn any_case() -> impl Strategy<Value = ListCase> {
    (users(0..30), any::<bool>(), vec((filter(), order(), 1..8_u16), 1..12))
}

/// Many users with the same colour, and requests that match more of them than fit on a page.
fn of_many() -> impl Strategy<Value = ListCase> {
    let users = users(25..40).prop_map(|users| {
        let coloured = users.into_iter().map(|account| {
            let pairs = account
                .metadata
                .iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned()));
            let colour = ("colour".to_owned(), "Red".to_owned());
            Account {
                metadata: Metadata::new(pairs.chain([colour])).unwrap(),
                ..account
            }
        });
        coloured.collect()
    });
    (users, any::<bool>(), vec((common(), order(), 1..4_u16), 1..9))
}

fn compare_with_model(scan: Option<u32>, cases: u32, strategy: impl Strategy<Value = ListCase>) {
    let runtime = current_thread_runtime();
    let fixture = runtime.block_on(store_with(|options| options.search_scan = scan));
    let number = AtomicU32::new(0);
    let mut runner = TestRunner::new(Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    });
    let result = runner.run(&strategy, |(users, federated, requests)| {
        runtime.block_on(async {
            let n = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            // Only federated pools accept duplicate addresses.
            let mut users = users;
            if !federated {
                let mut seen = std::collections::HashSet::new();
                users.retain(|account| {
                    account
                        .email
                        .as_ref()
                        .is_none_or(|email| seen.insert(email.key().clone()))
                });
            }
            let settings = if federated { FEDERATED } else { &[] };
            let tenant = tenant(&fixture.store, &format!("a/b/{n}"), settings).await;
            import_accounts(&fixture.store, &tenant, &users).await;
            for request in &requests {
                check(&fixture, &tenant, &users, request).await?;
            }
            Ok(())
        })
    });
    runtime.block_on(fixture.store.close());
    result.unwrap();
}

#[test]
fn lists_equal_the_model() {
    compare_with_model(None, 48, any_case());
}

#[test]
fn lists_equal_the_model_after_short_scan() {
    compare_with_model(Some(3), 48, any_case());
}

#[test]
fn lists_equal_the_model_with_bounded_sample() {
    compare_with_model(Some(1), 32, of_many());
}

#[tokio::test]
async fn short_scan_does_not_continue_with_empty_values() {
    let fixture = store_with(|options| options.search_scan = Some(2)).await;
    let tenant = tenant(&fixture.store, "a/b/c", &[]).await;
    // By first name: two users of another city, which the scan reads; the first match; then two without a name.
    let users = [
        ("a", "Bergen"),
        ("b", "Bergen"),
        ("c", "Oslo"),
        ("", "Oslo"),
        ("", "Oslo"),
    ];
    let users: Vec<Account> = (0..)
        .zip(users)
        .map(|(number, (first, city))| Account {
            email: None,
            first_name: first.into(),
            verified: Some(true),
            metadata: Metadata::new([("city".to_owned(), city.to_owned())]).unwrap(),
            ..Account::new(CustomerRegistrationId::parse(&format!("{number}")).unwrap())
        })
        .collect();
    import_accounts(&fixture.store, &tenant, &users).await;
    let filter = and_metadata(UserFilter::default(), "city", "Oslo");
    let order = Order {
        column: SortColumn::FirstName,
        direction: Direction::Ascending,
    };
    check(&fixture, &tenant, &users, &(filter, order, 1)).await.unwrap();
    fixture.store.close().await;
}

/// Issue 17: a part of a domain is found by its ASCII form, also where the search index selects the candidates.
#[test]
fn part_of_international_domain_is_found_by_index() {
    let runtime = current_thread_runtime();
    runtime.block_on(async {
        let fixture = store_with(|options| options.search_scan = Some(1)).await;
        let tenant = tenant(&fixture.store, "a/b/c", &[]).await;
        let users: Vec<Account> = [
            "a@b.example",
            "b@m\u{fc}nchen.example",
            "m\u{fc}nchen@c.example",
            "d@e.example",
        ]
        .into_iter()
        .enumerate()
        .map(|(n, email)| Account {
            email: Email::from_source(email).ok(),
            ..Account::new(CustomerRegistrationId::parse(&n.to_string()).unwrap())
        })
        .collect();
        import_accounts(&fixture.store, &tenant, &users).await;
        let cx = context(&tenant);
        let page = fixture
            .store
            .registrations()
            .search(&cx, &first_page(containing("m\u{fc}nchen")))
            .await
            .unwrap();
        assert_eq!(ids(&page.accounts), ["1", "2"]);
        fixture.store.close().await;
    });
}
