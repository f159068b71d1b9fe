//! The settings of Gigya: defaults, errors, and their documentation.

use masthead_provider_kit::testing::{assert_documented, assert_errors_name, error_names, setting_map};

use super::*;

const LEAST: [(&str, &str); 4] = [
    ("Gigya.ApiKey", "3_example"),
    ("Gigya.DataCenter", "EU1"),
    ("Gigya.UserKey", "app-1"),
    ("Gigya.SecretFile", "/run/secrets/gigya"),
];

fn parse(more: &[(&str, &str)], allow_private: bool) -> Result<GigyaSettings, Vec<String>> {
    let parsed = GigyaSettings::parse(&setting_map(&[&LEAST, more].concat()), allow_private);
    parsed.map_err(|errors| error_names(&errors))
}

#[test]
fn minimal_settings_have_defaults() {
    let settings = parse(&[], false).unwrap();
    assert_eq!(&*settings.origin, "https://accounts.eu1.gigya.com");
    assert_eq!(settings.secret, SecretPlace::File("/run/secrets/gigya".into()));
    assert_eq!((settings.page_size, settings.budget), (300, (20, 10)));
    assert_eq!((settings.auth, settings.lite_accounts), (Auth::Signed, false));
}

#[test]
fn all_errors_are_reported_without_values() {
    let missing = |pairs: &[(&str, &str)]| error_names(&GigyaSettings::parse(&setting_map(pairs), false).unwrap_err());
    assert_eq!(
        missing(&[]),
        ["Gigya.ApiKey", "Gigya.DataCenter", "Gigya.UserKey", "Gigya.SecretFile"]
    );
    assert!(missing(&[("Gigya.Auth", "bearer")]).contains(&"Gigya.PrivateKeyFile".to_owned()));
    let bad = [
        ("Gigya.ApiKey", "SENTINEL x"),
        ("Gigya.DataCenter", "SENTINEL.example"),
        ("Gigya.UserKey", ""),
        ("Gigya.Secret", "SENTINEL"),
        ("Gigya.PrivateKey", "SENTINEL"),
        ("Gigya.SecretFile", "/SENTINEL"),
        ("Gigya.SecretEnv", "SENTINEL"),
        ("Gigya.PrivateKeyFile", "/SENTINEL"),
        ("Gigya.PageSize", "1001"),
        ("Gigya.BudgetPerSecond", "0"),
        ("Gigya.BudgetBurst", "SENTINEL"),
        ("Gigya.BaseUrl", "http://SENTINEL"),
        ("Gigya.MetadataMap", "a=b=c,SENTINEL"),
        ("Gigya.LiteAccounts", "SENTINEL"),
        ("Gigya.Colour", "SENTINEL"),
    ];
    let settings = setting_map(&[&bad[..], &[("Auth0.Domain", "x")]].concat());
    let errors = GigyaSettings::parse(&settings, false).unwrap_err();
    assert_errors_name(&errors, &bad.map(|(name, _)| name), "Auth0");
    assert_eq!(parse(&[("Gigya.Auth", "SENTINEL")], false).unwrap_err(), ["Gigya.Auth"]);
}

#[test]
fn each_auth_method_has_its_own_secret() {
    let bearer = |more: &[(&str, &str)]| {
        let base = [
            ("Gigya.ApiKey", "3_x"),
            ("Gigya.DataCenter", "us1"),
            ("Gigya.UserKey", "u"),
        ];
        let all = [&base, [("Gigya.Auth", "bearer")].as_slice(), more].concat();
        GigyaSettings::parse(&setting_map(&all), false).map_err(|errors| error_names(&errors))
    };
    let settings = bearer(&[("Gigya.PrivateKeyEnv", "KEY")]).unwrap();
    assert_eq!(settings.auth, Auth::Bearer);
    assert_eq!(settings.secret, SecretPlace::Environment("KEY".into()));
    assert_eq!(
        bearer(&[("Gigya.SecretFile", "s")]).unwrap_err(),
        ["Gigya.SecretFile", "Gigya.PrivateKeyFile"]
    );
    assert_eq!(
        parse(&[("Gigya.PrivateKeyEnv", "KEY")], false).unwrap_err(),
        ["Gigya.PrivateKeyEnv"]
    );
    assert_eq!(parse(&[("Gigya.Auth", "secret")], false).unwrap().auth, Auth::Secret);
}

#[test]
fn only_gigya_data_centres_are_accepted() {
    for (text, origin) in [
        ("us1", "https://accounts.us1.gigya.com"),
        ("cn1", "https://accounts.cn1.sapcdm.cn"),
        ("global", "https://accounts.global.gigya.com"),
        ("ap2.gigya.com", "https://accounts.ap2.gigya.com"),
        ("cn1.gigya-api.cn", "https://accounts.cn1.gigya-api.cn"),
    ] {
        let settings = parse(&[("Gigya.DataCenter", text)], false).unwrap();
        assert_eq!(&*settings.origin, origin);
    }
    for bad in [
        "",
        "us2",
        "example.com",
        "evil.example/gigya.com",
        "a@gigya.com",
        ".gigya.com",
        "notgigya.com",
    ] {
        assert_eq!(
            parse(&[("Gigya.DataCenter", bad)], false).unwrap_err(),
            ["Gigya.DataCenter"],
            "{bad}"
        );
    }
}

#[test]
fn base_url_replaces_data_centre() {
    let sandbox = [("Gigya.BaseUrl", "http://127.0.0.1:9000/")];
    assert_eq!(parse(&sandbox, false).unwrap_err(), ["Gigya.BaseUrl"]);
    assert_eq!(&*parse(&sandbox, true).unwrap().origin, "http://127.0.0.1:9000");
}

#[test]
fn every_setting_is_documented() {
    assert_documented(include_str!("../../../../docs/providers.md"), &SETTINGS);
}
