//! `masthead explain`: why a user appears or not, and why a token is refused.

use crate::{
    operators::pools::prepared,
    providers::{
        client::by_id,
        server::{FederatedTenant, ProviderTestServer},
    },
    support::{
        process,
        readers::{crid, email},
    },
};

/// What it prints of a user of `north/daily/PAPER`; it must succeed.
fn explained(server: &ProviderTestServer, paper: &str, subject: [&str; 2]) -> String {
    let tenant = format!("north/daily/{paper}");
    let output = server.command(&["explain", "--tenant", &tenant, subject[0], subject[1]], &[]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{error}");
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn assert_lines(text: &str, parts: &[(&str, &str)]) {
    for (subject, part) in parts {
        let has = |line: &&str| line.starts_with(subject) && line.contains(part);
        assert!(
            text.lines().any(|line| has(&line)),
            "{subject}: {part} is missing in:\n{text}"
        );
    }
}

#[test]
fn federated_user_is_explained_without_writes() {
    let server = ProviderTestServer::start(&[FederatedTenant::new("x")], &[]);
    server.runtime.block_on(async {
        // So that there are metrics.
        assert_eq!(server.client("x").get(&by_id("missing"), "r").await.status, 404);
    });
    let before = server.all_registrations();
    let events = || {
        server
            .database
            .run("SELECT count(*) FROM events WHERE request_id <> 'r' AND kind <> 4908")
            .unwrap()
    };
    let before_events = events();
    for (name, lines) in [
        (
            "both-x",
            [
                ("provider", "found"),
                ("store", "found"),
                ("answer", "200 with the user"),
            ],
        ),
        (
            "provider-x",
            [
                ("provider", "found"),
                ("store", "absent"),
                ("answer", "200 with the user"),
            ],
        ),
        (
            "local-x",
            [
                ("provider", "absent"),
                ("store", "found"),
                ("answer", "200 with the user"),
            ],
        ),
    ] {
        for subject in [["--id", &crid(name)], ["--email", &email(name)]] {
            let text = explained(&server, "x", subject);
            assert_lines(&text, &[("tenant", "reads Auth0"), ("mirror", "live unions")]);
            assert_lines(&text, &lines);
            assert!(
                !text.contains("hidden.example") && !text.contains("auth0|"),
                "personal data:\n{text}"
            );
        }
    }
    let text = explained(&server, "x", ["--id", "auth0|nobody"]);
    assert_lines(&text, &[("provider", "absent"), ("store", "absent"), ("answer", "404")]);
    let shown = server.command(
        &[
            "explain",
            "--tenant",
            "north/daily/x",
            "--id",
            &crid("both-x"),
            "--show",
        ],
        &[],
    );
    assert!(String::from_utf8_lossy(&shown.stdout).contains(&email("both-x")));

    // After a sync: the mirror and its age.
    server.sync("x", &[]);
    let text = explained(&server, "x", ["--id", &crid("both-x")]);
    assert_lines(
        &text,
        &[("mirror", "0 min ago: it is current"), ("mirror", "it has 1 account")],
    );

    // The provider is down, or refuses our credentials.
    server.runtime.block_on(server.sandbox("x").off()).unwrap();
    let text = explained(&server, "x", ["--id", &crid("new")]);
    assert_lines(
        &text,
        &[("provider", "unknown: Auth0"), ("store", "absent"), ("answer", "503")],
    );
    server.runtime.block_on(server.sandbox("x").on()).unwrap();
    let set = [
        "tenant",
        "set",
        "north/daily/x",
        "Auth0.ClientSecretEnv=MASTHEAD_SECRET__NORTH__DAILY__X__WRONG",
    ];
    assert!(server.command(&set, &[]).status.success());
    let text = explained(&server, "x", ["--id", "auth0|other"]);
    assert_lines(&text, &[("provider", "misconfigured"), ("answer", "503")]);

    assert_eq!(server.all_registrations(), before, "nothing is written back");
    assert_eq!(events(), before_events);
    server.stop();
}

#[test]
fn deleted_and_pending_users_are_explained() {
    let (database, settings) = prepared();
    let explain = |subject: [&str; 2]| {
        process::run_ok(
            &settings,
            &["explain", "--tenant", "north/daily/herald", subject[0], subject[1]],
            "",
        )
    };
    assert_lines(
        &explain(["--id", "1"]),
        &[("store", "found: registration"), ("answer", "state Lite")],
    );
    process::run_ok(
        &settings,
        &["user", "delete", "--tenant", "north/daily/herald", "1"],
        "",
    );
    for subject in [["--id", "1"], ["--email", "R1@Example.org"]] {
        let text = explain(subject);
        assert_lines(
            &text,
            &[
                ("store", "deleted: registration"),
                ("tombstone", "imports and syncs leave it out"),
            ],
        );
        assert!(!text.contains("200 with the user"), "{text}");
    }
    database
        .run(
            "INSERT INTO pending_registrations (pool, created_at, expires_at, verified, had_password, ignore_provider, of_provider,
                                                email_key, first_name, last_name, metadata)
             SELECT pool, now(), now() + interval '1 hour', false, true, false, false, 'new@example.org', '', '', '{}'
               FROM tenants",
        )
        .unwrap();
    let text = explain(["--email", "new@example.org"]);
    assert_lines(
        &text,
        &[
            ("store", "absent"),
            ("pending", "waits for the verification"),
            ("answer", "200 with an empty list"),
        ],
    );
    let error = process::run_err(
        &settings,
        &["explain", "--tenant", "north/daily/heral", "--id", "1"],
        "",
    );
    assert!(error.contains("did you mean north/daily/herald?"), "{error}");
}

#[test]
fn token_is_explained() {
    let (_database, mut settings) = prepared();
    let mint = |tenant: &str| process::run_ok(&settings, &["token", "--tenant", tenant, "--scope", "users:read"], "");
    let (good, elsewhere) = (mint("north/*/*"), mint("south/daily/sun"));
    let explain = |settings: &[(String, String)], tenant: &str, token: &str| {
        process::run_ok(settings, &["explain", "--tenant", tenant, "--token", "-"], token)
    };
    let tenant = "north/daily/herald";
    assert_lines(
        &explain(&settings, tenant, &good),
        &[("token", "valid"), ("answer", "grants users:read")],
    );
    assert_lines(
        &explain(&settings, tenant, &elsewhere),
        &[("answer", "403"), ("answer", "[south/daily/sun]")],
    );
    assert_lines(
        &explain(&settings, "north/daily/gone", &good),
        &[("tenant", "no tenant"), ("answer", "403")],
    );
    assert_lines(
        &explain(&settings, tenant, "x"),
        &[("token", "401: the token is malformed")],
    );
    settings.push(process::setting("TOKENS__AUDIENCE", "another"));
    let text = explain(&settings, tenant, &good);
    assert_lines(&text, &[("token", "401: the token is for another audience")]);
    assert!(!text.contains(&good), "{text}");
}
