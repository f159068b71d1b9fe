//! Creates and updates over HTTP beside the same statements by pgbench.

use serde_json::json;

use super::super::comparison::{Contender, DIVIDED, Load, LoadComparison, RATE, Ratio};
use super::super::http::BlockingClient;
use super::super::pgbench::PgBench;
use super::super::report::BenchReport;
use super::super::wrk::{UNIQUE, WrkRequests, request_tail};
use super::fixture::{USERS, WriteBench, unique, user_id};
use super::statements::{ScriptVariables, StatementLog, script};
use crate::shell::TaskResult;

/// How many connections write; pgbench has as many clients.
const CONNECTIONS: u32 = 16;

const CREATES: &str = "creates";
const CREATES_BY_PGBENCH: &str = "the statements of a create by pgbench";
const UPDATES: &str = "updates";
const UPDATES_BY_PGBENCH: &str = "the statements of an update by pgbench";

const RATIOS: [Ratio<'_>; 2] = [
    Ratio("create_vs_pgbench", CREATES, CREATES_BY_PGBENCH, RATE, DIVIDED),
    Ratio("update_vs_pgbench", UPDATES, UPDATES_BY_PGBENCH, RATE, DIVIDED),
];

/// The user whose update is logged.
const LOGGED_USER: u32 = 7;

/// A create without a password, whose hash would be all that is measured.
fn create_body(number: &str) -> String {
    json!({"email": format!("c-{number}@writes.example"), "firstName": "Ann", "lastName": "Lee", "metadata": {"city": "Ashford"}})
        .to_string()
}

fn update_body() -> String {
    json!({"firstName": "Anna", "metadata": {"city": "Brinmoor"}}).to_string()
}

/// Measures both kinds, each beside its own statements.
pub(super) fn measure(bench: &WriteBench<'_>, report: &mut BenchReport) -> TaskResult {
    let context = bench.context;
    let [create_script, update_script] = scripts(bench)?;
    let creates_by_pgbench = PgBench::of_script(context, "create", &create_script, CONNECTIONS)?;
    let updates_by_pgbench = PgBench::of_script(context, "update", &update_script, CONNECTIONS)?;
    let headers = bench.json_headers();
    let creates = WrkRequests::write_posts(context.folder, CREATES, "/v4/Users", &headers, &[create_body(UNIQUE)])?;
    let mut headers = headers;
    headers.push(("Content-Length", update_body().len().to_string()));
    let tail = request_tail("", &headers) + &update_body();
    let keys = (1..=USERS).map(|number| (0, user_id(number)));
    let updates = WrkRequests::write(context.folder, UPDATES, "PUT /v4/Users/", keys, &[tail])?;
    let server = bench.program.serve(&context.folder.join("writes.log"))?;
    let to_server = |requests| Load::Other(requests, &server.address, server.process());
    let mut contenders = [
        Contender::new(CREATES, CONNECTIONS, to_server(&creates)),
        Contender::new(CREATES_BY_PGBENCH, CONNECTIONS, Load::PgBench(&creates_by_pgbench)),
        Contender::new(UPDATES, CONNECTIONS, to_server(&updates)),
        Contender::new(UPDATES_BY_PGBENCH, CONNECTIONS, Load::PgBench(&updates_by_pgbench)),
    ];
    let comparison = LoadComparison {
        section: "writes",
        title: "Creates and updates of a tenant without a provider",
        ratios: &RATIOS,
        base: CREATES_BY_PGBENCH,
    };
    comparison.run(context, report, &mut contenders)?;
    report.add_section(
        "writeStatements",
        json!({"create": create_script, "update": update_script}),
    );
    server.stop()?;
    context.database.tidy()
}

/// The scripts of a create and of an update, as a server that has prepared its statements executes them.
fn scripts(bench: &WriteBench<'_>) -> TaskResult<[String; 2]> {
    let context = bench.context;
    let log = StatementLog::start(context)?;
    let server = bench.program.serve(&context.folder.join("writes.log"))?;
    let mut client = BlockingClient::connect(&server.address)?;
    let headers = bench.json_headers();
    let mut create = |number| client.send("POST", "/v4/Users", &headers, create_body(&unique(number)));
    create(1)?.json("a create")?;
    let mut id = String::new();
    let statements = log.statements_of(|| {
        let created = create(2)?.json("a create")?;
        created["data"]["customerRegistrationId"]
            .as_str()
            .unwrap_or_default()
            .clone_into(&mut id);
        Ok(())
    })?;
    let variables = ScriptVariables {
        drawn: &unique(2),
        draw: "\\set n random(1, 999999999999999)".to_owned(),
        number: &id,
        number_from: "nextval",
    };
    let create = script(&statements, &variables);
    let mut update = |number| {
        client.send(
            "PUT",
            &format!("/v4/Users/{}", user_id(number)),
            &headers,
            update_body(),
        )
    };
    update(LOGGED_USER + 1)?.json("an update")?;
    let statements = log.statements_of(|| update(LOGGED_USER)?.json("an update").map(drop))?;
    let number = context.database.run(&format!(
        "SELECT id FROM registrations WHERE crid = '{}'",
        user_id(LOGGED_USER)
    ))?;
    let variables = ScriptVariables {
        drawn: &unique(LOGGED_USER),
        draw: format!("\\set n random(1, {USERS})"),
        number: &number,
        number_from: "FOR UPDATE",
    };
    let update = script(&statements, &variables);
    server.stop()?;
    Ok([create, update])
}
