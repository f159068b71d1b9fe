//! The settings of Cognito: defaults, errors, and their documentation.

use masthead_provider_kit::testing::{assert_documented, assert_errors_name, error_names, setting_map};

use super::*;

const LEAST: [(&str, &str); 2] = [("Cognito.Region", "eu-west-1"), ("Cognito.ClientId", "client-1")];

fn parse(more: &[(&str, &str)], allow_private: bool) -> Result<CognitoSettings, Vec<String>> {
    let parsed = CognitoSettings::parse(&setting_map(&[&LEAST, more].concat()), allow_private);
    parsed.map_err(|errors| error_names(&errors))
}

#[test]
fn minimal_settings_have_defaults() {
    let settings = parse(&[], false).unwrap();
    assert_eq!(&*settings.origin, "https://cognito-idp.eu-west-1.amazonaws.com");
    assert_eq!((settings.secret, settings.budget), (None, (100, 50)));
    let settings = parse(&[("Cognito.ClientSecretEnv", "SECRET")], false).unwrap();
    assert_eq!(settings.secret, Some(SecretPlace::Environment("SECRET".into())));
}

#[test]
fn all_errors_are_reported_without_values() {
    let none = CognitoSettings::parse(&setting_map(&[]), false).unwrap_err();
    assert_eq!(error_names(&none), ["Cognito.Region", "Cognito.ClientId"]);
    let bad = [
        ("Cognito.Region", "SENTINEL.example"),
        ("Cognito.ClientId", "SENTINEL x"),
        ("Cognito.ClientSecret", "SENTINEL"),
        ("Cognito.ClientSecretFile", "/SENTINEL"),
        ("Cognito.ClientSecretEnv", "SENTINEL"),
        ("Cognito.BudgetPerSecond", "0"),
        ("Cognito.BudgetBurst", "SENTINEL"),
        ("Cognito.BaseUrl", "http://SENTINEL"),
        ("Cognito.Colour", "SENTINEL"),
    ];
    let settings = setting_map(&[&bad[..], &[("Auth0.Domain", "x")]].concat());
    let errors = CognitoSettings::parse(&settings, false).unwrap_err();
    assert_errors_name(&errors, &bad.map(|(name, _)| name), "Auth0");
}

#[test]
fn region_is_one_label_and_base_url_replaces_it() {
    for bad in ["", "eu", "eu-west-1.evil.example", "eu-west-1/", "a@b-c", "-eu-west"] {
        assert_eq!(
            parse(&[("Cognito.Region", bad)], false).unwrap_err(),
            ["Cognito.Region"],
            "{bad}"
        );
    }
    let sandbox = [("Cognito.BaseUrl", "http://127.0.0.1:9000/")];
    assert_eq!(parse(&sandbox, false).unwrap_err(), ["Cognito.BaseUrl"]);
    assert_eq!(&*parse(&sandbox, true).unwrap().origin, "http://127.0.0.1:9000");
}

#[test]
fn every_setting_is_documented() {
    assert_documented(include_str!("../../../../docs/first-login.md"), &SETTINGS);
}
