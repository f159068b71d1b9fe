//! The first sync of a provider with 50,000 users at a paid plan's budget, and what people notice of it.
//!
//! The stand-in answers one call at a time and looks at every user for each page, so that look-ups wait for pages there as
//! they would not at a provider: what counts is that none is refused or incomplete, and so no ratio is made of the times.

use std::process::Command;
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

/// For how long look-ups are measured without a sync beside them.
const ALONE: Duration = Duration::from_secs(20);

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
        "Auth0.ClientId=sandbox-client".to_owned(),
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
    serving.stop()?;
    let alone = look_ups.taken();

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
         look-up took {:.1} ms (99 %: {:.1}), without it {:.1} (99 %: {:.1}); {} of them were incomplete",
        during.count, during.median, during.most, alone.median, alone.most, during.incomplete
    );
    Ok(json!({
        "users": USERS, "budget": {"burst": BURST, "perSecond": PER_SECOND}, "seconds": rounded(took, 1),
        "calls": calls, "usersASecond": rounded(number(USERS) / took, 0),
        "lookUpsASecond": LOOK_UPS_A_SECOND, "alone": alone.told(), "during": during.told(),
    }))
}

fn serve(bench: &Bench<'_>, every: &str) -> Outcome<Serving> {
    let settings = [
        ("MASTHEAD__SYNC__EVERY", every),
        ("MASTHEAD__PROVIDERS__ALLOW_PRIVATE_ADDRESSES", "true"),
        // Each look-up is the provider's to answer, none a memory's.
        ("MASTHEAD__PROVIDERS__FRESH", "0s"),
        ("MASTHEAD_SECRET_BENCH", "sandbox-client-secret"),
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
