//! What a sign-in costs beside one Argon2id hash, and look-ups beside a storm of sign-ins.

use std::thread;
use std::time::{Duration, Instant};

use argon2::Argon2;
use serde_json::{Value, json};

use super::super::http::BlockingClient;
use super::super::lookups::email_requests;
use super::super::report::BenchReport;
use super::super::server_process::ServerProcess;
use super::super::statistics::{median, round_to};
use super::super::wrk::{WrkRequests, WrkResult};
use super::fixture::{PASSWORD, USERS, WriteBench, address};
use crate::shell::TaskResult;

const TARGET: &str = "/v4/Users/Authentication";

/// How many sign-ins and hashes are compared, so many at a time in turn.
const COMPARED: u32 = 400;
const IN_TURN: u32 = 20;

/// How many connections look users up, and how many sign in beside them.
const LOOKUP_CONNECTIONS: u32 = 64;
const STORM_CONNECTIONS: u32 = 64;

/// As many threads as connections sign in: as if nothing limited them.
const WITHOUT_LIMIT: [(&str, &str); 2] = [
    ("MASTHEAD__PASSWORDS__THREADS", "64"),
    ("MASTHEAD__PASSWORDS__MEMORY_MIB", "2048"),
];

fn body(number: u32) -> String {
    json!({"loginName": address(number), "password": PASSWORD}).to_string()
}

/// Measures the cost, then the storms.
pub(super) fn measure(bench: &WriteBench<'_>, report: &mut BenchReport) -> TaskResult {
    let log = bench.context.folder.join("writes.log");
    let server = bench.program.serve(&log)?;
    report.add_ratio("sign_in_cpu_vs_argon2id", json!(round_to(cost(bench, &server)?, 3)));
    let storm = storm(bench, &server)?;
    server.stop()?;
    report.add_ratio("lookups_beside_sign_in_storm_vs_alone", storm["rateRatio"].clone());
    report.add_ratio("lookup_p99_beside_sign_in_storm_vs_alone", storm["p99Ratio"].clone());
    report.print_section("signInStorm", storm);
    let server = bench.program.with_settings(&WITHOUT_LIMIT).serve(&log)?;
    report.print_section("signInStormWithoutLimit", self::storm(bench, &server)?);
    server.stop()
}

/// The processor time of a sign-in, of server and Postgres, over the time of one Argon2id hash of the default cost.
fn cost(bench: &WriteBench<'_>, server: &ServerProcess) -> TaskResult<f64> {
    let context = bench.context;
    let headers = bench.json_headers();
    let mut client = BlockingClient::connect(&server.address)?;
    let used = || context.clock.process_seconds(server.process()) + context.database_seconds();
    let own = || context.clock.process_seconds(std::process::id());
    let (mut signing_in, mut hashing) = (0.0, 0.0);
    for number in 1..=COMPARED {
        if number % IN_TURN == 1 {
            let before = own();
            for _ in 0..IN_TURN {
                Argon2::default()
                    .hash_password_into(PASSWORD.as_bytes(), &[7; 16], &mut [0; 32])
                    .map_err(|error| error.to_string())?;
            }
            hashing += own() - before;
            signing_in -= used();
        }
        client.send("POST", TARGET, &headers, body(number))?.json("a sign-in")?;
        if number % IN_TURN == 0 {
            signing_in += used();
        }
    }
    Ok(signing_in / hashing)
}

/// Look-ups alone and beside the storm, in turn.
fn storm(bench: &WriteBench<'_>, server: &ServerProcess) -> TaskResult<Value> {
    let context = bench.context;
    let bodies: Vec<String> = (1..=USERS).map(body).collect();
    let sign_ins = WrkRequests::write_posts(context.folder, "sign-ins", TARGET, &bench.json_headers(), &bodies)?;
    let lookups = email_requests(context)?;
    let seconds = context.plan.seconds;
    let look_up = || lookups.run(&server.address, LOOKUP_CONNECTIONS, seconds, None);
    let mut rounds: Vec<[WrkResult; 3]> = Vec::new();
    for _ in 0..context.plan.rounds {
        let alone = look_up()?;
        let (beside, storm) = thread::scope(|scope| {
            let storming = scope.spawn(|| {
                let ran = sign_ins.run_counting_failures(&server.address, STORM_CONNECTIONS, seconds + 2, None);
                ran.map_err(|error| error.to_string())
            });
            thread::sleep(Duration::from_secs(1));
            let beside = look_up()?;
            let storm = storming.join().map_err(|_| "the storm panicked")??;
            TaskResult::Ok((beside, storm))
        })?;
        rounds.push([alone, beside, storm]);
        let begun = Instant::now();
        context.database.wait_until_idle()?;
        context.database.remove_events()?;
        println!("the database was idle after {:.1} s", begun.elapsed().as_secs_f64());
    }
    let of =
        |at: usize, figure: fn(&WrkResult) -> f64| round_to(median(rounds.iter().map(|round| figure(&round[at]))), 2);
    let ratio = |figure: fn(&WrkResult) -> f64| {
        round_to(
            median(rounds.iter().map(|[alone, beside, _]| figure(beside) / figure(alone))),
            3,
        )
    };
    Ok(json!({
        "lookUpsASecondAlone": of(0, |run| run.per_second), "lookUpsASecondBeside": of(1, |run| run.per_second),
        "p99MsAlone": of(0, |run| run.p99), "p99MsBeside": of(1, |run| run.p99),
        "signInsASecond": of(2, |run| run.per_second),
        "refusedSignIns": rounds.iter().map(|round| round[2].failed).sum::<u64>(),
        "rateRatio": ratio(|run| run.per_second), "p99Ratio": ratio(|run| run.p99),
    }))
}
