//! The roles that the documentation gives a database.

use std::{thread, time::Duration};

use masthead_dev_postgres::{Error, PostgresServer};

/// The documented file.
const ROLES: &str = include_str!("../../../../../deploy/postgres/roles.sql");

const PASSWORD: &str = "an-invented-password";

/// The URLs of a database, by role.
pub(crate) struct RoleUrls {
    pub(crate) owner: String,
    pub(crate) server: String,
}

/// Runs the documented file on a database, and gives the roles a password.
pub(crate) fn apply(server: &PostgresServer, database: &str) -> RoleUrls {
    let passwords = ["owner", "server"].map(|role| format!("ALTER ROLE masthead_{role} PASSWORD '{PASSWORD}';"));
    let script = format!("{ROLES}\n{}", passwords.concat());
    // Roles belong to the whole server, and other tests may create them at the same time.
    let mut applied = server.run(database, &script);
    for _ in 0..20 {
        if !matches!(&applied, Err(Error::Failed { output, .. }) if is_concurrent(output)) {
            break;
        }
        thread::sleep(Duration::from_millis(100));
        applied = server.run(database, &script);
    }
    applied.unwrap();
    let url = server.url(database).unwrap();
    let (_, place) = url.rsplit_once('@').unwrap();
    let url = |role| format!("postgres://masthead_{role}:{PASSWORD}@{place}");
    RoleUrls {
        owner: url("owner"),
        server: url("server"),
    }
}

fn is_concurrent(output: &str) -> bool {
    ["already exists", "duplicate key", "concurrently updated"]
        .iter()
        .any(|part| output.contains(part))
}
