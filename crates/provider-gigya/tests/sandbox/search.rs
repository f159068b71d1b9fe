//! Lists: all users first, then those who meet the conditions; nothing of a filter ever reaches a query but addresses.

use std::collections::BTreeSet;

use masthead_domain::{
    email::{EmailFragment, EmailKey},
    metadata::MetadataPair,
    query::{EmailFilter, NamePrefix, Total, UserFilter},
};
use masthead_provider_kit::ProviderAdapter as _;
use masthead_sandbox::sample_accounts;
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use crate::support::{GigyaFixture, SourceClient, called, decoded, ids, listing, reader, with};

/// The decoded requests.
fn queries(fixture: &GigyaFixture) -> Vec<String> {
    let log = fixture.sandbox.log_with_secrets().into_iter();
    let query = |body: String| {
        let pair = body
            .split('&')
            .find_map(|pair| pair.strip_prefix("query=").map(str::to_owned));
        pair.map(|text| decoded(&text))
    };
    log.filter_map(|entry| query(entry.body)).collect()
}

#[tokio::test]
async fn short_list_is_one_call() {
    let fixture = with(sample_accounts(40).collect(), &[]).await;
    let page = fixture.search(&listing(UserFilter::default(), 10)).await.unwrap();
    assert_eq!((page.accounts.len(), page.more, page.truncated), (10, true, false));
    assert_eq!(page.total, Some(Total::Estimate(40)));
    let whole = fixture.search(&listing(UserFilter::default(), 100)).await.unwrap();
    assert_eq!((whole.accounts.len(), whole.more), (40, false));
    assert_eq!(whole.total, Some(Total::Exact(40)));
    assert_eq!(called(&fixture), ["search", "search"]);
    assert!(queries(&fixture)[0].ends_with(" FROM accounts LIMIT 11"));
}

#[tokio::test]
async fn cursor_search_passes_five_thousand() {
    for (count, page_size, short) in [(5_200, 1_000, false), (60, 20, true)] {
        let mut accounts: Vec<_> = sample_accounts(count).collect();
        accounts.retain(|one| one["isLite"] != true);
        let mut last = reader("zzz", "last@example.com");
        last["profile"]["firstName"] = "Zebedee".into();
        accounts.push(last);
        let whole = accounts.len();
        assert!(short || whole > 5_000);
        let setting = page_size.to_string();
        let fixture = with(accounts, &[("Gigya.PageSize", &setting)]).await;
        fixture
            .sandbox
            .gigya()
            .change_settings(|settings| settings.short_batches = short);
        let filter = UserFilter {
            first_name: Some(NamePrefix::from_text("zebed")),
            ..UserFilter::default()
        };
        let page = fixture.search(&listing(filter, 10)).await.unwrap();
        assert_eq!(ids(&page.accounts), ["zzz"]);
        assert!(!page.truncated && page.total == Some(Total::Exact(1)));
        let batch = if short { page_size / 2 } else { page_size };
        assert_eq!(called(&fixture).len(), whole.div_ceil(batch));
    }
}

#[tokio::test]
async fn endless_search_is_truncated() {
    let fixture = with(sample_accounts(120).collect(), &[("Gigya.PageSize", "2")]).await;
    let unknown = UserFilter {
        first_name: Some(NamePrefix::from_text("no user has this name")),
        ..UserFilter::default()
    };
    let page = fixture.search(&listing(unknown, 10)).await.unwrap();
    assert!(page.truncated && page.accounts.is_empty());
    assert_eq!(fixture.sandbox.calls(), 50);
}

#[tokio::test]
async fn lookups_and_lists_agree() {
    let fixture = with(sample_accounts(60).filter(|one| one["isLite"] != true).collect(), &[]).await;
    let page = fixture.search(&listing(UserFilter::default(), 100)).await.unwrap();
    assert!(page.accounts.len() >= 58);
    for listed in &page.accounts {
        let by_id = fixture.by_id(listed.crid.as_str()).await.unwrap().unwrap();
        assert_eq!(by_id, *listed);
        let by_email = fixture
            .by_email(listed.email.as_ref().unwrap().key().as_str())
            .await
            .unwrap();
        assert!(by_email.contains(listed));
    }
}

#[tokio::test]
async fn conditions_are_applied_locally() {
    let mut accented = reader("2", "jose@example.com");
    accented["profile"]["firstName"] = "Jos\u{e9}".into();
    accented["data"]["timeZone"] = "Europe/Madrid".into();
    let fixture = with(vec![reader("1", "ann@example.com"), accented], &[]).await;
    let found = async |filter: UserFilter| {
        let page = fixture.search(&listing(filter, 10)).await.unwrap();
        ids(&page.accounts)
    };
    let base = UserFilter::default;
    let email = |filter| UserFilter {
        emails: vec![filter],
        ..base()
    };
    assert_eq!(
        found(email(EmailFilter::Contains(EmailFragment::from_text("OSE@")))).await,
        ["2"]
    );
    assert_eq!(
        found(email(EmailFilter::Prefix(EmailFragment::from_text("an")))).await,
        ["1"]
    );
    assert_eq!(
        found(UserFilter {
            first_name: Some(NamePrefix::from_text("jose")),
            ..base()
        })
        .await,
        ["2"]
    );
    assert_eq!(
        found(UserFilter {
            metadata: vec![MetadataPair::new("TIMEZONE", "europe/madrid")],
            ..base()
        })
        .await,
        ["2"]
    );
    assert!(queries(&fixture).iter().all(|query| !query.contains("WHERE")));
    assert_eq!(
        found(email(EmailFilter::Exact(EmailKey::from_text("Ann@example.com")))).await,
        ["1"]
    );
    let searchable = fixture.adapter.searchable(&fixture.tenant);
    assert!(searchable.list && !searchable.email_prefix && searchable.email_contains.is_none());
    assert!(!searchable.name_prefix && !searchable.metadata);
}

/// Every value of every field, hostile or plain: the queries that reach Gigya are of two shapes, and it understands each.
#[tokio::test]
async fn hostile_values_keep_query_structure() {
    let fixture = with(vec![reader("1", "ann@example.com")], &[]).await;
    let config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let text = prop_oneof![
        any::<String>(),
        Just("\" OR UID != \"".to_owned()),
        Just("' OR '1'='1".to_owned()),
        Just("x\" LIMIT 10000 --".to_owned()),
        Just("a@b.example\") OR (\"\"=\"".to_owned()),
        "[a-z\"'\\\\ =()*;,%_@.-]{1,20}",
        "[a-z.+'%&*!#$/=?^`{|}~-]{1,12}@[a-z]{1,8}\\.example",
    ];
    let mut shapes = BTreeSet::new();
    for _ in 0..150 {
        let text = text.new_tree(&mut runner).unwrap().current();
        let filters = [
            UserFilter {
                emails: vec![EmailFilter::Exact(EmailKey::from_text(&text))],
                ..UserFilter::default()
            },
            UserFilter {
                emails: vec![EmailFilter::Contains(EmailFragment::from_text(&text))],
                first_name: Some(NamePrefix::from_text(&text)),
                last_name: Some(NamePrefix::from_text(&text)),
                metadata: vec![MetadataPair::new(&text, &text)],
                ..UserFilter::default()
            },
        ];
        for filter in filters {
            let exact = matches!(filter.emails[0], EmailFilter::Exact(_));
            fixture.sandbox.clear_log();
            let answer = fixture.search(&listing(filter, 10)).await;
            if let Err(error) = &answer {
                // A text that cannot be sent is not sent; nothing else fails.
                assert!(exact && fixture.sandbox.calls() == 0, "{text:?}: {error:?}");
            }
            for query in queries(&fixture) {
                let parts: Vec<&str> = query.split('"').collect();
                let shape: Vec<&str> = parts.iter().step_by(2).copied().collect();
                let inside: Vec<&str> = parts.iter().skip(1).step_by(2).copied().collect();
                assert_eq!(parts.len(), inside.len() * 2 + 1);
                let mut shape = shape.join("?");
                for field in [
                    "profile.email",
                    "loginIDs.emails",
                    "emails.verified",
                    "emails.unverified",
                ] {
                    shape = shape.replace(&format!(" OR {field} CONTAINS ?"), "");
                }
                shapes.insert(shape);
            }
        }
    }
    let shapes: Vec<String> = shapes.into_iter().collect();
    assert_eq!(shapes.len(), 2, "{shapes:?}");
    assert!(
        shapes.iter().any(|shape| shape.ends_with(" FROM accounts LIMIT 300")),
        "{shapes:?}"
    );
    assert!(
        shapes
            .iter()
            .any(|shape| shape.ends_with(" FROM accounts WHERE profile.email CONTAINS ? LIMIT 21")),
        "{shapes:?}"
    );
}
