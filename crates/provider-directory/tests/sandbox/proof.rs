//! Every kind of proof opens the door, and only the right one.

use masthead_ports::{provider::Searchable, source::SourceErrorKind};
use masthead_sandbox::{DirectoryAuth, Shape, sample_directory_user};
use masthead_testkit::source_client::SourceClient;

use crate::{
    plain::{PLAIN, Settings, TOKEN, config},
    world::{World, kind},
};

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
