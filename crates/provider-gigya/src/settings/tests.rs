//! Every mistake is told by its setting's name, and no value is repeated.

use masthead_provider_kit::ProviderSettingSpec;

use super::*;

fn map(pairs: &[(&str, &str)]) -> BTreeMap<Box<str>, Box<str>> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

const LEAST: [(&str, &str); 4] = [
    ("Gigya.ApiKey", "3_example"),
    ("Gigya.DataCenter", "EU1"),
    ("Gigya.UserKey", "app-1"),
    ("Gigya.SecretFile", "/run/secrets/gigya"),
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

fn reported(settings: &BTreeMap<Box<str>, Box<str>>) -> Vec<String> {
    names_of(&GigyaSettings::parse(settings, false).unwrap_err())
}

#[test]
fn minimal_settings_have_defaults() {
    let settings = GigyaSettings::parse(&with(&[]), false).unwrap();
    assert_eq!(&*settings.origin, "https://accounts.eu1.gigya.com");
    assert_eq!(settings.secret_place(), &SecretPlace::File("/run/secrets/gigya".into()));
    assert_eq!((settings.page_size, settings.budget), (300, (20, 10)));
    assert_eq!((settings.auth, settings.lite_accounts), (Auth::Signed, false));
}

#[test]
fn empty_settings_name_required_ones() {
    assert_eq!(
        reported(&map(&[])),
        ["Gigya.ApiKey", "Gigya.DataCenter", "Gigya.UserKey", "Gigya.SecretFile"]
    );
    assert!(reported(&map(&[("Gigya.Auth", "bearer")])).contains(&"Gigya.PrivateKeyFile".to_owned()));
}

#[test]
fn all_errors_are_reported_without_values() {
    let settings = map(&[
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
        ("Auth0.Domain", "not ours"),
    ]);
    let mistakes = GigyaSettings::parse(&settings, false).unwrap_err();
    let displayed: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    let text = format!("{displayed:?}{mistakes:?}");
    for name in settings.keys().filter(|name| name.starts_with("Gigya.")) {
        assert!(text.contains(&**name), "{name} is not told: {text}");
    }
    assert!(!text.contains("SENTINEL"), "{text}");
    assert!(!text.contains("Auth0"));
    assert_eq!(reported(&with(&[("Gigya.Auth", "SENTINEL")])), ["Gigya.Auth"]);
}

#[test]
fn each_auth_method_has_its_own_secret() {
    let bearer = |more: &[(&str, &str)]| {
        let base = [
            ("Gigya.ApiKey", "3_x"),
            ("Gigya.DataCenter", "us1"),
            ("Gigya.UserKey", "u"),
        ];
        map(&[&base, [("Gigya.Auth", "bearer")].as_slice(), more].concat())
    };
    let settings = GigyaSettings::parse(&bearer(&[("Gigya.PrivateKeyEnv", "KEY")]), false).unwrap();
    assert_eq!(settings.auth, Auth::Bearer);
    assert_eq!(settings.secret_place(), &SecretPlace::Environment("KEY".into()));
    assert_eq!(
        reported(&bearer(&[("Gigya.SecretFile", "s")])),
        ["Gigya.SecretFile", "Gigya.PrivateKeyFile"]
    );
    assert_eq!(
        reported(&with(&[("Gigya.PrivateKeyEnv", "KEY")])),
        ["Gigya.PrivateKeyEnv"]
    );
    assert_eq!(
        GigyaSettings::parse(&with(&[("Gigya.Auth", "secret")]), false)
            .unwrap()
            .auth,
        Auth::Secret
    );
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
        let settings = GigyaSettings::parse(&with(&[("Gigya.DataCenter", text)]), false).unwrap();
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
            reported(&with(&[("Gigya.DataCenter", bad)])),
            ["Gigya.DataCenter"],
            "{bad}"
        );
    }
}

#[test]
fn plain_http_needs_private_addresses_allowed() {
    let sandbox = with(&[("Gigya.BaseUrl", "http://127.0.0.1:9000/")]);
    assert_eq!(reported(&sandbox), ["Gigya.BaseUrl"]);
    let settings = GigyaSettings::parse(&sandbox, true).unwrap();
    assert_eq!(&*settings.origin, "http://127.0.0.1:9000");
    for bad in [
        "https://user@host",
        "https://host/path",
        "https://host?x",
        "ftp://host",
        "host",
    ] {
        assert!(
            GigyaSettings::parse(&with(&[("Gigya.BaseUrl", bad)]), true).is_err(),
            "{bad}"
        );
    }
}

#[test]
fn every_setting_is_documented() {
    let docs = include_str!("../../../../docs/providers.md");
    for ProviderSettingSpec { name, values, meaning } in SETTINGS {
        let row = format!("| {name} | {values} | {meaning} |");
        assert!(docs.contains(&row), "{row}");
    }
}
