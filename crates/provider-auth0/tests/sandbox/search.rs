//! Lists: the requests page by page, and the notices about users Auth0 does not list.

use masthead_domain::{
    email::{EmailFragment, EmailKey},
    query::{EmailFilter, NamePrefix, Total, UserFilter},
};
use masthead_ports::source::{AccountPage, SourceError, SourceErrorKind};
use masthead_provider_kit::ProviderAdapter;
use masthead_sandbox::{Fault, sample_users};

use crate::support::{
    Auth0Fixture, DATABASE, SECRET, SourceClient, ids, kind, listing, reader, requests, user, with, with_attempts,
};

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

async fn search(fixture: &Auth0Fixture, filter: UserFilter, size: u16) -> Result<AccountPage, SourceError> {
    fixture.search(&listing(filter, size)).await
}

fn pages(fixture: &Auth0Fixture) -> usize {
    requests(fixture)
        .iter()
        .filter(|(_, path, _)| path == "/api/v2/users")
        .count()
}

#[tokio::test]
async fn short_list_is_complete() {
    let fixture = with(sample_users(130).collect(), &[]).await;
    let page = search(&fixture, UserFilter::default(), 1_000).await.unwrap();
    assert_eq!((page.accounts.len(), page.more, page.truncated), (130, false, false));
    assert_eq!(page.total, Some(Total::Exact(130)));
    assert_eq!(pages(&fixture), 3);
    assert_eq!(fixture.sandbox.most_at_once(), 1, "one page at a time");
}

#[tokio::test]
async fn paging_stops_at_the_search_limit() {
    for (page_size, calls, shown) in [("50", 20, 1_000), ("100", 10, 1_000), ("99", 10, 990)] {
        let fixture = with(sample_users(1_250).collect(), &[("Auth0.PageSize", page_size)]).await;
        let page = search(&fixture, UserFilter::default(), 1_000).await.unwrap();
        assert_eq!((page.accounts.len(), page.truncated), (shown, true), "{page_size}");
        assert_eq!(page.total, Some(Total::Estimate(1_250)));
        assert_eq!(pages(&fixture), calls);
        assert!(fixture.sandbox.log().iter().all(|entry| entry.status == Some(200)));
    }
}

#[tokio::test]
async fn exactly_thousand_users_are_complete() {
    let fixture = with(sample_users(1_000).collect(), &[("Auth0.PageSize", "100")]).await;
    let page = search(&fixture, UserFilter::default(), 1_000).await.unwrap();
    assert_eq!((page.accounts.len(), page.more, page.truncated), (1_000, false, false));
}

#[tokio::test]
async fn shortened_pages_lose_no_user() {
    let fixture = with(sample_users(205).collect(), &[("Auth0.PageSize", "100")]).await;
    fixture
        .sandbox
        .auth0()
        .change_settings(|settings| settings.longest_page = 50);
    let page = search(&fixture, UserFilter::default(), 1_000).await.unwrap();
    assert_eq!((page.accounts.len(), page.truncated), (205, false));
    assert_eq!(pages(&fixture), 5);
}

#[tokio::test]
async fn only_needed_pages_are_requested() {
    let fixture = with(sample_users(300).collect(), &[]).await;
    let page = search(&fixture, UserFilter::default(), 49).await.unwrap();
    assert_eq!((page.accounts.len(), page.more, page.truncated), (49, true, false));
    assert_eq!(pages(&fixture), 1);
}

#[tokio::test]
async fn prefix_is_pushed_substring_only_when_allowed() {
    let users = vec![
        reader("1", "ann@example.com"),
        user("waad", "corp", "2", "Ann.B@Example.com"),
        reader("3", "joann@example.com"),
    ];
    let fixture = with(users.clone(), &[]).await;
    assert_eq!(
        ids(&search(&fixture, prefix("ann"), 10).await.unwrap().accounts),
        ["auth0|1", "waad|2"]
    );
    assert!(
        requests(&fixture)[0].2.contains("&q=email%3Aann*&"),
        "{:?}",
        requests(&fixture)
    );
    assert_eq!(fixture.adapter.searchable(&fixture.tenant).email_contains, None);
    let found = search(&fixture, contains("nn@ex"), 10).await.unwrap();
    assert_eq!(ids(&found.accounts), ["auth0|1", "auth0|3"]);
    assert!(
        !requests(&fixture)[1].2.contains("q="),
        "no leading wildcard by default"
    );

    let fixture = with(users, &[("Auth0.LeadingWildcards", "true")]).await;
    assert_eq!(fixture.adapter.searchable(&fixture.tenant).email_contains, Some(3));
    assert_eq!(
        ids(&search(&fixture, contains("NN@ex"), 10).await.unwrap().accounts),
        ["auth0|1", "auth0|3"]
    );
    assert!(
        requests(&fixture)[0].2.contains("&q=email%3A*nn%40ex*&"),
        "{:?}",
        requests(&fixture)
    );
    assert_eq!(search(&fixture, contains("@e"), 10).await.unwrap().accounts.len(), 3);
    assert!(
        !requests(&fixture)[1].2.contains("q="),
        "fewer than three characters are not searched"
    );
}

#[tokio::test]
async fn search_text_is_literal() {
    let users = vec![
        user("waad", "corp", "1", "a*b\"c\\d(e)f@example.com"),
        reader("2", "zoe@example.com"),
    ];
    let fixture = with(users, &[("Auth0.LeadingWildcards", "true")]).await;
    for part in ["a*b\"c", "b\"c\\d(e", "c\\d(e)f@"] {
        assert_eq!(
            ids(&search(&fixture, contains(part), 10).await.unwrap().accounts),
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
            search(&fixture, contains(hostile), 10)
                .await
                .unwrap()
                .accounts
                .is_empty(),
            "{hostile:?}"
        );
    }
    assert!(
        search(&fixture, prefix(&"x".repeat(65_536)), 10)
            .await
            .unwrap()
            .accounts
            .is_empty()
    );
}

#[tokio::test]
async fn names_are_never_pushed() {
    let fixture = with(sample_users(1).collect(), &[]).await;
    let able = fixture.adapter.searchable(&fixture.tenant);
    assert!(able.list && able.email_prefix && !able.name_prefix && !able.metadata);
    let by_name = UserFilter {
        first_name: Some(NamePrefix::from_text("maria")),
        ..UserFilter::default()
    };
    search(&fixture, by_name, 10).await.unwrap();
    assert!(!requests(&fixture)[0].2.contains("q="));
}

#[tokio::test]
async fn only_tenant_connections_are_listed() {
    let users = vec![
        reader("1", "ann@example.com"),
        user("auth0", "staff", "2", "ann@example.com"),
    ];
    let fixture = with(users, &[("Auth0.Connections", DATABASE)]).await;
    let page = search(&fixture, prefix("ann"), 10).await.unwrap();
    assert_eq!(
        (ids(&page.accounts), page.total),
        (vec!["auth0|1".to_owned()], Some(Total::Exact(1)))
    );
    assert!(requests(&fixture)[0].2.contains("identities.connection"));
}

#[tokio::test]
async fn exact_address_uses_direct_lookup() {
    let fixture = with(vec![reader("1", "ann@example.com")], &[]).await;
    let filter = with_email(EmailFilter::Exact(EmailKey::from_text("ann@example.com")));
    assert_eq!(ids(&search(&fixture, filter, 10).await.unwrap().accounts), ["auth0|1"]);
    assert!(
        requests(&fixture)
            .iter()
            .any(|(_, path, _)| path == "/api/v2/users-by-email")
    );
}

#[tokio::test]
async fn slow_search_is_too_broad() {
    let fixture = with_attempts(
        vec![reader("1", "ann@example.com")],
        &[("Auth0.LeadingWildcards", "true")],
        3,
        Some(SECRET),
    )
    .await;
    fixture
        .sandbox
        .auth0()
        .change_settings(|settings| settings.slow_wildcards = true);
    assert_eq!(
        kind(search(&fixture, contains("ann"), 10).await),
        SourceErrorKind::TooBroad
    );
    assert_eq!(pages(&fixture), 1);
}

#[tokio::test]
async fn contradictory_list_is_refused() {
    let users: Vec<_> = sample_users(60).collect();
    let some = users[0]["email"].as_str().unwrap().to_lowercase();
    for fault in [Fault::Missing, Fault::OtherUser] {
        let fixture = with(users.clone(), &[]).await;
        assert!(
            !search(&fixture, prefix(&some[..6]), 10)
                .await
                .unwrap()
                .accounts
                .is_empty()
        );
        fixture.inject(fault.clone());
        let answer = search(&fixture, prefix(&some[..6]), 10).await;
        assert_eq!(kind(answer), SourceErrorKind::Corrupt, "{fault:?}");
    }
}

#[tokio::test]
async fn shuffled_pages_show_each_user_once() {
    for fault in [Fault::Shuffled, Fault::Duplicated] {
        let fixture = with(sample_users(120).collect(), &[]).await;
        fixture.inject(fault);
        let mut found = ids(&search(&fixture, UserFilter::default(), 1_000).await.unwrap().accounts);
        found.sort();
        found.dedup();
        assert_eq!(found.len(), 120);
    }
}
