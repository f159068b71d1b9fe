//! The customers export beside single look-ups, and whether the time of a refusal reveals which workspaces exist.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::comparison::{Contender, Load, LoadComparison, RATE, Ratio};
use super::context::BenchContext;
use super::http::{BlockingClient, HeaderList};
use super::report::BenchReport;
use super::server_process::ServerProcess;
use super::statistics::{median, round_to, signed_rank_p};
use super::users::{InventedUser, LARGEST, hash, tenant_codes, users_of};
use super::wrk::{WrkRequests, request_tail};
use crate::shell::TaskResult;

/// The workspace that exports.
const WORKSPACE: &str = "bench";

const TARGET: &str = "/v1/customers/export?app_id=bench";

const SINGLE: &str = "single look-ups";
const TWENTY: &str = "exports of 20";
const THOUSAND: &str = "exports of 1,000";

/// Users a second, not exports.
const RATIOS: [Ratio<'_>; 2] = [
    Ratio("export_20_vs_lookup", TWENTY, SINGLE, RATE, |export, single| {
        20.0 * export / single
    }),
    Ratio("export_1000_vs_lookup", THOUSAND, SINGLE, RATE, |export, single| {
        1_000.0 * export / single
    }),
];

/// How many pairs of refusals are measured, after so many to warm up, on how many connections.
const PAIRS: u32 = 5_000;
const WARM_UP_PAIRS: u32 = 500;
const CONNECTIONS: u32 = 4;

/// Measures look-ups and exports of the largest tenant's users over one connection, then refusals.
pub(super) fn measure(context: &BenchContext<'_>, report: &mut BenchReport) -> TaskResult {
    let key = create_workspace(context)?;
    let server = context.program.serve(&context.folder.join("export.log"))?;
    let mut users: Vec<InventedUser> = users_of(LARGEST, context.plan.rows).collect();
    // An order that no index has.
    users.sort_unstable_by_key(|user| hash(user.0, 98));
    let ids: Vec<String> = users.into_iter().map(InventedUser::id).collect();

    let headers = export_headers(WORKSPACE, &key);
    let exports_of = |name, size| {
        let bodies: Vec<String> = ids.chunks_exact(size).take(100).map(export_body).collect();
        check_export(&server, &headers, &bodies[0], size)?;
        WrkRequests::write_posts(context.folder, name, TARGET, &headers, &bodies)
    };
    let (twenty, thousand) = (exports_of(TWENTY, 20)?, exports_of(THOUSAND, 1_000)?);
    let tail = request_tail("", &context.tenant_headers(LARGEST));
    let keys = ids.iter().map(|id| (0, id.clone()));
    let single = WrkRequests::write(context.folder, SINGLE, "GET /v4/Users/", keys, &[tail])?;
    let mut contenders = [(SINGLE, &single), (TWENTY, &twenty), (THOUSAND, &thousand)]
        .map(|(name, requests)| Contender::new(name, 1, Load::Other(requests, &server.address, server.process())));
    let comparison = LoadComparison {
        section: "export",
        title: "Look-ups and exports over one connection",
        ratios: &RATIOS,
        base: SINGLE,
    };
    comparison.run(context, report, &mut contenders)?;
    report.print_section("refusals", measure_refusals(&server)?);
    context.database.remove_events()?;
    server.stop()
}

/// Creates the workspace, again if it exists, and returns its key, which is shown only once.
fn create_workspace(context: &BenchContext<'_>) -> TaskResult<String> {
    let existing: Value = serde_json::from_str(&context.program.output(&["workspace", "list", "--json"])?)?;
    let mut existing = existing.as_array().into_iter().flatten();
    if existing.any(|workspace| workspace["workspace"] == WORKSPACE) {
        context.program.output(&["workspace", "remove", WORKSPACE])?;
    }
    let tenant = tenant_codes(LARGEST).join("/");
    let limits = ["--identifiers-per-payload", "1000", "--users-per-minute", "10000000"];
    let add = [&["workspace", "add", WORKSPACE, "--tenant", &tenant], &limits[..]].concat();
    context.program.output(&add)
}

fn export_headers(workspace: &str, key: &str) -> HeaderList {
    let credentials = BASE64_STANDARD.encode(format!("{workspace}:{key}"));
    vec![
        ("Authorization", format!("Basic {credentials}")),
        ("Content-Type", "application/json".to_owned()),
    ]
}

fn export_body(ids: &[String]) -> String {
    let identifiers = ids
        .iter()
        .map(|id| json!({"identifier_type": "customer_id", "identifier": id}));
    json!({"identifiers": identifiers.collect::<Vec<_>>()}).to_string()
}

/// Checks that an export finds all its users.
fn check_export(server: &ServerProcess, headers: &HeaderList, body: &str, size: usize) -> TaskResult {
    let reply = BlockingClient::connect(&server.address)?.send("POST", TARGET, headers, body.to_owned())?;
    let found = reply.json("an export")?["data"]["users"].as_array().map_or(0, Vec::len);
    if found == size {
        return Ok(());
    }
    Err(format!("an export of {size} users found {found}").into())
}

/// Measures pairs of refusals, one with a wrong key and one for a workspace that does not exist, on the same connection.
///
/// A draw decides which of the two goes first. If they are alike, the sign of their difference is that draw, regardless of what
/// the machine does: the only assumption of the signed-rank test. Below p = 0.01 the two differ.
fn measure_refusals(server: &ServerProcess) -> TaskResult<Value> {
    // Names and keys of one length, so that all requests are equally long.
    let reasons = [WORKSPACE, "other"].map(|workspace| export_headers(workspace, "mhk_wrong-key"));
    let body = export_body(&["1".to_owned()]);
    let clients: TaskResult<Vec<BlockingClient>> = (0..CONNECTIONS)
        .map(|_| BlockingClient::connect(&server.address))
        .collect();
    let mut clients = clients?;
    let mut micros = [Vec::new(), Vec::new()];
    for pair in 0..WARM_UP_PAIRS + PAIRS {
        let drawn = usize::try_from(hash(pair, 0) % u64::from(2 * CONNECTIONS))?;
        let (client, first) = (&mut clients[drawn / 2], drawn % 2);
        for reason in [first, 1 - first] {
            let reply = client.send("POST", TARGET, &reasons[reason], body.clone())?;
            if reply.status != 401 {
                return Err(format!("an unknown caller got status {}", reply.status).into());
            }
            if pair >= WARM_UP_PAIRS {
                micros[reason].push(reply.milliseconds() * 1_000.0);
            }
        }
    }
    let differences: Vec<f64> = micros[1]
        .iter()
        .zip(&micros[0])
        .map(|(one, other)| one - other)
        .collect();
    let [wrong_key, no_workspace] = micros.map(median);
    Ok(json!({
        "pairs": PAIRS,
        "wrongKeyUs": round_to(wrong_key, 2),
        "noSuchWorkspaceUs": round_to(no_workspace, 2),
        "differenceUs": round_to(median(differences.iter().copied()), 3),
        "signedRankP": round_to(signed_rank_p(&differences), 4),
    }))
}
