//! The customers export beside single look-ups, and whether a refusal's time tells which workspaces there are.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};

use super::client::{Client, encoded};
use super::figures::{median, number, rounded};
use super::people::{LARGEST, codes, lot, write_crid};
use super::requests::headers;
use super::server::Serving;
use super::whole::Bench;
use crate::shell::Outcome;

/// How many users are asked for in every round, in each way.
const USERS: u32 = 2_000;

/// How many an export asks for.
const SIZES: [usize; 2] = [20, 1_000];

/// How many calls are refused for each of the two reasons.
const REFUSALS: usize = 5_000;

const WORKSPACE: &str = "bench";

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
    report.insert("refusals".to_owned(), refusals(&serving)?);
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

fn export_headers(workspace: &str, key: &str) -> String {
    let credentials = BASE64_STANDARD.encode(format!("{workspace}:{key}"));
    format!("Authorization: Basic {credentials}\r\nContent-Type: application/json\r\n")
}

fn body(ids: &[String]) -> String {
    let identifiers = ids
        .iter()
        .map(|id| json!({"identifier_type": "customer_id", "identifier": id}));
    json!({"identifiers": identifiers.collect::<Vec<_>>()}).to_string()
}

fn target() -> String {
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

/// Refusals for a wrong key and for a workspace that there is not, in turn, and whether their times differ.
fn refusals(serving: &Serving) -> Outcome<Value> {
    // Names and keys of one length, so that what is sent is as long.
    let of = ["bench", "nobdy"].map(|workspace| export_headers(workspace, "mhk_of-no-worth"));
    let body = body(&["1".to_owned()]);
    let mut client = Client::connect(&serving.address)?;
    let mut times = [Vec::with_capacity(REFUSALS), Vec::with_capacity(REFUSALS)];
    for turn in 0..REFUSALS + 200 {
        // Each goes first as often as the other.
        for which in [turn % 2, 1 - turn % 2] {
            let reply = client.send("POST", &target(), &of[which], &body)?;
            if reply.status != 401 {
                return Err(format!("a stranger was answered {}", reply.status).into());
            }
            if turn >= 200 {
                times[which].push(reply.milliseconds() * 1_000.0);
            }
        }
    }
    let [wrong_key, no_workspace] = &times;
    let medians = times.each_ref().map(|times| median(times.iter().copied()));
    let probability = mann_whitney(wrong_key, no_workspace);
    println!(
        "Refusals, 2 x {REFUSALS} in turn, medians: a wrong key {:.1} us, no such workspace {:.1} us, difference {:+.2} us; \
         Mann-Whitney p = {probability:.3} ({})\n",
        medians[0],
        medians[1],
        medians[1] - medians[0],
        if probability < 0.01 {
            "they differ"
        } else {
            "no significant difference"
        }
    );
    Ok(json!({
        "calls": REFUSALS,
        "wrongKeyUs": rounded(medians[0], 2),
        "noSuchWorkspaceUs": rounded(medians[1], 2),
        "mannWhitneyP": rounded(probability, 4),
    }))
}

/// The probability that two samples of one distribution differ as much as these do, by the rank-sum test of Mann and
/// Whitney (1947) with its normal approximation, which some dozens of values suffice for.
fn mann_whitney(one: &[f64], other: &[f64]) -> f64 {
    let mut all: Vec<(f64, bool)> = one.iter().map(|value| (*value, true)).collect();
    all.extend(other.iter().map(|value| (*value, false)));
    all.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let count = |length: usize| number(u64::try_from(length).unwrap_or(u64::MAX));
    let mut ranks_of_one = 0.0;
    let mut at = 0;
    while at < all.len() {
        let tied = all[at..].iter().take_while(|(value, _)| *value <= all[at].0).count();
        // Those that are equal share the mean of their ranks, which count from one.
        let rank = count(at) + f64::midpoint(count(tied), 1.0);
        ranks_of_one += rank * count(all[at..at + tied].iter().filter(|(_, is_one)| *is_one).count());
        at += tied;
    }
    let (m, n) = (count(one.len()), count(other.len()));
    let u = ranks_of_one - m * (m + 1.0) / 2.0;
    let deviation = (m * n * (m + n + 1.0) / 12.0).sqrt();
    two_sided((u - m * n / 2.0) / deviation)
}

/// The two tails of the normal distribution beyond `z` (Abramowitz and Stegun 7.1.26, to seven digits).
fn two_sided(z: f64) -> f64 {
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let polynomial = [
        1.061_405_429,
        -1.453_152_027,
        1.421_413_741,
        -0.284_496_736,
        0.254_829_592,
    ];
    polynomial.iter().fold(0.0, |sum, factor| (sum + factor) * t) * (-x * x).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tails_are_those_of_the_tables() {
        for (z, tails) in [(0.0, 1.0), (1.0, 0.317_31), (-1.96, 0.05), (3.0, 0.002_7)] {
            assert!((two_sided(z) - tails).abs() < 1e-4, "{z}: {}", two_sided(z));
        }
    }

    #[test]
    fn samples_that_differ_are_told_from_those_that_do_not() {
        let ramp = |from: u32| (from..from + 200).map(f64::from).collect::<Vec<_>>();
        assert!(mann_whitney(&ramp(0), &ramp(0)) > 0.99);
        assert!(mann_whitney(&ramp(0), &ramp(2)) > 0.5);
        assert!(mann_whitney(&ramp(0), &ramp(60)) < 1e-6);
        assert!(mann_whitney(&[5.0; 40], &[5.0; 40]) > 0.99, "ties");
    }

    #[test]
    fn a_body_names_each_user() {
        assert_eq!(
            body(&["7".to_owned()]),
            r#"{"identifiers":[{"identifier":"7","identifier_type":"customer_id"}]}"#
        );
    }
}
