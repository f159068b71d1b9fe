//! The load: connections that are kept open, each sending its next request when its answer is there.
//!
//! It shares the machine with what it measures, so it must cost little: prepared bytes out, no more parsing than the
//! length of the answer, and a close look at one answer in [`LOOKED_AT`].

use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime;

use super::answers;
use super::figures::number;
use super::requests::{By, Drawing, Requests};
use crate::shell::Outcome;

/// One answer in so many is read; of the others the status alone.
const LOOKED_AT: u64 = 128;

/// Connections are shared out among so many threads: one alone could not keep two cores busy.
const THREADS: usize = 2;

/// How much longer than it should a load may take before it is cut.
const PATIENCE: Duration = Duration::from_secs(30);

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

/// What one connection, or several, have seen.
struct Seen {
    latency: Histogram<u64>,
    sent: u64,
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
            .map(|thread| scope.spawn(move || several(load, thread, threads, begins, ends)))
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

/// The connections of one thread.
fn several(load: Load<'_>, thread: usize, threads: usize, begins: Instant, ends: Instant) -> Result<Seen, String> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let all = async {
        let connections = (thread..load.connections)
            .step_by(threads)
            .map(|number| one(load, u64::try_from(number).unwrap_or_default(), begins, ends));
        futures_util::future::try_join_all(connections).await
    };
    let cut = ends + PATIENCE;
    let seen = runtime
        .block_on(async { tokio::time::timeout_at(cut.into(), all).await })
        .map_err(|_| "the server stopped answering".to_owned())?
        .map_err(|error| error.to_string())?;
    let mut sum = Seen::nothing().map_err(|error| error.to_string())?;
    for one in seen {
        sum.latency.add(&one.latency).map_err(|error| error.to_string())?;
        sum.sent += one.sent;
    }
    Ok(sum)
}

/// One connection, until the end.
async fn one(load: Load<'_>, number: u64, begins: Instant, ends: Instant) -> Outcome<Seen> {
    let mut stream = TcpStream::connect(load.address).await?;
    stream.set_nodelay(true)?;
    let mut drawing = load.requests.draw(load.by, number);
    let mut seen = Seen::nothing()?;
    let mut buffer = Vec::with_capacity(16 * 1024);
    let step = load
        .pace
        .map(|pace| Duration::from_secs_f64(number_of(load.connections) / pace));
    let mut due = Instant::now();
    loop {
        if let Some(step) = step {
            // Who is late does not hurry: a pause is never made up for.
            due = (due + step).max(Instant::now());
            tokio::time::sleep_until(due.into()).await;
        }
        let sent = Instant::now();
        if sent >= ends {
            return Ok(seen);
        }
        stream.write_all(drawing.next()).await?;
        seen.sent += 1;
        let answer = read(&mut stream, &mut buffer).await?;
        let now = Instant::now();
        if answer.status != 200 {
            let body = String::from_utf8_lossy(&buffer[answer.head..answer.whole]);
            return Err(format!("{} answered {}: {body}", load.address, answer.status).into());
        }
        if load.looked_at && seen.sent % LOOKED_AT == 1 {
            look_at(&drawing, &buffer[answer.head..answer.whole])?;
        }
        if sent >= begins && now <= ends {
            let micros = u64::try_from((now - sent).as_micros()).unwrap_or(u64::MAX);
            seen.latency.saturating_record(micros.max(1));
        }
    }
}

fn number_of(connections: usize) -> f64 {
    number(u64::try_from(connections).unwrap_or_default())
}

async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Outcome<answers::Answer> {
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err("the server closed a connection before its answer was whole".into());
        }
        if let Some(answer) = answers::parse(buffer)?
            && buffer.len() >= answer.whole
        {
            if buffer.len() > answer.whole {
                return Err("the server sent more than one answer".into());
            }
            return Ok(answer);
        }
    }
}

fn look_at(drawing: &Drawing<'_>, body: &[u8]) -> Outcome {
    if drawing.is_answered_by(body) {
        return Ok(());
    }
    // Everybody here is invented: what was wrong may be shown.
    Err(format!("a wrong answer: {}", String::from_utf8_lossy(body)).into())
}

impl Seen {
    fn nothing() -> Outcome<Self> {
        Ok(Self {
            // Up to a minute, to three digits.
            latency: Histogram::new_with_bounds(1, 60_000_000, 3)?,
            sent: 0,
        })
    }
}

impl Measured {
    /// A percentile in milliseconds.
    pub(super) fn percentile(&self, percent: f64) -> f64 {
        number(self.latency.value_at_percentile(percent)) / 1_000.0
    }
}
