//! The customers export beside single look-ups.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};

use super::client::{Client, encoded};
use super::figures::{median, rounded};
use super::people::{LARGEST, codes, lot, write_crid};
use super::refusals;
use super::requests::headers;
use super::server::Serving;
use super::whole::Bench;
use crate::shell::Outcome;

/// How many users are asked for in every round, in each way.
const USERS: u32 = 2_000;

/// How many an export asks for.
const SIZES: [usize; 2] = [20, 1_000];

/// The workspace that exports here.
pub(super) const WORKSPACE: &str = "bench";

/// Times look-ups and exports of the same users in rounds, then refusals in turn, and adds what they gave to the report.
pub(super) fn measure(bench: &Bench<'_>, report: &mut Map<String, Value>, ratios: &mut Map<String, Value>) -> Outcome {
    let key = workspace(bench)?;
    let serving = bench.program.serve(&bench.folder.join("export.log"), &[])?;
    let export = Export::new(&serving, &key)?;
    let mut ids: Vec<String> = bench.people.of_tenant(LARGEST).map(crid).collect();
    // In an order that no index has.
    ids.sort_unstable_by_key(|id| {
        id.bytes()
            .fold(0, |seed: u32, byte| seed.wrapping_mul(31).wrapping_add(byte.into()))
    });
    let (rates, [twenty, thousand]) = rounds(bench, &serving, export, &ids)?;
    println!(
        "\nUsers a second over one connection, medians of {} rounds: {rates:.0} by single look-ups; exports of 20 {:.1} times \
         as many, of 1,000 {:.1} times",
        bench.plan.rounds, twenty, thousand
    );
    ratios.insert("export_20_vs_lookup".to_owned(), json!(rounded(twenty, 2)));
    ratios.insert("export_1000_vs_lookup".to_owned(), json!(rounded(thousand, 2)));
    report.insert(
        "export".to_owned(),
        json!({"lookupsPerSecond": rounded(rates, 0), "users": USERS}),
    );
    report.insert("refusals".to_owned(), refusals::measure(&serving)?);
    serving.stop()
}

/// A workspace of the largest paper with room for a thousand at once, and its key: made anew, since nobody keeps keys.
fn workspace(bench: &Bench<'_>) -> Outcome<String> {
    let known: Value = serde_json::from_str(&bench.program.output(&["workspace", "list", "--json"])?)?;
    if known
        .as_array()
        .is_some_and(|all| all.iter().any(|one| one["workspace"] == WORKSPACE))
    {
        bench.program.output(&["workspace", "remove", WORKSPACE])?;
    }
    let tenant = codes(LARGEST).join("/");
    let limits = ["--identifiers-per-payload", "1000", "--users-per-minute", "10000000"];
    let add = [&["workspace", "add", WORKSPACE, "--tenant", &tenant], &limits[..]].concat();
    bench.program.output(&add)
}

fn crid(person: u32) -> String {
    let mut id = Vec::new();
    write_crid(person, &mut id);
    String::from_utf8_lossy(&id).into_owned()
}

/// Look-ups a second, and how many times as many users exports of each size give.
fn rounds(bench: &Bench<'_>, serving: &Serving, mut export: Export, ids: &[String]) -> Outcome<(f64, [f64; 2])> {
    let token = headers(LARGEST, bench.tokens);
    // At once: a connection that says nothing for seconds is closed.
    export.ask(&ids[..SIZES[0]])?;
    let mut client = Client::connect(&serving.address)?;
    let mut single = Vec::new();
    let mut ratios = [Vec::new(), Vec::new()];
    for round in 0..=bench.plan.rounds {
        let from = usize::try_from(lot(round, 0))? % (ids.len() - USERS as usize);
        let ids = &ids[from..from + USERS as usize];
        let mut seconds = 0.0;
        for id in ids {
            let reply = client.get(&format!("/v4/Users/{}", encoded(id)), &token)?;
            seconds += reply.took.as_secs_f64();
            reply.good("a look-up by id")?;
        }
        let rate = f64::from(USERS) / seconds;
        let mut exported = [0.0; 2];
        for (size, exported) in SIZES.into_iter().zip(&mut exported) {
            let mut seconds = 0.0;
            for ids in ids.chunks(size) {
                seconds += export.ask(ids)?;
            }
            *exported = f64::from(USERS) / seconds;
        }
        // The first round warms everything up.
        if round > 0 {
            single.push(rate);
            for (ratios, exported) in ratios.iter_mut().zip(exported) {
                ratios.push(exported / rate);
            }
        }
    }
    Ok((median(single), ratios.map(median)))
}

/// A job's connection.
struct Export {
    client: Client,
    headers: String,
}

pub(super) fn export_headers(workspace: &str, key: &str) -> String {
    let credentials = BASE64_STANDARD.encode(format!("{workspace}:{key}"));
    format!("Authorization: Basic {credentials}\r\nContent-Type: application/json\r\n")
}

pub(super) fn body(ids: &[String]) -> String {
    let identifiers = ids
        .iter()
        .map(|id| json!({"identifier_type": "customer_id", "identifier": id}));
    json!({"identifiers": identifiers.collect::<Vec<_>>()}).to_string()
}

pub(super) fn target() -> String {
    format!("/v1/customers/export?app_id={WORKSPACE}")
}

impl Export {
    fn new(serving: &Serving, key: &str) -> Outcome<Self> {
        Ok(Self {
            client: Client::connect(&serving.address)?,
            headers: export_headers(WORKSPACE, key),
        })
    }

    /// How many seconds the export of these took, every one of whom must be found.
    fn ask(&mut self, ids: &[String]) -> Outcome<f64> {
        let reply = self.client.send("POST", &target(), &self.headers, &body(ids))?;
        let answer = reply.good("an export")?;
        let found = answer["data"]["users"].as_array().map_or(0, Vec::len);
        if found != ids.len() {
            return Err(format!("an export of {} found {found}", ids.len()).into());
        }
        Ok(reply.took.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_names_each_user() {
        assert_eq!(
            body(&["7".to_owned()]),
            r#"{"identifiers":[{"identifier":"7","identifier_type":"customer_id"}]}"#
        );
    }
}
