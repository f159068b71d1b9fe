//! Lists: what is asked of Auth0, page by page, and what is said of what it cannot show.

use masthead_domain::{
    email::{EmailFragment, EmailKey},
    order::Order,
    query::{CountMode, EmailFilter, NamePrefix, Position, Total, UserFilter, UserQuery},
};
use masthead_ports::source::{AccountPage, SourceError, SourceErrorKind, UserSource};
use masthead_sandbox::{Fault, sample_users};

use crate::support::{DATABASE, SourceClient, World, ids, kind, reader, user};

fn query(filter: UserFilter, size: u16) -> UserQuery {
    UserQuery {
        filter,
        order: Order::default(),
        position: Position::Offset(0),
        size,
        count: CountMode::Exact,
    }
}

fn with_email(condition: EmailFilter) -> UserFilter {
    UserFilter {
        emails: vec![condition],
        ..UserFilter::default()
    }
}

fn contains(text: &str) -> UserFilter {
    with_email(EmailFilter::Contains(EmailFragment::from_text(text)))
}

fn prefix(text: &str) -> UserFilter {
    with_email(EmailFilter::Prefix(EmailFragment::from_text(text)))
}

impl World {
    async fn search(&self, filter: UserFilter, size: u16) -> Result<AccountPage, SourceError> {
        self.auth0.search(&self.cx(), &query(filter, size)).await
    }
}

fn pages(world: &World) -> usize {
    world
        .asked()
        .iter()
        .filter(|(_, path, _)| path == "/api/v2/users")
        .count()
}

#[tokio::test]
async fn a_short_list_is_whole_and_each_user_is_there_once() {
    let world = World::with(sample_users(130).collect(), &[]).await;
    let page = world.search(UserFilter::default(), 1_000).await.unwrap();
    assert_eq!((page.accounts.len(), page.more, page.truncated), (130, false, false));
    assert_eq!(page.total, Some(Total::Exact(130)));
    assert_eq!(pages(&world), 3);
    assert_eq!(world.sandbox.most_at_once(), 1, "one page at a time");
}

#[tokio::test]
async fn paging_stops_before_the_first_thousand_end_and_says_so() {
    for (page_size, calls, shown) in [("50", 20, 1_000), ("100", 10, 1_000), ("99", 10, 990)] {
        let world = World::with(sample_users(1_250).collect(), &[("Auth0.PageSize", page_size)]).await;
        let page = world.search(UserFilter::default(), 1_000).await.unwrap();
        assert_eq!((page.accounts.len(), page.truncated), (shown, true), "{page_size}");
        assert_eq!(page.total, Some(Total::Estimate(1_250)));
        assert_eq!(pages(&world), calls);
        assert!(world.sandbox.log().iter().all(|entry| entry.status == Some(200)));
    }
}

#[tokio::test]
async fn exactly_a_thousand_are_not_too_many() {
    let world = World::with(sample_users(1_000).collect(), &[("Auth0.PageSize", "100")]).await;
    let page = world.search(UserFilter::default(), 1_000).await.unwrap();
    assert_eq!((page.accounts.len(), page.more, page.truncated), (1_000, false, false));
}

#[tokio::test]
async fn a_page_that_is_cut_short_by_auth0_loses_nobody() {
    let world = World::with(sample_users(205).collect(), &[("Auth0.PageSize", "100")]).await;
    world
        .sandbox
        .auth0()
        .change_settings(|settings| settings.longest_page = 50);
    let page = world.search(UserFilter::default(), 1_000).await.unwrap();
    assert_eq!((page.accounts.len(), page.truncated), (205, false));
    assert_eq!(pages(&world), 5);
}

#[tokio::test]
async fn no_more_pages_are_asked_for_than_the_answer_needs() {
    let world = World::with(sample_users(300).collect(), &[]).await;
    let page = world.search(UserFilter::default(), 49).await.unwrap();
    assert_eq!((page.accounts.len(), page.more, page.truncated), (49, true, false));
    assert_eq!(pages(&world), 1);
}

#[tokio::test]
async fn a_prefix_is_auth0s_to_find_and_a_part_only_when_it_is_allowed() {
    let users = vec![
        reader("1", "ann@example.com"),
        user("waad", "corp", "2", "Ann.B@Example.com"),
        reader("3", "joann@example.com"),
    ];
    let world = World::with(users.clone(), &[]).await;
    assert_eq!(
        ids(&world.search(prefix("ann"), 10).await.unwrap().accounts),
        ["auth0|1", "waad|2"]
    );
    assert!(world.asked()[0].2.contains("&q=email%3Aann*&"), "{:?}", world.asked());
    assert_eq!(world.auth0.searchable(&world.tenant).email_contains, None);
    let found = world.search(contains("nn@ex"), 10).await.unwrap();
    assert_eq!(ids(&found.accounts), ["auth0|1", "auth0|3"]);
    assert!(!world.asked()[1].2.contains("q="), "no leading wildcard by default");

    let world = World::with(users, &[("Auth0.LeadingWildcards", "true")]).await;
    assert_eq!(world.auth0.searchable(&world.tenant).email_contains, Some(3));
    assert_eq!(
        ids(&world.search(contains("NN@ex"), 10).await.unwrap().accounts),
        ["auth0|1", "auth0|3"]
    );
    assert!(
        world.asked()[0].2.contains("&q=email%3A*nn%40ex*&"),
        "{:?}",
        world.asked()
    );
    assert_eq!(world.search(contains("@e"), 10).await.unwrap().accounts.len(), 3);
    assert!(
        !world.asked()[1].2.contains("q="),
        "fewer than three characters are not asked for"
    );
}

#[tokio::test]
async fn whatever_is_typed_is_looked_for_and_nothing_else() {
    let users = vec![
        user("waad", "corp", "1", "a*b\"c\\d(e)f@example.com"),
        reader("2", "zoe@example.com"),
    ];
    let world = World::with(users, &[("Auth0.LeadingWildcards", "true")]).await;
    for part in ["a*b\"c", "b\"c\\d(e", "c\\d(e)f@"] {
        assert_eq!(
            ids(&world.search(contains(part), 10).await.unwrap().accounts),
            ["waad|1"],
            "{part}"
        );
    }
    for hostile in [
        "* OR email:*",
        "zoe* OR a",
        "%",
        "a?b",
        "\0\0\0",
        "+(&&",
        "xyz) OR (email:zoe",
    ] {
        assert!(
            world.search(contains(hostile), 10).await.unwrap().accounts.is_empty(),
            "{hostile:?}"
        );
    }
    assert!(
        world
            .search(prefix(&"x".repeat(65_536)), 10)
            .await
            .unwrap()
            .accounts
            .is_empty()
    );
}

#[tokio::test]
async fn names_are_never_asked_for_because_accents_count_there() {
    let world = World::with(sample_users(1).collect(), &[]).await;
    let able = world.auth0.searchable(&world.tenant);
    assert!(able.list && able.email_prefix && !able.name_prefix && !able.metadata);
    let by_name = UserFilter {
        first_name: Some(NamePrefix::from_text("maria")),
        ..UserFilter::default()
    };
    world.search(by_name, 10).await.unwrap();
    assert!(!world.asked()[0].2.contains("q="));
}

#[tokio::test]
async fn only_the_tenants_connections_are_listed() {
    let users = vec![
        reader("1", "ann@example.com"),
        user("auth0", "staff", "2", "ann@example.com"),
    ];
    let world = World::with(users, &[("Auth0.Connections", DATABASE)]).await;
    let page = world.search(prefix("ann"), 10).await.unwrap();
    assert_eq!(
        (ids(&page.accounts), page.total),
        (vec!["auth0|1".to_owned()], Some(Total::Exact(1)))
    );
    assert!(world.asked()[0].2.contains("identities.connection"));
}

#[tokio::test]
async fn an_exact_condition_takes_the_way_that_is_never_late() {
    let world = World::with(vec![reader("1", "ann@example.com")], &[]).await;
    let filter = with_email(EmailFilter::Exact(EmailKey::from_text("ann@example.com")));
    assert_eq!(ids(&world.search(filter, 10).await.unwrap().accounts), ["auth0|1"]);
    assert!(
        world
            .asked()
            .iter()
            .any(|(_, path, _)| path == "/api/v2/users-by-email")
    );
}

#[tokio::test]
async fn a_search_that_takes_too_long_is_too_broad_and_is_not_tried_again() {
    let world = World::patient(
        vec![reader("1", "ann@example.com")],
        &[("Auth0.LeadingWildcards", "true")],
        3,
        Some("sandbox-client-secret"),
    )
    .await;
    world
        .sandbox
        .auth0()
        .change_settings(|settings| settings.slow_wildcards = true);
    assert_eq!(kind(world.search(contains("ann"), 10).await), SourceErrorKind::TooBroad);
    assert_eq!(pages(&world), 1);
}

#[tokio::test]
async fn a_list_that_contradicts_itself_or_is_of_others_is_refused() {
    let users: Vec<_> = sample_users(60).collect();
    let some = users[0]["email"].as_str().unwrap().to_lowercase();
    for fault in [Fault::Missing, Fault::OtherUser] {
        let world = World::with(users.clone(), &[]).await;
        assert!(!world.search(prefix(&some[..6]), 10).await.unwrap().accounts.is_empty());
        world.sandbox.inject(fault.clone());
        let answer = world.search(prefix(&some[..6]), 10).await;
        assert_eq!(kind(answer), SourceErrorKind::Corrupt, "{fault:?}");
    }
}

#[tokio::test]
async fn shuffled_and_doubled_pages_show_each_user_once() {
    for fault in [Fault::Shuffled, Fault::Duplicated] {
        let world = World::with(sample_users(120).collect(), &[]).await;
        world.sandbox.inject(fault);
        let mut found = ids(&world.search(UserFilter::default(), 1_000).await.unwrap().accounts);
        found.sort();
        found.dedup();
        assert_eq!(found.len(), 120);
    }
}
