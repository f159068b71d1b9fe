//! Every error names its setting, no value is repeated, and no setting reads a credential of users.

use masthead_provider_kit::testing::{assert_errors_name, error_names as names};

use super::*;

const EMPTY: Preset = Preset {
    name: "SSOR",
    settings: &[],
    must: &[],
};

const PRESET: Preset = Preset {
    name: "SSOR",
    settings: &LEAST,
    must: &["Param.product_code"],
};

const LEAST: [(&str, &str); 10] = [
    ("BaseUrl", "https://directory.example/api/"),
    ("Auth", "bearer"),
    ("SecretEnv", "SSOR_SECRET"),
    ("ById.Path", "/people/{id}"),
    ("ByEmail.Path", "/people"),
    ("ByEmail.Query", "mail={email}"),
    ("User", "#"),
    ("List", "/people"),
    ("Field.Id", "/id"),
    ("Field.Email", "/mail"),
];

fn named(pairs: &[(&str, &str)]) -> SettingMap {
    pairs
        .iter()
        .map(|(name, value)| (format!("SSOR.{name}").into(), (*value).into()))
        .collect()
}

fn with(more: &[(&str, &str)]) -> Result<GenericSettings, Vec<ProviderSettingError>> {
    GenericSettings::parse(&EMPTY, &named(&[&LEAST, more].concat()), false)
}

#[test]
fn ten_settings_describe_a_provider() {
    let settings = with(&[]).unwrap();
    assert_eq!(&*settings.base_url, "https://directory.example/api");
    assert_eq!(
        settings.secret.as_ref(),
        Some(&SecretPlace::Environment("SSOR_SECRET".into()))
    );
    assert_eq!((settings.paging.style, settings.search), (PagingStyle::None, None));
    assert_eq!(settings.envelope.retry_statuses, [429, 502, 503, 504]);
}

#[test]
fn empty_settings_name_required_ones() {
    let errors = GenericSettings::parse(&EMPTY, &named(&[]), false).unwrap_err();
    assert_eq!(
        names(&errors),
        [
            "SSOR.BaseUrl",
            "SSOR.Auth",
            "SSOR.ById.Path",
            "SSOR.ByEmail.Path",
            "SSOR.User",
            "SSOR.List",
            "SSOR.Field.Id",
            "SSOR.Field.Email"
        ]
    );
}

#[test]
fn tenant_settings_override_the_preset() {
    let parse = |pairs: &[(&str, &str)]| GenericSettings::parse(&PRESET, &named(pairs), false);
    assert_eq!(names(&parse(&[]).unwrap_err()), ["SSOR.Param.product_code"]);
    let own = parse(&[("Param.product_code", ""), ("User", "/person"), ("Auth", "none")]).unwrap();
    assert!(own.params.is_empty());
    assert_eq!(own.user, Pointer::parse("/person").unwrap());
    assert_eq!(own.secret, None);
    assert_eq!(
        names(&parse(&[("Param.product_code", "x"), ("User", " ")]).unwrap_err()),
        ["SSOR.User"]
    );
    // From nothing, nothing of the preset is left, nor what it must have.
    let from_nothing = parse(&[("Preset", "none")]).unwrap_err();
    assert!(names(&from_nothing).contains(&"SSOR.ById.Path".to_owned()));
    assert!(!names(&from_nothing).contains(&"SSOR.Param.product_code".to_owned()));
}

#[test]
fn all_errors_are_reported_without_values() {
    let bad = [
        ("Preset", "SENTINEL"),
        ("BaseUrl", "http://SENTINEL"),
        ("Auth", "mtls"),
        ("SecretFile", "/SENTINEL"),
        ("SecretEnv", "SENTINEL"),
        ("Secret", "SENTINEL"),
        ("Header.Authorization", "SENTINEL"),
        ("Header.X-Site", "a\u{e9}\nSENTINEL"),
        ("ById.Method", "DELETE"),
        ("ById.Path", "SENTINEL/{id}"),
        ("ById.Query", "{SENTINEL}"),
        ("ById.Body", "{\"SENTINEL\""),
        ("ByEmail.Path", "/people/{id}"),
        ("ByEmail.Query", ""),
        ("ByEmail.Loose", "SENTINEL"),
        ("ByEmail.NotFound", "yes"),
        ("Search.Path", "/a?SENTINEL"),
        ("Search.EmailContainsFrom", "0"),
        ("Page.Style", "cursor"),
        ("Page.First", "2"),
        ("Page.Size", "0"),
        ("Envelope.Status", "SENTINEL"),
        ("Envelope.Errors", "/a, SENTINEL"),
        ("NotFound.Statuses", "404, 401"),
        ("NotFound.Codes", "a,,SENTINEL"),
        ("NotFound.Bare", "SENTINEL"),
        ("NotFound.EmptyList", "SENTINEL"),
        ("Retry.Statuses", "200"),
        ("User", "SENTINEL"),
        ("List", "SENTINEL"),
        ("Total", "SENTINEL"),
        ("Field.Id", "SENTINEL"),
        ("Field.Email", "SENTINEL"),
        ("Field.FirstName", "/a,SENTINEL"),
        ("Field.Verified", "SENTINEL"),
        ("Metadata.city", "SENTINEL"),
        ("BudgetPerSecond", "SENTINEL"),
        ("BudgetBurst", "0"),
        ("Colour", "SENTINEL"),
    ];
    let mut settings = named(&bad);
    settings.insert("Firefly.Colour".into(), "not ours".into());
    let errors = GenericSettings::parse(&EMPTY, &settings, false).unwrap_err();
    let reported = names(&errors);
    for (name, _) in bad
        .iter()
        .filter(|(name, _)| !matches!(*name, "SecretEnv" | "ByEmail.Query" | "Page.Style"))
    {
        assert!(
            reported.contains(&format!("SSOR.{name}")),
            "{name} is not reported: {reported:?}"
        );
    }
    assert_errors_name(&errors, &["SSOR.Page.At", "SSOR.Page.Next"], "Firefly");
}

#[test]
fn session_data_is_rejected_in_every_setting() {
    for name in ["masterId", "PUID", "atyponId", "loginToken", "sessionKey", "master_id"] {
        let pointer = format!("/users/0/{name}");
        for setting in [
            "User",
            "List",
            "Total",
            "Page.Next",
            "Envelope.Status",
            "Envelope.Errors",
            "Envelope.Code",
            "Field.Id",
            "Field.Email",
            "Field.FirstName",
            "Field.LastName",
            "Field.Verified",
            "Field.RegisteredAt",
            "Field.ChangedAt",
            "Metadata.key",
        ] {
            let more = [
                (setting, pointer.as_str()),
                ("Envelope.Ok", "1"),
                ("Page.Style", "cursor"),
                ("Page.At", "c"),
            ];
            let errors = with(&more).unwrap_err();
            let refused = |error: &ProviderSettingError| {
                *error.name == format!("SSOR.{setting}") && *error.problem == *reader::SESSION_DATA
            };
            assert!(errors.iter().any(refused), "{setting} {name}: {errors:?}");
        }
        let later = format!("/email, /linked/0/{name}");
        assert!(with(&[("Field.Email", &later)]).is_err());
    }
}

#[test]
fn operation_takes_only_its_placeholder() {
    for (name, value) in [
        ("ById.Path", "/people"),
        ("ById.Path", "/people/{id}/{email}"),
        ("ByEmail.Query", "mail={firstName}"),
        ("ByEmail.Query", "mail=fixed"),
    ] {
        let errors = with(&[(name, value)]).unwrap_err();
        assert!(
            errors.len() == 1 && errors[0].problem.contains("must take {"),
            "{name} {value}: {errors:?}"
        );
    }
    let list = [("Search.Path", "/people"), ("Search.Query", "mail={email}")];
    assert_eq!(names(&with(&list).unwrap_err()), ["SSOR.Search.Path"]);
    assert_eq!(
        names(&with(&[("ByEmail.Body", "a={email}")]).unwrap_err()),
        ["SSOR.ByEmail.Body"]
    );
}

#[test]
fn each_auth_kind_names_its_settings() {
    for (kind, needs) in [
        ("header", vec!["SSOR.AuthHeader"]),
        ("field", vec!["SSOR.AuthField"]),
        ("basic", vec!["SSOR.AuthUser"]),
        ("client-credentials", vec!["SSOR.ClientId", "SSOR.TokenUrl"]),
    ] {
        assert_eq!(names(&with(&[("Auth", kind)]).unwrap_err()), needs, "{kind}");
    }
    let settings = with(&[
        ("Auth", "client-credentials"),
        ("ClientId", "c"),
        ("TokenUrl", "/oauth/token"),
    ])
    .unwrap();
    let Authentication::ClientCredentials { token_url, .. } = &settings.authentication else {
        panic!("{settings:?}")
    };
    assert_eq!(token_url, "https://directory.example/oauth/token");
    assert_eq!(names(&with(&[("SecretEnv", "")]).unwrap_err()), ["SSOR.SecretFile"]);
}

#[test]
fn metadata_keys_differ_beyond_case() {
    assert_eq!(
        names(&with(&[("Metadata.city", "/a"), ("Metadata.City", "/b")]).unwrap_err()),
        ["SSOR.Metadata.city"]
    );
    let settings = with(&[("Metadata.plan", "/plan/name")]).unwrap();
    assert_eq!(&*settings.map.metadata[0].0, "plan");
}

#[test]
fn code_cannot_be_success_and_absence() {
    let both = [
        ("Envelope.Status", "/s"),
        ("Envelope.Ok", "0,1"),
        ("NotFound.Codes", "1"),
    ];
    assert_eq!(names(&with(&both).unwrap_err()), ["SSOR.NotFound.Codes"]);
    assert_eq!(
        names(&with(&[("NotFound.Codes", "1")]).unwrap_err()),
        ["SSOR.Envelope.Code"]
    );
}

#[test]
fn setting_names_are_unique() {
    let mut names: Vec<&str> = SETTINGS.iter().map(|spec| spec.name).collect();
    names.sort_unstable();
    let before = names.len();
    names.dedup();
    assert_eq!(names.len(), before);
    for spec in &SETTINGS {
        let key = spec.name.replace('*', "x");
        let found = SETTINGS.iter().find(|found| found.describes(&key)).unwrap();
        assert_eq!(found.name, spec.name);
    }
    let unknown = |name: &str| !SETTINGS.iter().any(|spec| spec.describes(name));
    assert!(unknown("Param.") && unknown("param.x"));
}

#[test]
fn documented_example_is_complete() {
    let docs = include_str!("../../../../docs/generic-provider.md");
    let (_, example) = docs.split_once("## A whole one").unwrap();
    let (example, _) = example.split_once("At least needed").unwrap();
    let settings: SettingMap = example
        .lines()
        .filter_map(|line| line.trim().split_once('='))
        .map(|(name, value)| (name.trim().into(), value.trim().into()))
        .collect();
    let settings = GenericSettings::parse(&PRESET, &settings, false).unwrap();
    assert!(settings.search.is_some() && settings.map.metadata.len() == 1);
    for spec in &SETTINGS {
        let word = spec.name.trim_end_matches('*').trim_end_matches('.');
        let last = word.rsplit('.').next().unwrap();
        assert!(docs.contains(word) || docs.contains(last), "{word} is not in the docs");
    }
}
