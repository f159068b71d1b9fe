//! The settings of a remote Users API: defaults, errors, and their documentation.

use masthead_provider_kit::testing::{assert_errors_name, error_names, setting_map};

use super::*;

fn parse(pairs: &[(&str, &str)], allow_private: bool) -> Result<SubscribeSettings, Vec<ProviderSettingError>> {
    SubscribeSettings::parse(&setting_map(pairs), allow_private)
}

const LEAST: [(&str, &str); 2] = [
    ("Subscribe.Url", "https://far.example/UsersOrchestrator/"),
    ("Subscribe.TokenEnv", "MASTHEAD_SECRET_FAR"),
];

#[test]
fn url_and_token_are_enough() {
    let settings = parse(&LEAST, false).unwrap();
    assert_eq!(&*settings.url, "https://far.example/UsersOrchestrator");
    assert_eq!((settings.api, settings.tenant.clone()), (RemoteApiKind::V4Body, None));
    assert_eq!(settings.token, SecretPlace::Environment("MASTHEAD_SECRET_FAR".into()));
    assert_eq!(settings.source_system, "Masthead");
}

#[test]
fn api_setting_selects_the_call() {
    for (more, api) in [
        (&[("Subscribe.Api", "v4")][..], RemoteApiKind::V4Body),
        (&[("Subscribe.Method", "GET")], RemoteApiKind::V4Query),
        (&[("Subscribe.Api", "legacy")], RemoteApiKind::Legacy),
    ] {
        assert_eq!(parse(&[&LEAST, more].concat(), false).unwrap().api, api, "{more:?}");
    }
}

#[test]
fn all_errors_are_reported_without_values() {
    let missing = parse(&[("Subscribe.Api", "v4")], false).unwrap_err();
    assert_eq!(error_names(&missing), ["Subscribe.Url", "Subscribe.TokenFile"]);
    let bad = [
        ("Subscribe.Url", "http://SENTINEL"),
        ("Subscribe.Api", "legacy"),
        ("Subscribe.Method", "GET"),
        ("Subscribe.Tenant", "SENTINEL"),
        ("Subscribe.SourceSystem", ""),
        ("Subscribe.Token", "SENTINEL"),
        ("Subscribe.TokenFile", "SENTINEL"),
        ("Subscribe.TokenEnv", "SENTINEL"),
        ("Subscribe.BudgetPerSecond", "0"),
        ("Subscribe.BudgetBurst", "SENTINEL"),
        ("Subscribe.Colour", "SENTINEL"),
    ];
    let errors = parse(&[&bad[..], &[("Auth0.Colour", "x")]].concat(), false).unwrap_err();
    assert_errors_name(&errors, &bad.map(|(name, _)| name), "Auth0");
    assert_eq!(errors.len(), 9, "{errors:?}");
}

#[test]
fn every_setting_is_documented() {
    let docs = include_str!("../../../../docs/chaining.md");
    for spec in &SETTINGS {
        assert!(
            docs.contains(&format!("{} ", spec.name)) || docs.contains(&format!("{},", spec.name)),
            "{}",
            spec.name
        );
    }
}
