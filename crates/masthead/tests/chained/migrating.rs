//! `migrate-from`, against a second Masthead with some thousands of readers: killed and gone on with, rehearsed, refused.

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

use crate::{
    support::{served, wire::FOREVER},
    world::{Loaded, World, setting},
};

/// How many readers the far side has.
const READERS: u32 = 2_500;

/// The far side, and two commands' worth of settings.
struct Move {
    far: World,
    /// Where the readers come to, twice: to hold one way against another.
    databases: [TestDatabase; 2],
    folder: PathBuf,
}

fn far() -> Loaded {
    Loaded {
        tenant: HERALD,
        pool: None,
        settings: &[],
        accounts: readers(READERS),
    }
}

/// Somebody is there already; somebody else has another reader's address.
fn near() -> Loaded {
    Loaded {
        tenant: GAZETTE,
        accounts: vec![
            account("r-00003", "moved@example.net", "Kept", "Asis"),
            account("own", "reader17@example.org", "Own", "Reader"),
        ],
        ..far()
    }
}

impl Move {
    fn start(name: &str) -> Self {
        let far = World::with(&[far()], |_| {});
        let databases = [(); 2].map(|()| {
            let (_, database) = World::with(&[near()], |_| {}).end();
            database
        });
        let folder = std::env::temp_dir().join(format!("masthead-migrate-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self { far, databases, folder }
    }

    fn settings(&self, database: &TestDatabase) -> Vec<(String, String)> {
        let mut settings = served::settings(&database.url().unwrap());
        settings.push(setting("PROVIDERS__ALLOW_PRIVATE_ADDRESSES", "true"));
        settings.push(setting("PROVIDERS__CALL_TIMEOUT", "30s"));
        settings.push(setting("PROVIDERS__CONNECT_TIMEOUT", "30s"));
        settings.push(setting("DATABASE__ACQUIRE_TIMEOUT", "60s"));
        settings.push(("MASTHEAD_SECRET_FAR".to_owned(), self.far.token(CaseToken::Reader)));
        settings
    }

    fn arguments(&self, more: &[&str]) -> Vec<String> {
        let url = format!("Subscribe.Url=http://{}", self.far.address);
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
        let usual = usual
            .into_iter()
            .chain(["--set", "Subscribe.TokenEnv=MASTHEAD_SECRET_FAR"]);
        usual.chain(more.iter().copied()).map(str::to_owned).collect()
    }

    /// Runs it to its end, which must be good: what it printed, and what it said besides.
    fn run(&self, database: &TestDatabase, more: &[&str]) -> (Value, String) {
        let arguments = self.arguments(more);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = served::run(&self.settings(database), &arguments, "");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        (serde_json::from_slice(&output.stdout).unwrap(), said)
    }

    fn spawn(&self, database: &TestDatabase, more: &[&str]) -> Running {
        let child = Command::new(env!("CARGO_BIN_EXE_masthead"))
            .env_clear()
            .envs(self.settings(database))
            .args(self.arguments(more))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Running(child.unwrap())
    }
}

impl Drop for Move {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A command that runs; killed when it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How many users the state in this file has seen.
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

fn ask(database: &TestDatabase, query: &str) -> String {
    database.run(query).unwrap().trim().to_owned()
}

/// Every column of every registration but the number, as one word.
fn everything(database: &TestDatabase) -> String {
    ask(
        database,
        "SELECT count(*) || ' ' || md5(string_agg((to_jsonb(r) - 'id')::text, '|' ORDER BY r.crid)) FROM registrations r",
    )
}

#[test]
fn killed_and_gone_on_with_it_comes_to_the_same_as_in_one_go() {
    let world = Move::start("killed");
    let [straight, killed] = &world.databases;
    let (report, said) = world.run(straight, &[]);
    let with_password = readers(READERS).iter().filter(|reader| reader.has_password).count() as u64;
    // Reader 17 had a password, and is not among those who were taken.
    assert_eq!(
        report,
        json!({
            "imported": 2_498, "skipped": 1, "rejected": 1, "incomplete": 0, "withoutPassword": with_password - 1,
            "reasons": {"email: in use by another registration": 1},
        })
    );
    assert!(
        said.contains("user 18: email: in use by another registration"),
        "{said}"
    );
    assert!(!said.contains("reader17") && !said.contains("example.org"), "{said}");

    // In the middle of a page the store says no more.
    let stall = "CREATE FUNCTION stall() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_sleep(3600); RETURN NEW; END $$;
        CREATE TRIGGER stall BEFORE INSERT ON registrations FOR EACH ROW WHEN (NEW.crid = 'r-01350')
        EXECUTE FUNCTION stall()";
    ask(killed, stall);
    let file = world.folder.join("state.json");
    let state = file.to_str().unwrap();
    let running = world.spawn(killed, &["--state", state]);
    wait_until(&file, 1);
    let early = fs::read(&file).unwrap();
    wait_until(&file, 1_300);
    assert_eq!(seen(&file), 1_300, "not a page further than it is stored");
    drop(running);
    ask(
        killed,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    ask(killed, "DROP TRIGGER stall ON registrations");
    let kept = fs::read_to_string(&file).unwrap();
    assert!(!kept.contains('@') && !kept.contains("Birch"), "{kept}");
    assert_ne!(everything(killed), everything(straight));

    // Another walk is not gone on with by mistake.
    let mut other = world.arguments(&["--state", state]);
    other[4] = "50".to_owned();
    let other: Vec<&str> = other.iter().map(String::as_str).collect();
    let refused = served::run(&world.settings(killed), &other, "");
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("another migration"));

    // From a place that is older than what is stored, as when it is killed between the two.
    fs::write(&file, early).unwrap();
    let (report, _) = world.run(killed, &["--state", state]);
    assert_eq!(report["rejected"], 1);
    assert_eq!(
        report["imported"].as_u64().unwrap() + report["skipped"].as_u64().unwrap(),
        u64::from(READERS) - 1
    );
    assert_eq!(everything(killed), everything(straight));
    assert!(!file.exists(), "the state is of no more use");

    // Once more: everybody is there.
    let (report, _) = world.run(killed, &[]);
    assert_eq!((&report["imported"], &report["skipped"]), (&json!(0), &json!(2_499)));
    assert_eq!(everything(killed), everything(straight));
}

#[test]
fn a_rehearsal_tells_the_same_and_stores_nothing() {
    let world = Move::start("rehearsed");
    let [database, _] = &world.databases;
    let before = everything(database);
    let (rehearsed, said) = world.run(database, &["--dry-run"]);
    assert!(said.contains("user 18: email: in use"), "{said}");
    assert_eq!(everything(database), before);
    assert_eq!(
        ask(
            database,
            "SELECT count(*) FROM events WHERE kind = 4901 AND source_system = 'masthead-migrate'"
        ),
        "0"
    );
    let (done, _) = world.run(database, &[]);
    assert_eq!(rehearsed, done);
    assert_ne!(
        ask(
            database,
            "SELECT count(*) FROM events WHERE kind = 4901 AND source_system = 'masthead-migrate'"
        ),
        "0"
    );
}

/// The legacy API shows dates, which v4 does not.
#[test]
fn through_the_legacy_api_the_dates_come_too() {
    let world = Move::start("legacy");
    let [by_v4, by_legacy] = &world.databases;
    world.run(by_v4, &[]);
    let (report, _) = world.run(by_legacy, &["--set", "Subscribe.Api=legacy"]);
    assert_eq!((&report["imported"], &report["rejected"]), (&json!(2_498), &json!(1)));
    let dated = "SELECT count(registered_at) || ' ' || count(changed_at) FROM registrations WHERE crid LIKE 'r-%'";
    let changed = readers(READERS)
        .iter()
        .filter(|reader| reader.changed_at.is_some())
        .count();
    // One was there already, with dates; reader 17 is left out, and had both.
    assert_eq!(ask(by_v4, dated), "1 1");
    assert_eq!(ask(by_legacy, dated), format!("{} {}", READERS - 1, changed - 1));
    let apart_from_dates = |database| {
        ask(
            database,
            "SELECT md5(string_agg((to_jsonb(r) - 'id' - 'registered_at' - 'changed_at')::text, '|' ORDER BY r.crid))
               FROM registrations r",
        )
    };
    assert_eq!(apart_from_dates(by_v4), apart_from_dates(by_legacy));
}

#[test]
fn what_cannot_be_asked_is_told_before_anything_is_done() {
    let world = Move::start("refused");
    let [database, _] = &world.databases;
    let settings = world.settings(database);
    let run = |arguments: &[&str]| {
        let output = served::run(&settings, arguments, "");
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let said = run(&["migrate-from", "--tenant", GAZETTE]);
    assert!(said.contains("there is nobody to ask"), "{said}");
    let said = run(&["migrate-from", "--tenant", "no/such/tenant"]);
    assert!(said.contains("there is no tenant"), "{said}");
    let said = run(&[
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
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("zzz"), "{said}");
    let wrong = world.arguments(&["--set", "Subscribe.Tenant=north/daily/nowhere"]);
    let wrong: Vec<&str> = wrong.iter().map(String::as_str).collect();
    let said = run(&wrong);
    assert!(said.contains("does not give its users"), "{said}");
}
