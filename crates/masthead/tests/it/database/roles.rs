//! The documented roles are enough, and have no other rights.

use masthead_dev_postgres::TestDatabase;
use masthead_testkit::{contract_cases, for_each_contract_line};

use crate::{
    contract::server::{ContractServer, contract_tenants},
    support::{process, roles},
    writes::{
        harness::{HERALD, WriteServer},
        journey,
    },
};

fn server_url(database: &TestDatabase) -> String {
    roles::apply(database.server(), database.name()).server
}

macro_rules! check_each {
    ($($line:ident),* $(,)?) => {
        fn check_every_line(server: &ContractServer) {
            $(server.check_all(&contract_cases::$line());)*
        }
    };
}
for_each_contract_line!(check_each);

#[test]
fn contract_holds_on_documented_roles() {
    let server = ContractServer::start_as(&contract_tenants(), server_url, |_| {});
    check_every_line(&server);
    let (_, database) = server.stop();
    let is_used =
        "SELECT count(*) > 0 FROM events; SELECT count(*) FROM pg_roles WHERE rolname LIKE 'masthead\\_%' AND rolsuper";
    assert_eq!(database.run(is_used).unwrap(), "t\n0");
}

#[test]
fn reader_lives_on_documented_roles() {
    let server = WriteServer::start_as(server_url, &[]);
    journey::live(&server, HERALD, "nell.r@readers.example", "nell.s@readers.example");
    assert_eq!(server.story(HERALD), journey::STORY);
}

#[test]
fn commands_run_on_documented_roles() {
    let database = TestDatabase::empty().unwrap();
    let urls = roles::apply(database.server(), database.name());
    process::run_ok(&process::settings(&urls.owner), &["migrate"], "");
    let urls = roles::apply(database.server(), database.name());
    let settings = process::settings(&urls.server);
    let run = |arguments: &[&str], input: &str| process::run_ok(&settings, arguments, input);
    for paper in ["herald", "times"] {
        run(&["tenant", "add", &format!("north/daily/{paper}")], "");
    }
    run(&["tenant", "set", "north/daily/herald", "Api.DataAsArray=true"], "");
    run(&["workspace", "add", "jobs", "--tenant", "north/daily/herald"], "");
    run(&["workspace", "key", "jobs"], "");
    run(&["workspace", "remove", "jobs"], "");
    let lines = (0..50).map(|n| format!("{{\"customerRegistrationId\":\"c-{n}\",\"email\":\"a{n}@example.org\"}}\n"));
    run(
        &["import", "--tenant", "north/daily/herald"],
        &lines.collect::<String>(),
    );
    run(&["tenant", "remove", "north/daily/times", "--yes"], "");
    run(&["reconcile"], "");
    run(&["check-config"], "");
    assert_eq!(database.run("SELECT count(*) FROM registrations").unwrap(), "50");
    // The owner alone changes the schema.
    assert!(process::run_err(&settings, &["migrate"], "").contains("not migrated"));
}

#[test]
fn roles_have_no_other_rights() {
    let server = ContractServer::start_as(&contract_tenants(), server_url, |_| {});
    let (_, database) = server.stop();
    for (role, statement) in [
        ("server", "DROP TABLE registrations"),
        ("server", "ALTER TABLE registrations ADD COLUMN a text"),
        ("server", "CREATE TABLE a (b text)"),
        ("server", "TRUNCATE registrations"),
        ("server", "DELETE FROM events"),
        ("server", "UPDATE events SET users = 0"),
        ("server", "DELETE FROM _sqlx_migrations"),
        ("server", "UPDATE schema_compatibility SET compatible_with = 1"),
        ("server", "SELECT FROM pg_authid"),
        ("reader", "DELETE FROM registrations"),
        ("reader", "UPDATE tenants SET settings = '{}'"),
        ("reader", "SELECT password_hash FROM registrations"),
        ("reader", "SELECT FROM tombstones"),
        ("reader", "SELECT FROM mail_outbox"),
        ("reader", "SELECT FROM workspace_keys"),
        ("owner", "CREATE ROLE another"),
        ("owner", "SELECT FROM pg_authid"),
    ] {
        let refused = database
            .run(&format!("SET ROLE masthead_{role}; {statement}"))
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains("permission denied") || refused.contains("must be owner"),
            "{role}: {statement}: {refused}"
        );
    }
    let reads =
        "SET ROLE masthead_reader; SELECT count(email_key) > 0 FROM registrations; SELECT count(*) > 0 FROM tenants";
    assert_eq!(database.run(reads).unwrap(), "t\nt");
}
