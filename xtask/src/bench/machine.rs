//! What was measured with: the machine, the versions, how Postgres is set.

use std::fs;
use std::process::Command;

use masthead_dev_postgres::workspace;
use serde_json::{Map, Value, json};

use super::database::Database;
use crate::shell::Outcome;

/// What of Postgres's settings bears on the figures.
const SETTINGS: &[&str] = &[
    "shared_buffers",
    "effective_cache_size",
    "work_mem",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "wal_level",
    "jit",
    "max_parallel_workers_per_gather",
    "autovacuum",
];

/// Everything about the machine, for the report.
pub(super) fn describe(database: &Database<'_>) -> Outcome<Value> {
    let mut settings = Map::new();
    for name in SETTINGS {
        let value = database.run(&format!("SHOW {name}"))?;
        settings.insert((*name).to_owned(), json!(value.trim()));
    }
    let size = database.run(
        "SELECT pg_size_pretty(pg_table_size('registrations')), pg_size_pretty(pg_indexes_size('registrations'))",
    )?;
    Ok(json!({
        "cpu": line_of("/proc/cpuinfo", "model name"),
        "cores": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        "memory": line_of("/proc/meminfo", "MemTotal"),
        "loadAverageAtStart": fs::read_to_string("/proc/loadavg").ok().map(|text| text.trim().to_owned()),
        "kernel": said("uname", &["-sr"]),
        "at": said("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"]),
        "commit": said("git", &["rev-parse", "--short", "HEAD"]),
        "rust": said("rustc", &["--version"]),
        "hyper": locked("hyper"),
        "sqlx": locked("sqlx"),
        "tokio": locked("tokio"),
        "postgres": database.run("SHOW server_version")?.trim(),
        "postgresSettings": settings,
        "registrationsTableAndIndexes": size.trim(),
    }))
}

/// The process that all others of Postgres are children of; nothing when it is on another machine.
pub(super) fn postmaster(database: &Database<'_>) -> Option<u32> {
    let file = database.run("SELECT pg_read_file('postmaster.pid')").ok()?;
    let process: u32 = file.lines().next()?.trim().parse().ok()?;
    let name = fs::read_to_string(format!("/proc/{process}/comm")).ok()?;
    name.trim().starts_with("postgres").then_some(process)
}

fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(workspace())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

fn line_of(file: &str, label: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(label))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The version of a package in the lock file.
fn locked(name: &str) -> Option<String> {
    let text = fs::read_to_string(workspace().join("Cargo.lock")).ok()?;
    let (_, rest) = text.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    Some(rest.split_once('"')?.0.to_owned())
}
