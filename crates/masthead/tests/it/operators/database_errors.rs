//! A database that cannot be used: the reason in words, once, with the host.

use masthead_dev_postgres::TestDatabase;

use crate::support::process::{self, ServerProcess};

/// The parts of `postgres://user:password@host:port/name`.
struct Url {
    user: String,
    password: String,
    server: String,
    name: String,
}

impl Url {
    fn of(database: &TestDatabase) -> Self {
        let url = database.url().unwrap();
        let (credentials, rest) = url.strip_prefix("postgres://").unwrap().split_once('@').unwrap();
        let (user, password) = credentials.split_once(':').unwrap();
        let (server, name) = rest.split_once('/').unwrap();
        Self {
            user: user.to_owned(),
            password: password.to_owned(),
            server: server.to_owned(),
            name: name.to_owned(),
        }
    }

    fn text(&self) -> String {
        let Self {
            user,
            password,
            server,
            name,
        } = self;
        format!("postgres://{user}:{password}@{server}/{name}")
    }
}

#[test]
fn command_names_the_host_and_the_reason() {
    let database = TestDatabase::empty().unwrap();
    let good = || Url::of(&database);
    let server = good().server;
    let role = format!("masthead_no_login_{}", std::process::id());
    database
        .run(&format!("CREATE ROLE {role} NOLOGIN PASSWORD 'hidden-word'"))
        .unwrap();
    let cases = [
        (
            Url {
                user: role.clone(),
                password: "hidden-word".to_owned(),
                ..good()
            }
            .text(),
            &*server,
            "28000",
        ),
        (
            Url {
                password: "hidden-word".to_owned(),
                ..good()
            }
            .text(),
            &*server,
            "28P01",
        ),
        (
            Url {
                name: "masthead_no_such_database".to_owned(),
                ..good()
            }
            .text(),
            &*server,
            "3D000",
        ),
        (format!("{}?sslmode=require", good().text()), &*server, "TLS"),
        (
            Url {
                server: "127.0.0.1:1".to_owned(),
                ..good()
            }
            .text(),
            "127.0.0.1:1",
            "refused",
        ),
        (
            Url {
                server: "no-such-host.invalid:5432".to_owned(),
                ..good()
            }
            .text(),
            "no-such-host.invalid:5432",
            "resolved",
        ),
    ];
    for (url, host, part) in cases {
        let settings = process::settings(&url);
        for command in [
            &["migrate"][..],
            &["tenant", "list"],
            &["user", "show", "--tenant", "a/b/c", "7"],
        ] {
            let error = process::run_err(&settings, command, "");
            let lines = error
                .lines()
                .filter(|line| line.starts_with("masthead: "))
                .collect::<Vec<_>>();
            assert_eq!(lines.len(), 1, "{command:?}: {error}");
            assert!(lines[0].contains(part), "{part} is missing in: {error}");
            assert_eq!(error.matches(host).count(), 1, "{host} is named once: {error}");
            assert!(!error.contains("hidden-word"), "{error}");
        }
    }
    database.run(&format!("DROP ROLE {role}")).unwrap();
}

#[test]
fn server_logs_the_reason_once() {
    let database = TestDatabase::empty().unwrap();
    let url = Url {
        password: "hidden-word".to_owned(),
        ..Url::of(&database)
    };
    let server = ServerProcess::start(&process::settings(&url.text()));
    let log = server.stop();
    let is_reason = |line: &&str| line.contains("the database cannot be used");
    assert_eq!(log.lines().filter(is_reason).count(), 1, "{log}");
    assert!(
        log.contains("28P01") && log.contains(&url.server) && !log.contains("hidden-word"),
        "{log}"
    );
}
