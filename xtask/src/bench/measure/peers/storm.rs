//! Look-ups of all papers beside a storm of broad searches of one paper.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::super::context::BenchContext;
use super::super::http::BlockingClient;
use super::super::paced::{Latencies, run_paced};
use super::super::report::BenchReport;
use super::super::server_process::ServerProcess;
use super::super::statistics::{median, round_to, to_f64};
use super::super::users::{InventedUser, hash};
use super::super::wrk::WrkRequests;
use crate::shell::TaskResult;

/// Over so many connections the look-ups are sent, so that a slow answer delays few others, and so many connections search.
const LOOKUP_CONNECTIONS: u32 = 64;
const STORM_CONNECTIONS: u32 = 16;

const PERCENTILES: [f64; 3] = [50.0, 90.0, 99.0];

/// What a load of look-ups reached.
struct PacedLookups {
    /// Milliseconds, by [`PERCENTILES`].
    percentiles: [f64; 3],
    /// How many were answered with 200 in time, of those that were due.
    answered_share: f64,
}

/// Measures look-ups at a quarter of `capacity` (requests a second), alone and beside the storm, in turn.
pub(super) fn measure(
    context: &BenchContext<'_>,
    report: &mut BenchReport,
    server: &ServerProcess,
    storm: &WrkRequests,
    capacity: f64,
) -> TaskResult {
    // Each connection has a whole number of requests a second.
    let pace = format!("{:.0}", capacity / 4.0 / f64::from(LOOKUP_CONNECTIONS))
        .parse::<u32>()?
        .max(1);
    let seconds = context.plan.seconds;
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..context.plan.rounds {
        alone.push(look_up(context, server, pace)?);
        beside.push(thread::scope(|scope| {
            let searching = scope.spawn(|| {
                let ran = storm.run_counting_failures(&server.address, STORM_CONNECTIONS, seconds + 2, None);
                ran.map_err(|error| error.to_string())
            });
            thread::sleep(Duration::from_secs(1));
            let measured = look_up(context, server, pace);
            searching.join().map_err(|_| "the storm panicked")??;
            measured
        })?);
        context.database.wait_until_idle()?;
        context.database.remove_events()?;
    }
    let ratios = alone.iter().zip(&beside);
    let ratio = |at: usize| {
        round_to(
            median(
                ratios
                    .clone()
                    .map(|(one, other)| other.percentiles[at] / one.percentiles[at]),
            ),
            2,
        )
    };
    report.add_ratio("lookup_p50_beside_search_storm_vs_alone", ratio(0));
    report.add_ratio("lookup_p99_beside_search_storm_vs_alone", ratio(2));
    report.print_section(
        "storm",
        json!({
            "lookUpsASecond": pace * LOOKUP_CONNECTIONS, "searchConnections": STORM_CONNECTIONS,
            "alone": to_json(&alone), "besideStorm": to_json(&beside),
        }),
    );
    Ok(())
}

/// Looks users of all papers up, at the same pace over each connection. Latencies count from the moment at which a request
/// was due, and what is not answered by the end counts as unanswered.
fn look_up(context: &BenchContext<'_>, server: &ServerProcess, pace: u32) -> TaskResult<PacedLookups> {
    let errors = AtomicU64::new(0);
    let lasting = Duration::from_secs(context.plan.seconds.into());
    let one_connection = |number: u32| -> TaskResult<Latencies> {
        let mut client = BlockingClient::connect(&server.address)?;
        let begun = Instant::now();
        let mut draw = 0;
        run_paced(
            pace,
            || Ok(begun.elapsed() >= lasting),
            || {
                draw += 1;
                let drawn = hash(number << 24 | draw, 97) % u64::from(context.plan.rows);
                let user = InventedUser(u32::try_from(drawn)?);
                let target = format!("/v4/Users?email={}", user.email());
                let reply = client.get(&target, &context.tenant_headers(user.tenant()))?;
                errors.fetch_add(u64::from(reply.status != 200), Ordering::Relaxed);
                Ok(())
            },
        )
    };
    let all = thread::scope(|scope| {
        let threads: Vec<_> = (0..LOOKUP_CONNECTIONS)
            .map(|number| scope.spawn(move || one_connection(number).map_err(|error| error.to_string())))
            .collect();
        let mut all: Option<Latencies> = None;
        for thread in threads {
            let latencies = thread.join().map_err(|_| "a thread of look-ups panicked")??;
            match &mut all {
                Some(all) => all.add(&latencies)?,
                None => all = Some(latencies),
            }
        }
        TaskResult::Ok(all)
    })?;
    let all = all.ok_or("no look-ups were measured")?;
    let due = u64::from(pace * LOOKUP_CONNECTIONS * context.plan.seconds);
    let answered = all.count().saturating_sub(errors.into_inner());
    Ok(PacedLookups {
        percentiles: PERCENTILES.map(|percent| all.percentile(percent)),
        answered_share: (to_f64(answered) / to_f64(due.max(1))).min(1.0),
    })
}

fn to_json(rounds: &[PacedLookups]) -> Value {
    let percentile = |at: usize| round_to(median(rounds.iter().map(|round| round.percentiles[at])), 3);
    json!({
        "p50Ms": percentile(0), "p90Ms": percentile(1), "p99Ms": percentile(2),
        "answeredShare": round_to(median(rounds.iter().map(|round| round.answered_share)), 4),
    })
}
