//! Closed-loop load by `wrk`: each connection sends its next request when its answer has arrived.

use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use masthead_dev_postgres::workspace;
use serde_json::Value;

use super::http::HeaderList;
use super::statistics::to_f64;
use crate::shell::{TaskResult, output};

/// Connections are shared between so many threads: one could not keep two processors busy.
const THREADS: u32 = 2;

/// In a request, stands for sixteen digits that no other request has.
pub(super) const UNIQUE: &str = "{unique--number}";

/// The requests of a load, written to files that `wrk.lua` reads. Each request is a head, a key and a tail.
#[derive(Default)]
pub(super) struct WrkRequests(PathBuf);

/// What `wrk` reports of a run.
pub(super) struct WrkResult {
    /// Answers without an error status.
    pub(super) requests: u64,
    /// Answers with an error status, and requests whose connection broke.
    pub(super) failed: u64,
    /// Answers without an error status.
    pub(super) per_second: f64,
    /// CPU time of `wrk` itself, in microseconds a request.
    pub(super) cpu_us: f64,
    /// Milliseconds.
    pub(super) p50: f64,
    pub(super) p99: f64,
}

/// Checks that `wrk` can be started.
pub(super) fn require_wrk() -> TaskResult {
    match Command::new("wrk").arg("-v").stdout(Stdio::null()).status() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err("the program `wrk` is missing: install the package `wrk` (apt-get install wrk)".into())
        }
        other => Ok(other.map(drop)?),
    }
}

/// What follows the key in a GET request: the rest of the target, and the headers.
pub(super) fn request_tail(target: &str, headers: &HeaderList) -> String {
    let mut tail = format!("{target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n");
    for (name, value) in headers {
        // Writing to a string does not fail.
        let _ = write!(tail, "{name}: {value}\r\n");
    }
    tail + "\r\n"
}

impl WrkRequests {
    /// GET requests of one user of one tenant each: `keys` yields the key in the target and the number of its tail.
    pub(super) fn write(
        folder: &Path,
        name: &str,
        head: &str,
        keys: impl Iterator<Item = (u32, String)>,
        tails: &[String],
    ) -> TaskResult<Self> {
        let mut lines = String::new();
        for (tail, key) in keys {
            writeln!(lines, "{tail:03}{key}")?;
        }
        let keys = folder.join(format!("{name}.keys"));
        fs::write(&keys, lines)?;
        // Rust's quoting of ASCII text is also Lua's.
        let keys = keys.display().to_string();
        let mut script = format!("return {{ keys = {keys:?}, head = {head:?}, tails = {{\n");
        for (number, tail) in tails.iter().enumerate() {
            writeln!(script, "[\"{number:03}\"] = {tail:?},")?;
        }
        script.push_str("} }\n");
        let file = folder.join(format!("{name}.lua"));
        fs::write(&file, script)?;
        Ok(Self(file))
    }

    /// Requests that are written out: a head, the body of each, and a length that is the same for all.
    pub(super) fn write_posts(
        folder: &Path,
        name: &str,
        target: &str,
        headers: &HeaderList,
        bodies: &[String],
    ) -> TaskResult<Self> {
        // JSON may end in blanks, so that all bodies have one length.
        let length = bodies.iter().map(String::len).max().unwrap_or_default();
        let mut headers = headers.clone();
        headers.push(("Content-Length", length.to_string()));
        let head = format!("POST {}", request_tail(target, &headers));
        let keys = bodies
            .iter()
            .map(|body| (0, body.clone() + &" ".repeat(length - body.len())));
        Self::write(folder, name, &head, keys, &[String::new()])
    }

    /// Runs a load, at `pace` requests a second at most if there is one.
    ///
    /// # Errors
    /// When an answer has an error status or a connection fails: such a load measures nothing.
    pub(super) fn run(
        &self,
        address: &str,
        connections: u32,
        seconds: u32,
        pace: Option<f64>,
    ) -> TaskResult<WrkResult> {
        let result = self.run_counting_failures(address, connections, seconds, pace)?;
        match result.failed {
            0 => Ok(result),
            failed => Err(format!("{failed} of {} answers were errors", failed + result.requests).into()),
        }
    }

    /// Runs a load some of whose answers may be errors, at `pace` requests a second at most if there is one.
    pub(super) fn run_counting_failures(
        &self,
        address: &str,
        connections: u32,
        seconds: u32,
        pace: Option<f64>,
    ) -> TaskResult<WrkResult> {
        let threads = connections.min(THREADS);
        let pace = pace.unwrap_or_default() / f64::from(threads);
        let mut command = Command::new("wrk");
        command
            .args([
                format!("-t{threads}"),
                format!("-c{connections}"),
                format!("-d{seconds}s"),
            ])
            .args(["--timeout", "30s", "--script"])
            .arg(workspace().join("xtask/src/bench/measure/wrk.lua"))
            .arg(format!("http://{address}"))
            .env("BENCH_REQUESTS", &self.0)
            .env("BENCH_THREADS", threads.to_string())
            .env("BENCH_PACE", pace.to_string());
        parse(&output(&mut command)?)
    }
}

fn parse(printed: &str) -> TaskResult<WrkResult> {
    let line = printed
        .lines()
        .rfind(|line| line.starts_with('{'))
        .ok_or("wrk printed no summary")?;
    let summary: Value = serde_json::from_str(line)?;
    let figure = |name: &str| summary[name].as_f64().ok_or_else(|| format!("wrk reports no {name}"));
    let count = |name: &str| summary[name].as_u64().ok_or_else(|| format!("wrk reports no {name}"));
    let (answers, errors) = (count("requests")?, count("badStatus")?);
    let requests = answers.saturating_sub(errors);
    Ok(WrkResult {
        requests,
        failed: errors + count("brokenConnections")?,
        per_second: to_f64(requests) * 1e6 / figure("microseconds")?,
        cpu_us: figure("cpu")? / figure("requests")?.max(1.0),
        p50: figure("p50")? / 1e3,
        p99: figure("p99")? / 1e3,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_answers_are_counted_apart() {
        let good = r#"{"requests":3000,"microseconds":1500000,"cpu":9000,"p50":1500,"p99":9000,"badStatus":0,"brokenConnections":0}"#;
        let result = parse(&format!("Running 1s test\n\n{good}\n")).unwrap();
        assert!((result.per_second - 2_000.0).abs() < 1e-6 && (result.p50 - 1.5).abs() < 1e-6);
        let failed = good.replace("badStatus\":0", "badStatus\":750");
        let failed = parse(&failed.replace("Connections\":0", "Connections\":1")).unwrap();
        assert_eq!((failed.requests, failed.failed), (2_250, 751));
        assert!((failed.per_second - 1_500.0).abs() < 1e-6);
        assert!(parse("unable to connect").is_err());
    }
}
