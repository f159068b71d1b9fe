//! What a look-up in provider and store adds to the provider's own latency, with a provider that takes 50 ms.

use std::fs;

use serde_json::{Value, json};

use super::comparison::{Contender, LATENCY, Load, LoadComparison, Ratio};
use super::context::{BenchContext, caller_headers};
use super::database::{BenchDatabase, write_lines};
use super::http::{BlockingClient, percent_encode};
use super::report::BenchReport;
use super::sandbox::{Auth0Sandbox, SECRET};
use super::server_process::ServerProcess;
use super::users::{InventedUser, tenant_codes};
use super::wrk::{WrkRequests, request_tail};
use crate::dev::providers::AUTH0;
use crate::shell::TaskResult;

/// How long the provider takes for each answer, in milliseconds.
const PROVIDER_LATENCY: u64 = 50;

/// How many users both sides have.
const USERS: u32 = 2_000;

const CONNECTIONS: u32 = 8;

/// The variable with the secret of the first tenant.
const SECRET_VARIABLE: &str = "MASTHEAD_SECRET__GROUP_2D00__CLIENT_2D0__PAPER_2D0__AUTH0";

const PROVIDER: &str = "the provider alone";
const STORE: &str = "the store alone";
const BOTH: &str = "both, merged";

/// Measures the provider alone, the store alone and both.
pub(super) fn measure(context: &BenchContext<'_>, report: &mut BenchReport) -> TaskResult {
    let tenant = tenant_codes(0);
    let users: Vec<Value> = (0..USERS).map(|number| user(number, &tenant)).collect();
    let seed: Vec<Value> = users.iter().map(AUTH0.user).collect();
    let seed_file = context.folder.join("sandbox.json");
    fs::write(&seed_file, Value::Array(seed).to_string())?;
    let sandbox = Auth0Sandbox::start(context, &["--seed", &seed_file.display().to_string()])?;
    let quota = json!({"quota": {"burst": 100_000, "perSecond": 100_000}});
    sandbox.control("PATCH", "/settings", &quota)?;
    let latency = json!({"fault": "latency", "ms": PROVIDER_LATENCY, "path": "/api/v2/users"});
    sandbox.control("POST", "/faults", &latency)?;

    let database = BenchDatabase {
        server: context.database.server,
        name: "masthead_bench_orchestration".to_owned(),
    };
    let program = context
        .program
        .on_database(&database.server.url(&database.name)?)
        .with_settings(&[
            ("MASTHEAD__PROVIDERS__ALLOW_PRIVATE_ADDRESSES", "true"),
            // Each look-up must call the provider.
            ("MASTHEAD__PROVIDERS__FRESH", "0s"),
            (SECRET_VARIABLE, SECRET),
        ]);
    database.create(&program)?;
    let path = tenant.join("/");
    // The budget is not what is measured.
    program.add_tenant(&path, &sandbox.tenant_settings(SECRET_VARIABLE, 1_000, 1_000), &[])?;
    program.run_with_input(&["import", "-"], |input| write_lines(input, users.iter().cloned()))?;
    let headers = caller_headers(&program.issue_token(&path, "users:read")?, &tenant);
    let server = program.serve(&context.folder.join("orchestration.log"))?;
    check_answers(&server, &headers, &users)?;

    let requests = |name, head, target, headers: &_| {
        let keys = users.iter().map(|user| (0, percent_encode(id_of(user))));
        WrkRequests::write(context.folder, name, head, keys, &[request_tail(target, headers)])
    };
    let of_provider = requests("provider-alone", "GET /api/v2/users/", "", &sandbox.headers()?)?;
    let of_store = requests("store-alone", "GET /v4/Users/", "?ignoreProvider=true", &headers)?;
    let of_both = requests("provider-and-store", "GET /v4/Users/", "", &headers)?;
    let to_masthead = |requests| Load::Other(requests, &server.address, server.process());
    let to_provider = Load::Other(&of_provider, sandbox.address(), sandbox.process());
    let mut contenders = [
        Contender::new(PROVIDER, CONNECTIONS, to_provider),
        Contender::new(STORE, CONNECTIONS, to_masthead(&of_store)),
        Contender::new(BOTH, CONNECTIONS, to_masthead(&of_both)),
    ];
    let comparison = LoadComparison {
        section: "orchestration",
        title: &format!("Look-ups by id, the provider taking {PROVIDER_LATENCY} ms"),
        ratios: &[Ratio(
            "orchestration_added_ms",
            BOTH,
            PROVIDER,
            LATENCY,
            |both, provider| both - provider,
        )],
        base: PROVIDER,
    };
    comparison.run(context, report, &mut contenders)?;
    server.stop()?;
    database.server.drop_database(&database.name)?;
    Ok(())
}

/// A line of the import, with an id such as Auth0 assigns.
fn user(number: u32, tenant: &[String; 3]) -> Value {
    let mut line = InventedUser(number).import_line(&tenant.join("/"));
    line["customerRegistrationId"] = json!((AUTH0.id)(number.into()));
    line
}

fn id_of(user: &Value) -> &str {
    user["customerRegistrationId"].as_str().unwrap_or_default()
}

/// Compares some answers with what provider and store were given.
fn check_answers(server: &ServerProcess, headers: &super::http::HeaderList, users: &[Value]) -> TaskResult {
    let mut client = BlockingClient::connect(&server.address)?;
    for user in users.iter().step_by(100) {
        let answer = client.get(&format!("/v4/Users/{}", percent_encode(id_of(user))), headers)?;
        let answer = answer.json("a look-up")?;
        if answer["data"]["email"] != user["email"] || answer["meta"]["complete"] != true {
            return Err(format!("a look-up of {} answered {answer}", user["email"]).into());
        }
    }
    Ok(())
}
