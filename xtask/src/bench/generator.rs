//! The load: connections that are kept open, each sending its next request when its answer is there.
//!
//! It shares the machine with what it measures, so it must cost little: prepared bytes out, no more parsing than the
//! length of the answer, a close look at few answers, and no more than a write, a read and a share of a poll to each.

use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::connections::{Connections, Seen};
use super::figures::number;
use super::requests::{By, Requests};
use crate::shell::Outcome;

/// Connections are shared out among so many threads: one alone could not keep two cores busy.
const THREADS: usize = 2;

/// What is sent where, and for how long.
#[derive(Clone, Copy)]
pub(super) struct Load<'a> {
    pub(super) address: &'a str,
    pub(super) requests: &'a Requests,
    pub(super) by: By,
    /// Whether answers are those of Masthead; others are taken as they are.
    pub(super) looked_at: bool,
    pub(super) connections: usize,
    /// So many requests a second in all, as far as the answers let; `None` for as many as they let.
    pub(super) pace: Option<f64>,
    pub(super) warm_up: Duration,
    pub(super) time: Duration,
}

/// What came of a load, within its time alone.
pub(super) struct Measured {
    pub(super) requests: u64,
    /// All that were sent, the warm-up among them.
    pub(super) sent: u64,
    pub(super) per_second: f64,
    /// Microseconds.
    pub(super) latency: Histogram<u64>,
    /// CPU seconds used by each of the processes that were asked about, in their order.
    pub(super) cpu: Vec<f64>,
}

/// Runs a load to its end. `cpu` tells the CPU seconds of some processes so far.
///
/// # Errors
/// The first failure of any connection: a load with a wrong answer measures nothing.
pub(super) fn run(load: Load<'_>, cpu: &dyn Fn() -> Vec<f64>) -> Outcome<Measured> {
    let begins = Instant::now() + load.warm_up;
    let ends = begins + load.time;
    let threads = load.connections.min(THREADS);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                let numbers = (thread..load.connections).step_by(threads);
                // Of an error only the text may go from one thread to another.
                scope.spawn(move || several(load, numbers, begins..ends).map_err(|error| error.to_string()))
            })
            .collect();
        sleep_until(begins);
        let before = cpu();
        sleep_until(ends);
        let after = cpu();

        let mut all = Seen::nothing()?;
        for worker in workers {
            let seen = worker.join().map_err(|_| "a thread of the load panicked")??;
            all.latency.add(&seen.latency)?;
            all.sent += seen.sent;
        }
        let requests = all.latency.len();
        Ok(Measured {
            requests,
            sent: all.sent,
            per_second: number(requests) / load.time.as_secs_f64(),
            latency: all.latency,
            cpu: after.iter().zip(before).map(|(after, before)| after - before).collect(),
        })
    })
}

fn sleep_until(moment: Instant) {
    thread::sleep(moment.saturating_duration_since(Instant::now()));
}

/// The connections of one thread, to their end.
fn several(load: Load<'_>, numbers: impl Iterator<Item = usize>, time: Range<Instant>) -> Outcome<Seen> {
    let mut connections = Connections::open(load, numbers, time)?;
    connections.run()?;
    Ok(connections.seen)
}

impl Measured {
    /// A percentile in milliseconds.
    pub(super) fn percentile(&self, percent: f64) -> f64 {
        number(self.latency.value_at_percentile(percent)) / 1_000.0
    }
}
