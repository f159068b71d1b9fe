//! The directory beside the registrations that it is made of: the same lists from both, and what it adds to a write.

use std::io::{BufWriter, Write};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::client::Client;
use super::figures::{median, rounded};
use super::needles::{self, Needle};
use super::people::{self, LARGEST, People};
use super::requests::headers;
use super::whole::Bench;
use crate::shell::Outcome;

/// How often each needle is asked of each, in turn, after once to warm up.
const TIMES: u32 = 5;

/// Every so many of the needles are asked.
const STRIDE: usize = 12;

/// How many registrations a write's round brings in: two transactions of an import, and fewer than make it tidy up.
const WRITTEN: u32 = 4_000;

/// How often it is vacuumed at most, until what was filled is marked as visible.
const SETTLING: u32 = 30;

/// The paper that shares the largest one's pool, and the client group of the papers that are written to.
const PAPER: &str = "directory";
const WRITES: &str = "bench-writes";

/// The provider that these papers name; nobody ever asks it.
const FEDERATED: [&str; 8] = [
    "--set",
    "Flow.UserProvider=Auth0",
    "--set",
    "Auth0.Domain=bench.eu.auth0.com",
    "--set",
    "Auth0.ClientId=bench",
    "--set",
    "Auth0.ClientSecretEnv=MASTHEAD_BENCH_AUTH0_SECRET",
];

/// Every reader of a paper as its provider would tell of them: what a finished synchronisation leaves behind.
const FILL: &str = "\
    INSERT INTO mirrors (pool, provider, precedence, as_of, full_as_of)
    SELECT t.pool, 'Auth0', '', now(), now() FROM tenants AS t WHERE (t.client_group, t.client, t.paper) = (:tenant);
    INSERT INTO mirror_entries
           (pool, registration_id, registered_at, changed_at, profile_as_of, verified, by_email, shares_search_terms, crid,
            email_key, first_key, last_key, profile, search_terms)
    SELECT r.pool, r.id, r.registered_at, r.changed_at, now(), r.verified, false, true, r.crid, r.email_key,
           r.first_key, r.last_key, json_build_object('email', coalesce(r.email_typed, r.email_key), 'firstName', r.first_name,
                                         'lastName', r.last_name, 'verified', r.verified, 'metadata', r.metadata), '{}'
      FROM registrations AS r JOIN tenants AS t ON t.pool = r.pool
     WHERE (t.client_group, t.client, t.paper) = (:tenant) AND r.deleted_at IS NULL";

/// Measures both and adds them to the report.
pub(super) fn measure(bench: &Bench<'_>, report: &mut Map<String, Value>, ratios: &mut Map<String, Value>) -> Outcome {
    forget(bench)?;
    let measured = lists(bench, ratios).and_then(|lists| Ok((lists, writes(bench, ratios)?)));
    forget(bench)?;
    let (lists, writes) = measured?;
    report.insert("directory".to_owned(), json!({"lists": lists, "writes": writes}));
    Ok(())
}

/// Asks the largest paper for the same pages with and without its provider.
fn lists(bench: &Bench<'_>, ratios: &mut Map<String, Value>) -> Outcome<Value> {
    let [group, client, paper] = people::codes(LARGEST);
    // A paper of its own on the largest one's pool: to make that one federated would write each of its rows anew.
    let own = format!("{group}/{client}/{PAPER}");
    let pool = format!("{group}/{client}/{paper}");
    add_tenant(bench, &[&own, "--pool", &pool], &FEDERATED)?;
    let begun = Instant::now();
    bench.database.run(&with_tenant(FILL, &own))?;
    settle(bench)?;
    println!(
        "directory: a paper of {} readers filled in {:.0} s",
        bench.plan.rows / 2,
        begun.elapsed().as_secs_f64()
    );
    let serving = bench.program.serve(&bench.folder.join("directory.log"), &[])?;
    let headers =
        headers(LARGEST, bench.tokens).replace(&format!("PaperCode: {paper}"), &format!("PaperCode: {PAPER}"));
    let mut client = Client::connect(&serving.address)?;
    let (mut ours, mut both, mut each) = (Vec::new(), Vec::new(), Vec::new());
    for needle in needles::all(0).iter().filter(|needle| needle.page == 1).step_by(STRIDE) {
        let target = needle.target("none");
        let targets = [format!("{target}&ignoreProvider=true"), target];
        let mut times = [Vec::new(), Vec::new()];
        for time in 0..=TIMES {
            for (target, times) in targets.iter().zip(&mut times) {
                let reply = client.get(target, &headers)?;
                reply.good("a list")?;
                if time > 0 {
                    times.push(reply.milliseconds());
                }
            }
        }
        let [of_ours, of_both] = times.map(median);
        ours.push(of_ours);
        both.push(of_both);
        each.push((of_both / of_ours, needle.clone()));
    }
    serving.stop()?;
    each.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    let middle = median(each.iter().map(|(ratio, _)| *ratio));
    let (worst, needle) = each.first().cloned().ok_or("no needle was asked")?;
    println!(
        "directory: {} lists, half within {:.2} ms ({:.2} of registrations alone); the middle ratio {middle:.2}, the \
         largest {worst:.2} ({})",
        each.len(),
        median(both.iter().copied()),
        median(ours.iter().copied()),
        Needle::in_words(&needle)
    );
    ratios.insert(
        "directory_search_vs_registrations".to_owned(),
        json!(rounded(middle, 3)),
    );
    Ok(json!({
        "needles": each.len(),
        "registrationsMs": rounded(median(ours), 3),
        "directoryMs": rounded(median(both), 3),
        "largestRatio": rounded(worst, 2),
        "largestRatioNeedle": needle.in_words(),
    }))
}

/// Vacuums until the pages are marked as visible to all, as autovacuum does in time: while another session holds an older
/// snapshot, a vacuum marks none, and walks of the index would look at the rows as well. It leaves a few with dead rows, of
/// fewer than one in fifty, for another day.
fn settle(bench: &Bench<'_>) -> Outcome {
    const MARKED: &str = "SELECT bool_and(relallvisible >= 0.98 * relpages) FROM pg_class
         WHERE oid IN ('registrations'::regclass, 'mirror_entries'::regclass)";
    for _ in 0..SETTLING {
        bench.database.run("VACUUM (ANALYZE) mirror_entries")?;
        bench.database.run("VACUUM registrations")?;
        if bench.database.run(MARKED)? == "t" {
            return Ok(());
        }
        thread::sleep(Duration::from_secs(2));
    }
    Err("the tables are not all visible after many vacuums: does another session hold a transaction open?".into())
}

/// Imports the same people into papers of their own: of Masthead's accounts, and of a provider's with a directory.
fn writes(bench: &Bench<'_>, ratios: &mut Map<String, Value>) -> Outcome<Value> {
    let (mut alone, mut followed) = (Vec::new(), Vec::new());
    for round in 0..=bench.plan.rounds {
        for (kind, settings, seconds) in [("alone", &[][..], &mut alone), ("followed", &FEDERATED, &mut followed)] {
            let paper = format!("{WRITES}/{kind}/{round}");
            add_tenant(bench, &[&paper], settings)?;
            if kind == "followed" {
                let made = FILL.split(';').next().unwrap_or_default();
                bench.database.run(&with_tenant(made, &paper))?;
            }
            let took = imported(bench, &paper, round)?;
            // The first round warms up.
            if round > 0 {
                seconds.push(took);
            }
        }
    }
    let (alone, followed) = (median(alone), median(followed));
    let ratio = rounded(followed / alone, 3);
    println!("directory: {WRITTEN} registrations imported in {alone:.3} s, with a directory in {followed:.3} s");
    ratios.insert("federated_write_vs_store_only".to_owned(), json!(ratio));
    Ok(json!({
        "registrations": WRITTEN,
        "storeOnlySeconds": rounded(alone, 3),
        "federatedSeconds": rounded(followed, 3),
    }))
}

/// How long it takes to import the round's people, in seconds.
fn imported(bench: &Bench<'_>, paper: &str, round: u32) -> Outcome<f64> {
    // Nobody of the bench's own people, so that their addresses and ids are new.
    let from = 100_000_000 + round * WRITTEN;
    let lines: Vec<Value> = (from..from + WRITTEN)
        .map(|number| {
            let mut line = People::person(number).line();
            line["tenant"] = json!(paper);
            line
        })
        .collect();
    let begun = Instant::now();
    bench.program.fed(&["import", "-"], |input| {
        let mut input = BufWriter::with_capacity(1 << 18, input);
        for line in &lines {
            serde_json::to_writer(&mut input, line)?;
            input.write_all(b"\n")?;
        }
        Ok(input.flush()?)
    })?;
    Ok(begun.elapsed().as_secs_f64())
}

fn add_tenant(bench: &Bench<'_>, tenant: &[&str], settings: &[&str]) -> Outcome {
    bench.program.output(&[&["tenant", "add"], tenant, settings].concat())?;
    Ok(())
}

/// Takes away whatever this part leaves behind.
fn forget(bench: &Bench<'_>) -> Outcome {
    bench.database.run(&format!(
        "TRUNCATE mirror_entries, mirrors;
         CREATE TEMP TABLE written AS SELECT pool FROM tenants WHERE client_group = '{WRITES}';
         DELETE FROM tenants WHERE client_group = '{WRITES}' OR paper = '{PAPER}';
         DELETE FROM registrations WHERE pool IN (SELECT pool FROM written);
         DELETE FROM pools WHERE id IN (SELECT pool FROM written)"
    ))?;
    Ok(())
}

/// The script with the tenant's codes in it, which are letters, digits and marks that need no quoting.
fn with_tenant(script: &str, tenant: &str) -> String {
    let quoted: Vec<String> = tenant.split('/').map(|code| format!("'{code}'")).collect();
    script.replace(":tenant", &quoted.join(", "))
}
