//! Every needle is timed on the largest paper; the slowest are timed again and told.

use serde_json::{Map, Value, json};

use super::buffers;
use super::client::Client;
use super::figures::{median, rounded};
use super::model;
use super::needles::{self, Needle};
use super::people::LARGEST;
use super::requests::headers;
use super::whole::Bench;
use crate::shell::Outcome;

/// How deep page numbers reach (the server's default for `search.max_depth`).
const MAX_DEPTH: u32 = 100_000;

/// How many of the slowest are timed again, so that noise does not choose.
const SHORT_LIST: usize = 30;

/// From so many milliseconds on, one run beside that which warms up is enough.
const SLOW: f64 = 250.0;

/// How many are told.
const TOLD: usize = 10;

/// A needle and what came of it.
pub(super) struct Timed {
    needle: Needle,
    /// Of the page alone, in milliseconds.
    page: f64,
    /// With the exact count, in milliseconds.
    counted: f64,
    total: Option<u64>,
    expected: u64,
    buffers: Option<u64>,
}

/// Times all needles and adds the slowest to the report, and to `failures` what was answered wrongly.
pub(super) fn measure(
    bench: &Bench<'_>,
    report: &mut Map<String, Value>,
    failures: &mut Vec<String>,
) -> Outcome<Vec<(String, f64)>> {
    let serving = bench.program.serve(&bench.folder.join("searches.log"), &[])?;
    let headers = headers(LARGEST, bench.tokens);
    let mut client = Client::connect(&serving.address)?;
    let all = needles::all(MAX_DEPTH.min(bench.plan.rows / 2));
    println!(
        "searches: {} needles on a paper of {} readers",
        all.len(),
        bench.plan.rows / 2
    );
    let mut refused = Vec::new();
    let mut survey = Vec::new();
    for (at, needle) in all.iter().enumerate() {
        if at > 0 && at.is_multiple_of(200) {
            println!("searches: {at} done");
        }
        match timed(&mut client, &headers, needle, "none", 3)? {
            Ok((took, _)) => survey.push((took, needle)),
            Err(refusal) => refusal.note(needle, &mut refused, failures),
        }
    }
    survey.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    let spread = [50, 90, 99].map(|percent| {
        survey
            .get(survey.len() * (100 - percent) / 100)
            .map_or(0.0, |(took, _)| *took)
    });

    // A deep page by number costs what lies before it; it would hide every needle if they were told together.
    let (deep, first): (Vec<_>, Vec<_>) = survey
        .into_iter()
        .map(|(_, needle)| needle)
        .partition(|needle| needle.page > 1);
    let mut chosen = Vec::new();
    for needle in first
        .into_iter()
        .take(SHORT_LIST)
        .chain(deep.into_iter().take(SHORT_LIST))
    {
        match again(bench, &mut client, &headers, needle)? {
            Ok(timed) => chosen.push(timed),
            Err(refusal) => refusal.note(needle, &mut refused, failures),
        }
    }
    serving.stop()?;
    failures.extend(chosen.iter().filter_map(Timed::fault));
    chosen.sort_by(|one, other| other.page.total_cmp(&one.page));
    let (mut deep, mut slowest): (Vec<_>, Vec<_>) = chosen.into_iter().partition(|timed| timed.needle.page > 1);
    for list in [&mut slowest, &mut deep] {
        list.truncate(TOLD);
        let targets: Vec<String> = list.iter().map(|timed| timed.needle.target("none")).collect();
        for (timed, buffers) in list.iter_mut().zip(buffers::touched(bench, &headers, &targets)?) {
            timed.buffers = buffers;
        }
    }
    let [p50, p90, p99] = spread;
    println!(
        "\n{} searches: half answered within {p50:.1} ms, 90 % {p90:.1}, 99 % {p99:.1}",
        all.len()
    );
    tell("The slowest first pages", &slowest);
    tell("The slowest deep pages by number", &deep);
    if !refused.is_empty() {
        println!("refused as too broad: {}\n", refused.join(" · "));
    }
    let as_json = |list: &[Timed]| list.iter().map(Timed::json).collect::<Vec<_>>();
    report.insert(
        "searches".to_owned(),
        json!({
            "needles": all.len(),
            "pageMsP50P90P99": spread.map(|ms| rounded(ms, 2)),
            "slowestPageMs": slowest.first().map(|timed| rounded(timed.page, 2)),
            "slowest": as_json(&slowest),
            "slowestDeepPagesByNumber": as_json(&deep),
            "refusedAsTooBroad": refused,
        }),
    );
    let told = slowest.iter().chain(&deep);
    Ok(told.map(|timed| (timed.needle.in_words(), timed.page)).collect())
}

/// An answer that was no 200: its status and the beginning of its body.
struct Refusal {
    status: u16,
    said: String,
}

impl Refusal {
    /// That a search is too broad for its time is an answer of the contract; anything else is a fault.
    fn note(self, needle: &Needle, refused: &mut Vec<String>, failures: &mut Vec<String>) {
        if self.status == 400 && self.said.contains("E400_90") {
            refused.push(needle.in_words());
        } else {
            failures.push(format!("{}: answered {} {}", needle.in_words(), self.status, self.said));
        }
    }
}

/// The median time in milliseconds of some runs after one to warm up, and the total that was told.
fn timed(
    client: &mut Client,
    headers: &str,
    needle: &Needle,
    count: &str,
    runs: u32,
) -> Outcome<Result<(f64, Option<u64>), Refusal>> {
    let target = needle.target(count);
    let (mut times, mut total) = (Vec::new(), None);
    let mut left = runs;
    for run in 0.. {
        if run > left {
            break;
        }
        let reply = client.get(&target, headers)?;
        if reply.status != 200 {
            let said = String::from_utf8_lossy(&reply.body).chars().take(200).collect();
            return Ok(Err(Refusal {
                status: reply.status,
                said,
            }));
        }
        if reply.milliseconds() > SLOW {
            // No bar is met by so much that noise would matter.
            left = left.min(1);
        }
        if run > 0 {
            times.push(reply.milliseconds());
        } else {
            total = serde_json::from_slice::<Value>(&reply.body)?["meta"]["totalRecords"].as_u64();
        }
    }
    Ok(Ok((median(times), total)))
}

fn again(bench: &Bench<'_>, client: &mut Client, headers: &str, needle: &Needle) -> Outcome<Result<Timed, Refusal>> {
    let page = match timed(client, headers, needle, "none", 9)? {
        Ok((page, _)) => page,
        Err(refusal) => return Ok(Err(refusal)),
    };
    Ok(
        timed(client, headers, needle, "exact", 3)?.map(|(counted, total)| Timed {
            needle: needle.clone(),
            page,
            counted,
            total,
            expected: model::total(bench.people, LARGEST, needle),
            buffers: None,
        }),
    )
}

fn tell(title: &str, list: &[Timed]) {
    println!("\n{title}");
    println!(
        "{:>9} {:>12} {:>9} {:>9}  needle",
        "page ms", "+ count ms", "matches", "buffers"
    );
    for timed in list {
        println!(
            "{:>9.1} {:>12.1} {:>9} {:>9}  {}",
            timed.page,
            timed.counted,
            timed.expected,
            timed
                .buffers
                .map_or_else(|| "–".to_owned(), |buffers| buffers.to_string()),
            timed.needle.in_words()
        );
    }
    println!();
}

impl Timed {
    /// What is wrong with the total that was told.
    fn fault(&self) -> Option<String> {
        let found = self.total.filter(|found| *found != self.expected)?;
        Some(format!(
            "{}: counted {found}, should be {}",
            self.needle.in_words(),
            self.expected
        ))
    }

    fn json(&self) -> Value {
        json!({
            "needle": self.needle.in_words(),
            "pageMs": rounded(self.page, 2),
            "withExactCountMs": rounded(self.counted, 2),
            "matches": self.expected,
            "buffers": self.buffers,
        })
    }
}
