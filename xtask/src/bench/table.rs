//! Rounds of one contender, their medians, and the table of them.

use serde_json::{Value, json};

use super::cpu::Accounts;
use super::figures::{grouped, median, number, rounded};
use super::generator::Measured;

/// What one round gave; CPU times in microseconds a request.
#[derive(Debug, Clone, Default)]
pub(super) struct Round {
    pub(super) per_second: f64,
    /// Milliseconds. pgbench tells a mean only, which stands here.
    pub(super) p50: f64,
    pub(super) p99: Option<f64>,
    /// The server's process.
    pub(super) server_us: Option<f64>,
    /// All processes of Postgres.
    pub(super) database_us: Option<f64>,
    /// The load itself.
    pub(super) load_us: Option<f64>,
}

/// One contender, over all rounds.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) connections: u32,
    pub(super) rounds: Vec<Round>,
}

/// Tells the CPU time of the processes that matter, in the order in which [`Round::of`] takes them.
pub(super) fn meters(accounts: Accounts, server: Option<u32>, postmaster: Option<u32>) -> impl Fn() -> Vec<f64> {
    move || {
        vec![
            server.map_or(0.0, |process| accounts.of(process)),
            postmaster.map_or(0.0, |process| accounts.of_family(process)),
            accounts.of(std::process::id()),
        ]
    }
}

impl Round {
    /// What a load gave whose CPU was told by [`meters`].
    pub(super) fn of(measured: &Measured, with_database: bool) -> Self {
        let requests = number(measured.requests.max(1));
        let share = |at: usize| measured.cpu.get(at).map(|seconds| seconds * 1e6 / requests);
        Self {
            per_second: measured.per_second,
            p50: measured.percentile(50.0),
            p99: Some(measured.percentile(99.0)),
            server_us: share(0),
            database_us: share(1).filter(|_| with_database),
            load_us: share(2),
        }
    }
}

impl Line {
    pub(super) fn new(name: &'static str, connections: u32) -> Self {
        Self {
            name,
            connections,
            rounds: Vec::new(),
        }
    }

    /// The median of one figure over the rounds.
    pub(super) fn median(&self, figure: impl Fn(&Round) -> Option<f64>) -> Option<f64> {
        let values: Vec<f64> = self.rounds.iter().filter_map(figure).collect();
        (!values.is_empty()).then(|| median(values))
    }

    pub(super) fn per_second(&self) -> f64 {
        self.median(|round| Some(round.per_second)).unwrap_or_default()
    }

    pub(super) fn json(&self) -> Value {
        let figure = |of: fn(&Round) -> Option<f64>, digits| self.median(of).map(|value| rounded(value, digits));
        json!({
            "what": self.name,
            "connections": self.connections,
            "requestsPerSecond": figure(|round| Some(round.per_second), 0),
            "p50Ms": figure(|round| Some(round.p50), 3),
            "p99Ms": figure(|round| round.p99, 3),
            "serverCpuUsPerRequest": figure(|round| round.server_us, 2),
            "postgresCpuUsPerRequest": figure(|round| round.database_us, 2),
            "loadCpuUsPerRequest": figure(|round| round.load_us, 2),
            "rounds": self.rounds.iter().map(|round| rounded(round.per_second, 0)).collect::<Vec<_>>(),
        })
    }
}

/// The median over the rounds of one figure of `one` divided by that of `other`: rounds are neighbours in time, so that
/// what else the machine does touches both.
pub(super) fn ratio(one: &Line, other: &Line, figure: impl Fn(&Round) -> Option<f64>) -> Option<f64> {
    let pairs = one.rounds.iter().zip(&other.rounds);
    let ratios: Vec<f64> = pairs
        .filter_map(|(one, other)| Some(figure(one)? / figure(other)?))
        .filter(|ratio| ratio.is_finite())
        .collect();
    (!ratios.is_empty()).then(|| rounded(median(ratios), 3))
}

/// The lines as a table for a terminal; `base` is what the last column divides by.
pub(super) fn in_words(lines: &[Line], base: Option<&str>) -> String {
    let mut text = format!(
        "{:<46} {:>5} {:>10} {:>16} {:>10} {:>10} {:>10} {:>7}\n",
        "", "conns", "requests/s", "p50 / p99 ms", "server µs", "pg µs", "load µs", "÷"
    );
    let base = base.and_then(|base| lines.iter().find(|line| line.name == base));
    for line in lines {
        let micros =
            |of: fn(&Round) -> Option<f64>| line.median(of).map_or_else(|| "–".to_owned(), |us| format!("{us:.1}"));
        let p99 = line
            .median(|round| round.p99)
            .map_or_else(|| "–".to_owned(), |ms| format!("{ms:.2}"));
        text.extend([format!(
            "{:<46} {:>5} {:>10} {:>16} {:>10} {:>10} {:>10} {:>7}\n",
            line.name,
            line.connections,
            grouped(line.per_second()),
            format!(
                "{:.2} / {p99}",
                line.median(|round| Some(round.p50)).unwrap_or_default()
            ),
            micros(|round| round.server_us),
            micros(|round| round.database_us),
            micros(|round| round.load_us),
            base.and_then(|base| ratio(line, base, |round| Some(round.per_second)))
                .map_or_else(String::new, |ratio| format!("{ratio:.2}")),
        )]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &'static str, rates: &[f64]) -> Line {
        let mut line = Line::new(name, 64);
        line.rounds = rates
            .iter()
            .map(|rate| Round {
                per_second: *rate,
                ..Round::default()
            })
            .collect();
        line
    }

    #[test]
    fn a_ratio_is_the_median_of_the_rounds_ratios() {
        let (one, other) = (line("one", &[10.0, 40.0, 30.0]), line("other", &[10.0, 10.0, 10.0]));
        assert_eq!(ratio(&one, &other, |round| Some(round.per_second)), Some(3.0));
        assert_eq!(ratio(&one, &other, |round| round.server_us), None);
        assert!(in_words(&[one, other], Some("other")).contains("3.00"));
    }
}
