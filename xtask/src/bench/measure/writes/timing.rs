//! Whether the time of an answer shows that a reader is known.

use std::thread;

use serde_json::{Value, json};

use super::super::http::{BlockingClient, HeaderList};
use super::super::report::BenchReport;
use super::super::statistics::{median, round_to, signed_rank_p};
use super::super::users::hash;
use super::fixture::{RETURN_URL, WriteBench, address, unique};
use crate::shell::TaskResult;

/// How many pairs are measured of each call: one known and one unknown reader.
const PAIRS: u32 = 2_000;

/// How many of them at once where answers have a least time; hashes would wait for each other.
const FORGOTTEN_AT_ONCE: u32 = 16;

/// A call whose answer must not show whether a reader is known, by an address.
struct HidingCall {
    target: &'static str,
    body: fn(&str) -> Value,
    status: u16,
}

/// A wrong password; each reader has one failure, so that no limit answers.
const SIGN_IN: HidingCall = HidingCall {
    target: "/v4/Users/Authentication",
    body: |address| json!({"loginName": address, "password": "Not-the-password-7"}),
    status: 401,
};

const FORGOT: HidingCall = HidingCall {
    target: "/v4/Users/ForgotPassword",
    body: |address| json!({"loginName": address, "returnUrl": RETURN_URL}),
    status: 200,
};

/// Measures pairs of calls on one connection, in an order that is drawn: if the two are alike, the sign of their difference is
/// that draw. Below p = 0.01 they differ.
pub(super) fn measure(bench: &WriteBench<'_>, report: &mut BenchReport) -> TaskResult {
    let server = bench.program.serve(&bench.context.folder.join("writes.log"))?;
    let headers = bench.json_headers();
    for (name, call, at_once) in [
        ("signInTiming", &SIGN_IN, 1),
        ("forgotTiming", &FORGOT, FORGOTTEN_AT_ONCE),
    ] {
        let pairs = thread::scope(|scope| {
            let threads: Vec<_> = (0..at_once)
                .map(|first| {
                    let (headers, address) = (&headers, &*server.address);
                    let numbers = (1..=PAIRS).skip(first as usize).step_by(at_once as usize);
                    scope.spawn(move || {
                        measure_pairs(address, headers, call, numbers).map_err(|error| error.to_string())
                    })
                })
                .collect();
            let mut pairs = Vec::new();
            for thread in threads {
                pairs.extend(thread.join().map_err(|_| "a thread of calls panicked")??);
            }
            TaskResult::Ok(pairs)
        })?;
        let differences: Vec<f64> = pairs.iter().map(|[known, unknown]| known - unknown).collect();
        let of = |at: usize| round_to(median(pairs.iter().map(|pair| pair[at])), 3);
        report.print_section(
            name,
            json!({
                "pairs": pairs.len(), "knownMs": of(0), "unknownMs": of(1),
                "differenceMs": round_to(median(differences.iter().copied()), 4),
                "signedRankP": round_to(signed_rank_p(&differences), 4),
            }),
        );
    }
    server.stop()?;
    bench.context.database.remove_events().map(drop)
}

/// The times of a known and an unknown reader, in milliseconds.
fn measure_pairs(
    server: &str,
    headers: &HeaderList,
    call: &HidingCall,
    numbers: impl Iterator<Item = u32>,
) -> TaskResult<Vec<[f64; 2]>> {
    let mut client = BlockingClient::connect(server)?;
    let mut pairs = Vec::new();
    for number in numbers {
        // Of one length, so that all requests are equally long.
        let addresses = [address(number), format!("u-{}@writes.example", unique(number))];
        let first = usize::try_from(hash(number, 96) % 2)?;
        let mut pair = [0.0; 2];
        for at in [first, 1 - first] {
            let reply = client.send("POST", call.target, headers, (call.body)(&addresses[at]).to_string())?;
            if reply.status != call.status {
                return Err(format!("{}: status {} {}", call.target, reply.status, reply.excerpt()).into());
            }
            pair[at] = reply.milliseconds();
        }
        pairs.push(pair);
    }
    Ok(pairs)
}
