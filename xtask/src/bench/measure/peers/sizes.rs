//! What a reader costs on disk, and how rates change from one million readers to ten.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use super::super::context::BenchContext;
use super::super::database::DEFAULT_ROWS;
use super::super::report::BenchReport;
use super::super::statistics::{round_to, to_f64};
use super::node::NodeDatabase;
use super::openldap::OpenLdap;
use crate::shell::TaskResult;

/// The size of a run that is compared with one of [`DEFAULT_ROWS`].
const TEN_MILLION: u32 = 10_000_000;

/// Tables with a row for each reader or more, and their indexes, by no fixed list of names: the figure remains right when the
/// store gets other tables. Copies of a provider's users and events are not registrations.
const READER_TABLES: &str = "SELECT json_object_agg(relname, pg_total_relation_size(oid)) FROM pg_class
     WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
       AND relname !~ '^(mirror|events$|outbox$)'
       AND (relname LIKE 'registrations%' OR reltuples >= (SELECT count(*) / 2 FROM registrations))";

/// Reports bytes for each reader of Masthead and of its peers.
pub(super) fn measure(
    context: &BenchContext<'_>,
    report: &mut BenchReport,
    node: &NodeDatabase<'_>,
    openldap: Option<&OpenLdap>,
) -> TaskResult {
    // Statistics must be current, since they choose the tables.
    context.database.run("VACUUM (ANALYZE)")?;
    let tables: BTreeMap<String, u64> = serde_json::from_str(&context.database.run(READER_TABLES)?)?;
    let per_reader = |bytes: u64| round_to(to_f64(bytes) / f64::from(context.plan.rows), 0);
    let masthead = per_reader(tables.values().sum());
    let peer: u64 = node.0.run("SELECT pg_total_relation_size('users')")?.parse()?;
    let directory = openldap.map(OpenLdap::bytes).transpose()?;
    report.add_ratio("disk_bytes_per_reader", masthead);
    report.print_section(
        "diskBytesPerReader",
        json!({
            "masthead": masthead, "tables": tables, "node": per_reader(peer), "openldap": directory.map(per_reader),
        }),
    );
    Ok(())
}

/// Keeps the rates of this run; a run with ten million readers is compared with the last one with a million.
pub(super) fn compare_growth(
    context: &BenchContext<'_>,
    report: &mut BenchReport,
    rates: &BTreeMap<&'static str, f64>,
) -> TaskResult {
    let file = |rows: u32| context.folder.join(format!("peers-{rows}.json"));
    fs::write(file(context.plan.rows), json!(rates).to_string())?;
    let note = "needs a run with --rows 10000000 after one with 1000000";
    if context.plan.rows != TEN_MILLION {
        report.add_section("growth", json!(note));
        return Ok(());
    }
    let Ok(earlier) = fs::read_to_string(file(DEFAULT_ROWS)) else {
        report.add_section("growth", json!(note));
        return Ok(());
    };
    let earlier: Value = serde_json::from_str(&earlier)?;
    let grown = rates.iter().filter_map(|(name, rate)| {
        let before = earlier[*name].as_f64().filter(|before| *before > 0.0)?;
        Some((*name, round_to(rate / before, 3)))
    });
    let grown: BTreeMap<_, _> = grown.collect();
    if let Some(lookups) = grown.get("exact_email") {
        report.add_ratio("ten_million_vs_one_million_lookup", *lookups);
    }
    report.print_section("growth", json!(grown));
    Ok(())
}
