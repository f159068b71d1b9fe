//! Every mistake is told by its setting's name, and no value is repeated.

use super::*;

fn parse(pairs: &[(&str, &str)], allow_private: bool) -> Result<SubscribeSettings, Vec<ProviderSettingError>> {
    let settings = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    SubscribeSettings::parse(&settings.collect(), allow_private)
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
    assert_eq!(
        settings.token_place(),
        &SecretPlace::Environment("MASTHEAD_SECRET_FAR".into())
    );
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
    let mistakes = parse(
        &[
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
            ("Auth0.Colour", "not ours"),
        ],
        false,
    )
    .unwrap_err();
    let reported: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    for name in [
        "Url",
        "Method",
        "Tenant",
        "SourceSystem",
        "Token",
        "TokenFile, Subscribe.TokenEnv",
        "BudgetPerSecond",
        "BudgetBurst",
        "Colour",
    ] {
        let named = format!("Subscribe.{name}:");
        assert_eq!(
            reported
                .iter()
                .filter(|explanation| explanation.starts_with(&named))
                .count(),
            1,
            "{name}: {reported:?}"
        );
    }
    let shown = format!("{reported:?}{mistakes:?}");
    assert!(!shown.contains("SENTINEL") && !shown.contains("Auth0"), "{shown}");
}

#[test]
fn empty_settings_name_required_ones() {
    let missing: Vec<_> = parse(&[("Subscribe.Api", "v4")], false).unwrap_err();
    let names: Vec<_> = missing
        .iter()
        .map(|mistake| match mistake {
            ProviderSettingError::Missing { name, .. } => *name,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(names, ["Subscribe.Url", "Subscribe.TokenFile"]);
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

#[test]
fn unsafe_urls_are_rejected() {
    let with = |url, allow_private| parse(&[("Subscribe.Url", url), LEAST[1]], allow_private);
    assert!(with("http://127.0.0.1:8080", true).is_ok());
    for bad in [
        "http://127.0.0.1:8080",
        "https://ann:secret@far.example",
        "https://far.example/?a=b",
        "https://far.example/#x",
        "https://far.example/../x",
        "far.example",
        "ftp://far.example",
    ] {
        assert!(with(bad, false).is_err(), "{bad}");
    }
}
