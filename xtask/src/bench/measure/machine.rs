//! Describes the machine, the versions and the settings of Postgres.

use std::fs;
use std::process::Command;

use masthead_dev_postgres::workspace;
use serde_json::{Value, json};

use super::database::BenchDatabase;
use crate::shell::TaskResult;

/// The settings of Postgres that influence the figures.
const SETTINGS: &str = "'shared_buffers', 'effective_cache_size', 'work_mem', 'fsync', 'synchronous_commit', \
     'full_page_writes', 'wal_level', 'jit', 'max_parallel_workers_per_gather', 'autovacuum'";

/// The machine, for the report.
pub(super) fn describe(database: &BenchDatabase<'_>) -> TaskResult<Value> {
    let settings = database.run(&format!(
        "SELECT json_object_agg(name, current_setting(name)) FROM pg_settings WHERE name IN ({SETTINGS})"
    ))?;
    let size = database.run(
        "SELECT pg_size_pretty(pg_table_size('registrations')), pg_size_pretty(pg_indexes_size('registrations'))",
    )?;
    Ok(json!({
        "cpu": line_in("/proc/cpuinfo", "model name"),
        "cores": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        "memory": line_in("/proc/meminfo", "MemTotal"),
        "loadAverageAtStart": fs::read_to_string("/proc/loadavg").ok().map(|text| text.trim().to_owned()),
        "kernel": output_of("uname", &["-sr"]),
        "wrk": output_of("dpkg-query", &["--show", "--showformat=${Version}", "wrk"]),
        "at": output_of("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"]),
        "commit": output_of("git", &["rev-parse", "--short", "HEAD"]),
        "rust": output_of("rustc", &["--version"]),
        "hyper": locked_version("hyper"),
        "sqlx": locked_version("sqlx"),
        "tokio": locked_version("tokio"),
        "postgres": database.run("SHOW server_version")?.trim(),
        "postgresSettings": serde_json::from_str::<Value>(&settings)?,
        "registrationsTableAndIndexes": size.trim(),
    }))
}

/// The process whose children are all other processes of Postgres; `None` if Postgres runs on another machine.
pub(super) fn postmaster(database: &BenchDatabase<'_>) -> Option<u32> {
    let file = database.run("SELECT pg_read_file('postmaster.pid')").ok()?;
    let process: u32 = file.lines().next()?.trim().parse().ok()?;
    let name = fs::read_to_string(format!("/proc/{process}/comm")).ok()?;
    name.trim().starts_with("postgres").then_some(process)
}

fn output_of(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(workspace())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

fn line_in(file: &str, label: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(label))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The version of a package in `Cargo.lock`.
fn locked_version(name: &str) -> Option<String> {
    let text = fs::read_to_string(workspace().join("Cargo.lock")).ok()?;
    let (_, rest) = text.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    Some(rest.split_once('"')?.0.to_owned())
}
