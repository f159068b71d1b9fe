//! Loads that take turns, round after round, their medians and ratios, and the table of them.

use serde_json::{Value, json};

use super::answer_sample::AnswerSample;
use super::context::BenchContext;
use super::pgbench::PgBench;
use super::report::BenchReport;
use super::server_process::ServerProcess;
use super::statistics::{median, round_to, to_f64};
use super::wrk::{WrkRequests, WrkResult};
use crate::shell::TaskResult;

/// How long each load runs before it is measured, in seconds.
const WARM_UP: u32 = 1;

/// What one round reached; CPU times in microseconds a request.
#[derive(Debug, Clone, Default)]
pub(super) struct Round {
    per_second: f64,
    /// Milliseconds. Of pgbench it is the mean.
    p50: f64,
    p99: Option<f64>,
    /// Of the server's process.
    server_us: Option<f64>,
    /// Of all processes of Postgres.
    database_us: Option<f64>,
    /// Of the program that sends the load.
    load_us: Option<f64>,
    /// The share of answers that were errors; only of loads that go on after one.
    failed_share: Option<f64>,
}

/// A figure of a round, if it was measured.
pub(super) type Figure = fn(&Round) -> Option<f64>;

/// Requests a second.
pub(super) const RATE: Figure = |round| Some(round.per_second);

/// The median latency.
pub(super) const LATENCY: Figure = |round| Some(round.p50);

/// CPU time of the server and of Postgres.
pub(super) const SERVER_CPU: Figure = |round| round.server_us;
pub(super) const DATABASE_CPU: Figure = |round| round.database_us;

/// The share of answers that were errors, from 0 to 1.
pub(super) const FAILED_SHARE: Figure = |round| round.failed_share;

/// The columns of the table: heading, name in the JSON, digits, figure.
const COLUMNS: [(&str, &str, usize, Figure); 7] = [
    ("requests/s", "requestsPerSecond", 0, RATE),
    ("p50 ms", "p50Ms", 3, LATENCY),
    ("p99 ms", "p99Ms", 3, |round| round.p99),
    ("server µs", "serverCpuUsPerRequest", 2, SERVER_CPU),
    ("pg µs", "postgresCpuUsPerRequest", 2, DATABASE_CPU),
    ("load µs", "loadCpuUsPerRequest", 2, |round| round.load_us),
    ("errors", "failedShare", 4, FAILED_SHARE),
];

/// One load, and what it reached in each round.
pub(super) struct Contender<'a> {
    name: &'static str,
    connections: u32,
    load: Load<'a>,
    pace_of: Option<usize>,
    rounds: Vec<Round>,
    /// What Masthead wrote beside its answers.
    pub(super) written: WrittenRecords,
}

/// What a contender does.
#[derive(Clone, Copy)]
pub(super) enum Load<'a> {
    /// Runs pgbench with its best number of clients.
    PgBench(&'a PgBench),
    /// Sends requests to a Masthead on the database of the bench, and compares a sample of answers with the database.
    Masthead(&'a WrkRequests, &'a ServerProcess, &'a AnswerSample),
    /// Sends requests to another server: its address and process.
    Other(&'a WrkRequests, &'a str, u32),
    /// Sends requests to a server that may fail to answer some.
    Peer(&'a dyn PeerLoad),
}

/// A server that is measured beside other ones although some of its answers may be errors, and the load for it.
pub(super) trait PeerLoad {
    /// Sends the load.
    fn run(&self, connections: u32, seconds: u32) -> TaskResult<WrkResult>;

    /// The server's process, whose children belong to it.
    fn process(&self) -> u32;

    /// Waits until the audit events of so many answers are written, removes them with the log's lines, and returns how many
    /// there were of each; `None` for a server that writes none.
    fn take_written(&self, answers: u64) -> TaskResult<Option<(u64, u64)>>;
}

/// Answered requests, and the events and log lines that the server wrote for them.
#[derive(Debug, Default)]
pub(super) struct WrittenRecords {
    pub(super) requests: u64,
    pub(super) events: u64,
    pub(super) log_lines: u64,
}

impl<'a> Contender<'a> {
    pub(super) fn new(name: &'static str, connections: u32, load: Load<'a>) -> Self {
        Self {
            name,
            connections,
            load,
            pace_of: None,
            rounds: Vec::new(),
            written: WrittenRecords::default(),
        }
    }

    /// Never exceeds the rate that the contender at this place reached in the same round.
    pub(super) const fn at_pace_of(mut self, place: usize) -> Self {
        self.pace_of = Some(place);
        self
    }

    fn measure(&mut self, context: &BenchContext<'_>, pace: Option<f64>) -> TaskResult<Round> {
        let seconds = context.plan.seconds;
        let (requests, address, process, masthead) = match self.load {
            Load::PgBench(pgbench) => return measure_pgbench(context, pgbench, seconds),
            Load::Peer(peer) => return self.measure_peer(context, peer),
            Load::Masthead(requests, server, sample) => {
                server.take_log()?;
                context.database.remove_events()?;
                (requests, &*server.address, server.process(), Some((server, sample)))
            }
            Load::Other(requests, address, process) => (requests, address, process, None),
        };
        let run = |seconds| requests.run(address, self.connections, seconds, pace);
        let warm_up = run(WARM_UP)?;
        let used = || [context.clock.process_seconds(process), context.database_seconds()];
        let before = used();
        let (result, checked) = match masthead {
            Some((_, sample)) => sample.check_during(address, || run(seconds))?,
            None => (run(seconds)?, 0),
        };
        let after = used();
        let answered = result.requests + checked;
        if let Some((server, _)) = masthead {
            let all = answered + warm_up.requests;
            self.written.requests += all;
            self.written.events += context.database.take_events(all)?;
            self.written.log_lines += server.take_log()?;
        }
        let [server_us, database_us] = [0, 1].map(|at| (after[at] - before[at]) * 1e6 / to_f64(answered.max(1)));
        Ok(Round {
            per_second: result.per_second,
            p50: result.p50,
            p99: Some(result.p99),
            server_us: Some(server_us),
            database_us: masthead.map(|_| database_us),
            load_us: Some(result.cpu_us),
            failed_share: None,
        })
    }

    /// Between the loads the database must have become idle: a server goes on with what callers no longer wait for.
    fn measure_peer(&mut self, context: &BenchContext<'_>, peer: &dyn PeerLoad) -> TaskResult<Round> {
        peer.run(self.connections, WARM_UP)?;
        context.database.wait_until_idle()?;
        peer.take_written(0)?;
        let used = || [context.clock.family_seconds(peer.process()), context.database_seconds()];
        let before = used();
        let result = peer.run(self.connections, context.plan.seconds)?;
        let after = used();
        context.database.wait_until_idle()?;
        if let Some((events, log_lines)) = peer.take_written(result.requests)? {
            self.written.requests += result.requests;
            self.written.events += events;
            self.written.log_lines += log_lines;
        }
        let per_answer = |at: usize| (after[at] - before[at]) * 1e6 / to_f64(result.requests.max(1));
        Ok(Round {
            per_second: result.per_second,
            p50: result.p50,
            p99: Some(result.p99),
            server_us: Some(per_answer(0)),
            database_us: context.postmaster.map(|_| per_answer(1)),
            load_us: Some(result.cpu_us),
            failed_share: Some(to_f64(result.failed) / to_f64((result.requests + result.failed).max(1))),
        })
    }

    /// The largest value of a figure over the rounds.
    pub(super) fn largest(&self, figure: Figure) -> Option<f64> {
        self.rounds.iter().filter_map(figure).max_by(f64::total_cmp)
    }

    /// The median of a figure over the rounds.
    pub(super) fn median(&self, figure: Figure) -> Option<f64> {
        let values: Vec<f64> = self.rounds.iter().filter_map(figure).collect();
        (!values.is_empty()).then(|| median(values))
    }

    fn to_json(&self) -> Value {
        let rounds = self.rounds.iter().map(|round| round_to(round.per_second, 0));
        let mut json =
            json!({"what": self.name, "connections": self.connections, "rounds": rounds.collect::<Vec<_>>()});
        for (_, name, digits, figure) in COLUMNS {
            json[name] = json!(self.median(figure).map(|value| round_to(value, digits)));
        }
        json
    }
}

fn measure_pgbench(context: &BenchContext<'_>, pgbench: &PgBench, seconds: u32) -> TaskResult<Round> {
    let before = context.database_seconds();
    let result = pgbench.run(seconds)?;
    let used = context.database_seconds() - before;
    Ok(Round {
        per_second: result.per_second,
        p50: result.latency,
        database_us: context
            .postmaster
            .map(|_| used * 1e6 / (result.per_second * f64::from(seconds))),
        ..Round::default()
    })
}

/// What is measured together, and how it is reported.
pub(super) struct LoadComparison<'a> {
    /// The section of the report.
    pub(super) section: &'a str,
    pub(super) title: &'a str,
    pub(super) ratios: &'a [Ratio<'a>],
    /// The last column of the table is the rate divided by that of this contender.
    pub(super) base: &'a str,
}

/// A figure of one contender, combined with that of another one.
pub(super) struct Ratio<'a>(
    pub(super) &'a str,
    pub(super) &'a str,
    pub(super) &'a str,
    pub(super) Figure,
    pub(super) fn(f64, f64) -> f64,
);

/// One figure divided by the other.
pub(super) const DIVIDED: fn(f64, f64) -> f64 = |one, other| one / other;

impl LoadComparison<'_> {
    /// Measures the contenders in turn, so that what else the machine does touches all, and reports them.
    pub(super) fn run(
        &self,
        context: &BenchContext<'_>,
        report: &mut BenchReport,
        contenders: &mut [Contender<'_>],
    ) -> TaskResult {
        for number in 1..=context.plan.rounds {
            for at in 0..contenders.len() {
                let paced = contenders[at].pace_of.and_then(|of| contenders[of].rounds.last());
                let pace = paced.map(|round| round.per_second);
                let contender = &mut contenders[at];
                let round = contender
                    .measure(context, pace)
                    .map_err(|error| format!("{}: {error}", contender.name))?;
                println!(
                    "round {number} of {}: {:.0} requests a second by {}, {} connections",
                    context.plan.rounds, round.per_second, contender.name, contender.connections
                );
                contender.rounds.push(round);
            }
        }
        self.report(report, contenders);
        Ok(())
    }

    fn report(&self, report: &mut BenchReport, contenders: &[Contender<'_>]) {
        println!(
            "\n{} (medians of the rounds)\n{}",
            self.title,
            table(contenders, self.base)
        );
        report.add_section(self.section, contenders.iter().map(Contender::to_json).collect());
        for Ratio(name, one, other, figure, combine) in self.ratios {
            report.add_ratio(name, json!(pairwise(contenders, one, other, *figure, *combine)));
        }
        let bars = contenders.iter().map(|contender| {
            let rate = contender.median(RATE).unwrap_or_default();
            let server = contender.median(SERVER_CPU);
            let server = server.map_or_else(String::new, |us| format!(" · {us:.1} µs CPU"));
            let label = format!("{} ({})", contender.name, contender.connections);
            (label, rate, format!("{rate:.0}{server}"))
        });
        let title = format!("{}: requests a second (connections)", self.title);
        report.add_chart(&title, &bars.collect::<Vec<_>>());
    }
}

/// The median over the rounds of a figure of two contenders, which were measured one after the other.
fn pairwise(
    contenders: &[Contender<'_>],
    one: &str,
    other: &str,
    figure: Figure,
    combine: fn(f64, f64) -> f64,
) -> Option<f64> {
    let rounds = |name: &str| Some(&contenders.iter().find(|contender| contender.name == name)?.rounds);
    let pairs = rounds(one)?.iter().zip(rounds(other)?);
    let combined = pairs.filter_map(|(one, other)| Some(combine(figure(one)?, figure(other)?)));
    let combined: Vec<f64> = combined.filter(|value| value.is_finite()).collect();
    (!combined.is_empty()).then(|| round_to(median(combined), 3))
}

fn table(contenders: &[Contender<'_>], base: &str) -> String {
    let mut table = format!("{:<50} {:>5}", "", "conns");
    table.extend(COLUMNS.map(|(heading, ..)| format!(" {heading:>10}")));
    table += "       ÷\n";
    for contender in contenders {
        let figures = COLUMNS.map(|(_, _, digits, figure)| {
            let value = contender.median(figure).map(|value| format!("{value:.digits$}"));
            format!(" {:>10}", value.unwrap_or_else(|| "–".to_owned()))
        });
        let ratio = pairwise(contenders, contender.name, base, RATE, DIVIDED);
        let ratio = ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
        let (name, connections) = (contender.name, contender.connections);
        table.extend([format!("{name:<50} {connections:>5}{} {ratio:>7}\n", figures.concat())]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratio_is_the_median_of_round_ratios() {
        let requests = WrkRequests::default();
        let contender = |name, rates: [f64; 3]| {
            let mut contender = Contender::new(name, 64, Load::Other(&requests, "", 0));
            contender.rounds = vec![Round::default(); 3];
            for (round, rate) in contender.rounds.iter_mut().zip(rates) {
                round.per_second = rate;
            }
            contender
        };
        let contenders = [contender("one", [10.0, 40.0, 30.0]), contender("other", [10.0; 3])];
        assert_eq!(pairwise(&contenders, "one", "other", RATE, DIVIDED), Some(3.0));
        assert_eq!(pairwise(&contenders, "one", "other", SERVER_CPU, DIVIDED), None);
        assert!(table(&contenders, "other").contains("3.00"));
    }
}
