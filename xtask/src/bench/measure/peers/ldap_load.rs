//! Closed-loop load over LDAP: each connection sends its next search when the last one has ended.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::time::timeout;

use super::super::cpu::CpuClock;
use super::super::statistics::to_f64;
use super::super::wrk::WrkResult;
use super::ldap_message::{LdapReply, bind_request, read_reply};
use crate::shell::TaskResult;

/// The longest wait for an answer, as that of wrk.
const PATIENCE: Duration = Duration::from_secs(30);

/// The searches of a load, and who binds.
pub(super) struct LdapSearches {
    pub(super) address: String,
    pub(super) name: String,
    pub(super) password: String,
    /// Encoded requests.
    pub(super) requests: Arc<[Vec<u8>]>,
}

/// A bound connection.
struct LdapConnection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// What one connection did; latencies in microseconds.
struct ConnectionResult {
    latencies: Histogram<u64>,
    failed: u64,
}

impl LdapSearches {
    /// Sends searches over so many connections; each draws its next one in turn from a place of its own.
    pub(super) fn run(&self, clock: CpuClock, connections: u32, seconds: u32) -> TaskResult<WrkResult> {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let before = clock.process_seconds(std::process::id());
        let (results, took) = runtime.block_on(async {
            let mut bound = Vec::new();
            for _ in 0..connections {
                bound.push(self.connect().await?);
            }
            let begun = Instant::now();
            let until = begun + Duration::from_secs(seconds.into());
            let step = (self.requests.len() / connections as usize).max(1);
            let tasks: Vec<_> = bound
                .into_iter()
                .enumerate()
                .map(|(at, connection)| {
                    let requests = Arc::clone(&self.requests);
                    tokio::spawn(async move { connection.search_until(until, &requests, at * step).await })
                })
                .collect();
            let mut results = Vec::new();
            for task in tasks {
                results.push(task.await??);
            }
            TaskResult::Ok((results, begun.elapsed()))
        })?;
        let cpu = clock.process_seconds(std::process::id()) - before;
        let mut latencies = new_histogram()?;
        let mut failed = 0;
        for result in results {
            latencies.add(&result.latencies)?;
            failed += result.failed;
        }
        let requests = latencies.len() - failed;
        let percentile = |percent| to_f64(latencies.value_at_percentile(percent)) / 1e3;
        Ok(WrkResult {
            requests,
            failed,
            per_second: to_f64(requests) / took.as_secs_f64(),
            cpu_us: cpu * 1e6 / to_f64(latencies.len().max(1)),
            p50: percentile(50.0),
            p99: percentile(99.0),
        })
    }

    /// How many entries each search finds, one after the other.
    ///
    /// # Errors
    /// When a search fails.
    pub(super) fn count_entries(&self) -> TaskResult<Vec<usize>> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut connection = self.connect().await?;
            let mut counts = Vec::new();
            for request in &*self.requests {
                match connection.exchange(request).await? {
                    (count, true) => counts.push(count),
                    (_, false) => return Err("a search failed".into()),
                }
            }
            Ok(counts)
        })
    }

    async fn connect(&self) -> TaskResult<LdapConnection> {
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        let mut connection = LdapConnection {
            stream,
            buffer: Vec::new(),
        };
        match connection.exchange(&bind_request(&self.name, &self.password)).await? {
            (_, true) => Ok(connection),
            (_, false) => Err("the bind failed".into()),
        }
    }
}

impl LdapConnection {
    async fn search_until(
        mut self,
        until: Instant,
        requests: &[Vec<u8>],
        first: usize,
    ) -> Result<ConnectionResult, String> {
        let mut result = ConnectionResult {
            latencies: new_histogram().map_err(|error| error.to_string())?,
            failed: 0,
        };
        for request in requests.iter().cycle().skip(first) {
            let begun = Instant::now();
            if begun >= until {
                break;
            }
            let (_, succeeded) = self.exchange(request).await?;
            result.failed += u64::from(!succeeded);
            let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
            result.latencies.saturating_record(micros);
        }
        Ok(result)
    }

    /// Sends a request; returns how many entries arrived before its end, and whether it succeeded.
    async fn exchange(&mut self, request: &[u8]) -> Result<(usize, bool), String> {
        let exchange = async {
            self.stream
                .write_all(request)
                .await
                .map_err(|error| error.to_string())?;
            let mut entries = 0;
            loop {
                while let Some((reply, length)) = read_reply(&self.buffer)? {
                    self.buffer.drain(..length);
                    match reply {
                        LdapReply::Entry => entries += 1,
                        LdapReply::End(succeeded) => return Ok((entries, succeeded)),
                    }
                }
                let read = self.stream.read_buf(&mut self.buffer).await;
                if read.map_err(|error| error.to_string())? == 0 {
                    return Err("the server closed the connection".to_owned());
                }
            }
        };
        timeout(PATIENCE, exchange)
            .await
            .map_err(|_| "the server did not answer in time".to_owned())?
    }
}

/// Up to a minute, to three digits.
fn new_histogram() -> TaskResult<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, 60_000_000, 3)?)
}
