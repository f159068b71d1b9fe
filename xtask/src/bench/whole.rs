//! The whole run: data, parts, report.

use std::fs;
use std::path::Path;
use std::time::Duration;

use masthead_dev_postgres::{PostgresServer, workspace};
use serde_json::{Map, Value, json};

use super::cpu::Accounts;
use super::database::{Database, WHOLE};
use super::generator::Load;
use super::people::{GROUPS, People};
use super::requests::{By, Requests};
use super::server::Program;
use super::{
    Options, Part, chart, coalescing, cursors, directory, export, lookups, machine, orchestration, report, searches,
    sync,
};
use crate::shell::Outcome;

/// How much is measured.
pub(super) struct Plan {
    pub(super) rows: u32,
    pub(super) rounds: u32,
    /// Of each part of a round.
    pub(super) seconds: u32,
    warm_up: Duration,
}

/// What every part needs.
pub(super) struct Bench<'a> {
    pub(super) plan: &'a Plan,
    pub(super) database: &'a Database<'a>,
    pub(super) program: &'a Program,
    pub(super) people: People,
    pub(super) requests: &'a Requests,
    /// One for each client group.
    pub(super) tokens: &'a [String],
    pub(super) accounts: Accounts,
    pub(super) postmaster: Option<u32>,
    /// How programs are built.
    pub(super) profile: &'a str,
    /// `target/bench`.
    pub(super) folder: &'a Path,
}

impl Plan {
    fn of(options: &Options) -> Self {
        let or = |given: Option<u32>, quick, whole| given.unwrap_or(if options.quick { quick } else { whole });
        Self {
            rows: or(options.rows, 100_000, WHOLE),
            rounds: or(options.rounds, 3, 5),
            seconds: or(options.seconds, 2, 8),
            warm_up: Duration::from_millis(if options.quick { 500 } else { 1_500 }),
        }
    }
}

impl Bench<'_> {
    /// A load on some server.
    pub(super) fn load<'a>(
        &'a self,
        address: &'a str,
        by: By,
        looked_at: bool,
        connections: u32,
        seconds: u32,
    ) -> Load<'a> {
        Load {
            address,
            requests: self.requests,
            by,
            looked_at,
            connections: connections as usize,
            pace: None,
            warm_up: self.plan.warm_up,
            time: Duration::from_secs(seconds.into()),
        }
    }
}

/// Measures and reports. The figures decide nothing; what failed to run, was answered wrongly or was lost does.
pub(super) fn run(options: &Options) -> Outcome {
    let folder = workspace().join("target").join("bench");
    fs::create_dir_all(&folder)?;
    let plan = Plan::of(options);
    let server = PostgresServer::obtain()?;
    println!("Postgres: {}", server.describe());
    let measured = measure(options, &plan, &server, &folder);
    server.release()?;
    measured
}

fn measure(options: &Options, plan: &Plan, server: &PostgresServer, folder: &Path) -> Outcome {
    let profile = if options.release { "release" } else { "dist" };
    let people = People { rows: plan.rows };
    let database = Database::of(server, people);
    let path = match &options.program {
        Some(path) => path.canonicalize()?,
        None => Program::built("masthead", profile)?,
    };
    // Its settings name the database, which is made with its own commands.
    let program = Program::new(path, &server.url(&database.name)?);
    database.prepare(&program, people, options.fresh)?;
    database.tidy()?;
    let tokens = tokens(&program)?;
    let requests = Requests::new(people, &tokens);
    let bench = Bench {
        plan,
        database: &database,
        program: &program,
        people,
        requests: &requests,
        tokens: &tokens,
        accounts: Accounts::open()?,
        postmaster: machine::postmaster(&database),
        profile,
        folder,
    };
    let wanted = |part| options.only.is_empty() || options.only.contains(&part);
    let (mut report, mut ratios, mut failures) = (Map::new(), Map::new(), Vec::new());
    report.insert("machine".to_owned(), machine::describe(&database)?);
    let plan_told = json!({
        "registrations": plan.rows, "tenants": super::people::TENANTS, "rounds": plan.rounds, "seconds": plan.seconds,
        "profile": options.program.is_none().then_some(profile), "tokens": GROUPS,
        "command": std::env::args().skip(1).collect::<Vec<_>>().join(" "),
    });
    report.insert("plan".to_owned(), plan_told);
    println!("{}", serde_json::to_string_pretty(&report)?);

    let (mut of_lookups, mut of_coalescing, mut of_searches) = (Vec::new(), Vec::new(), Vec::new());
    if wanted(Part::Lookups) {
        of_lookups = lookups::measure(&bench, &mut report, &mut ratios, &mut failures)?;
    }
    if wanted(Part::Coalescing) {
        of_coalescing = coalescing::measure(&bench, &mut report, &mut ratios)?;
    }
    if wanted(Part::Searches) {
        cursors::measure(&bench, &mut report, &mut ratios)?;
        of_searches = searches::measure(&bench, &mut report, &mut failures)?;
    }
    if wanted(Part::Orchestration) {
        orchestration::measure(&bench, &mut report, &mut ratios)?;
    }
    if wanted(Part::Export) {
        export::measure(&bench, &mut report, &mut ratios)?;
    }
    if wanted(Part::Directory) {
        directory::measure(&bench, &mut report, &mut ratios)?;
    }
    if wanted(Part::Sync) {
        sync::measure(&bench, &mut report)?;
    }
    database.tidy()?;
    println!("{}", report::ratios_in_words(&ratios));
    report.insert("ratios".to_owned(), Value::Object(ratios));
    report.insert("failures".to_owned(), json!(failures));
    report::write(folder, report, &chart::draw(&of_lookups, &of_coalescing, &of_searches))?;
    if failures.is_empty() {
        return Ok(());
    }
    Err(format!("{} things went wrong:\n{}", failures.len(), failures.join("\n")).into())
}

/// A caller for each client group: a token of its own, good for the papers of the group.
fn tokens(program: &Program) -> Outcome<Vec<String>> {
    let token = |group| {
        let grant = format!("group-{group:02}/*/*");
        program.output(&[
            "token",
            "--tenant",
            &grant,
            "--scope",
            "users:read",
            "--expires-in",
            "12h",
        ])
    };
    (0..GROUPS).map(token).collect()
}
