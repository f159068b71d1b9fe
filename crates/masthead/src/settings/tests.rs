//! Tests of the settings: layers, errors and secrets.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::*;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==";
const SHARED: &str = "an-invented-secret-of-more-than-32-bytes";

fn whole() -> Vec<(&'static str, &'static str)> {
    vec![
        ("MASTHEAD__DATABASE__URL", "postgres://u:hidden-word@127.0.0.1/d"),
        ("MASTHEAD__TOKENS__ISSUER", "https://issuer.example"),
        ("MASTHEAD__TOKENS__AUDIENCE", "masthead"),
        ("MASTHEAD__TOKENS__HS256_SECRET", SHARED),
        ("MASTHEAD__SEALING__CURRENT", "K1"),
        ("MASTHEAD__SEALING__KEYS__K1", KEY),
    ]
}

fn settings_source(file: Option<&Path>, pairs: &[(&str, &str)]) -> UncheckedSettings {
    let variables = pairs.iter().map(|(k, v)| (k.into(), v.into())).collect();
    UncheckedSettings::from_layers(file, &variables)
}

/// A temporary file, removed when dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("masthead-settings-{}-{name}", std::process::id()));
        fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn defaults_are_valid() {
    let settings = settings_source(None, &whole()).settings().unwrap();
    assert_eq!(settings.http.listen, "127.0.0.1:8080".parse().unwrap());
    assert_eq!(settings.http.max_body_bytes, 131_072);
    assert_eq!(settings.http.drain_timeout, Duration::from_secs(30));
    assert_eq!(settings.database.search_connections, 8);
    assert_eq!(settings.database.search_concurrency, 0);
    assert_eq!(settings.database.search_queue_per_tenant, 2_048);
    assert_eq!(settings.database.direct_url, settings.database.url);
    assert_eq!(settings.sealing.current, "k1");
    assert_eq!(settings.passwords.cost, masthead_credentials::Argon2Cost::default());
    assert!(settings.metrics.has_default_address() && !settings.metrics.on_api_port);
    assert_eq!(settings.http.drain_delay, Duration::ZERO);
}

#[test]
fn environment_overrides_file_and_file_overrides_defaults() {
    let file = Scratch::new(
        "layers",
        "[http]\nmax_connections = 7\nmax_uri_bytes = 70\n[log]\nlevel = \"warn\"\n",
    );
    let mut pairs = whole();
    pairs.push(("MASTHEAD__HTTP__MAX_CONNECTIONS", "9"));
    pairs.push(("MASTHEAD__LOG__LEVEL", ""));
    let settings = settings_source(Some(&file.0), &pairs).settings().unwrap();
    assert_eq!(settings.http.max_connections, 9);
    assert_eq!(settings.http.max_uri_bytes, 70);
    assert_eq!(settings.http.max_header_bytes, 16_384);
    assert_eq!(settings.log.level, "warn", "an empty variable counts as not set");
}

#[test]
fn all_errors_are_reported_without_values() {
    let file = Scratch::new(
        "errors",
        "[http]\nlisten = \"seagull\"\ncolour = \"seagull\"\n[seagulls]\nn = 1\n",
    );
    let errors = settings_source(
        Some(&file.0),
        &[
            ("MASTHEAD__HTTP__HEADER_TIMEOUT", "seagull"),
            ("MASTHEAD__DATABASE__URL", "mysql://seagull"),
            ("MASTHEAD__DATABASE__NAMED_PREPARED_STATEMENTS", "seagull"),
            ("MASTHEAD__DATABASE__TYPO", "seagull"),
            ("MASTHEAD__TOKENS__HS256_SECRET", "seagull"),
            ("MASTHEAD__SEALING__CURRENT", "k9"),
            ("MASTHEAD__SEALING__KEYS__K1", "seagull"),
            ("MASTHEAD__SEARCH", "seagull"),
            ("MASTHEAD__PASSWORDS__MEMORY_MIB", "255"),
            ("MASTHEAD__PASSWORDS__ARGON2_MEMORY_KIB", "7167"),
            ("MASTHEAD__LOG__FORMAT__X", "seagull"),
            ("MASTHEAD__LOG__LEVEL", "seagull=="),
            ("MASTHEAD__METRICS__LISTEN", "seagull"),
        ],
    )
    .settings()
    .unwrap_err();
    let text = errors.to_string();
    for key in [
        "http.listen (MASTHEAD__HTTP__LISTEN)",
        "http.colour",
        "seagulls ",
        "http.header_timeout (MASTHEAD__HTTP__HEADER_TIMEOUT)",
        "database.url",
        "database.named_prepared_statements",
        "database.typo",
        "tokens.issuer",
        "tokens.audience",
        "tokens.hs256_secret",
        "sealing.keys.k1 (MASTHEAD__SEALING__KEYS__K1)",
        "search ",
        "passwords.memory_mib",
        "passwords.argon2_memory_kib",
        "log.format",
        "log.level",
        "metrics.listen",
    ] {
        assert!(text.contains(key), "{key} is missing in:\n{text}");
    }
    assert_eq!(
        text.matches("seagull").count(),
        1,
        "only as the name of the unknown section:\n{text}"
    );
    assert!(!format!("{errors:?}").contains("mysql"));
}

#[test]
fn broken_file_is_reported_by_line_without_its_text() {
    let file = Scratch::new("broken", "[database]\nurl = \"postgres://u:hidden-word@h/d\n");
    let text = settings_source(Some(&file.0), &whole())
        .settings()
        .unwrap_err()
        .to_string();
    assert!(text.contains("line 2"), "{text}");
    assert!(!text.contains("hidden-word"), "{text}");
    let text = settings_source(Some(Path::new("/nowhere/at/all.toml")), &[])
        .settings()
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("/nowhere/at/all.toml: cannot be read") && text.contains("database.url"),
        "{text}"
    );
}

#[test]
fn secrets_are_not_in_debug_output() {
    let settings = settings_source(None, &whole()).settings().unwrap();
    let text = format!("{settings:?} {settings:#?}");
    for secret in ["hidden-word", SHARED, KEY] {
        assert!(!text.contains(secret));
    }
    assert_eq!(settings.database.url.reveal(), "postgres://u:hidden-word@127.0.0.1/d");
}

#[test]
fn secret_is_read_from_a_file_but_not_twice() {
    let file = Scratch::new("secret", &format!("{SHARED}\n"));
    let path = file.0.to_str().unwrap().to_owned();
    let mut pairs = whole();
    pairs.retain(|(key, _)| *key != "MASTHEAD__TOKENS__HS256_SECRET");
    pairs.push(("MASTHEAD__TOKENS__HS256_SECRET_FILE", &path));
    let tokens = settings_source(None, &pairs).tokens().unwrap();
    let (_, secret) = tokens.shared_secret().unwrap();
    assert_eq!(secret.reveal(), SHARED);

    pairs.push(("MASTHEAD__TOKENS__HS256_SECRET", SHARED));
    let text = settings_source(None, &pairs).tokens().unwrap_err().to_string();
    assert!(text.contains("given twice"), "{text}");

    pairs.pop();
    pairs.push(("MASTHEAD__DATABASE__DIRECT_URL_FILE", "/nowhere/at/all"));
    let text = settings_source(None, &pairs).settings().unwrap_err().to_string();
    assert!(
        text.contains("database.direct_url_file") && !text.contains("/nowhere"),
        "{text}"
    );
}

#[test]
fn shared_secret_beside_a_key_set_is_rejected() {
    let mut pairs = whole();
    pairs.push(("MASTHEAD__TOKENS__JWKS_URL", "https://keys.example/jwks.json"));
    let text = settings_source(None, &pairs).tokens().unwrap_err().to_string();
    assert!(text.contains("only one of"), "{text}");
}

#[test]
fn token_settings_are_checked() {
    for (key, bad) in [
        ("MASTHEAD__TOKENS__JWKS_URL", "http://keys.example/jwks.json"),
        ("MASTHEAD__TOKENS__JWKS_URL", "https://user:word@keys.example/jwks.json"),
        ("MASTHEAD__TOKENS__JWKS_URL", "keys.example"),
        ("MASTHEAD__TOKENS__TYPES", "JWT; at+jwt"),
        ("MASTHEAD__TOKENS__MAX_LIFETIME", "1s"),
    ] {
        let mut pairs = whole();
        pairs.retain(|(name, _)| !(key.ends_with("URL") && name.contains("HS256")));
        pairs.push((key, bad));
        let text = settings_source(None, &pairs).tokens().unwrap_err().to_string();
        let setting = key.trim_start_matches("MASTHEAD__TOKENS__").to_lowercase();
        assert!(
            text.contains(&format!("tokens.{setting}")) && !text.contains("word"),
            "{text}"
        );
    }
    let tokens = settings_source(None, &whole()).tokens().unwrap();
    assert_eq!(tokens.types, ["JWT".into(), "at+jwt".into()]);
    assert_eq!(tokens.max_lifetime, Duration::from_hours(24));
}

#[test]
fn replica_urls_are_a_list_of_secrets() {
    assert!(
        settings_source(None, &whole())
            .database()
            .unwrap()
            .0
            .replica_urls
            .is_empty()
    );
    let file = Scratch::new(
        "replicas",
        "postgres://u:hidden-word@r1/d,\n postgresql://u:hidden-word@r2/d\n",
    );
    for (key, value) in [
        (
            "MASTHEAD__DATABASE__REPLICA_URLS",
            "postgres://u:hidden-word@r1/d, postgresql://u:hidden-word@r2/d,",
        ),
        ("MASTHEAD__DATABASE__REPLICA_URLS_FILE", file.0.to_str().unwrap()),
    ] {
        let mut pairs = whole();
        pairs.push((key, value));
        let settings = settings_source(None, &pairs).database().unwrap().0;
        let urls: Vec<_> = settings.replica_urls.iter().map(SecretText::reveal).collect();
        assert_eq!(
            urls,
            ["postgres://u:hidden-word@r1/d", "postgresql://u:hidden-word@r2/d"]
        );
        assert_eq!(settings.replica_max_lag, Duration::from_secs(1));
        assert!(!format!("{settings:?}").contains("hidden-word"));
    }
    let many = "postgres://u:hidden-word@r/d,".repeat(17);
    for (key, bad) in [
        (
            "MASTHEAD__DATABASE__REPLICA_URLS",
            "postgres://u:hidden-word@r1/d, mysql://u:hidden-word@r2/d",
        ),
        ("MASTHEAD__DATABASE__REPLICA_URLS", &many),
        ("MASTHEAD__DATABASE__REPLICA_MAX_LAG", "100ms"),
    ] {
        let mut pairs = whole();
        pairs.push((key, bad));
        let text = settings_source(None, &pairs).settings().unwrap_err().to_string();
        assert!(text.contains(key) && !text.contains("hidden-word"), "{text}");
    }
}

#[test]
fn command_checks_only_its_own_sections() {
    let settings_source = settings_source(None, &whole()[..1]);
    assert!(settings_source.database().is_ok());
    assert!(settings_source.sealing().unwrap().is_none());
    assert!(settings_source.tokens().is_err());
}

#[test]
fn command_takes_sealing_keys_that_are_set() {
    let sealing = settings_source(None, &whole()).sealing().unwrap().unwrap();
    assert_eq!(sealing.current, "k1");
    let unknown = [whole(), vec![("MASTHEAD__SEALING__CURRENT", "k9")]].concat();
    assert!(settings_source(None, &unknown).sealing().is_err());
}

#[test]
fn durations_are_a_number_and_a_unit() {
    for (text, milliseconds) in [
        ("250ms", 250),
        ("5s", 5_000),
        ("2 m", 120_000),
        ("12h", 43_200_000),
        ("1d", 86_400_000),
    ] {
        assert_eq!(
            parse_duration(text),
            Some(Duration::from_millis(milliseconds)),
            "{text}"
        );
    }
    for text in [
        "",
        "5",
        "s",
        "-5s",
        "1.5s",
        "5 years",
        "99999999999999999999s",
        "18446744073709551615d",
    ] {
        assert_eq!(parse_duration(text), None, "{text}");
    }
}

const SMTP: [(&str, &str); 4] = [
    ("MASTHEAD__SMTP__HOST", "mail.example"),
    ("MASTHEAD__SMTP__FROM", "The Herald <no-reply@herald.example>"),
    ("MASTHEAD__SMTP__USER", "herald"),
    ("MASTHEAD__SMTP__PASSWORD", "hidden-word"),
];

#[test]
fn smtp_is_optional_and_its_port_follows_tls() {
    let mail = |pairs: &[(&str, &str)]| settings_source(None, pairs).mail();
    assert!(mail(&[]).unwrap().smtp.is_none());
    for (tls, port) in [("tls", 465), ("starttls", 587), ("none", 25)] {
        let mut pairs = SMTP.to_vec();
        pairs.push(("MASTHEAD__SMTP__TLS", tls));
        let smtp = mail(&pairs).unwrap().smtp.unwrap();
        assert_eq!((smtp.port, smtp.connections), (port, 4), "{tls}");
        assert!(!format!("{smtp:?}").contains("hidden-word"));
        pairs.push(("MASTHEAD__SMTP__PORT", "2525"));
        assert_eq!(mail(&pairs).unwrap().smtp.unwrap().port, 2525);
    }
}

#[test]
fn smtp_errors_are_reported_together() {
    for (pairs, keys) in [
        (
            vec![("USER", "herald")],
            vec!["smtp.host", "smtp.from", "smtp.password"],
        ),
        (
            vec![
                ("HOST", "mail.example"),
                ("FROM", "seagull"),
                ("TLS", "seagull"),
                ("PORT", "70000"),
            ],
            vec!["smtp.from", "smtp.tls", "smtp.port"],
        ),
        (
            vec![
                ("HOST", "mail.example"),
                ("FROM", "a@herald.example"),
                ("PASSWORD", "seagull"),
                ("HELLO_NAME", "sea gull"),
                ("TIMEOUT", "seagull"),
                ("CONNECTIONS", "0"),
            ],
            vec!["smtp.user", "smtp.hello_name", "smtp.timeout", "smtp.connections"],
        ),
    ] {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(key, value)| (format!("MASTHEAD__SMTP__{key}"), *value))
            .collect();
        let pairs: Vec<_> = pairs.iter().map(|(key, value)| (key.as_str(), *value)).collect();
        let text = settings_source(None, &pairs).mail().unwrap_err().to_string();
        assert!(keys.iter().all(|key| text.contains(key)), "{text}");
        assert!(!text.contains("seagull"), "{text}");
    }
}

const ISSUER_FILE: &str = r#"
[issuers.entra]
issuer = "https://login.microsoftonline.com/t/v2.0"
audience = "api-1, api-2"
jwks_url = "https://login.microsoftonline.com/t/discovery/v2.0/keys"
kind = "entra"
algorithms = "RS256"
scope_prefix = "Masthead."
"#;

#[test]
fn further_issuers_are_read() {
    let file = Scratch::new("issuers", ISSUER_FILE);
    let mut pairs = whole();
    pairs.push(("MASTHEAD__ISSUERS__OP__ISSUER", "https://op.example"));
    pairs.push(("MASTHEAD__ISSUERS__OP__AUDIENCE", "masthead"));
    pairs.push(("MASTHEAD__ISSUERS__OP__JWKS_FILE", "/keys.json"));
    let settings = settings_source(Some(&file.0), &pairs).settings().unwrap().tokens;
    let names: Vec<_> = settings.issuers.iter().map(|issuer| &*issuer.name).collect();
    assert_eq!(names, ["tokens", "entra", "op"]);
    let entra = &settings.issuers[1];
    assert_eq!(entra.audiences, ["api-1".into(), "api-2".into()]);
    assert_eq!(entra.algorithms, [masthead_tokens::Algorithm::Rs256]);
    assert_eq!(&*entra.claims.scope_prefix, "Masthead.");
    assert_eq!(entra.claims.client_id.len(), 2, "azp and appid");
    assert_eq!(settings.shared_secret().unwrap().0.name, "tokens");

    let without_first: Vec<_> = pairs
        .into_iter()
        .filter(|(key, _)| !key.contains("__TOKENS__"))
        .collect();
    let settings = settings_source(Some(&file.0), &without_first)
        .settings()
        .unwrap()
        .tokens;
    assert_eq!(settings.issuers.len(), 2);
}

#[test]
fn errors_of_issuers_are_reported() {
    let file = Scratch::new(
        "bad-issuers",
        "[issuers.op]\nissuer = \"https://issuer.example\"\naudience = \"a\"\njwks_url = \"https://op.example/keys\"\n\
         [issuers.Bad]\ncolour = 1\nkind = \"seagull\"\nalgorithms = \"HS256\"\nscope_claims = \"/a~\"\n",
    );
    let mut pairs = whole();
    pairs.push(("MASTHEAD__TOKENS__JWKS_MAX_STALE", "90s"));
    let errors = settings_source(Some(&file.0), &pairs)
        .settings()
        .unwrap_err()
        .to_string();
    for error in [
        "tokens.jwks_max_stale",
        "issuers.Bad.colour",
        "issuers.Bad (",
        "issuers.Bad.issuer",
        "issuers.Bad.audience",
        "issuers.Bad.jwks_url",
        "issuers.Bad.kind",
        "issuers.Bad.algorithms",
        "issuers.Bad.scope_claims",
    ] {
        assert!(errors.contains(error), "{error} is missing in:\n{errors}");
    }
    assert!(!errors.contains("seagull"), "{errors}");
    let file = Scratch::new(
        "same-issuer",
        "[issuers.op]\nissuer = \"https://issuer.example\"\naudience = \"a\"\njwks_url = \"https://op.example/keys\"\n",
    );
    let errors = settings_source(Some(&file.0), &whole())
        .settings()
        .unwrap_err()
        .to_string();
    assert!(errors.contains("issuers.op.issuer"), "{errors}");
}

#[test]
fn shared_secret_beyond_this_host_is_a_warning() {
    let mut pairs = whole();
    assert!(settings_source(None, &pairs).settings().unwrap().warnings().is_empty());
    pairs.push(("MASTHEAD__HTTP__LISTEN", "0.0.0.0:8080"));
    let warnings = settings_source(None, &pairs).settings().unwrap().warnings();
    assert!(warnings.len() == 1 && !warnings[0].contains(SHARED), "{warnings:?}");
}

#[test]
fn published_ids_may_have_the_older_key() {
    let mut pairs = whole();
    let settings = settings_source(None, &pairs).settings().unwrap().sealing;
    assert_eq!((&*settings.current, &*settings.publish), ("k1", "k1"));
    pairs.push(("MASTHEAD__SEALING__KEYS__K2", KEY));
    pairs.push(("MASTHEAD__SEALING__CURRENT", "k2"));
    pairs.push(("MASTHEAD__SEALING__PUBLISH", "K1"));
    let settings = settings_source(None, &pairs).settings().unwrap().sealing;
    assert_eq!((&*settings.current, &*settings.publish), ("k2", "k1"));
    pairs.push(("MASTHEAD__SEALING__PUBLISH", "k3"));
    let errors = settings_source(None, &pairs).settings().unwrap_err().to_string();
    assert!(errors.contains("sealing.publish"), "{errors}");
}

#[test]
fn telemetry_is_off_without_an_endpoint() {
    let settings = settings_source(None, &whole()).settings().unwrap();
    assert!(settings.telemetry.is_none());
}

#[test]
fn telemetry_is_checked_and_its_headers_are_secret() {
    let mut pairs = whole();
    pairs.extend([
        ("MASTHEAD__TELEMETRY__OTLP_ENDPOINT", "http://otel.example:4318"),
        (
            "MASTHEAD__TELEMETRY__OTLP_HEADERS",
            "Authorization=Bearer hidden-word, X-Team=hidden-word",
        ),
        ("MASTHEAD__TELEMETRY__METRICS_EVERY", "0s"),
    ]);
    let settings = settings_source(None, &pairs).settings().unwrap();
    assert!(!format!("{settings:?}").contains("hidden-word"));
    let telemetry = settings.telemetry.unwrap();
    assert_eq!(telemetry.otlp_headers["authorization"], "Bearer hidden-word");
    assert_eq!((telemetry.sample_ratio, telemetry.metrics_every), (0.1, None));

    for (key, value, named) in [
        (
            "OTLP_ENDPOINT",
            "http://u:hidden-word@otel.example",
            "telemetry.otlp_endpoint",
        ),
        ("OTLP_ENDPOINT", "otel.example:4317", "telemetry.otlp_endpoint"),
        ("OTLP_HEADERS", "hidden-word", "telemetry.otlp_headers"),
        ("SAMPLE_RATIO", "2", "telemetry.sample_ratio"),
        ("SAMPLE_RATIO", "NaN", "telemetry.sample_ratio"),
        ("METRICS_EVERY", "2h", "telemetry.metrics_every"),
    ] {
        let mut pairs = pairs.clone();
        let key = format!("MASTHEAD__TELEMETRY__{key}");
        pairs.push((&key, value));
        let error = settings_source(None, &pairs).settings().unwrap_err().to_string();
        assert!(error.contains(named) && !error.contains("hidden-word"), "{error}");
    }
}

#[test]
fn operations_port_can_be_turned_off() {
    for off in ["off", ""] {
        let file = Scratch::new(
            "metrics",
            &format!("[metrics]\nlisten = \"{off}\"\non_api_port = true\n"),
        );
        let settings = settings_source(Some(&file.0), &whole()).settings().unwrap();
        assert_eq!((settings.metrics.listen, settings.metrics.on_api_port), (None, true));
    }
}
