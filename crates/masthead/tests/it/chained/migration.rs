//! `migrate-from` against a second Masthead with thousands of users: interrupted and resumed, dry run, refused.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use masthead_dev_postgres::TestDatabase;
use masthead_testkit::{
    accounts::{account, readers},
    contract_cases::{
        CaseEnvironment, CaseToken,
        fixture::{GAZETTE, HERALD},
    },
};
use serde_json::{Value, json};

use crate::support::process::setting;
use crate::{
    contract::server::{ContractServer, TenantFixture},
    support::{process, raw_http::FOREVER},
};

/// How many users the remote side has.
const READERS: u32 = 2_500;

/// The remote side and two empty targets.
struct MigrationSetup {
    remote: ContractServer,
    /// Two databases with the same registrations, to compare two migrations.
    databases: [TestDatabase; 2],
    folder: PathBuf,
}

fn remote_readers() -> TenantFixture {
    TenantFixture::new(HERALD, readers(READERS))
}

/// One user exists already, and one has the address of another remote user.
fn local_readers() -> TenantFixture {
    let kept = account("r-00003", "moved@example.net", "Kept", "Asis");
    TenantFixture::new(
        GAZETTE,
        vec![kept, account("own", "reader17@example.org", "Own", "Reader")],
    )
}

impl MigrationSetup {
    fn start(name: &str) -> Self {
        let remote = ContractServer::start_with(&[remote_readers()], |_| {});
        let databases = [(); 2].map(|()| {
            let (_, database) = ContractServer::start_with(&[local_readers()], |_| {}).stop();
            database
        });
        let folder = std::env::temp_dir().join(format!("masthead-migrate-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self {
            remote,
            databases,
            folder,
        }
    }

    fn settings(&self, database: &TestDatabase) -> Vec<(String, String)> {
        let mut settings = process::settings(&database.url().unwrap());
        settings.push(setting("PROVIDERS__ALLOW_PRIVATE_ADDRESSES", "true"));
        settings.push(setting("PROVIDERS__CALL_TIMEOUT", "30s"));
        settings.push(setting("PROVIDERS__CONNECT_TIMEOUT", "30s"));
        settings.push(setting("DATABASE__ACQUIRE_TIMEOUT", "60s"));
        settings.push((
            process::secret_variable(GAZETTE, "FAR"),
            self.remote.token(CaseToken::Reader),
        ));
        settings
    }

    fn arguments(&self, more: &[&str]) -> Vec<String> {
        let url = format!("Subscribe.Url=http://{}", self.remote.address);
        let tenant = format!("Subscribe.Tenant={HERALD}");
        let usual = [
            "migrate-from",
            "--tenant",
            GAZETTE,
            "--page-size",
            "100",
            "--set",
            &url,
            "--set",
            &tenant,
        ];
        let token = format!("Subscribe.TokenEnv={}", process::secret_variable(GAZETTE, "FAR"));
        let usual = usual.into_iter().chain(["--set", &token]);
        usual.chain(more.iter().copied()).map(str::to_owned).collect()
    }

    /// Runs a migration that must succeed: its report, and its messages.
    fn run(&self, database: &TestDatabase, more: &[&str]) -> (Value, String) {
        let arguments = self.arguments(more);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = process::run(&self.settings(database), &arguments, "");
        let messages = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{messages}");
        (serde_json::from_slice(&output.stdout).unwrap(), messages)
    }

    fn spawn(&self, database: &TestDatabase, more: &[&str]) -> RunningCommand {
        let child = Command::new(env!("CARGO_BIN_EXE_masthead"))
            .env_clear()
            .envs(self.settings(database))
            .args(self.arguments(more))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        RunningCommand(child.unwrap())
    }
}

impl Drop for MigrationSetup {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A running command; killed when dropped.
struct RunningCommand(Child);

impl Drop for RunningCommand {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How many users the state in this file counts.
fn seen(file: &Path) -> u64 {
    let text = fs::read(file).unwrap_or_default();
    let state: Option<Value> = serde_json::from_slice(&text).ok();
    state.map_or(0, |state| state["seen"].as_u64().unwrap())
}

fn wait_until(file: &Path, least: u64) {
    let began = Instant::now();
    while seen(file) < least {
        assert!(began.elapsed() < 3 * FOREVER, "it does not come on: {}", seen(file));
        sleep(Duration::from_millis(5));
    }
}

fn query(database: &TestDatabase, query: &str) -> String {
    database.run(query).unwrap().trim().to_owned()
}

/// A hash of every registration without its number.
fn everything(database: &TestDatabase) -> String {
    query(
        database,
        "SELECT count(*) || ' ' || md5(string_agg((to_jsonb(r) - 'id')::text, '|' ORDER BY r.crid)) FROM registrations r",
    )
}

#[test]
fn interrupted_migration_resumes_to_the_same_result() {
    let setup = MigrationSetup::start("killed");
    let [straight, killed] = &setup.databases;
    let (report, messages) = setup.run(straight, &[]);
    let with_password = readers(READERS).iter().filter(|reader| reader.has_password).count() as u64;
    // User 17 had a password and is rejected.
    assert_eq!(
        report,
        json!({
            "imported": 2_498, "skipped": 1, "rejected": 1, "incomplete": 0, "withoutPassword": with_password - 1,
            "reasons": {"email: in use by another registration": 1},
        })
    );
    assert!(
        messages.contains("user 18: email: in use by another registration"),
        "{messages}"
    );
    assert!(
        !messages.contains("reader17") && !messages.contains("example.org"),
        "{messages}"
    );

    // The store stalls in the middle of a page.
    let stall = "CREATE FUNCTION stall() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_sleep(3600); RETURN NEW; END $$;
        CREATE TRIGGER stall BEFORE INSERT ON registrations FOR EACH ROW WHEN (NEW.crid = 'r-01350')
        EXECUTE FUNCTION stall()";
    query(killed, stall);
    let file = setup.folder.join("state.json");
    let state = file.to_str().unwrap();
    let running = setup.spawn(killed, &["--state", state]);
    wait_until(&file, 1);
    let early = fs::read(&file).unwrap();
    wait_until(&file, 1_300);
    assert_eq!(seen(&file), 1_300, "not a page further than it is stored");
    drop(running);
    query(
        killed,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    query(killed, "DROP TRIGGER stall ON registrations");
    let kept = fs::read_to_string(&file).unwrap();
    assert!(!kept.contains('@') && !kept.contains("Birch"), "{kept}");
    assert_ne!(everything(killed), everything(straight));

    // Another migration does not resume it.
    let mut other = setup.arguments(&["--state", state]);
    other[4] = "50".to_owned();
    let other: Vec<&str> = other.iter().map(String::as_str).collect();
    assert!(process::run_err(&setup.settings(killed), &other, "").contains("another migration"));

    // The state is older than what is stored, as if the process was killed between the two.
    fs::write(&file, early).unwrap();
    let (report, _) = setup.run(killed, &["--state", state]);
    assert_eq!(report["rejected"], 1);
    assert_eq!(
        report["imported"].as_u64().unwrap() + report["skipped"].as_u64().unwrap(),
        u64::from(READERS) - 1
    );
    assert_eq!(everything(killed), everything(straight));
    assert!(!file.exists(), "the state is of no more use");

    // A second run finds all users.
    let (report, _) = setup.run(killed, &[]);
    assert_eq!((&report["imported"], &report["skipped"]), (&json!(0), &json!(2_499)));
    assert_eq!(everything(killed), everything(straight));
}

#[test]
fn dry_run_stores_nothing() {
    let setup = MigrationSetup::start("rehearsed");
    let [database, _] = &setup.databases;
    let events = "SELECT count(*) FROM events WHERE kind = 4901 AND source_system = 'masthead-migrate'";
    let before = everything(database);
    let (rehearsed, messages) = setup.run(database, &["--dry-run"]);
    assert!(messages.contains("user 18: email: in use"), "{messages}");
    assert_eq!(everything(database), before);
    assert_eq!(query(database, events), "0");
    let (done, _) = setup.run(database, &[]);
    assert_eq!(rehearsed, done);
    assert_ne!(query(database, events), "0");
}

/// The legacy API returns dates, v4 does not.
#[test]
fn legacy_api_migrates_dates_too() {
    let setup = MigrationSetup::start("legacy");
    let [by_v4, by_legacy] = &setup.databases;
    setup.run(by_v4, &[]);
    let (report, _) = setup.run(by_legacy, &["--set", "Subscribe.Api=legacy"]);
    assert_eq!((&report["imported"], &report["rejected"]), (&json!(2_498), &json!(1)));
    let dated = "SELECT count(registered_at) || ' ' || count(changed_at) FROM registrations WHERE crid LIKE 'r-%'";
    let changed = readers(READERS)
        .iter()
        .filter(|reader| reader.changed_at.is_some())
        .count();
    // One existed already, with dates; user 17 is rejected and had both.
    assert_eq!(query(by_v4, dated), "1 1");
    assert_eq!(query(by_legacy, dated), format!("{} {}", READERS - 1, changed - 1));
    let apart_from_dates = |database| {
        query(
            database,
            "SELECT md5(string_agg((to_jsonb(r) - 'id' - 'registered_at' - 'changed_at')::text, '|' ORDER BY r.crid))
               FROM registrations r",
        )
    };
    assert_eq!(apart_from_dates(by_v4), apart_from_dates(by_legacy));
}

#[test]
fn invalid_settings_are_reported_before_any_request() {
    let setup = MigrationSetup::start("refused");
    let [database, _] = &setup.databases;
    let settings = setup.settings(database);
    let run = |arguments: &[&str]| process::run_err(&settings, arguments, "");
    let messages = run(&["migrate-from", "--tenant", GAZETTE]);
    assert!(messages.contains("there is no remote Users API"), "{messages}");
    let messages = run(&["migrate-from", "--tenant", "no/such/tenant"]);
    assert!(messages.contains("there is no tenant"), "{messages}");
    let messages = run(&[
        "migrate-from",
        "--tenant",
        GAZETTE,
        "--set",
        "Subscribe.Url=zzz",
        "--set",
        "Colour=zzz",
    ]);
    for part in [
        "Subscribe.Url: must be",
        "Subscribe.TokenFile: must be set",
        "Colour: not a setting",
    ] {
        assert!(messages.contains(part), "{part}: {messages}");
    }
    assert!(!messages.contains("zzz"), "{messages}");
    let wrong = setup.arguments(&["--set", "Subscribe.Tenant=north/daily/nowhere"]);
    let wrong: Vec<&str> = wrong.iter().map(String::as_str).collect();
    let messages = run(&wrong);
    assert!(messages.contains("returns no users"), "{messages}");
}
