//! Every way to cut a list shows each reader once, and conditions go only where there is a place for them.

use masthead_domain::{
    email::EmailFragment,
    query::{EmailFilter, NamePrefix, Total, UserFilter},
};
use masthead_ports::{
    provider::Searchable,
    source::{SourceErrorKind, UserSource},
};
use masthead_provider_kit::ProviderAdapter as _;
use masthead_provider_testkit::{SourceClient, ids};
use masthead_sandbox::{GenericStubConfig, StubPaging, UserShape, sample_generic_user};

use crate::{
    fixture::{kind, list, with},
    plain::{PLAIN, SettingList, TOKEN, config},
};

#[tokio::test]
async fn every_paging_style_lists_each_user_once() {
    let page = |first| StubPaging::Page {
        number: "p".into(),
        size: "n".into(),
        first,
    };
    let cursor = StubPaging::Cursor {
        cursor: "after".into(),
        limit: "n".into(),
        next: "/next".into(),
    };
    let ways: [(StubPaging, SettingList); 5] = [
        (
            page(0),
            &[("Page.Style", "page"), ("Page.At", "p"), ("Page.SizeName", "n")],
        ),
        (
            page(1),
            &[
                ("Page.Style", "page"),
                ("Page.At", "p"),
                ("Page.SizeName", "n"),
                ("Page.First", "1"),
            ],
        ),
        (
            StubPaging::Offset {
                offset: "o".into(),
                limit: "n".into(),
            },
            &[("Page.At", "o"), ("Page.SizeName", "n")],
        ),
        (
            cursor,
            &[
                ("Page.Style", "cursor"),
                ("Page.At", "after"),
                ("Page.SizeName", "n"),
                ("Page.Next", "/next"),
            ],
        ),
        (StubPaging::None, &[("Page.Style", "none")]),
    ];
    for (paging, settings) in ways {
        // The provider may report a total or not, and may shorten pages.
        for (total, longest) in [(true, 50), (true, 30), (false, 50)] {
            let mut config = config(120);
            config.settings.paging = paging.clone();
            config.settings.longest_page = longest;
            let mut settings = settings.to_vec();
            if !total {
                config.settings.total_pointer = None;
                settings.push(("Total", ""));
            }
            let fixture = with(PLAIN, config, TOKEN, &settings).await;
            let page = list(&fixture, UserFilter::default()).await.unwrap();
            assert_eq!(page.accounts.len(), 120, "{settings:?} {longest}");
            assert!(!page.truncated && !page.more && page.total == Some(Total::Exact(120)));
        }
    }
}

#[tokio::test]
async fn ignored_page_parameter_truncates() {
    let fixture = with(PLAIN, config(60), TOKEN, &[]).await;
    fixture.sandbox.generic().change_settings(|settings| {
        settings.ignored = vec!["skip".into()];
    });
    let settings = [("Page.At", "skip")];
    let other = with(
        PLAIN,
        GenericStubConfig {
            settings: fixture.sandbox.generic().settings(),
            ..config(60)
        },
        TOKEN,
        &settings,
    )
    .await;
    let page = list(&other, UserFilter::default()).await.unwrap();
    assert_eq!((page.accounts.len(), page.truncated), (50, true));
    assert!(other.sandbox.calls() <= 3);
}

#[tokio::test]
async fn provider_without_list_refuses_search() {
    let fixture = with(PLAIN, config(1), TOKEN, &[("Search.Path", "")]).await;
    assert_eq!(fixture.adapter.searchable(&fixture.tenant), Searchable::default());
    assert_eq!(
        kind(list(&fixture, UserFilter::default()).await),
        Some(SourceErrorKind::Refused)
    );
    assert_eq!(fixture.adapter.name(), "SSOR");
}

#[tokio::test]
async fn conditions_need_a_placeholder() {
    let filter = || UserFilter {
        first_name: Some(NamePrefix::from_text("A")),
        emails: vec![EmailFilter::Contains(EmailFragment::from_text("example"))],
        ..UserFilter::default()
    };
    let fixture = with(PLAIN, config(120), TOKEN, &[]).await;
    let able = fixture.adapter.searchable(&fixture.tenant);
    assert_eq!(
        able,
        Searchable {
            list: true,
            ..Searchable::default()
        }
    );
    let without = list(&fixture, filter()).await.unwrap();
    assert!(!without.accounts.is_empty() && !without.truncated);
    assert!(fixture.sandbox.log().iter().all(|call| !call.query.contains("Name")));
    let query = [("Search.Query", "firstName={firstName}&lastName={lastName}")];
    let fixture = with(PLAIN, config(120), TOKEN, &query).await;
    assert!(fixture.adapter.searchable(&fixture.tenant).name_prefix);
    let pushed = list(&fixture, filter()).await.unwrap();
    assert_eq!(ids(&pushed.accounts), ids(&without.accounts));
    assert!(!pushed.truncated);
    let log = fixture.sandbox.log();
    assert!(
        log.iter()
            .all(|call| call.query.contains("firstName=a&") && !call.query.contains("lastName")),
        "{log:?}"
    );
}

#[tokio::test]
async fn ignored_condition_truncates() {
    // The condition goes under a name that the provider ignores.
    let mut ignoring = config(30);
    ignoring.settings.ignored = vec!["q".into(), "r".into()];
    let settings = [
        ("Search.Query", "q={firstName}&r={lastName}"),
        ("ByEmail.Query", "q={email}"),
    ];
    let fixture = with(PLAIN, ignoring.clone(), TOKEN, &settings).await;
    let filter = UserFilter {
        last_name: Some(NamePrefix::from_text("nobody at all")),
        ..UserFilter::default()
    };
    let page = list(&fixture, filter).await.unwrap();
    assert!(page.accounts.is_empty() && page.truncated);
    assert_eq!(
        kind(fixture.by_email("nobody@example.com").await),
        Some(SourceErrorKind::Corrupt)
    );
    // A provider configured as answering loosely: wrong users are removed from its answer.
    let loose = [settings[0], settings[1], ("ByEmail.Loose", "true")];
    let fixture = with(PLAIN, ignoring, TOKEN, &loose).await;
    assert_eq!(fixture.by_email("nobody@example.com").await.unwrap(), []);
    let email = sample_generic_user(UserShape::Ssor, 2)["email"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(fixture.ids_by_email(&email).await, ["70000002"]);
}
