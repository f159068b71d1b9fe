//! `cargo xtask sqlx`: renews `.sqlx/` from a newly migrated database, or checks that it is current.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use clap::Args;
use masthead_dev_postgres::{PostgresServer, TestDatabase, workspace};

use crate::shell::{TaskResult, cargo, run as run_command};

/// The only package that uses sqlx.
const PACKAGE: &str = "masthead-subscribe-store";

/// Renew, or check.
#[derive(Args)]
pub(crate) struct SqlxArguments {
    /// Changes nothing, and fails when the committed cache differs from the queries and migrations.
    #[arg(long)]
    check: bool,
}

/// File name → text.
type Cache = BTreeMap<String, String>;

pub(crate) fn run(arguments: &SqlxArguments) -> TaskResult {
    if arguments.check { check() } else { renew() }
}

/// Fails when the committed cache is not current.
pub(crate) fn check() -> TaskResult {
    let current = generated()?;
    let committed = read(&workspace().join(".sqlx"))?;
    let differences = differences(&committed, &current);
    if differences.is_empty() {
        println!(".sqlx is current: {} queries", current.len());
        return Ok(());
    }
    Err(format!(
        ".sqlx is not current; run `cargo xtask sqlx`\n{}",
        differences.join("\n")
    )
    .into())
}

fn renew() -> TaskResult {
    let current = generated()?;
    let folder = workspace().join(".sqlx");
    let before = read(&folder)?;
    fs::create_dir_all(&folder)?;
    for stale in before.keys().filter(|name| !current.contains_key(*name)) {
        fs::remove_file(folder.join(stale))?;
    }
    for (name, text) in &current {
        if before.get(name) != Some(text) {
            fs::write(folder.join(name), text)?;
        }
    }
    for line in differences(&before, &current) {
        println!("{line}");
    }
    println!(".sqlx: {} queries", current.len());
    Ok(())
}

/// The cache that the macros write, on a database with all migrations and no data.
fn generated() -> TaskResult<Cache> {
    let server = PostgresServer::obtain()?;
    let made = {
        let database = TestDatabase::empty()?;
        migrate(&database)?;
        generate(&database.url()?)
    };
    server.release()?;
    made
}

fn migrate(database: &TestDatabase) -> TaskResult {
    let folder = workspace().join("migrations");
    // Names begin with a number of four digits (checked by `cargo xtask layers`), so they are in order.
    for (name, script) in read(&folder)? {
        if Path::new(&name).extension().is_some_and(|extension| extension == "sql") {
            database
                .run(&script)
                .map_err(|error| format!("migrations/{name}: {error}"))?;
        }
    }
    Ok(())
}

fn generate(url: &str) -> TaskResult<Cache> {
    let folder = workspace().join("target").join("sqlx");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    // The macros run only when the package is compiled. A new flag makes cargo compile this package, and no dependency.
    let new_flag = format!("sqlx_renewed_{}", folder_stamp(url));
    run_command(
        cargo(&[
            "rustc",
            "--package",
            PACKAGE,
            "--lib",
            "--profile",
            "check",
            "--",
            "--cfg",
            &new_flag,
        ])
        .env("SQLX_OFFLINE", "false")
        .env("SQLX_OFFLINE_DIR", &folder)
        .env("DATABASE_URL", url),
    )?;
    read(&folder)
}

/// The random name of the test database.
fn folder_stamp(url: &str) -> &str {
    let name = url.rsplit('/').next().unwrap_or_default();
    name.split('?').next().unwrap_or_default()
}

fn read(folder: &Path) -> TaskResult<Cache> {
    if !folder.is_dir() {
        return Ok(Cache::new());
    }
    let mut files = Cache::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
            files.insert(name.to_owned(), fs::read_to_string(&path)?);
        }
    }
    Ok(files)
}

fn differences(committed: &Cache, current: &Cache) -> Vec<String> {
    let gone = committed
        .keys()
        .filter(|name| !current.contains_key(*name))
        .map(|name| format!("  no longer used: {name}"));
    let new = current.iter().filter_map(|(name, text)| match committed.get(name) {
        None => Some(format!("  missing: {name}")),
        Some(before) if before != text => Some(format!("  changed: {name}")),
        Some(_) => None,
    });
    gone.chain(new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(files: &[(&str, &str)]) -> Cache {
        files
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect()
    }

    #[test]
    fn equal_files_do_not_differ() {
        let one = cache(&[("a", "1")]);
        assert!(differences(&one, &one.clone()).is_empty());
    }

    #[test]
    fn added_removed_and_changed_files_are_reported() {
        let committed = cache(&[("a", "1"), ("b", "1")]);
        let current = cache(&[("b", "2"), ("c", "1")]);
        assert_eq!(
            differences(&committed, &current),
            ["  no longer used: a", "  changed: b", "  missing: c"]
        );
    }

    #[test]
    fn stamp_is_the_database_name() {
        assert_eq!(
            folder_stamp("postgres://u:p@h:1/masthead_test_0f?a=b"),
            "masthead_test_0f"
        );
    }
}
