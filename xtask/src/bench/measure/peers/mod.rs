//! Masthead beside what its users would have instead: a Node service with the same duties (`xtask/peers/node`) and OpenLDAP,
//! with the same readers, the same loads, in turn.

mod answers;
mod copy_rows;
mod imports;
mod ldap_load;
mod ldap_message;
mod node;
mod openldap;
mod papers;
mod shapes;
mod sizes;
mod storm;

use std::collections::BTreeMap;

use serde_json::json;

use super::comparison::{Contender, DATABASE_CPU, DIVIDED, FAILED_SHARE, Load, LoadComparison, PeerLoad, RATE, Ratio};
use super::context::BenchContext;
use super::report::BenchReport;
use super::server_process::ServerProcess;
use super::statistics::round_to;
use super::wrk::{WrkRequests, WrkResult};
use crate::shell::TaskResult;
use node::{NodeDatabase, NodeLoad, NodePeer};
use openldap::OpenLdap;
use papers::Papers;
use shapes::LoadShape;

const CONNECTIONS: u32 = 64;

/// The kinds of requests that the servers are warmed up with, until Node has sent so many answers, at most so often.
const WARMING: [&str; 2] = ["exact_email", "list_small"];
const WARM_ANSWERS: u64 = 10_000;
const WARM_UP_RUNS: u32 = 4;
const WARM_UP_SECONDS: u32 = 4;

const MASTHEAD: &str = "Masthead";
const NODE: &str = "Node (fastify, pg, pg_trgm)";
const OPENLDAP: &str = "OpenLDAP (no token, audit, log or total)";

/// The servers, all running.
struct Contestants<'a> {
    masthead: &'a ServerProcess,
    node: &'a NodePeer<'a>,
    openldap: Option<&'a OpenLdap>,
}

/// What Masthead reached with one kind of requests.
struct ShapeResult {
    per_second: f64,
    database_us: f64,
    failed_share: f64,
}

/// A load for Masthead.
struct MastheadLoad<'a>(&'a BenchContext<'a>, &'a WrkRequests, &'a ServerProcess);

impl PeerLoad for MastheadLoad<'_> {
    fn run(&self, connections: u32, seconds: u32) -> TaskResult<WrkResult> {
        self.1
            .run_counting_failures(&self.2.address, connections, seconds, None)
    }

    fn process(&self) -> u32 {
        self.2.process()
    }

    fn take_written(&self, answers: u64) -> TaskResult<Option<(u64, u64)>> {
        let events = self.0.database.take_events(answers)?;
        Ok(Some((events, self.2.take_log()?)))
    }
}

/// Checks answers, then measures all kinds of requests, look-ups beside a storm, imports and sizes.
pub(super) fn measure(context: &BenchContext<'_>, report: &mut BenchReport) -> TaskResult {
    let versions = json!({"node": node::install_packages()?, "openldap": openldap::version()});
    report.print_section("peers", versions);
    let papers = Papers::among(context.plan.rows);
    let shapes = shapes::all(context, &papers)?;
    let database = NodeDatabase::prepare(context)?;
    let openldap = OpenLdap::start(context)?;
    let masthead = context.program.serve(&context.folder.join("peers.log"))?;
    let node = database.serve(&context.folder.join("node.log"))?;
    let contestants = Contestants {
        masthead: &masthead,
        node: &node,
        openldap: openldap.as_ref(),
    };
    check_answers(context, &contestants, &papers, &shapes)?;
    warm_up(context, &contestants, &shapes)?;
    let mut results = BTreeMap::new();
    for shape in &shapes {
        results.insert(shape.name, measure_shape(context, report, &contestants, shape)?);
    }
    report_across_shapes(report, &results);
    let rates = results
        .iter()
        .map(|(name, result)| (*name, result.per_second))
        .collect();
    sizes::compare_growth(context, report, &rates)?;
    node.server.stop()?;
    let storm = shapes::broad_requests(context, &papers)?;
    let capacity = results.get("exact_email").map_or(0.0, |result| result.per_second);
    storm::measure(context, report, &masthead, &storm, capacity)?;
    masthead.stop()?;
    sizes::measure(context, report, &database, openldap.as_ref())?;
    drop(openldap);
    imports::measure(context, report)
}

/// Node compiles a function when it has run often: without this, the first rounds would measure code that is interpreted.
fn warm_up(context: &BenchContext<'_>, contestants: &Contestants<'_>, shapes: &[LoadShape]) -> TaskResult {
    for shape in shapes.iter().filter(|shape| WARMING.contains(&shape.name)) {
        for _ in 0..WARM_UP_RUNS {
            let masthead = MastheadLoad(context, &shape.requests, contestants.masthead);
            let node = NodeLoad(&shape.requests, contestants.node);
            masthead.run(CONNECTIONS, 1)?;
            let answered = node.run(CONNECTIONS, WARM_UP_SECONDS)?;
            if answered.requests >= WARM_ANSWERS {
                break;
            }
        }
    }
    context.database.wait_until_idle()
}

/// # Errors
/// When an answer of any of them is wrong.
fn check_answers(
    context: &BenchContext<'_>,
    contestants: &Contestants<'_>,
    papers: &Papers,
    shapes: &[LoadShape],
) -> TaskResult {
    let further = shapes::further_checks(papers);
    let pages: Vec<_> = shapes.iter().flat_map(|shape| &shape.checks).chain(&further).collect();
    let servers = [
        (MASTHEAD, &*contestants.masthead.address),
        (NODE, &*contestants.node.server.address),
    ];
    answers::check(context, servers, &pages)?;
    if let Some(openldap) = contestants.openldap {
        for needles in shapes.iter().filter_map(|shape| shape.ldap_needles.as_ref()) {
            openldap.load_of(context.clock, needles).check(papers, needles)?;
        }
    }
    Ok(())
}

fn measure_shape(
    context: &BenchContext<'_>,
    report: &mut BenchReport,
    contestants: &Contestants<'_>,
    shape: &LoadShape,
) -> TaskResult<ShapeResult> {
    let masthead = MastheadLoad(context, &shape.requests, contestants.masthead);
    let node = NodeLoad(&shape.requests, contestants.node);
    let searched = shape.ldap_needles.as_ref();
    let openldap = searched.zip(contestants.openldap);
    let openldap = openldap.map(|(needles, server)| server.load_of(context.clock, needles));
    let mut contenders = vec![
        Contender::new(MASTHEAD, CONNECTIONS, Load::Peer(&masthead)),
        Contender::new(NODE, CONNECTIONS, Load::Peer(&node)),
    ];
    contenders.extend(
        openldap
            .as_ref()
            .map(|load| Contender::new(OPENLDAP, CONNECTIONS, Load::Peer(load))),
    );
    let (vs_node, vs_openldap) = (format!("{}_vs_node", shape.name), format!("{}_vs_openldap", shape.name));
    let mut ratios = vec![Ratio(&vs_node, MASTHEAD, NODE, RATE, DIVIDED)];
    if openldap.is_some() {
        ratios.push(Ratio(&vs_openldap, MASTHEAD, OPENLDAP, RATE, DIVIDED));
    } else if searched.is_some() {
        report.add_ratio(&vs_openldap, "not present");
        println!("{OPENLDAP}: not present");
    }
    let comparison = LoadComparison {
        section: shape.name,
        title: &shape.title,
        ratios: &ratios,
        base: NODE,
    };
    comparison.run(context, report, &mut contenders)?;
    for contender in &contenders {
        let written = &contender.written;
        if written.events < written.requests || written.log_lines < written.requests {
            report.add_failure(format!("{}: events or log lines were lost: {written:?}", shape.name));
        }
    }
    let masthead = &contenders[0];
    Ok(ShapeResult {
        per_second: masthead.median(RATE).unwrap_or_default(),
        database_us: masthead.median(DATABASE_CPU).unwrap_or_default(),
        failed_share: masthead.largest(FAILED_SHARE).unwrap_or_default(),
    })
}

fn report_across_shapes(report: &mut BenchReport, results: &BTreeMap<&str, ShapeResult>) {
    let worst = results.values().map(|result| result.failed_share).fold(0.0, f64::max);
    report.add_ratio("share_5xx_at_64", round_to(worst, 4));
    if let [Some(large), Some(small)] = ["list_large", "list_small"].map(|name| results.get(name)) {
        let cpu = large.database_us / small.database_us;
        if cpu.is_finite() {
            report.add_ratio("list_postgres_cpu_large_vs_small", round_to(cpu, 2));
        }
    }
}
