//! The first sync of a provider with 50,000 users at a paid plan's budget, and what people notice of it.
//!
//! The stand-in is a process of its own and answers look-ups beside pages, but it looks at every user for each page: that takes
//! processor time from all else, as it would not at a provider. So look-ups are timed three times: by themselves, while the
//! bench takes as many pages from the stand-in as a sync does, and during the sync. What the last takes longer than the second is
//! the sync's doing. None may be refused or incomplete.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::client::{Client, encoded};
use super::figures::{median, number, rounded};
use super::server::{Program, Serving};
use super::whole::Bench;
use crate::child::StandIn;
use crate::shell::{Outcome, run};

/// How many users the provider has.
const USERS: u64 = 50_000;

/// What Auth0 documents for production tenants of its enterprise plan: so many calls at once, and a second.
const BURST: u32 = 50;
const PER_SECOND: u32 = 16;

/// How often a person looks somebody up whom only the provider knows.
const LOOK_UPS_A_SECOND: u32 = 4;

/// For how long look-ups are measured without a sync beside them, in each of the two ways.
const ALONE: Duration = Duration::from_secs(20);

/// How many pages a second are left to a sync.
const PAGES_A_SECOND: u32 = PER_SECOND - LOOK_UPS_A_SECOND;

const CLIENT: &str = "sandbox-client";
const SECRET: &str = "sandbox-client-secret";

/// No sync here takes longer, unless something is wrong.
const PATIENCE: Duration = Duration::from_mins(15);

const GROUP: &str = "bench-sync";

/// Look-ups by id at an even pace.
#[derive(Default)]
struct LookUps {
    milliseconds: Vec<f64>,
    incomplete: u64,
    next: u64,
}

/// Measures it and adds it to the report.
pub(super) fn measure(bench: &Bench<'_>, report: &mut Map<String, Value>) -> Outcome {
    forget(bench)?;
    let measured = measured(bench);
    forget(bench)?;
    report.insert("sync".to_owned(), measured?);
    Ok(())
}

fn measured(bench: &Bench<'_>) -> Outcome<Value> {
    let stand_in = stand_in(bench)?;
    let tenant = format!("{GROUP}/daily/herald");
    let mut settings = vec![
        "Flow.UserProvider=Auth0".to_owned(),
        format!("Auth0.BaseUrl={}", stand_in.url),
        format!("Auth0.ClientId={CLIENT}"),
        "Auth0.ClientSecretEnv=MASTHEAD_SECRET_BENCH".to_owned(),
        "Auth0.PageSize=100".to_owned(),
    ];
    settings.push(format!("Auth0.BudgetPerSecond={PER_SECOND}"));
    settings.push(format!("Auth0.BudgetBurst={BURST}"));
    let mut add = bench.program.command(&["tenant", "add", &tenant]);
    add.args(settings.iter().flat_map(|setting| ["--set", setting]));
    add.env("MASTHEAD__PROVIDERS__ALLOW_PRIVATE_ADDRESSES", "true");
    run(&mut add)?;
    let token = bench.program.output(&["token", "--tenant", &tenant])?;
    let headers = format!(
        "Authorization: Bearer {token}\r\nX-SourceSystem: BENCH\r\nX-ClientCode: daily\r\nX-PaperCode: herald\r\n\
         X-ClientGroupCode: {GROUP}\r\n"
    );

    let mut look_ups = LookUps::default();
    let serving = serve(bench, "0s")?;
    let mut client = Client::connect(&serving.address)?;
    let begun = Instant::now();
    look_ups.until(&mut client, &headers, |_| Ok(begun.elapsed() >= ALONE))?;
    let alone = look_ups.taken();
    while_pages_are_taken(&stand_in, || {
        let begun = Instant::now();
        look_ups.until(&mut client, &headers, |_| Ok(begun.elapsed() >= ALONE))
    })?;
    let beside_pages = look_ups.taken();
    serving.stop()?;

    let calls_before = calls_to(&stand_in)?;
    let serving = serve(bench, "15m")?;
    let begun = Instant::now();
    let mut client = Client::connect(&serving.address)?;
    let mut asking = Client::connect(&serving.address)?;
    look_ups.until(&mut client, &headers, |_| {
        if begun.elapsed() > PATIENCE {
            return Err("the sync has no end".into());
        }
        let ready = asking.get("/health/ready", "")?.good("readiness")?;
        Ok(ready["syncs"][0]["asOf"].is_string())
    })?;
    let took = begun.elapsed().as_secs_f64();
    let during = look_ups.taken();
    let calls = calls_to(&stand_in)? - calls_before;
    serving.stop()?;

    let profiles = bench.database.run(&format!(
        "SELECT count(*) FROM directory_entries AS e JOIN tenants AS t ON t.pool = e.pool
          WHERE t.client_group = '{GROUP}' AND e.profile IS NOT NULL"
    ))?;
    if profiles.parse() != Ok(USERS) {
        return Err(format!("the sync kept {profiles} of {USERS} users").into());
    }
    println!(
        "sync: {USERS} users in {took:.0} s at {PER_SECOND} calls a second, {calls} calls with those of {} look-ups; a \
         look-up took {:.1} ms (99 %: {:.1}), beside as many pages without a sync {:.1} (99 %: {:.1}), by itself {:.1} \
         (99 %: {:.1}); {} of them were incomplete",
        during.count,
        during.median,
        during.most,
        beside_pages.median,
        beside_pages.most,
        alone.median,
        alone.most,
        during.incomplete
    );
    Ok(json!({
        "users": USERS, "budget": {"burst": BURST, "perSecond": PER_SECOND}, "seconds": rounded(took, 1),
        "calls": calls, "usersASecond": rounded(number(USERS) / took, 0),
        "lookUpsASecond": LOOK_UPS_A_SECOND, "alone": alone.told(), "besidePages": beside_pages.told(),
        "during": during.told(), "medianVsBesidePages": rounded(during.median / beside_pages.median, 2),
        "p99VsBesidePages": rounded(during.most / beside_pages.most, 2),
    }))
}

fn serve(bench: &Bench<'_>, every: &str) -> Outcome<Serving> {
    let settings = [
        ("MASTHEAD__SYNC__EVERY", every),
        ("MASTHEAD__PROVIDERS__ALLOW_PRIVATE_ADDRESSES", "true"),
        // Each look-up is the provider's to answer, none a memory's.
        ("MASTHEAD__PROVIDERS__FRESH", "0s"),
        ("MASTHEAD_SECRET_BENCH", SECRET),
    ];
    bench.program.serve(&bench.folder.join("sync.log"), &settings)
}

impl LookUps {
    /// Looks people up at the pace until it is enough, each of them once.
    fn until(&mut self, client: &mut Client, headers: &str, mut enough: impl FnMut(&Self) -> Outcome<bool>) -> Outcome {
        let pace = Duration::from_secs(1) / LOOK_UPS_A_SECOND;
        let mut due = Instant::now();
        while !enough(self)? {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            due += pace;
            // Every fiftieth sample has an identity of the database alone, which is how its id is written.
            let id = format!("auth0|5f7c8ec7{:016x}", (self.next * 50 + 1) % USERS);
            self.next += 1;
            let reply = client.get(&format!("/v4/Users/{}", encoded(&id)), headers)?;
            let said = reply.good("a look-up")?;
            self.milliseconds.push(reply.milliseconds());
            self.incomplete += u64::from(said["meta"]["complete"] != true);
        }
        Ok(())
    }

    /// What was measured since the last time.
    fn taken(&mut self) -> Taken {
        let mut all = std::mem::take(&mut self.milliseconds);
        all.sort_by(f64::total_cmp);
        let nearly_all = all.len().saturating_sub(1) * 99 / 100;
        Taken {
            count: all.len(),
            most: all.get(nearly_all).copied().unwrap_or_default(),
            median: median(all),
            incomplete: std::mem::take(&mut self.incomplete),
        }
    }
}

/// Figures of some look-ups, in milliseconds.
struct Taken {
    count: usize,
    median: f64,
    /// What 99 % stay below.
    most: f64,
    incomplete: u64,
}

impl Taken {
    fn told(&self) -> Value {
        json!({
            "lookUps": self.count, "medianMs": rounded(self.median, 2), "p99Ms": rounded(self.most, 2),
            "incomplete": self.incomplete,
        })
    }
}

/// A stand-in Auth0.
fn stand_in(bench: &Bench<'_>) -> Outcome<StandIn> {
    let mut command = Command::new(Program::built("masthead-sandbox", bench.profile)?);
    StandIn::start(command.args(["--provider", "auth0", "--users", &USERS.to_string()]))
}

/// Does this while somebody takes page after page of it, at the pace of a sync.
fn while_pages_are_taken(stand_in: &StandIn, work: impl FnOnce() -> Outcome) -> Outcome {
    let asked = json!({
        "grant_type": "client_credentials", "client_id": CLIENT, "client_secret": SECRET,
        "audience": format!("{}/api/v2/", stand_in.url),
    });
    let mut client = Client::connect(stand_in.url.trim_start_matches("http://"))?;
    let json = "Content-Type: application/json\r\n";
    let told = client.send("POST", "/oauth/token", json, &asked.to_string())?;
    let told = told.good("the sandbox's token")?;
    let token = told["access_token"]
        .as_str()
        .ok_or("no token in the sandbox's answer")?;
    let headers = format!("Authorization: Bearer {token}\r\n");
    let is_over = AtomicBool::new(false);
    let mut take = || -> Outcome {
        let mut due = Instant::now();
        while !is_over.load(Ordering::Relaxed) {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            due += Duration::from_secs(1) / PAGES_A_SECOND;
            let page = "/api/v2/users?include_totals=true&per_page=100&sort=created_at:1&q=created_at:%5B2019-03-01T00:00:00.000Z%20TO%20*%7D";
            client.get(page, &headers)?.good("a page")?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let taking = scope.spawn(|| take().map_err(|error| error.to_string()));
        let worked = work();
        is_over.store(true, Ordering::Relaxed);
        taking.join().map_err(|_| "the thread that takes pages panicked")??;
        worked
    })
}

/// How often it was called.
fn calls_to(stand_in: &StandIn) -> Outcome<u64> {
    let address = stand_in.control.trim_start_matches("http://");
    let state = Client::connect(address)?
        .get("/state", "")?
        .good("the sandbox's state")?;
    Ok(state["calls"].as_u64().ok_or("the sandbox does not count")?)
}

/// Takes away whatever this part leaves behind.
fn forget(bench: &Bench<'_>) -> Outcome {
    bench.database.run(&format!(
        "CREATE TEMP TABLE synced AS SELECT pool FROM tenants WHERE client_group = '{GROUP}';
         DELETE FROM directory_entries WHERE pool IN (SELECT pool FROM synced);
         DELETE FROM directories WHERE pool IN (SELECT pool FROM synced);
         DELETE FROM tenants WHERE client_group = '{GROUP}';
         DELETE FROM registrations WHERE pool IN (SELECT pool FROM synced);
         DELETE FROM pools WHERE id IN (SELECT pool FROM synced)"
    ))?;
    Ok(())
}
