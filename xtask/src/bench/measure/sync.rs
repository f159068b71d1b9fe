//! The first sync of a provider with 50,000 users at a paid plan's budget, and what it adds to look-ups.
//!
//! The sandbox scans all its users for each page, which takes processor time that a provider would not take from this machine. So
//! look-ups are measured three times: alone, while the bench itself fetches as many pages as a sync does, and during the sync.
//! The difference between the last two is what the sync adds. Look-ups must be complete throughout.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::context::{BenchContext, caller_headers};
use super::http::{BlockingClient, HeaderList, percent_encode};
use super::paced::{Latencies, run_paced};
use super::report::BenchReport;
use super::sandbox::{Auth0Sandbox, SECRET};
use super::server_process::ServerProcess;
use super::statistics::round_to;
use crate::shell::TaskResult;

/// How many users the provider has.
const USERS: u32 = 50_000;

/// The rate limit that Auth0 documents for production tenants of its enterprise plan: calls at once, and a second.
const BURST: u32 = 50;
const PER_SECOND: u32 = 16;

/// Look-ups a second of users that only the provider has, and the pages a second that are left for a sync.
const LOOK_UPS_PER_SECOND: u32 = 4;
const PAGES_PER_SECOND: u32 = PER_SECOND - LOOK_UPS_PER_SECOND;

const PAGE: &str = "/api/v2/users?include_totals=true&per_page=100&sort=created_at:1&q=created_at:%5B2019-03-01T00:00:00.000Z%20TO%20*%7D";

/// How long look-ups are measured without a sync, alone and beside pages.
const WITHOUT_SYNC: Duration = Duration::from_secs(20);

/// The longest time that the sync may take.
const PATIENCE: Duration = Duration::from_mins(15);

const GROUP: &str = "bench-sync";

/// The variable with the secret of its tenant.
const SECRET_VARIABLE: &str = "MASTHEAD_SECRET__BENCH_2DSYNC__DAILY__HERALD__AUTH0";

/// Measures the sync and the look-ups beside it.
pub(super) fn measure(context: &BenchContext<'_>, report: &mut BenchReport) -> TaskResult {
    context.database.remove_group(GROUP)?;
    let measured = measure_sync(context, report);
    context.database.remove_group(GROUP)?;
    report.print_section("sync", measured?);
    Ok(())
}

fn measure_sync(context: &BenchContext<'_>, report: &mut BenchReport) -> TaskResult<Value> {
    let sandbox = Auth0Sandbox::start(context, &["--users", &USERS.to_string()])?;
    let program = context.program.with_settings(&[
        ("MASTHEAD__PROVIDERS__ALLOW_PRIVATE_ADDRESSES", "true"),
        // Each look-up must call the provider.
        ("MASTHEAD__PROVIDERS__FRESH", "0s"),
        (SECRET_VARIABLE, SECRET),
    ]);
    let tenant = [GROUP, "daily", "herald"].map(str::to_owned);
    let path = tenant.join("/");
    program.add_tenant(&path, &sandbox.tenant_settings(SECRET_VARIABLE, BURST, PER_SECOND), &[])?;
    let headers = caller_headers(&program.issue_token(&path, "users:read")?, &tenant);
    let log = context.folder.join("sync.log");

    let server = program.serve(&log)?;
    let for_a_while = |first| {
        let begun = Instant::now();
        look_up(&server, &headers, first, || Ok(begun.elapsed() >= WITHOUT_SYNC))
    };
    let alone = for_a_while(0)?;
    let beside_pages = while_fetching_pages(&sandbox, || for_a_while(alone.count()))?;
    server.stop()?;

    let calls_before = calls_to(&sandbox)?;
    let server = program.with_settings(&[("MASTHEAD__SYNC__EVERY", "15m")]).serve(&log)?;
    let begun = Instant::now();
    let mut readiness = BlockingClient::connect(&server.address)?;
    let during = look_up(&server, &headers, alone.count() + beside_pages.count(), || {
        if begun.elapsed() > PATIENCE {
            return Err("the sync does not end".into());
        }
        let ready = readiness.get("/health/ready", &Vec::new())?.json("readiness")?;
        Ok(ready["syncs"][0]["asOf"].is_string())
    })?;
    let seconds = begun.elapsed().as_secs_f64();
    let calls = calls_to(&sandbox)? - calls_before;
    server.stop()?;

    let copied = context.database.run(&format!(
        "SELECT count(*) FROM mirror_entries AS e JOIN tenants AS t ON t.pool = e.pool
          WHERE t.client_group = '{GROUP}' AND e.profile IS NOT NULL"
    ))?;
    if copied.parse() != Ok(USERS) {
        report.add_failure(format!("the sync copied {copied} of {USERS} users"));
    }
    let [median, p99] =
        [50.0, 99.0].map(|percent| round_to(during.percentile(percent) / beside_pages.percentile(percent), 2));
    Ok(json!({
        "users": USERS, "budget": {"burst": BURST, "perSecond": PER_SECOND}, "seconds": round_to(seconds, 1),
        "calls": calls, "usersASecond": round_to(f64::from(USERS) / seconds, 0),
        "lookUpsASecond": LOOK_UPS_PER_SECOND, "alone": alone.to_json(), "besidePages": beside_pages.to_json(),
        "during": during.to_json(), "medianVsBesidePages": median, "p99VsBesidePages": p99,
    }))
}

/// Looks users up by id at the pace until it is over, each of them once, from the user of this number on.
fn look_up(
    server: &ServerProcess,
    headers: &HeaderList,
    first: u64,
    is_over: impl FnMut() -> TaskResult<bool>,
) -> TaskResult<Latencies> {
    let mut client = BlockingClient::connect(&server.address)?;
    let mut next = first;
    run_paced(LOOK_UPS_PER_SECOND, is_over, || {
        // Every fiftieth user of the sandbox has an id of this form.
        let id = format!("auth0|5f7c8ec7{:016x}", (next * 50 + 1) % u64::from(USERS));
        next += 1;
        let answer = client
            .get(&format!("/v4/Users/{}", percent_encode(&id)), headers)?
            .json("a look-up")?;
        if answer["meta"]["complete"] == true {
            return Ok(());
        }
        Err(format!("a look-up is incomplete: {answer}").into())
    })
}

/// Does the work while another thread fetches pages of the sandbox at the pace of a sync.
fn while_fetching_pages<T>(sandbox: &Auth0Sandbox, work: impl FnOnce() -> TaskResult<T>) -> TaskResult<T> {
    let headers = sandbox.headers()?;
    let is_over = AtomicBool::new(false);
    let fetch = || {
        let mut client = BlockingClient::connect(sandbox.address())?;
        let is_over = || Ok(is_over.load(Ordering::Relaxed));
        run_paced(PAGES_PER_SECOND, is_over, || {
            client.get(PAGE, &headers)?.json("a page").map(drop)
        })
    };
    thread::scope(|scope| {
        let fetching = scope.spawn(|| fetch().map(drop).map_err(|error| error.to_string()));
        let done = work();
        is_over.store(true, Ordering::Relaxed);
        fetching
            .join()
            .map_err(|_| "the thread that fetches pages panicked")??;
        done
    })
}

/// How many calls the sandbox has answered.
fn calls_to(sandbox: &Auth0Sandbox) -> TaskResult<u64> {
    let state = sandbox.control("GET", "/state", &Value::Null)?;
    Ok(state["calls"].as_u64().ok_or("the sandbox does not report its calls")?)
}
