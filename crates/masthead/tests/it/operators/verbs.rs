//! Every command of the program: what changes something is in the audit log, also where its result cannot be printed, and what is
//! not in the audit log changes nothing.

use std::{
    collections::BTreeSet,
    fs::OpenOptions,
    io::Write as _,
    process::{Command, Output, Stdio},
};

use masthead_dev_postgres::TestDatabase;
use masthead_sandbox::Sandbox;
use masthead_testkit::contract_cases::{CaseEnvironment as _, CaseToken, fixture::HERALD};

use crate::{
    contract::server::{ContractServer, contract_tenants},
    support::{
        process::{self, setting},
        sources::AUTH0,
    },
};

const OWN: &str = "north/daily/own";
const FEDERATED: &str = "north/daily/federated";
const EMPTY: &str = "north/daily/empty";

/// Not run here: `serve` ends at a signal, and what its callers do has events of its own.
const NOT_RUN: [&str; 1] = ["serve"];

/// What a command leaves in the audit log.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    /// An event of the operator, with this command, and what was before and after.
    Change(&'static str),
    /// Events of the users, with the operator as the caller.
    OfUsers,
    /// Nothing, and it changes nothing.
    Nothing,
}

/// A command, its standard input, and what it leaves.
type Verb = (Vec<String>, &'static str, Left);

/// The commands in an order in which each succeeds.
fn verbs(auth0: &str, remote: &str) -> Vec<Verb> {
    use Left::{Change, Nothing, OfUsers};
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let verb = |line: &str, left: Left| (words(line), "", left);
    let lines = "{\"customerRegistrationId\":\"7\",\"email\":\"seven@example.com\",\"firstName\":\"Quizzel\"}\n\
                 {\"customerRegistrationId\":\"8\",\"email\":\"eight@example.com\"}\n";
    let secret = process::secret_variable(FEDERATED, "PROVIDER");
    let federated = format!(
        "--set Flow.UserProvider=Auth0 --set {}={auth0} --set {}Env={secret} --set Auth0.ClientId=sandbox-client",
        AUTH0.address, AUTH0.secret_place
    );
    let remote = format!(
        "--page-size 100 --set Subscribe.Url={remote} --set Subscribe.Tenant={HERALD} --set Subscribe.TokenEnv={}",
        process::secret_variable(OWN, "REMOTE")
    );
    let caller = "--issuer https://id.example/ --client-id crm";
    vec![
        verb("migrate", Change("migrate")),
        verb(&format!("tenant add {OWN}"), Change("tenant add")),
        verb(&format!("tenant add {EMPTY}"), Change("tenant add")),
        verb(&format!("tenant add {FEDERATED} {federated}"), Change("tenant add")),
        verb(
            &format!("tenant set {OWN} Retention.EventDays=90 Auth0.ClientSecret=hidden-word"),
            Change("tenant set"),
        ),
        verb("tenant list", Nothing),
        verb(&format!("workspace add w --tenant {OWN}"), Change("workspace add")),
        verb("workspace set w --strict", Change("workspace set")),
        verb("workspace key w", Change("workspace key")),
        verb("workspace key w --remove 1", Change("workspace key")),
        verb("workspace suspend w", Change("workspace suspend")),
        verb("workspace resume w", Change("workspace resume")),
        verb("workspace list", Nothing),
        verb(&format!("caller add {caller} --tenant {OWN}"), Change("caller add")),
        verb(&format!("caller deny {caller}"), Change("caller deny")),
        verb("caller list", Nothing),
        verb(&format!("caller allow {caller}"), Change("caller allow")),
        verb(&format!("caller remove {caller}"), Change("caller remove")),
        (
            words(&format!("import --tenant {OWN} --from masthead -")),
            lines,
            Change("import"),
        ),
        (
            words(&format!("import --tenant {OWN} --from masthead --dry-run -")),
            lines,
            Nothing,
        ),
        verb(&format!("migrate-from --tenant {OWN} {remote}"), Change("migrate-from")),
        verb(&format!("migrate-from --tenant {OWN} {remote} --dry-run"), Nothing),
        (
            words(&format!(
                "user create --tenant {OWN} --email new@example.com --password"
            )),
            "An-invented-password-1\n",
            OfUsers,
        ),
        verb(&format!("user show --tenant {OWN} 7"), OfUsers),
        verb(&format!("user set --tenant {OWN} 7 --last-name Quizzel"), OfUsers),
        (
            words(&format!("user password --tenant {OWN} 7")),
            "An-invented-password-2\n",
            OfUsers,
        ),
        verb(&format!("explain --tenant {OWN} --id 7"), Nothing),
        verb(&format!("user delete --tenant {OWN} 7"), OfUsers),
        verb(&format!("person report --tenant {OWN} --id 8"), OfUsers),
        verb(&format!("person erase --tenant {OWN} --id 8 --dry-run"), Nothing),
        verb(&format!("person erase --tenant {OWN} --id 8 --yes"), OfUsers),
        verb(&format!("person receipt 1 --tenant {OWN}"), Nothing),
        verb(&format!("export --tenant {OWN}"), Change("export")),
        verb(&format!("provider check --tenant {FEDERATED}"), Nothing),
        verb(&format!("sync --tenant {FEDERATED} --dry-run"), Nothing),
        verb(&format!("sync --tenant {FEDERATED}"), Change("sync")),
        verb(&format!("registrations check --tenant {FEDERATED}"), Nothing),
        verb(
            &format!("registrations check --tenant {FEDERATED} --repair"),
            Change("registrations check --repair"),
        ),
        verb(&format!("registrations without-account --tenant {FEDERATED}"), Nothing),
        verb("purge --dry-run", Nothing),
        verb("purge", Change("purge")),
        // Nothing is open; `writes::faults` settles what is.
        verb("reconcile", Nothing),
        verb("audit --refused --since 2026-01-01T00:00:00Z", Nothing),
        // It needs no database, and so cannot write to it: it is for the machine of a developer (tokens.md).
        verb(&format!("token --tenant {OWN}"), Nothing),
        (words("token inspect"), "no-token", Nothing),
        verb("health --live", Nothing),
        verb("settings", Nothing),
        verb("check-config", Nothing),
        verb("workspace remove w", Change("workspace remove")),
        verb(&format!("tenant remove {EMPTY} --yes"), Change("tenant remove")),
        verb("pool list", Nothing),
        verb(&format!("pool remove {EMPTY} --yes"), Change("pool remove")),
        verb("sealing-key list", Nothing),
        verb("sealing-key forget k1 --yes", Change("sealing-key forget")),
    ]
}

/// The commands that `--help` lists, at any depth.
fn listed(path: &[&str], found: &mut BTreeSet<String>) {
    let help = process::run_ok(&[], &[path, &["-h"]].concat(), "");
    let commands = help.split_once("\nCommands:\n");
    if !path.is_empty() && !help.contains("[OPTIONS] <COMMAND>") {
        found.insert(path.join(" "));
    }
    let commands = commands.map_or("", |(_, rest)| rest.split("\n\n").next().unwrap());
    for line in commands.lines() {
        let name = line.strip_prefix("  ").and_then(|line| line.split(' ').next());
        if let Some(name) = name.filter(|name| !name.is_empty() && *name != "help") {
            listed(&[path, &[name]].concat(), found);
        }
    }
}

/// Runs a command; its standard output is kept, or as good as a full disk.
fn run(settings: &[(String, String)], (arguments, input, _): &Verb, is_full: bool) -> Output {
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_masthead"))
        .env_clear()
        .envs(settings.iter().cloned())
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(if is_full { Stdio::from(full()) } else { Stdio::piped() })
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// A hash of each table without the audit log, whose rows are the events themselves.
fn tables(database: &TestDatabase) -> Vec<String> {
    let names = database
        .run(
            "SELECT c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
              WHERE n.nspname = 'public' AND c.relkind = 'r' AND c.relname !~ '^event' ORDER BY 1",
        )
        .unwrap();
    let hash = |name: &str| {
        format!("SELECT '{name}', md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {name} AS t;")
    };
    let hashes: String = names.lines().map(hash).collect();
    let hashes = database.run(&hashes).unwrap();
    assert!(hashes.contains("registrations|"), "{hashes}");
    hashes.lines().map(str::to_owned).collect()
}

/// The events of operators after this one: the command of each, or nothing where it is about users.
fn events_after(database: &TestDatabase, id: &str) -> Vec<String> {
    let events = format!(
        "SELECT CASE WHEN e.kind <> 4908 THEN 'of users'
                     WHEN e.detail::jsonb ? 'before' AND e.detail::jsonb ? 'after' THEN e.detail->>'command' END
           FROM events AS e JOIN event_callers AS c ON c.id = e.caller
          WHERE e.id > {id} AND c.issuer ~ '^os:' AND c.subject IS NOT NULL ORDER BY e.id"
    );
    database.run(&events).unwrap().lines().map(str::to_owned).collect()
}

fn last_event(database: &TestDatabase) -> String {
    let last = database.run("SELECT coalesce(max(id), 0) FROM events").unwrap();
    last.trim().to_owned()
}

#[test]
fn each_command_has_its_line() {
    let mut known = BTreeSet::new();
    listed(&[], &mut known);
    let mut shown: BTreeSet<String> = NOT_RUN.map(str::to_owned).into();
    for (arguments, ..) in &verbs("", "") {
        let [name, more] = [1, 2].map(|words| arguments[..words.min(arguments.len())].join(" "));
        shown.insert(if known.contains(&more) { more } else { name });
    }
    assert_eq!(shown, known, "each command has its line here, and what it leaves");
}

#[test]
fn every_change_by_a_command_is_recorded() {
    check_every_command(false);
}

#[test]
fn unprinted_change_is_recorded_too() {
    check_every_command(true);
}

/// Runs every command; `is_full`: where nothing can be printed.
fn check_every_command(is_full: bool) {
    let remote = ContractServer::start(&contract_tenants());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let users = ["one", "two"].map(|name| (AUTH0.user)(name)).to_vec();
    let sandbox = runtime.block_on(Sandbox::start((AUTH0.stand_in)(users))).unwrap();
    let auth0 = sandbox.url().trim_end_matches('/').to_owned();
    let verbs = verbs(&auth0, &format!("http://{}", remote.address));

    let database = process::loaded_database(&[], "");
    let mut settings = process::settings(&database.url().unwrap());
    settings.extend([
        setting("PROVIDERS__ALLOW_PRIVATE_ADDRESSES", "true"),
        setting("PROVIDERS__CALL_TIMEOUT", "20s"),
        setting("DATABASE__ACQUIRE_TIMEOUT", "60s"),
        setting("DATABASE__STATEMENT_TIMEOUT", "60s"),
        (process::secret_variable(FEDERATED, "PROVIDER"), AUTH0.secret.to_owned()),
        (process::secret_variable(OWN, "REMOTE"), remote.token(CaseToken::Reader)),
    ]);
    let mut before = tables(&database);
    for verb in &verbs {
        let (arguments, _, left) = verb;
        let last = last_event(&database);
        let output = run(&settings, verb, is_full);
        let after = tables(&database);
        let has_changed = after != before;
        before = after;
        let events = events_after(&database, &last);
        let what = format!("{arguments:?} (full: {is_full}): {output:?}: {events:?}");
        match left {
            Left::Nothing => {
                assert!(!has_changed, "{what}");
                assert!(events.is_empty(), "{what}");
            }
            // What prints before it does anything may do nothing where it cannot print.
            _ if is_full && !has_changed => {}
            Left::Change(command) => assert!(events.iter().any(|event| event == command), "{what}"),
            Left::OfUsers => assert!(!events.is_empty(), "{what}"),
        }
        assert!(is_full || *left == Left::Nothing || output.status.success(), "{what}");
    }
    // Neither secrets nor persons are in what was changed.
    let words = ["mhk_", "hidden-word", "An-invented", "Quizzel", "example.com"];
    let found = format!("SELECT count(*) FROM events WHERE detail::text ~ '{}'", words.join("|"));
    assert_eq!(database.run(&found).unwrap().trim(), "0");
    let redacted =
        "SELECT count(*) FROM events WHERE detail::jsonb #>> '{after,settings,Auth0.ClientSecret}' = '<redacted>'";
    assert_eq!(database.run(redacted).unwrap().trim(), "1");
}

/// What was begun is in the log before it is done: `kill -9` and a lost database leave no trace of an end.
#[test]
fn long_changes_are_recorded_before_they_begin() {
    let (database, settings) = super::pools::prepared();
    let states = |command: &str| {
        let states = format!(
            "SELECT coalesce(detail #>> '{{after,state}}', 'done') FROM events WHERE detail->>'command' = '{command}' ORDER BY id"
        );
        let states = database.run(&states).unwrap();
        states.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    process::run_ok(&settings, &["purge"], "");
    assert_eq!(states("purge"), ["started", "done"]);
    let tenant = "north/daily/herald";
    // It has no provider, so that there is nothing to sync.
    process::run_err(&settings, &["sync", "--tenant", tenant], "");
    assert_eq!(states("sync"), ["started", "failed"]);
    process::run_ok(&settings, &["tenant", "remove", tenant, "--orphan", "--yes"], "");
    let remove = ["pool", "remove", tenant, "--yes"];
    process::run_err(&settings, &remove, "");
    process::run_ok(&settings, &[&remove[..], &["--registrations", "3"]].concat(), "");
    assert_eq!(states("pool remove"), ["started", "failed", "started", "done"]);
    let detail =
        "SELECT detail::jsonb #>> '{before,registrations}' FROM events WHERE detail->>'command' = 'pool remove'";
    assert_eq!(database.run(&format!("{detail} LIMIT 1")).unwrap().trim(), "3");
}
