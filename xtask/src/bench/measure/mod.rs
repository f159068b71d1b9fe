//! Measures the wanted parts over one set of data and writes the report.

mod answer_sample;
mod bare_hyper;
mod comparison;
mod context;
mod cpu;
mod database;
mod export;
mod http;
mod lookups;
mod machine;
mod mailbox;
mod masthead;
mod mirror;
mod orchestration;
mod paced;
mod peers;
mod pgbench;
mod report;
mod sandbox;
mod search_cases;
mod searches;
mod server_process;
mod signals;
mod statistics;
mod sync;
mod users;
mod writes;
mod wrk;

use std::fs;
use std::path::Path;

use masthead_dev_postgres::{PostgresServer, workspace};
use serde_json::json;

use super::options::{BenchHelper, BenchOptions, BenchPart};
use crate::shell::TaskResult;
use context::{BenchContext, BenchPlan};
use database::{BenchDatabase, DEFAULT_ROWS};
use masthead::MastheadProgram;
use report::BenchReport;

/// Measures one part and adds it to the report.
type Measurement = fn(&BenchContext<'_>, &mut BenchReport) -> TaskResult;

/// The parts in the order of their measurement.
const MEASUREMENTS: [(BenchPart, Measurement); 10] = [
    (BenchPart::Lookups, lookups::measure),
    (BenchPart::Coalescing, lookups::measure_coalescing),
    (BenchPart::Searches, searches::measure_cursor),
    (BenchPart::Searches, searches::measure),
    (BenchPart::Orchestration, orchestration::measure),
    (BenchPart::Export, export::measure),
    (BenchPart::Mirror, mirror::measure),
    (BenchPart::Sync, sync::measure),
    (BenchPart::Writes, writes::measure),
    (BenchPart::Peers, peers::measure),
];

/// Runs the helper process or the measurements. Figures never fail a run; errors, wrong answers and lost events do.
pub(super) fn run(options: &BenchOptions) -> TaskResult {
    if let Some(BenchHelper::Hyper { body }) = &options.helper {
        return bare_hyper::serve(body);
    }
    signals::end_children_on_signal()?;
    wrk::require_wrk()?;
    let folder = workspace().join("target").join("bench");
    fs::create_dir_all(&folder)?;
    let server = PostgresServer::obtain()?;
    println!("Postgres: {}", server.describe());
    let measured = measure(options, &server, &folder);
    server.release()?;
    measured
}

fn measure(options: &BenchOptions, server: &PostgresServer, folder: &Path) -> TaskResult {
    let profile = if options.release { "release" } else { "dist" };
    let or_default = |given: Option<u32>, quick, full| given.unwrap_or(if options.quick { quick } else { full });
    let plan = BenchPlan {
        rows: or_default(options.rows, 100_000, DEFAULT_ROWS),
        rounds: or_default(options.rounds, 3, 5),
        seconds: or_default(options.seconds, 2, 8),
        fresh: options.fresh,
    };
    let database = BenchDatabase::with_rows(server, plan.rows);
    let path = match &options.program {
        Some(path) => path.canonicalize()?,
        None => masthead::build_program("masthead", profile)?,
    };
    let program = MastheadProgram::new(path, &server.url(&database.name)?);
    database.prepare(&program, plan.rows, options.fresh)?;
    database.tidy()?;
    let mut report = BenchReport::default();
    let machine = machine::describe(&database)?;
    let described = json!({
        "registrations": plan.rows, "tenants": users::TENANTS, "rounds": plan.rounds, "seconds": plan.seconds,
        "profile": options.program.is_none().then_some(profile), "tokens": users::GROUPS,
        "command": std::env::args().skip(1).collect::<Vec<_>>().join(" "),
    });
    println!("{machine:#}\n{described:#}");
    report.add_section("machine", machine);
    report.add_section("plan", described);
    let context = BenchContext {
        plan,
        database: &database,
        program: &program,
        tokens: context::issue_tokens(&program)?,
        clock: cpu::CpuClock::new()?,
        postmaster: machine::postmaster(&database),
        profile,
        folder,
    };
    for (part, measure_part) in MEASUREMENTS {
        if is_wanted(options, part) {
            measure_part(&context, &mut report)?;
        }
    }
    database.tidy()?;
    report.finish(folder)
}

fn is_wanted(options: &BenchOptions, part: BenchPart) -> bool {
    match part {
        BenchPart::Peers => options.peers || options.only.contains(&part),
        BenchPart::Searches if options.peers => true,
        _ => !options.peers && (options.only.is_empty() || options.only.contains(&part)),
    }
}
