//! Look-ups that travel together against one statement for each request, from one connection to hundreds.

use serde_json::{Map, Value, json};

use super::generator;
use super::requests::By;
use super::server::Serving;
use super::table::{Line, Round, in_words, meters, ratio};
use super::whole::Bench;
use crate::shell::Outcome;

/// A lone caller, a few, many, and far more than there are connections to the database.
const CONNECTIONS: [u32; 4] = [1, 8, 64, 512];

const TOGETHER: &str = "together (as configured by default)";
const ALONE: &str = "one statement a request, 8 connections";

/// How a server is told to send each look-up alone. Eight connections served that best of 4, 8, 16 and 32.
const ALONE_SETTINGS: [(&str, &str); 2] = [
    ("MASTHEAD__DATABASE__LOOKUP_BATCH", "1"),
    ("MASTHEAD__DATABASE__LOOKUP_CONNECTIONS", "8"),
];

/// Runs the rounds and adds what they gave to the report.
pub(super) fn measure(
    bench: &Bench<'_>,
    report: &mut Map<String, Value>,
    ratios: &mut Map<String, Value>,
) -> Outcome<Vec<Line>> {
    let together = bench.program.serve(&bench.folder.join("together.log"), &[])?;
    let alone = bench.program.serve(&bench.folder.join("alone.log"), &ALONE_SETTINGS)?;
    let mut lines = Vec::new();
    for connections in CONNECTIONS {
        let (mut one, mut other) = (Line::new(TOGETHER, connections), Line::new(ALONE, connections));
        for round in 1..=bench.plan.rounds.min(3) {
            println!("coalescing, {connections} connections, round {round}");
            one.rounds.push(measured(bench, &together, connections)?);
            other.rounds.push(measured(bench, &alone, connections)?);
        }
        let rate = ratio(&one, &other, |round| Some(round.per_second));
        ratios.insert(format!("coalesced_vs_single_{connections}"), json!(rate));
        lines.extend([one, other]);
    }
    together.stop()?;
    alone.stop()?;
    println!("\nLook-ups by e-mail that travel together, beside one statement a request");
    println!("{}", in_words(&lines, None));
    report.insert("coalescing".to_owned(), lines.iter().map(Line::json).collect());
    Ok(lines)
}

fn measured(bench: &Bench<'_>, serving: &Serving, connections: u32) -> Outcome<Round> {
    let seconds = bench.plan.seconds.div_ceil(2);
    let load = bench.load(&serving.address, By::Email, true, connections, seconds);
    let measured = generator::run(load, &meters(bench.accounts, Some(serving.process()), bench.postmaster))?;
    bench.database.forget_events()?;
    serving.take_log()?;
    Ok(Round::of(&measured, true))
}
