//! Exact look-ups beside pgbench and a bare hyper server, and look-ups that share a statement beside those that do not.

use super::answer_sample::AnswerSample;
use super::bare_hyper::BareHyper;
use super::comparison::{Contender, DATABASE_CPU, DIVIDED, Load, LoadComparison, RATE, Ratio, SERVER_CPU};
use super::context::BenchContext;
use super::http::BlockingClient;
use super::pgbench::PgBench;
use super::report::BenchReport;
use super::users::{InventedUser, TENANTS};
use super::wrk::{WrkRequests, request_tail};
use crate::shell::TaskResult;

/// How many connections the exact look-ups use.
const CONNECTIONS: u32 = 64;

const EMAIL: &str = "Masthead, by e-mail";
const ID: &str = "Masthead, by id";
const PGBENCH: &str = "pgbench -M prepared, by e-mail, no HTTP";
const HELLO: &str = "bare hyper, \"hello\"";
const STATIC: &str = "bare hyper, the same bytes";
const PACED: &str = "bare hyper, the same bytes, as often as Masthead";

const RATIOS: [Ratio<'_>; 8] = [
    Ratio("exact_email_vs_pgbench", EMAIL, PGBENCH, RATE, DIVIDED),
    Ratio("exact_id_vs_pgbench", ID, PGBENCH, RATE, DIVIDED),
    Ratio("cpu_per_lookup_vs_hyper_static", EMAIL, STATIC, SERVER_CPU, DIVIDED),
    Ratio(
        "cpu_per_lookup_vs_hyper_static_at_its_pace",
        EMAIL,
        PACED,
        SERVER_CPU,
        DIVIDED,
    ),
    Ratio("cpu_per_id_lookup_vs_hyper_static", ID, STATIC, SERVER_CPU, DIVIDED),
    Ratio(
        "postgres_cpu_per_lookup_vs_pgbench",
        EMAIL,
        PGBENCH,
        DATABASE_CPU,
        DIVIDED,
    ),
    Ratio("exact_email_vs_hyper_static", EMAIL, STATIC, RATE, DIVIDED),
    Ratio("exact_email_vs_hyper_hello", EMAIL, HELLO, RATE, DIVIDED),
];

/// A lone caller, a few, many, and far more than there are connections to the database.
const COALESCED_CONNECTIONS: [u32; 4] = [1, 8, 64, 512];

const SHARED: &str = "shared statements (the default)";
const SINGLE: &str = "one statement a request, 8 connections";

/// The settings for one statement a request. Of 4, 8, 16 and 32 database connections, 8 were the fastest.
const SINGLE_SETTINGS: [(&str, &str); 2] = [
    ("MASTHEAD__DATABASE__LOOKUP_BATCH", "1"),
    ("MASTHEAD__DATABASE__LOOKUP_CONNECTIONS", "8"),
];

/// Look-ups of all users with the headers of their tenants; `head` precedes the key in the request.
fn lookup_requests(
    context: &BenchContext<'_>,
    name: &str,
    head: &str,
    key: fn(InventedUser) -> String,
) -> TaskResult<WrkRequests> {
    let users = (0..context.plan.rows).map(InventedUser);
    let tails: Vec<String> = (0..TENANTS)
        .map(|tenant| request_tail("", &context.tenant_headers(tenant)))
        .collect();
    WrkRequests::write(
        context.folder,
        name,
        head,
        users.map(|user| (user.tenant(), key(user))),
        &tails,
    )
}

/// Look-ups of all users by e-mail.
pub(super) fn email_requests(context: &BenchContext<'_>) -> TaskResult<WrkRequests> {
    lookup_requests(context, "by-email", "GET /v4/Users?email=", InventedUser::email)
}

fn to_hyper<'a>(requests: &'a WrkRequests, hyper: &'a BareHyper) -> Load<'a> {
    Load::Other(requests, &hyper.address, hyper.process())
}

/// Measures exact look-ups. A server that drops events or log lines for its speed is a failure.
pub(super) fn measure(context: &BenchContext<'_>, report: &mut BenchReport) -> TaskResult {
    let server = context.program.serve(&context.folder.join("server.log"))?;
    let by_email = email_requests(context)?;
    let by_id = lookup_requests(context, "by-id", "GET /v4/Users/", InventedUser::id)?;
    let sample = AnswerSample::from_database(context)?;
    let user = InventedUser(0);
    let target = format!("/v4/Users?email={}", user.email());
    let answer = BlockingClient::connect(&server.address)?.get(&target, &context.tenant_headers(user.tenant()))?;
    answer.json(&target)?;
    let hello = BareHyper::start(&context.folder.join("hello.txt"), b"hello")?;
    let same = BareHyper::start(&context.folder.join("same.json"), &answer.body)?;
    let pgbench = PgBench::prepare(context)?;
    // A server that is never idle need not be woken for each request: an equal pace shows what waking costs.
    let mut contenders = [
        Contender::new(EMAIL, CONNECTIONS, Load::Masthead(&by_email, &server, &sample)),
        Contender::new(PACED, CONNECTIONS, to_hyper(&by_email, &same)).at_pace_of(0),
        Contender::new(PGBENCH, pgbench.clients, Load::PgBench(&pgbench)),
        Contender::new(STATIC, CONNECTIONS, to_hyper(&by_email, &same)),
        Contender::new(ID, CONNECTIONS, Load::Masthead(&by_id, &server, &sample)),
        Contender::new(HELLO, CONNECTIONS, to_hyper(&by_email, &hello)),
    ];
    let comparison = LoadComparison {
        section: "lookups",
        title: &format!("Exact look-ups among {} registrations", context.plan.rows),
        ratios: &RATIOS,
        base: PGBENCH,
    };
    comparison.run(context, report, &mut contenders)?;
    for contender in &contenders {
        let written = &contender.written;
        if written.events < written.requests || written.log_lines < written.requests {
            report.add_failure(format!("the server lost events or log lines: {written:?}"));
        }
    }
    report.add_section("answerBytes", answer.body.len().into());
    report.add_section("pgbench", pgbench.to_json());
    server.stop()
}

/// Measures look-ups that share a statement beside one statement a request, from one connection to hundreds.
pub(super) fn measure_coalescing(context: &BenchContext<'_>, report: &mut BenchReport) -> TaskResult {
    let shared = context.program.serve(&context.folder.join("shared.log"))?;
    let single = context.program.with_settings(&SINGLE_SETTINGS);
    let single = single.serve(&context.folder.join("single.log"))?;
    let by_email = email_requests(context)?;
    let sample = AnswerSample::from_database(context)?;
    for connections in COALESCED_CONNECTIONS {
        let ratio = format!("coalesced_vs_single_{connections}");
        let comparison = LoadComparison {
            section: &format!("coalescing{connections}"),
            title: &format!("Look-ups by e-mail, {connections} connections"),
            ratios: &[Ratio(&ratio, SHARED, SINGLE, RATE, DIVIDED)],
            base: SINGLE,
        };
        let mut contenders = [(SHARED, &shared), (SINGLE, &single)]
            .map(|(name, server)| Contender::new(name, connections, Load::Masthead(&by_email, server, &sample)));
        comparison.run(context, report, &mut contenders)?;
    }
    shared.stop()?;
    single.stop()
}
