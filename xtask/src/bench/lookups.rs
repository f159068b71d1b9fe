//! Exact look-ups at 64 connections, in rounds, beside pgbench and a bare hyper.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::client::Client;
use super::figures::{number, rounded};
use super::generator::{self, Load};
use super::hyper::BareHyper;
use super::people::People;
use super::pgbench::{self, PgBench};
use super::requests::{By, headers};
use super::server::Serving;
use super::table::{Line, Round, in_words, meters, ratio};
use super::whole::Bench;
use crate::shell::Outcome;

/// As many clients as a busy paper's machines keep open.
const CONNECTIONS: u32 = 64;

/// How long events that wait may take to be written after a round.
const EVENTS: Duration = Duration::from_secs(15);

const EMAIL: &str = "Masthead, by e-mail";
const ID: &str = "Masthead, by id";
const PGBENCH: &str = "pgbench -M prepared, by e-mail, no HTTP";
const HELLO: &str = "bare hyper, \"hello\"";
const STATIC: &str = "bare hyper, the same bytes";
const PACED: &str = "bare hyper, the same bytes, as often as Masthead";

/// Runs the rounds and adds what they gave to the report, and to `failures` what the server left undone for its speed.
pub(super) fn measure(
    bench: &Bench<'_>,
    report: &mut Map<String, Value>,
    ratios: &mut Map<String, Value>,
    failures: &mut Vec<String>,
) -> Outcome<Vec<Line>> {
    let serving = bench.program.serve(&bench.folder.join("server.log"), &[])?;
    let answer = sample(bench, &serving)?;
    let hello = BareHyper::start(&bench.folder.join("hello.txt"), b"hello")?;
    let same = BareHyper::start(&bench.folder.join("same.json"), &answer)?;
    println!("finding the best number of clients for pgbench");
    let pgbench = PgBench::ready(bench)?;
    println!("{}", pgbench.tried_in_words());

    let mut lines = [
        Line::new(EMAIL, CONNECTIONS),
        Line::new(ID, CONNECTIONS),
        Line::new(PGBENCH, pgbench.clients),
        Line::new(HELLO, CONNECTIONS),
        Line::new(STATIC, CONNECTIONS),
        Line::new(PACED, CONNECTIONS),
    ];
    let mut kept = Kept::default();
    for round in 1..=bench.plan.rounds {
        println!("look-ups, round {round} of {}", bench.plan.rounds);
        let [email, id, plain, hi, bytes, paced] = &mut lines;
        let by_email = masthead(bench, &serving, By::Email, &mut kept)?;
        // A server that is never idle need not be woken for each request: what waking costs shows at an equal pace only.
        paced.rounds.push(bare(bench, &same, Some(by_email.per_second))?);
        email.rounds.push(by_email);
        plain.rounds.push(of_pgbench(bench, &pgbench)?);
        bytes.rounds.push(bare(bench, &same, None)?);
        id.rounds.push(masthead(bench, &serving, By::Id, &mut kept)?);
        hi.rounds.push(bare(bench, &hello, None)?);
    }
    serving.stop()?;

    println!(
        "\nExact look-ups among {} registrations, {} bytes of JSON, medians of {} rounds",
        bench.plan.rows,
        answer.len(),
        bench.plan.rounds
    );
    println!("{}", in_words(&lines, Some(PGBENCH)));
    println!("{}\n", kept.in_words());
    failures.extend((kept.events < kept.requests).then(|| kept.in_words()));
    let [email, id, plain, hi, bytes, paced] = &lines;
    let rate = |round: &Round| Some(round.per_second);
    let named = [
        ("exact_email_vs_pgbench", ratio(email, plain, rate)),
        ("exact_id_vs_pgbench", ratio(id, plain, rate)),
        (
            "cpu_per_lookup_vs_hyper_static",
            ratio(email, bytes, |round| round.server_us),
        ),
        (
            "cpu_per_lookup_vs_hyper_static_at_its_pace",
            ratio(email, paced, |round| round.server_us),
        ),
        (
            "cpu_per_id_lookup_vs_hyper_static",
            ratio(id, bytes, |round| round.server_us),
        ),
        (
            "postgres_cpu_per_lookup_vs_pgbench",
            ratio(email, plain, |round| round.database_us),
        ),
        ("exact_email_vs_hyper_static", ratio(email, bytes, rate)),
        ("exact_email_vs_hyper_hello", ratio(email, hi, rate)),
    ];
    ratios.extend(named.into_iter().map(|(name, value)| (name.to_owned(), json!(value))));
    report.insert("lookups".to_owned(), lines.iter().map(Line::json).collect());
    report.insert("answerBytes".to_owned(), json!(answer.len()));
    report.insert("kept".to_owned(), kept.json());
    report.insert(
        "pgbench".to_owned(),
        json!({"command": pgbench.words(), "statement": pgbench::statement(), "tried": pgbench.tried}),
    );
    Ok(lines.into())
}

/// The body of one answer, for the hyper that says the same.
fn sample(bench: &Bench<'_>, serving: &Serving) -> Outcome<Vec<u8>> {
    let number = 0;
    let target = format!("/v4/Users?email={}", People::person(number).email());
    let headers = headers(super::people::tenant_of(number), bench.tokens);
    let reply = Client::connect(&serving.address)?.get(&target, &headers)?;
    let answer = reply.good("a look-up by e-mail")?;
    if answer["meta"]["totalRecords"] != 1 {
        return Err(format!(
            "a look-up by e-mail found something else than one user: {}",
            answer["meta"]
        )
        .into());
    }
    Ok(reply.body)
}

/// A round of the server itself. It begins and ends with no event waiting and an empty log.
fn masthead(bench: &Bench<'_>, serving: &Serving, by: By, kept: &mut Kept) -> Outcome<Round> {
    serving.take_log()?;
    bench.database.forget_events()?;
    let load = bench.load(&serving.address, by, true, CONNECTIONS, bench.plan.seconds);
    let measured = generator::run(load, &meters(bench.accounts, Some(serving.process()), bench.postmaster))?;
    kept.requests += measured.sent;
    kept.events += events_of(bench, measured.sent)?;
    kept.log_lines += serving.take_log()?;
    Ok(Round::of(&measured, true))
}

/// Waits until every event is written, or none has come for a while, and clears them away.
fn events_of(bench: &Bench<'_>, expected: u64) -> Outcome<u64> {
    let begun = Instant::now();
    let mut seen = u64::MAX;
    loop {
        let count = bench.database.run("SELECT count(*) FROM events")?;
        let count: u64 = count.parse()?;
        if count >= expected || count == seen || begun.elapsed() > EVENTS {
            return bench.database.forget_events();
        }
        seen = count;
        std::thread::sleep(Duration::from_millis(1_500));
    }
}

fn of_pgbench(bench: &Bench<'_>, pgbench: &PgBench) -> Outcome<Round> {
    let used = || bench.postmaster.map(|process| bench.accounts.of_family(process));
    let before = used();
    let run = pgbench.run(bench.plan.seconds)?;
    let statements = run.per_second * f64::from(bench.plan.seconds);
    Ok(Round {
        per_second: run.per_second,
        p50: run.latency,
        database_us: used()
            .zip(before)
            .map(|(after, before)| (after - before) * 1e6 / statements),
        ..Round::default()
    })
}

fn bare(bench: &Bench<'_>, hyper: &BareHyper, pace: Option<f64>) -> Outcome<Round> {
    let load = Load {
        pace,
        looked_at: false,
        ..bench.load(&hyper.address, By::Email, false, CONNECTIONS, bench.plan.seconds)
    };
    let measured = generator::run(load, &meters(bench.accounts, Some(hyper.process()), None))?;
    Ok(Round::of(&measured, false))
}

/// Whether the server did its other duties meanwhile.
#[derive(Default)]
struct Kept {
    requests: u64,
    events: u64,
    log_lines: u64,
}

impl Kept {
    fn share(&self, part: u64) -> f64 {
        rounded(number(part) / number(self.requests.max(1)), 4)
    }

    fn in_words(&self) -> String {
        format!(
            "while it was measured the server wrote {} of its {} read events and {} log lines",
            self.events, self.requests, self.log_lines
        )
    }

    fn json(&self) -> Value {
        json!({
            "requests": self.requests,
            "eventsWritten": self.share(self.events),
            "logLines": self.share(self.log_lines),
        })
    }
}
