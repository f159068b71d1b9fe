//! `masthead settings` and the errors of `check-config`.

use masthead_sandbox::{Mailbox, MailboxConfig};

use crate::{
    operators::pools::prepared,
    support::process::{self, SECRET, setting},
};

#[test]
fn settings_print_the_reference() {
    let printed = process::run_ok(&[], &["settings"], "");
    assert_eq!(printed, masthead::settings::REFERENCE.trim_end());
}

#[test]
fn effective_settings_name_their_layer() {
    let file = std::env::temp_dir().join(format!("masthead-effective-{}.toml", std::process::id()));
    std::fs::write(
        &file,
        "[http]\nthreads = 3\nlisten = \"127.0.0.1:9999\"\n[smtp]\npassword = \"hidden-word\"\n",
    )
    .unwrap();
    let mut settings = process::settings("postgres://u:hidden-word@db.example/d");
    settings.push(("MASTHEAD_DATABASE_URL".to_owned(), "postgres://x".to_owned()));
    let output = process::run(
        &settings,
        &["settings", "--effective", "--config", file.to_str().unwrap()],
        "",
    );
    std::fs::remove_file(&file).unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for line in [
        "[http]",
        "threads = 3  # file",
        // The environment overrides the file.
        "listen = \"127.0.0.1:0\"  # MASTHEAD__HTTP__LISTEN",
        "keep_alive = \"75s\"",
        "url = \"<secret>\"  # MASTHEAD__DATABASE__URL",
        "password = \"<secret>\"  # file",
        "k1 = \"<secret>\"  # MASTHEAD__SEALING__KEYS__K1",
    ] {
        assert!(
            text.lines().any(|printed| printed == line),
            "{line} is missing in:\n{text}"
        );
    }
    assert!(!text.contains("hidden-word") && !text.contains(SECRET), "{text}");
    let warnings = String::from_utf8(output.stderr).unwrap();
    assert!(
        warnings.contains("MASTHEAD_DATABASE_URL has no effect; did you mean MASTHEAD__DATABASE__URL?"),
        "{warnings}"
    );
    assert!(warnings.contains("smtp.host"), "{warnings}");
}

#[test]
fn misspelt_settings_are_refused_with_suggestions() {
    for (key, value, part) in [
        ("HTTP__LISTN", "127.0.0.1:1", "did you mean listen?"),
        ("DATABSE__URL", "x", "did you mean database?"),
        ("LOG__LEVEL", "inof", "did you mean info?"),
        ("LOG__LEVEL", "info,masthead=verbose", "log.level"),
        ("LOG__FORMAT", "jsno", "did you mean json?"),
        ("SMTP__TLS", "startls", "did you mean starttls?"),
        ("SMTP__HOST", "smtp://mail.example:465", "without scheme, user and port"),
        ("DATABASE__POOLER", "ture", "did you mean true?"),
        ("DATABASE__URL", "postgres://u:hidden/word@db.example/d", "%2F"),
        ("DATABASE__URL", "postgres://db.example:x/d", "a port"),
        (
            "DATABASE__DIRECT_URL",
            "postgres://db.example/d?sslmod=require",
            "did you mean sslmode?",
        ),
        ("TOKENS__JWKS_URL", "http://id.example", "tokens.jwks_url"),
    ] {
        let mut settings = process::settings("postgres://u@127.0.0.1/d");
        if key.starts_with("SMTP") {
            settings.extend([
                setting("SMTP__HOST", "mail.example"),
                setting("SMTP__FROM", "a@herald.example"),
            ]);
        }
        settings.push(setting(key, value));
        let error = process::run_err(&settings, &["check-config"], "");
        assert!(error.contains(part), "{key}={value}: {error}");
        assert!(!error.contains("hidden"), "{error}");
    }
    let settings = process::settings("postgres://u@127.0.0.1/d");
    let error = process::run_err(
        &settings,
        &["tenant", "add", "a/b/c", "--set", "Flow.UserProvder=Auth0"],
        "",
    );
    // The database is tried first.
    assert!(error.contains("the database cannot be used"), "{error}");
}

#[test]
fn connections_are_checked_one_by_one() {
    let (database, settings) = prepared();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mailbox = runtime.block_on(Mailbox::start(MailboxConfig::default())).unwrap();
    let mut good = settings.clone();
    good.extend([
        setting("SMTP__HOST", "127.0.0.1"),
        setting("SMTP__PORT", &mailbox.smtp_address().port().to_string()),
        setting("SMTP__TLS", "none"),
        setting("SMTP__FROM", "a@herald.example"),
    ]);
    let text = process::run_ok(&good, &["check-config", "--connect"], "");
    for part in [
        "ok       the database: ",
        "PostgreSQL ",
        "ok       the schema",
        "ok       the keys of tokens",
        "ok       mail: 127.0.0.1:",
    ] {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
    assert!(!text.contains("failed"), "{text}");

    // A provider that is down, a secret that is missing, a key set that is none, and no mail server: each is named.
    let tenant = ["tenant", "add", "north/daily/times"];
    let provider = [
        "--set",
        "Flow.UserProvider=Auth0",
        "--set",
        "Auth0.Domain=127.0.0.1:1",
        "--set",
        "Auth0.BaseUrl=http://127.0.0.1:1",
    ];
    let client = [
        "--set",
        "Auth0.ClientId=x",
        "--set",
        "Auth0.ClientSecretEnv=MASTHEAD_SECRET__NORTH__DAILY__TIMES__X",
    ];
    let mut bad = good;
    bad.push(setting("PROVIDERS__ALLOW_PRIVATE_ADDRESSES", "true"));
    let provider: Vec<_> = provider.into_iter().filter(|one| !one.contains("Domain")).collect();
    let provider = [&tenant[..], &["--set", provider[1], "--set", provider[4]], &client].concat();
    process::run_ok(&bad, &provider, "");
    bad.push(setting("SMTP__PORT", "1"));
    bad.retain(|(key, _)| !key.contains("HS256"));
    bad.push(setting("TOKENS__JWKS_URL", "http://127.0.0.1:1/keys"));
    let output = process::run(&bad, &["check-config", "--connect"], "");
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "ok       the database: ",
        "failed   the keys of tokens: http://127.0.0.1:1/keys",
        "failed   mail: 127.0.0.1:1",
        "failed   north/daily/times: there is no secret at the place of Auth0.ClientSecretEnv",
    ] {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
    assert_eq!(output.status.code(), Some(1));

    bad.push((
        "MASTHEAD_SECRET__NORTH__DAILY__TIMES__X".to_owned(),
        "invented".to_owned(),
    ));
    let output = process::run(&bad, &["check-config", "--connect"], "");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("failed   Auth0 of north/daily/times: "), "{text}");
    drop(database);
}

/// One issuer that is down states nothing about another.
#[test]
fn issuers_are_checked_one_by_one() {
    let (_database, mut settings) = prepared();
    for (key, value) in [
        ("ISSUER", "https://login.example/"),
        ("AUDIENCE", "masthead"),
        ("JWKS_URL", "http://127.0.0.1:1/keys"),
    ] {
        settings.push(setting(&format!("ISSUERS__FAR__{key}"), value));
    }
    let output = process::run(&settings, &["check-config", "--connect"], "");
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "ok       the keys of tokens: a shared secret",
        "failed   the keys of far: http://127.0.0.1:1/keys",
    ] {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
    assert_eq!(output.status.code(), Some(1));
}
