//! Every kind of credentials is accepted, and only if correct.

use masthead_ports::{provider::Searchable, source::SourceErrorKind};
use masthead_provider_kit::ProviderAdapter as _;
use masthead_provider_testkit::SourceClient;
use masthead_sandbox::{GenericStubAuth, UserShape, sample_generic_user};

use crate::{
    fixture::{kind, with},
    plain::{PLAIN, SettingList, TOKEN, config},
};

#[tokio::test]
async fn every_auth_kind_works_wrong_secret_alarms() {
    let value = || "right & \"proper\"".to_owned();
    let plain = || "right-and-proper".to_owned();
    let kinds: [(GenericStubAuth, &'static str, SettingList); 6] = [
        (GenericStubAuth::None, "", &[("Auth", "none"), ("SecretEnv", "")]),
        (GenericStubAuth::Bearer { token: plain() }, "right-and-proper", &[]),
        (
            GenericStubAuth::ClientCredentials {
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
            GenericStubAuth::Header {
                name: "x-directory-key".into(),
                value: value(),
            },
            "right & \"proper\"",
            &[("Auth", "header"), ("AuthHeader", "X-Directory-Key")],
        ),
        (
            GenericStubAuth::Field {
                name: "secret".into(),
                value: value(),
            },
            "right & \"proper\"",
            &[("Auth", "field"), ("AuthField", "secret")],
        ),
        (
            GenericStubAuth::Basic {
                user: "masthead".into(),
                password: value(),
            },
            "right & \"proper\"",
            &[("Auth", "basic"), ("AuthUser", "masthead")],
        ),
    ];
    for (auth, secret, settings) in kinds {
        let open = auth == GenericStubAuth::None;
        let shown = format!("{settings:?}");
        let mut config = config(3);
        config.settings.auth = auth;
        let fixture = with(PLAIN, config.clone(), secret, settings).await;
        assert!(fixture.by_id("70000001").await.unwrap().is_some(), "{shown}");
        assert_eq!(fixture.by_id("1").await.unwrap(), None, "{shown}");
        assert!(!format!("{:?}", fixture.adapter).contains("right"));
        if !open {
            let fixture = with(PLAIN, config, "wrong", settings).await;
            assert_eq!(
                kind(fixture.by_id("70000001").await),
                Some(SourceErrorKind::Misconfigured),
                "{shown}"
            );
            assert_eq!(
                kind(fixture.by_email("a@example.com").await),
                Some(SourceErrorKind::Misconfigured)
            );
            assert!(fixture.adapter.health().iter().all(|(_, health)| health.misconfigured));
        }
    }
}

#[tokio::test]
async fn secret_field_goes_into_the_body() {
    let mut config = config(3);
    config.settings.list_method = "POST".into();
    config.settings.auth = GenericStubAuth::Field {
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
        let fixture = with(PLAIN, config.clone(), "in the body", &settings).await;
        let email = sample_generic_user(UserShape::Ssor, 1)["email"]
            .as_str()
            .unwrap()
            .to_owned();
        assert_eq!(fixture.ids_by_email(&email).await, ["70000001"]);
        let calls = fixture.sandbox.log_with_secrets();
        assert!(calls.iter().all(|call| !call.query.contains("secret")), "{calls:?}");
    }
}

#[tokio::test]
async fn missing_secret_makes_no_call() {
    let fixture = with(PLAIN, config(1), "", &[]).await;
    assert_eq!(
        kind(fixture.by_id("70000000").await),
        Some(SourceErrorKind::Misconfigured)
    );
    assert_eq!(fixture.sandbox.calls(), 0);
    let fixture = with(PLAIN, config(1), TOKEN, &[("Page.Size", "many")]).await;
    assert_eq!(
        kind(fixture.by_id("70000000").await),
        Some(SourceErrorKind::Misconfigured)
    );
    assert_eq!(fixture.adapter.searchable(&fixture.tenant), Searchable::default());
    assert_eq!(fixture.sandbox.calls(), 0);
}
