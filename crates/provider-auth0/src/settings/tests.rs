//! Every mistake is told by its setting's name, and no value is repeated.

use masthead_provider_kit::ProviderSettingSpec;

use super::*;

fn map(pairs: &[(&str, &str)]) -> BTreeMap<Box<str>, Box<str>> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

const LEAST: [(&str, &str); 3] = [
    ("Auth0.Domain", "Example.eu.auth0.com"),
    ("Auth0.ClientId", "client-1"),
    ("Auth0.ClientSecretFile", "/run/secrets/auth0"),
];

fn with(more: &[(&str, &str)]) -> BTreeMap<Box<str>, Box<str>> {
    map(&[&LEAST, more].concat())
}

fn names_of(mistakes: &[ProviderSettingError]) -> Vec<String> {
    mistakes
        .iter()
        .map(|mistake| mistake.to_string().split(':').next().unwrap().to_owned())
        .collect()
}

#[test]
fn minimal_settings_have_defaults() {
    let settings = Auth0Settings::parse(&with(&[]), false).unwrap();
    assert_eq!(&*settings.origin, "https://example.eu.auth0.com");
    assert_eq!(&*settings.audience, "https://example.eu.auth0.com/api/v2/");
    assert_eq!(settings.secret_place(), &SecretPlace::File("/run/secrets/auth0".into()));
    assert_eq!((settings.page_size, settings.budget), (50, (10, 2)));
    assert!(settings.connections.is_empty() && settings.connection.is_none());
    assert!(settings.mixed_case_emails && !settings.leading_wildcards);
    let credentials = settings.credentials(Secret::new(*b"s3cret")).unwrap();
    assert_eq!(credentials.token_url, "https://example.eu.auth0.com/oauth/token");
}

#[test]
fn empty_settings_name_required_ones() {
    let mistakes = Auth0Settings::parse(&map(&[]), false).unwrap_err();
    assert_eq!(
        names_of(&mistakes),
        ["Auth0.Domain", "Auth0.ClientId", "Auth0.ClientSecretFile"]
    );
}

#[test]
fn all_errors_are_reported_without_values() {
    let settings = map(&[
        ("Auth0.Domain", "https://SENTINEL/x"),
        ("Auth0.ClientId", ""),
        ("Auth0.ClientSecret", "SENTINEL"),
        ("Auth0.ClientSecretFile", "/SENTINEL"),
        ("Auth0.ClientSecretEnv", "SENTINEL"),
        ("Auth0.Audience", "SENTINEL"),
        ("Auth0.Connections", "a,,SENTINEL"),
        ("Auth0.PageSize", "101"),
        ("Auth0.BudgetPerSecond", "0"),
        ("Auth0.BudgetBurst", "SENTINEL"),
        ("Auth0.BaseUrl", "http://SENTINEL"),
        ("Auth0.MetadataMap", "a=b=c,SENTINEL"),
        ("Auth0.LeadingWildcards", "SENTINEL"),
        ("Auth0.MixedCaseEmails", "yes"),
        ("Auth0.Colour", "SENTINEL"),
        ("Gigya.ApiKey", "not ours"),
    ]);
    let mistakes = Auth0Settings::parse(&settings, false).unwrap_err();
    let reported = names_of(&mistakes);
    for name in settings
        .keys()
        .filter(|name| name.starts_with("Auth0.") && !name.contains("ClientSecret"))
    {
        assert!(reported.contains(&name.to_string()), "{name} is not told: {reported:?}");
    }
    let of_secrets = |mistake: &&ProviderSettingError| {
        matches!(
            mistake,
            ProviderSettingError::TwoSecrets { .. } | ProviderSettingError::SecretInSettings { .. }
        )
    };
    assert_eq!(mistakes.iter().filter(of_secrets).count(), 2, "{reported:?}");
    let displayed: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    let text = format!("{displayed:?}{mistakes:?}");
    assert!(!text.contains("SENTINEL"), "{text}");
    assert!(!text.contains("Gigya"));
}

#[test]
fn plain_http_needs_private_addresses_allowed() {
    let sandbox = with(&[("Auth0.BaseUrl", "http://127.0.0.1:9000/")]);
    assert_eq!(
        names_of(&Auth0Settings::parse(&sandbox, false).unwrap_err()),
        ["Auth0.BaseUrl"]
    );
    let settings = Auth0Settings::parse(&sandbox, true).unwrap();
    assert_eq!(&*settings.origin, "http://127.0.0.1:9000");
    assert_eq!(&*settings.audience, "https://example.eu.auth0.com/api/v2/");
    for bad in [
        "https://user@host",
        "https://host/path",
        "https://host?x",
        "https://host#x",
        "ftp://host",
        "host",
    ] {
        assert!(
            Auth0Settings::parse(&with(&[("Auth0.BaseUrl", bad)]), true).is_err(),
            "{bad}"
        );
    }
}

#[test]
fn base_url_replaces_domain() {
    let settings = map(&[
        ("Auth0.BaseUrl", "http://127.0.0.1:9000"),
        ("Auth0.ClientId", "c"),
        ("Auth0.ClientSecretEnv", "AUTH0_SECRET"),
    ]);
    let settings = Auth0Settings::parse(&settings, true).unwrap();
    assert_eq!(&*settings.audience, "http://127.0.0.1:9000/api/v2/");
    assert_eq!(
        settings.secret_place(),
        &SecretPlace::Environment("AUTH0_SECRET".into())
    );
}

#[test]
fn connection_must_be_among_connections() {
    let good = with(&[
        ("Auth0.Connections", "readers, google-oauth2"),
        ("Auth0.Connection", "readers"),
    ]);
    let settings = Auth0Settings::parse(&good, false).unwrap();
    assert_eq!(settings.connections.len(), 2);
    let bad = with(&[("Auth0.Connections", "readers"), ("Auth0.Connection", "staff")]);
    assert_eq!(
        names_of(&Auth0Settings::parse(&bad, false).unwrap_err()),
        ["Auth0.Connection"]
    );
}

#[test]
fn debug_hides_the_client_secret() {
    let settings = Auth0Settings::parse(&with(&[]), false).unwrap();
    let credentials = settings.credentials(Secret::new(*b"s3cret")).unwrap();
    assert!(!format!("{credentials:?}").contains("s3cret"));
}

#[test]
fn every_setting_is_documented() {
    let docs = include_str!("../../../../docs/providers.md");
    for ProviderSettingSpec { name, values, meaning } in SETTINGS {
        let row = format!("| {name} | {values} | {meaning} |");
        assert!(docs.contains(&row), "{row}");
    }
}
