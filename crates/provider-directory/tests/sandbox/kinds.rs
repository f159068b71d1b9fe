//! Every way to prove ourselves, and every way to cut a list, gives the same readers.

use masthead_domain::email::EmailNeedle;
use masthead_domain::query::{EmailFilter, NamePrefix, Total, UserFilter};
use masthead_ports::{
    provider::Searchable,
    source::{SourceErrorKind, UserSource},
};
use masthead_provider_directory::Preset;
use masthead_sandbox::{
    DirectoryAuth, DirectoryConfig, DirectoryEnvelope, Fault, FaultRule, Paging, Shape, sample_directory_user,
    sample_directory_users,
};
use serde_json::json;

use crate::{
    suite::{self, Known},
    world::{World, ids, kind},
};

/// A plain description of the sandbox's SSOR; what a test says comes before it.
pub(crate) const PLAIN: Preset = Preset {
    name: "SSOR",
    settings: &[
        ("Auth", "bearer"),
        ("Param.product_code", "sandbox"),
        ("ById.Path", "/registration/users/{id}"),
        ("ByEmail.Path", "/registration/users"),
        ("ByEmail.Query", "email={email}"),
        ("Search.Path", "/registration/users"),
        ("Page.Style", "offset"),
        ("Page.At", "offset"),
        ("Page.SizeName", "limit"),
        ("Envelope.Errors", "/errMsg"),
        ("NotFound.Statuses", "404"),
        ("User", "/users/0"),
        ("List", "/users"),
        ("Total", "/total"),
        ("Field.Id", "/consumerId"),
        ("Field.Email", "/email, /linkedIdentifiers/0/emailAddress"),
        ("Field.FirstName", "/firstName"),
        ("Field.LastName", "/lastName"),
    ],
    must: &[],
};

/// Settings of a tenant, without the slot's name before them.
type Settings = &'static [(&'static str, &'static str)];

pub(crate) const TOKEN: &str = "sandbox-ssor-token";

pub(crate) fn config(count: usize) -> DirectoryConfig {
    let mut config = DirectoryConfig::ssor();
    config.users = sample_directory_users(Shape::Ssor, count).collect();
    config
}

#[tokio::test]
async fn every_kind_of_proof_opens_the_door_and_a_wrong_secret_is_an_alarm() {
    let value = || "right & \"proper\"".to_owned();
    let plain = || "right-and-proper".to_owned();
    let kinds: [(DirectoryAuth, &'static str, Settings); 6] = [
        (DirectoryAuth::None, "", &[("Auth", "none"), ("SecretEnv", "")]),
        (DirectoryAuth::Bearer { token: plain() }, "right-and-proper", &[]),
        (
            DirectoryAuth::ClientCredentials {
                path: "/oauth/token".into(),
                client_id: "masthead".into(),
                client_secret: value(),
                lifetime_s: 3600,
            },
            "right & \"proper\"",
            &[
                ("Auth", "client-credentials"),
                ("ClientId", "masthead"),
                ("TokenUrl", "/oauth/token"),
            ],
        ),
        (
            DirectoryAuth::Header {
                name: "x-directory-key".into(),
                value: value(),
            },
            "right & \"proper\"",
            &[("Auth", "header"), ("AuthHeader", "X-Directory-Key")],
        ),
        (
            DirectoryAuth::Field {
                name: "secret".into(),
                value: value(),
            },
            "right & \"proper\"",
            &[("Auth", "field"), ("AuthField", "secret")],
        ),
        (
            DirectoryAuth::Basic {
                user: "masthead".into(),
                password: value(),
            },
            "right & \"proper\"",
            &[("Auth", "basic"), ("AuthUser", "masthead")],
        ),
    ];
    for (auth, secret, settings) in kinds {
        let open = auth == DirectoryAuth::None;
        let shown = format!("{settings:?}");
        let mut config = config(3);
        config.settings.auth = auth;
        let world = World::with(PLAIN, config.clone(), secret, settings).await;
        assert!(world.by_id("70000001").await.unwrap().is_some(), "{shown}");
        assert_eq!(world.by_id("1").await.unwrap(), None, "{shown}");
        assert!(!format!("{:?}", world.directory).contains("right"));
        if !open {
            let world = World::with(PLAIN, config, "wrong", settings).await;
            assert_eq!(
                kind(world.by_id("70000001").await),
                Some(SourceErrorKind::Misconfigured),
                "{shown}"
            );
            assert_eq!(
                kind(world.by_email("a@example.com").await),
                Some(SourceErrorKind::Misconfigured)
            );
            assert!(world.directory.health().iter().all(|(_, health)| health.misconfigured));
        }
    }
}

#[tokio::test]
async fn a_secret_field_goes_into_the_body_where_there_is_one() {
    let mut config = config(3);
    config.settings.list_method = "POST".into();
    config.settings.auth = DirectoryAuth::Field {
        name: "secret".into(),
        value: "in the body".into(),
    };
    for body in ["email={email}", "{\"email\": \"{email}\"}"] {
        let settings = [
            ("Auth", "field"),
            ("AuthField", "secret"),
            ("ByEmail.Method", "POST"),
            ("ByEmail.Query", ""),
            ("ByEmail.Body", body),
        ];
        let world = World::with(PLAIN, config.clone(), "in the body", &settings).await;
        let email = sample_directory_user(Shape::Ssor, 1)["email"]
            .as_str()
            .unwrap()
            .to_owned();
        assert_eq!(world.ids_by_email(&email).await, ["70000001"]);
        let calls = world.sandbox.log_with_secrets();
        assert!(calls.iter().all(|call| !call.query.contains("secret")), "{calls:?}");
    }
}

#[tokio::test]
async fn without_its_secret_a_directory_is_misconfigured_and_not_called() {
    let world = World::with(PLAIN, config(1), "", &[]).await;
    assert_eq!(
        kind(world.by_id("70000000").await),
        Some(SourceErrorKind::Misconfigured)
    );
    assert_eq!(world.sandbox.calls(), 0);
    let world = World::with(PLAIN, config(1), TOKEN, &[("Page.Size", "many")]).await;
    assert_eq!(
        kind(world.by_id("70000000").await),
        Some(SourceErrorKind::Misconfigured)
    );
    assert_eq!(world.directory.searchable(&world.tenant), Searchable::default());
    assert_eq!(world.sandbox.calls(), 0);
}

#[tokio::test]
async fn every_way_of_paging_shows_each_reader_once() {
    let page = |first| Paging::Page {
        number: "p".into(),
        size: "n".into(),
        first,
    };
    let cursor = Paging::Cursor {
        cursor: "after".into(),
        limit: "n".into(),
        next: "/next".into(),
    };
    let ways: [(Paging, Settings); 5] = [
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
            Paging::Offset {
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
        (Paging::None, &[("Page.Style", "none")]),
    ];
    for (paging, settings) in ways {
        // The directory tells a total or not, and cuts pages to what was asked or shorter.
        for (total, longest) in [(true, 50), (true, 30), (false, 50)] {
            let mut config = config(120);
            config.settings.paging = paging.clone();
            config.settings.longest_page = longest;
            let mut settings = settings.to_vec();
            if !total {
                config.settings.total_pointer = None;
                settings.push(("Total", ""));
            }
            let world = World::with(PLAIN, config, TOKEN, &settings).await;
            let page = world.list(UserFilter::default()).await.unwrap();
            assert_eq!(page.accounts.len(), 120, "{settings:?} {longest}");
            assert!(!page.truncated && !page.more && page.total == Some(Total::Exact(120)));
        }
    }
}

#[tokio::test]
async fn a_directory_that_ignores_the_page_is_not_taken_for_whole() {
    let world = World::with(PLAIN, config(60), TOKEN, &[]).await;
    world.sandbox.directory().change_settings(|settings| {
        settings.ignored = vec!["skip".into()];
    });
    let settings = [("Page.At", "skip")];
    let other = World::with(
        PLAIN,
        DirectoryConfig {
            settings: world.sandbox.directory().settings(),
            ..config(60)
        },
        TOKEN,
        &settings,
    )
    .await;
    let page = other.list(UserFilter::default()).await.unwrap();
    assert_eq!((page.accounts.len(), page.truncated), (50, true));
    assert!(other.sandbox.calls() <= 3);
}

#[tokio::test]
async fn conditions_go_only_where_settings_have_a_place_for_them() {
    let filter = || UserFilter {
        first_name: Some(NamePrefix::of("A")),
        emails: vec![EmailFilter::Contains(EmailNeedle::of("example"))],
        ..UserFilter::default()
    };
    let world = World::with(PLAIN, config(120), TOKEN, &[]).await;
    let able = world.directory.searchable(&world.tenant);
    assert_eq!(
        able,
        Searchable {
            list: true,
            ..Searchable::default()
        }
    );
    let without = world.list(filter()).await.unwrap();
    assert!(!without.accounts.is_empty() && !without.truncated);
    assert!(world.sandbox.log().iter().all(|call| !call.query.contains("Name")));
    let query = [("Search.Query", "firstName={firstName}&lastName={lastName}")];
    let world = World::with(PLAIN, config(120), TOKEN, &query).await;
    assert!(world.directory.searchable(&world.tenant).name_prefix);
    let pushed = world.list(filter()).await.unwrap();
    assert_eq!(ids(&pushed.accounts), ids(&without.accounts));
    assert!(!pushed.truncated);
    let log = world.sandbox.log();
    assert!(
        log.iter()
            .all(|call| call.query.contains("firstName=a&") && !call.query.contains("lastName")),
        "{log:?}"
    );
}

#[tokio::test]
async fn a_directory_that_compares_otherwise_is_not_taken_for_whole() {
    // The condition goes under a name that the directory ignores.
    let mut ignoring = config(30);
    ignoring.settings.ignored = vec!["q".into(), "r".into()];
    let settings = [
        ("Search.Query", "q={firstName}&r={lastName}"),
        ("ByEmail.Query", "q={email}"),
    ];
    let world = World::with(PLAIN, ignoring.clone(), TOKEN, &settings).await;
    let filter = UserFilter {
        last_name: Some(NamePrefix::of("nobody at all")),
        ..UserFilter::default()
    };
    let page = world.list(filter).await.unwrap();
    assert!(page.accounts.is_empty() && page.truncated);
    assert_eq!(
        kind(world.by_email("nobody@example.com").await),
        Some(SourceErrorKind::Corrupt)
    );
    // Where the operator says that it answers loosely, the right ones are picked out of the answer.
    let loose = [settings[0], settings[1], ("ByEmail.Loose", "true")];
    let world = World::with(PLAIN, ignoring, TOKEN, &loose).await;
    assert_eq!(world.by_email("nobody@example.com").await.unwrap(), []);
    let email = sample_directory_user(Shape::Ssor, 2)["email"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(world.ids_by_email(&email).await, ["70000002"]);
}

#[tokio::test]
async fn a_linked_address_that_is_not_the_readers_own_finds_nobody() {
    let world = World::with(PLAIN, config(0), TOKEN, &[]).await;
    world.sandbox.directory().seed([
        json!({"consumerId": "1", "email": "Own@Example.com", "linkedIdentifiers": [{"emailAddress": "linked@example.com"}]}),
        json!({"consumerId": "2", "linkedIdentifiers": [{"emailAddress": "ONLY@example.com"}]}),
    ]);
    assert_eq!(world.ids_by_email("own@example.com").await, ["1"]);
    assert!(world.ids_by_email("linked@example.com").await.is_empty());
    let only = world.by_email("only@example.com").await.unwrap();
    assert_eq!(ids(&only), ["2"]);
    assert_eq!(only[0].email.as_ref().unwrap().as_str(), "only@example.com");
}

#[tokio::test]
async fn an_address_kept_with_a_unicode_domain_is_found() {
    let world = World::with(PLAIN, config(0), TOKEN, &[]).await;
    world
        .sandbox
        .directory()
        .seed([json!({"consumerId": "1", "email": "ann@m\u{fc}nchen.example"})]);
    assert_eq!(world.ids_by_email("ann@M\u{dc}NCHEN.example").await, ["1"]);
    assert_eq!(world.sandbox.calls(), 2);
}

#[tokio::test]
async fn ids_are_compared_to_the_letter() {
    let mut config = config(0);
    config.settings.envelope = DirectoryEnvelope::Plain;
    let world = World::with(PLAIN, config, TOKEN, &[("Envelope.Errors", "")]).await;
    world
        .sandbox
        .directory()
        .seed([json!({"consumerId": "abc"}), json!({"consumerId": "\u{e9}/x y"})]);
    assert_eq!(world.by_id("ABC").await.unwrap(), None);
    assert!(world.by_id("\u{e9}/x y").await.unwrap().is_some());
    let body = json!({"users": [{"consumerId": "ABC"}]}).to_string();
    let fault = Fault::Status {
        status: 200,
        retry_after: None,
        reset_in: None,
        body: Some(body),
    };
    world.sandbox.inject(FaultRule::from(fault));
    assert_eq!(kind(world.by_id("abc").await), Some(SourceErrorKind::Corrupt));
}

#[tokio::test]
async fn an_empty_list_or_a_bare_status_says_nobody_only_where_it_is_said_to() {
    let answer = |status: u16, body: &str| Fault::Status {
        status,
        retry_after: None,
        reset_in: None,
        body: Some(body.to_owned()),
    };
    let empty = answer(200, r#"{"total":0,"users":[]}"#);
    let bare = answer(404, "");
    for (fault, setting) in [
        (empty, ("NotFound.EmptyList", "true")),
        (bare, ("NotFound.Bare", "true")),
    ] {
        let world = World::with(PLAIN, config(1), TOKEN, &[]).await;
        world.sandbox.inject(fault.clone());
        assert_eq!(kind(world.by_id("70000000").await), Some(SourceErrorKind::Unavailable));
        let world = World::with(PLAIN, config(1), TOKEN, &[setting]).await;
        world.sandbox.inject(fault);
        assert_eq!(world.by_id("70000000").await.unwrap(), None);
    }
    // A not-found signal in answer to an address counts only where it is said to, too.
    let gone = answer(404, r#"{"errMsg":"no such user"}"#);
    let world = World::with(PLAIN, config(1), TOKEN, &[]).await;
    world.sandbox.inject(gone.clone());
    assert_eq!(
        kind(world.by_email("a@example.com").await),
        Some(SourceErrorKind::Misconfigured)
    );
    let world = World::with(PLAIN, config(1), TOKEN, &[("ByEmail.NotFound", "true")]).await;
    world.sandbox.inject(gone);
    assert_eq!(world.by_email("a@example.com").await.unwrap(), []);
}

#[tokio::test]
async fn a_directory_without_a_list_says_so() {
    let world = World::with(PLAIN, config(1), TOKEN, &[("Search.Path", "")]).await;
    assert_eq!(world.directory.searchable(&world.tenant), Searchable::default());
    assert_eq!(
        kind(world.list(UserFilter::default()).await),
        Some(SourceErrorKind::Refused)
    );
    assert_eq!(world.directory.name(), "SSOR");
}

#[tokio::test]
async fn what_cannot_be_true_is_refused() {
    let known = Known {
        id: "/consumerId",
        status_404: None,
        code_500: SourceErrorKind::Refused,
    };
    let world = World::with(PLAIN, config(120), TOKEN, &[]).await;
    suite::what_cannot_be_true_is_refused(world, known).await;
}

#[tokio::test]
async fn statuses_that_ask_to_come_back_later_are_settings() {
    let later = |status| Fault::Status {
        status,
        retry_after: Some(7),
        reset_in: None,
        body: None,
    };
    for (status, settings) in [(503, &[][..]), (420, &[("Retry.Statuses", "420, 503")][..])] {
        let mut world = World::with(PLAIN, config(1), TOKEN, settings).await;
        world.patience = std::time::Duration::from_millis(700);
        world.sandbox.inject(later(status));
        assert_eq!(kind(world.by_id("70000000").await), Some(SourceErrorKind::Unavailable));
        let calls = world.sandbox.calls();
        let told = kind(world.by_id("70000000").await);
        assert!(matches!(told, Some(SourceErrorKind::RateLimited { .. })), "{told:?}");
        assert_eq!(world.sandbox.calls(), calls, "nobody asks before");
    }
    let world = World::with(PLAIN, config(1), TOKEN, &[]).await;
    world.sandbox.inject(later(420));
    assert_eq!(kind(world.by_id("70000000").await), Some(SourceErrorKind::Refused));
}
