//! An import into an empty database, beside COPY of the same readers into the peer's table and the making of its indexes.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::super::context::BenchContext;
use super::super::database::{BenchDatabase, add_tenants};
use super::super::report::BenchReport;
use super::super::statistics::{median, round_to};
use super::copy_rows::{write_import_file, write_rows};
use super::node::NodeDatabase;
use crate::child::ChildGuard;
use crate::shell::TaskResult;

/// How many readers are imported at most.
const READERS: u32 = 200_000;

/// How often both are measured, in turn.
const ROUNDS: u32 = 2;

/// Measures both; the ratio is that of readers a second.
pub(super) fn measure(context: &BenchContext<'_>, report: &mut BenchReport) -> TaskResult {
    let readers = context.plan.rows.min(READERS);
    let (lines, rows) = (context.folder.join("import.jsonl"), context.folder.join("import.copy"));
    write_import_file(&lines, readers)?;
    write_rows(fs::File::create(&rows)?, readers)?;
    let masthead = BenchDatabase {
        server: context.database.server,
        name: "masthead_bench_import".to_owned(),
    };
    let node = NodeDatabase::named(context, "masthead_bench_node_import");
    let (mut imports, mut copies, mut peak) = (Vec::new(), Vec::new(), 0);
    for round in 1..=context.plan.rounds.min(ROUNDS) {
        let (seconds, memory) = import(context, &masthead, &lines, readers)?;
        imports.push(f64::from(readers) / seconds);
        peak = peak.max(memory);
        copies.push(f64::from(readers) / copy(&node, &rows, readers)?);
        println!(
            "round {round}: {:.0} readers a second by import, {:.0} by COPY and indexes",
            imports[imports.len() - 1],
            copies[copies.len() - 1]
        );
    }
    let ratio = median(imports.iter().zip(&copies).map(|(import, copy)| import / copy));
    report.add_ratio("import_vs_copy_into_peer_table", round_to(ratio, 3));
    report.print_section(
        "import",
        json!({
            "readers": readers,
            "importPerSecond": round_to(median(imports), 0),
            "copyAndIndexesPerSecond": round_to(median(copies), 0),
            "importerPeakKiB": peak,
        }),
    );
    for database in [&masthead, &node.0] {
        database.server.drop_database(&database.name)?;
    }
    fs::remove_file(lines)?;
    fs::remove_file(rows)?;
    Ok(())
}

/// Imports into an empty database with all tenants: how many seconds it took, and the importer's peak memory in KiB.
fn import(
    context: &BenchContext<'_>,
    database: &BenchDatabase<'_>,
    lines: &Path,
    readers: u32,
) -> TaskResult<(f64, u64)> {
    let program = context.program.on_database(&database.server.url(&database.name)?);
    database.create(&program)?;
    add_tenants(&program)?;
    database.run("CHECKPOINT")?;
    let begun = Instant::now();
    let mut importer = program.start_with_file(&["import", "-"], lines)?;
    let mut peak = 0;
    let status = loop {
        peak = peak.max(peak_memory(&importer));
        match importer.try_wait()? {
            Some(status) => break status,
            None => thread::sleep(Duration::from_millis(20)),
        }
    };
    let seconds = begun.elapsed().as_secs_f64();
    let count = database.run("SELECT count(*) FROM registrations")?;
    if !status.success() || count != readers.to_string() {
        return Err(format!("the import ended with {status} and {count} of {readers} readers").into());
    }
    Ok((seconds, peak))
}

/// Copies and makes the indexes: how many seconds it took.
fn copy(database: &NodeDatabase<'_>, rows: &Path, readers: u32) -> TaskResult<f64> {
    database.create()?;
    database.0.run("CHECKPOINT")?;
    let begun = Instant::now();
    super::node::finish_copy(&mut database.copy_file(rows)?)?;
    database.create_indexes()?;
    let seconds = begun.elapsed().as_secs_f64();
    let count = database.0.run("SELECT count(*) FROM users")?;
    if count != readers.to_string() {
        return Err(format!("{count} of {readers} readers were copied").into());
    }
    Ok(seconds)
}

/// The most memory that a process has used so far (`VmHWM` of proc(5)), in KiB; 0 when it has ended.
fn peak_memory(process: &ChildGuard) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn peak_memory_of_a_process_is_read() {
        let process = ChildGuard::start(Command::new("sleep").arg("600")).unwrap();
        assert!(peak_memory(&process) > 0);
    }
}
