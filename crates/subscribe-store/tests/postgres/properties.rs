//! For any people, any filter, any order and any page: what Postgres answers is what the naive model says.

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

use crate::support::{World, context, origin, registration, tenant, world_with};

/// Few letters, so that things meet; among them what is special to SQL, to LIKE, to JSON and to Unicode.
const LETTERS: [&str; 29] = [
    "a",
    "b",
    "ab",
    "A",
    ".",
    "@",
    "%",
    "_",
    "\\",
    "'",
    "\"",
    "+",
    " ",
    "\u{e9}",
    "e\u{301}",
    "\u{130}",
    "\u{df}",
    "\u{1F600}",
    "\u{10ffff}",
    "{",
    "$1",
    "ÿ",
    "ø",
    "か",
    "が",
    "क",
    "\u{941}",
    "기",
    "김",
];

fn text(most: usize) -> impl Strategy<Value = String> {
    vec(select(&LETTERS[..]), 0..=most).prop_map(|letters| letters.concat())
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

/// Distinct ids whose order is not that of arrival.
fn people(number: Range<usize>) -> impl Strategy<Value = Vec<Account>> {
    vec(account(), number).prop_map(|people| {
        let ids = ["é", "z", "%", "auth0|", "A"];
        let numbered = people.into_iter().enumerate();
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
        // An empty condition never comes so far (contract §3.1).
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

/// A filter that many meet.
fn common() -> impl Strategy<Value = UserFilter> {
    let letter = || select(&LETTERS[..8]);
    prop_oneof![
        4 => letter().prop_map(|letter| UserFilter {
            emails: vec![EmailFilter::Contains(EmailFragment::from_text(letter))],
            ..UserFilter::default()
        }),
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

type Question = (UserFilter, Order, u16);

async fn check(
    world: &World,
    tenant: &Arc<Tenant>,
    people: &[Account],
    (filter, order, size): &Question,
) -> Result<(), TestCaseError> {
    let (order, size) = (*order, *size);
    let federated = tenant.settings.is_federated();
    let wanted = model::list(people, filter, order, federated);
    let total = Some(Total::Exact(wanted.len() as u64));
    let source = world.store.registrations();
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

type Case = (Vec<Account>, bool, Vec<Question>);

/// All kinds of people and questions.
fn any_case() -> impl Strategy<Value = Case> {
    (people(0..30), any::<bool>(), vec((filter(), order(), 1..8_u16), 1..12))
}

/// Many who all have a colour, and questions that many of them meet, of which a page has few.
fn of_many() -> impl Strategy<Value = Case> {
    let people = people(25..40).prop_map(|people| {
        let coloured = people.into_iter().map(|account| {
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
    (people, any::<bool>(), vec((common(), order(), 1..4_u16), 1..9))
}

fn postgres_answers_as_the_model(walk: Option<u32>, cases: u32, strategy: impl Strategy<Value = Case>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let world = runtime.block_on(world_with(|options| options.search_walk = walk));
    let number = AtomicU32::new(0);
    let mut runner = TestRunner::new(Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    });
    let result = runner.run(&strategy, |(people, federated, questions)| {
        runtime.block_on(async {
            let n = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            // One address may be several people's only where a provider keeps them.
            let mut people = people;
            if !federated {
                let mut seen = std::collections::HashSet::new();
                people.retain(|account| {
                    account
                        .email
                        .as_ref()
                        .is_none_or(|email| seen.insert(email.key().clone()))
                });
            }
            let provider: &[_] = if federated {
                &[("Flow.UserProvider", "Auth0")]
            } else {
                &[]
            };
            let tenant = tenant(&world.store, &format!("a/b/{n}"), provider).await;
            let registrations = people.iter().map(registration);
            world
                .store
                .importer()
                .registrations(&tenant, &origin(), registrations)
                .await
                .unwrap();
            for question in &questions {
                check(&world, &tenant, &people, question).await?;
            }
            Ok(())
        })
    });
    runtime.block_on(world.store.close());
    result.unwrap();
}

#[test]
fn search_sort_paging_count_and_cursors_are_the_models() {
    postgres_answers_as_the_model(None, 48, any_case());
}

#[test]
fn so_they_are_where_the_walk_ends_early() {
    postgres_answers_as_the_model(Some(3), 48, any_case());
}

#[test]
fn so_they_are_where_a_sample_of_many_matches_bounds_the_page() {
    postgres_answers_as_the_model(Some(1), 32, of_many());
}

#[tokio::test]
async fn a_walk_that_ends_among_filled_values_does_not_go_on_with_empty_ones() {
    let world = world_with(|options| options.search_walk = Some(2)).await;
    let tenant = tenant(&world.store, "a/b/c", &[]).await;
    // By first name: two whom the walk meets and who are of another city, the one wanted first, then two without a name.
    let people = [
        ("a", "Bergen"),
        ("b", "Bergen"),
        ("c", "Oslo"),
        ("", "Oslo"),
        ("", "Oslo"),
    ];
    let people: Vec<Account> = (0..)
        .zip(people)
        .map(|(number, (first, city))| Account {
            email: None,
            first_name: first.into(),
            verified: Some(true),
            metadata: Metadata::new([("city".to_owned(), city.to_owned())]).unwrap(),
            ..Account::new(CustomerRegistrationId::parse(&format!("{number}")).unwrap())
        })
        .collect();
    let registrations = people.iter().map(registration);
    let importer = world.store.importer();
    importer.registrations(&tenant, &origin(), registrations).await.unwrap();
    let filter = UserFilter {
        metadata: vec![MetadataPair::new("city", "Oslo")],
        ..UserFilter::default()
    };
    let order = Order {
        column: SortColumn::FirstName,
        direction: Direction::Ascending,
    };
    check(&world, &tenant, &people, &(filter, order, 1)).await.unwrap();
    world.store.close().await;
}
