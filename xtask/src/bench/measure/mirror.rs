//! Lists from the mirror of a provider beside lists from registrations, and what the mirror adds to a write.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::context::{BenchContext, caller_headers};
use super::database::write_lines;
use super::http::BlockingClient;
use super::report::BenchReport;
use super::search_cases;
use super::statistics::{median, round_to};
use super::users::{InventedUser, LARGEST, tenant_codes};
use crate::shell::TaskResult;

/// How often each list is measured, after once to warm up.
const RUNS: usize = 5;

/// One search in so many is measured.
const STRIDE: usize = 12;

/// How many registrations a round of writes imports: two transactions, and too few for an autovacuum.
const WRITTEN: u32 = 4_000;

/// How many vacuums may be needed until the filled tables are marked as visible.
const MOST_VACUUMS: u32 = 30;

/// The tenant that shares the pool of the largest one, and the client group of the tenants that are written to.
const MIRRORED_PAPER: &str = "mirrored";
const WRITES: &str = "bench-writes";

/// The provider of these tenants, which is never called.
const PROVIDER: [&str; 4] = [
    "Flow.UserProvider=Auth0",
    "Auth0.Domain=bench.eu.auth0.com",
    "Auth0.ClientId=bench",
    "Auth0.ClientSecretEnv=MASTHEAD_BENCH_AUTH0_SECRET",
];

/// The mirror of a tenant's pool, as a finished sync leaves it.
const ADD_MIRROR: &str = "\
    INSERT INTO mirrors (pool, provider, precedence, as_of, full_as_of, whole)
    SELECT t.pool, 'Auth0', '', now(), now(), true FROM tenants AS t WHERE (t.client_group, t.client, t.paper) = (:tenant)";

/// Every registration as the provider's copy.
const FILL_MIRROR: &str = "\
    INSERT INTO mirror_entries
           (pool, registration_id, registered_at, changed_at, profile_as_of, verified, by_email, crid,
            email_key, first_key, last_key, profile, search_terms)
    SELECT r.pool, r.id, r.registered_at, r.changed_at, now(), r.verified, false, r.crid, r.email_key,
           r.first_key, r.last_key, json_build_object('email', coalesce(r.email_typed, r.email_key), 'firstName', r.first_name,
                                         'lastName', r.last_name, 'verified', r.verified, 'metadata', r.metadata), r.search_terms
      FROM registrations AS r JOIN tenants AS t ON t.pool = r.pool
     WHERE (t.client_group, t.client, t.paper) = (:tenant) AND r.deleted_at IS NULL";

/// Whether an index scan need not read the rows.
const ALL_VISIBLE: &str = "SELECT bool_and(relallvisible >= 0.98 * relpages) FROM pg_class
     WHERE oid IN ('registrations'::regclass, 'mirror_entries'::regclass)";

/// Measures lists and writes.
pub(super) fn measure(context: &BenchContext<'_>, report: &mut BenchReport) -> TaskResult {
    clean_up(context)?;
    let measured = measure_lists(context, report).and_then(|lists| Ok((lists, measure_writes(context, report)?)));
    clean_up(context)?;
    let (lists, writes) = measured?;
    report.print_section("directory", json!({"lists": lists, "writes": writes}));
    Ok(())
}

/// The same lists with and without the provider.
fn measure_lists(context: &BenchContext<'_>, report: &mut BenchReport) -> TaskResult<Value> {
    let [group, client, paper] = tenant_codes(LARGEST);
    let pool = [&*group, &client, &paper].join("/");
    // A second tenant on the pool: to give the largest tenant a provider would rewrite each of its rows.
    let codes = [group, client, MIRRORED_PAPER.to_owned()];
    let tenant = codes.join("/");
    context
        .program
        .add_tenant(&tenant, &PROVIDER.map(str::to_owned), &["--pool", &pool])?;
    run_for_tenant(context, &format!("{ADD_MIRROR}; {FILL_MIRROR}"), &tenant)?;
    vacuum_until_visible(context)?;
    let server = context.program.serve(&context.folder.join("mirror.log"))?;
    let headers = caller_headers(&context.tokens[LARGEST as usize], &codes);
    let mut client = BlockingClient::connect(&server.address)?;
    let (mut alone, mut mirrored, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for case in search_cases::all(0)
        .iter()
        .filter(|case| case.page == 1)
        .step_by(STRIDE)
    {
        let target = case.target("none");
        let [registrations, mirror] = [format!("{target}&ignoreProvider=true"), target].map(|target| {
            client.get(&target, &headers)?;
            client.median_ms(&target, &headers, RUNS)
        });
        let (registrations, mirror) = (registrations?, mirror?);
        alone.push(registrations);
        mirrored.push(mirror);
        ratios.push((mirror / registrations, case.describe()));
    }
    server.stop()?;
    ratios.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    let middle = median(ratios.iter().map(|(ratio, _)| *ratio));
    let (largest, case) = ratios.first().ok_or("no list was measured")?;
    let (count, alone, mirrored) = (ratios.len(), median(alone), median(mirrored));
    report.add_ratio("directory_search_vs_registrations", round_to(middle, 3));
    Ok(json!({
        "needles": count,
        "registrationsMs": round_to(alone, 3),
        "directoryMs": round_to(mirrored, 3),
        "largestRatio": round_to(*largest, 2),
        "largestRatioNeedle": case,
    }))
}

/// Vacuums until nearly all pages are marked as visible to all, as autovacuum does in time. While another session holds an
/// older snapshot, a vacuum marks none.
fn vacuum_until_visible(context: &BenchContext<'_>) -> TaskResult {
    for _ in 0..MOST_VACUUMS {
        context.database.run("VACUUM (ANALYZE) mirror_entries")?;
        context.database.run("VACUUM registrations")?;
        if context.database.run(ALL_VISIBLE)? == "t" {
            return Ok(());
        }
        thread::sleep(Duration::from_secs(2));
    }
    Err("vacuum does not mark the tables as visible: does another session hold a transaction open?".into())
}

/// Imports the same users into tenants without a provider, and into tenants with a mirror.
fn measure_writes(context: &BenchContext<'_>, report: &mut BenchReport) -> TaskResult<Value> {
    let mut seconds = [Vec::new(), Vec::new()];
    for round in 0..=context.plan.rounds {
        for (kind, seconds) in ["alone", "mirrored"].into_iter().zip(&mut seconds) {
            let tenant = format!("{WRITES}/{kind}/{round}");
            if kind == "mirrored" {
                context.program.add_tenant(&tenant, &PROVIDER.map(str::to_owned), &[])?;
                run_for_tenant(context, ADD_MIRROR, &tenant)?;
            } else {
                context.program.add_tenant(&tenant, &[], &[])?;
            }
            let took = time_import(context, &tenant, round)?;
            // The first round is a warm-up.
            if round > 0 {
                seconds.push(took);
            }
        }
    }
    let [alone, mirrored] = seconds.map(median);
    report.add_ratio("federated_write_vs_store_only", round_to(mirrored / alone, 3));
    Ok(json!({
        "registrations": WRITTEN,
        "storeOnlySeconds": round_to(alone, 3),
        "federatedSeconds": round_to(mirrored, 3),
    }))
}

/// How many seconds the import of the round's users takes.
fn time_import(context: &BenchContext<'_>, tenant: &str, round: u32) -> TaskResult<f64> {
    // Above all numbers of the bench's own users, so that addresses and ids are new.
    let from = 100_000_000 + round * WRITTEN;
    let lines: Vec<Value> = (from..from + WRITTEN)
        .map(|number| InventedUser(number).import_line(tenant))
        .collect();
    let begun = Instant::now();
    context
        .program
        .run_with_input(&["import", "-"], |input| write_lines(input, lines.into_iter()))?;
    Ok(begun.elapsed().as_secs_f64())
}

/// Removes all that this part creates.
fn clean_up(context: &BenchContext<'_>) -> TaskResult {
    context.database.remove_group(WRITES)?;
    let script = format!("TRUNCATE mirror_entries, mirrors; DELETE FROM tenants WHERE paper = '{MIRRORED_PAPER}'");
    context.database.run(&script).map(drop)
}

/// Runs a script with the tenant's codes for `:tenant`. They are letters, digits and hyphens, which need no escaping.
fn run_for_tenant(context: &BenchContext<'_>, script: &str, tenant: &str) -> TaskResult {
    let quoted: Vec<String> = tenant.split('/').map(|code| format!("'{code}'")).collect();
    context
        .database
        .run(&script.replace(":tenant", &quoted.join(", ")))
        .map(drop)
}
