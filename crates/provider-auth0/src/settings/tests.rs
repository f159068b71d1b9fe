//! The settings of Auth0: defaults, errors, and their documentation.

use masthead_provider_kit::testing::{assert_documented, assert_errors_name, error_names, setting_map};

use super::*;

const LEAST: [(&str, &str); 3] = [
    ("Auth0.Domain", "Example.eu.auth0.com"),
    ("Auth0.ClientId", "client-1"),
    ("Auth0.ClientSecretFile", "/run/secrets/auth0"),
];

fn parse(more: &[(&str, &str)], allow_private: bool) -> Result<Auth0Settings, Vec<String>> {
    let parsed = Auth0Settings::parse(&setting_map(&[&LEAST, more].concat()), allow_private);
    parsed.map_err(|errors| error_names(&errors))
}

#[test]
fn minimal_settings_have_defaults() {
    let settings = parse(&[], false).unwrap();
    assert_eq!(&*settings.origin, "https://example.eu.auth0.com");
    assert_eq!(&*settings.audience, "https://example.eu.auth0.com/api/v2/");
    assert_eq!(settings.secret, SecretPlace::File("/run/secrets/auth0".into()));
    assert_eq!((settings.page_size, settings.budget), (50, (10, 2)));
    assert!(settings.connections.is_empty() && settings.connection.is_none());
    assert!(settings.mixed_case_emails && !settings.leading_wildcards);
    let credentials = settings.credentials(Secret::new(*b"s3cret")).unwrap();
    assert_eq!(credentials.token_url, "https://example.eu.auth0.com/oauth/token");
}

#[test]
fn all_errors_are_reported_without_values() {
    let missing = Auth0Settings::parse(&setting_map(&[]), false).unwrap_err();
    assert_eq!(
        error_names(&missing),
        ["Auth0.Domain", "Auth0.ClientId", "Auth0.ClientSecretFile"]
    );
    let bad = [
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
    ];
    let settings = setting_map(&[&bad[..], &[("Gigya.ApiKey", "x")]].concat());
    let errors = Auth0Settings::parse(&settings, false).unwrap_err();
    assert_errors_name(&errors, &bad.map(|(name, _)| name), "Gigya");
    let of_secrets =
        |error: &&ProviderSettingError| error.problem.contains("not both") || error.problem.contains("never");
    assert_eq!(errors.iter().filter(of_secrets).count(), 2, "{errors:?}");
}

#[test]
fn base_url_replaces_domain() {
    let sandbox = [("Auth0.BaseUrl", "http://127.0.0.1:9000/")];
    assert_eq!(parse(&sandbox, false).unwrap_err(), ["Auth0.BaseUrl"]);
    let settings = parse(&sandbox, true).unwrap();
    assert_eq!(&*settings.origin, "http://127.0.0.1:9000");
    assert_eq!(&*settings.audience, "https://example.eu.auth0.com/api/v2/");
    let settings = setting_map(&[
        ("Auth0.BaseUrl", "http://127.0.0.1:9000"),
        ("Auth0.ClientId", "c"),
        ("Auth0.ClientSecretEnv", "AUTH0_SECRET"),
    ]);
    let settings = Auth0Settings::parse(&settings, true).unwrap();
    assert_eq!(&*settings.audience, "http://127.0.0.1:9000/api/v2/");
    let place = SecretPlace::Environment("AUTH0_SECRET".into());
    assert_eq!(settings.secret, place);
}

#[test]
fn connection_must_be_among_connections() {
    let good = [
        ("Auth0.Connections", "readers, google-oauth2"),
        ("Auth0.Connection", "readers"),
    ];
    assert_eq!(parse(&good, false).unwrap().connections.len(), 2);
    let bad = [("Auth0.Connections", "readers"), ("Auth0.Connection", "staff")];
    assert_eq!(parse(&bad, false).unwrap_err(), ["Auth0.Connection"]);
}

#[test]
fn debug_hides_the_client_secret() {
    let credentials = parse(&[], false).unwrap().credentials(Secret::new(*b"s3cret")).unwrap();
    assert!(!format!("{credentials:?}").contains("s3cret"));
}

#[test]
fn every_setting_is_documented() {
    assert_documented(include_str!("../../../../docs/providers.md"), &SETTINGS);
}
