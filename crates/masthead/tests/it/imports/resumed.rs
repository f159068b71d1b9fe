//! An import that is killed and started again has the result of one run: registrations, events, rejected rows, and report.

use std::{
    hash::{BuildHasher as _, RandomState},
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::fixture::{Ended, ImportFixture};
use crate::support::raw_http::FOREVER;

/// How many rows the file has.
const ROWS: u32 = 7_000;

/// When a process is killed.
#[derive(Debug)]
enum KillPoint {
    /// While the user of this row is inserted.
    AtUser(u32),
    /// While the batch with this row commits: its rejected rows are in the file, and it is not stored.
    AtCommitOf(u32),
}

/// Points at random, in the order of the file; the last two are in the last batch.
#[expect(clippy::print_stdout, reason = "a failed test prints its random choices")]
fn kill_points() -> Vec<KillPoint> {
    let seed = RandomState::new();
    let draw = |what: &str, number: u64, below: u64| u32::try_from(seed.hash_one((what, number)) % below).unwrap();
    let mut rows: Vec<u32> = (0..4).map(|number| draw("row", number, u64::from(ROWS))).collect();
    rows.extend((4..6).map(|number| 6_000 + draw("row", number, 990)));
    rows.sort_unstable();
    let points = (0..).zip(rows).map(|(number, row)| {
        // Every hundredth row from 7 on inserts no user of its own.
        let row = row + u32::from(row % 100 == 7);
        match draw("kind", number, 2) {
            0 => KillPoint::AtUser(row),
            _ => KillPoint::AtCommitOf(row),
        }
    });
    let points: Vec<_> = points.collect();
    println!("{points:?}");
    points
}

/// How often the stall of this test holds its lock: other tests have databases of their own on the server.
const HELD: &str = "SELECT count(*) FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database
                     WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.objid = 7";

/// One row of a hundred is bad, and some repeat an earlier id or address.
fn lines() -> String {
    let line = |n: u32| {
        let user = json!({
            "customerRegistrationId": format!("u-{n:05}"), "email": format!("user{n}@readers.example"),
            "firstName": format!("First{}", n % 7), "changeDate": "2024-01-02T03:04:05Z",
        });
        match n % 300 {
            7 => "{".to_owned(),
            107 => json!({"customerRegistrationId": format!("u-{:05}", n / 2), "lastName": "Later", "changeDate": "2025-01-02T03:04:05Z"})
                .to_string(),
            207 => json!({"customerRegistrationId": format!("v-{n:05}"), "email": format!("USER{}@readers.example", n / 2)})
                .to_string(),
            _ => user.to_string(),
        }
    };
    (0..ROWS).map(|n| line(n) + "\n").collect()
}

/// A database with a file, and a state for the import of it.
struct ResumedImport {
    fixture: ImportFixture,
    arguments: Vec<String>,
}

impl ResumedImport {
    fn new(name: &str, policy: Option<&str>) -> Self {
        let fixture = ImportFixture::new(name);
        let file = fixture.write("users.ndjson", lines());
        let paths = ["state.json", "rejects.ndjson"].map(|name| fixture.path(name));
        let mut arguments = vec!["--state", &paths[0], "--rejects", &paths[1], &file];
        if let Some(policy) = policy {
            arguments.extend(["--on-duplicate", policy]);
        }
        let arguments = arguments.into_iter().map(str::to_owned).collect();
        Self { fixture, arguments }
    }

    fn run(&self) -> Ended {
        self.fixture.import(&self.arguments())
    }

    fn arguments(&self) -> Vec<&str> {
        self.arguments.iter().map(String::as_str).collect()
    }

    /// Starts the import and kills it at this point.
    fn kill_at(&self, point: &KillPoint) {
        let (row, trigger) = match point {
            KillPoint::AtUser(row) => (row, "TRIGGER stall BEFORE INSERT ON registrations"),
            KillPoint::AtCommitOf(row) => (
                row,
                "CONSTRAINT TRIGGER stall AFTER INSERT ON registrations DEFERRABLE INITIALLY DEFERRED",
            ),
        };
        self.fixture.query(&format!(
            "CREATE OR REPLACE FUNCTION stall() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN PERFORM pg_advisory_lock(7), pg_sleep(3600); RETURN NEW; END $$;
             CREATE {trigger} FOR EACH ROW WHEN (NEW.crid = 'u-{row:05}') EXECUTE FUNCTION stall()"
        ));
        let running = self.fixture.spawn(&self.arguments());
        let began = Instant::now();
        while self.fixture.query(HELD) == "0" {
            assert!(began.elapsed() < FOREVER, "it does not come to row {row}");
            sleep(Duration::from_millis(10));
        }
        running.kill();
        self.fixture.query(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid();
             DROP TRIGGER stall ON registrations",
        );
    }

    /// What one run leaves.
    fn result(&self, ended: &Ended) -> [String; 4] {
        let events = "SELECT tenant, users, outcome FROM events WHERE kind = 4901 ORDER BY users, tenant";
        let state = [
            self.fixture.query("SELECT count(*) FROM import_runs"),
            std::path::Path::new(&self.fixture.path("state.json"))
                .exists()
                .to_string(),
        ];
        assert_eq!(state, ["0", "false"]);
        [
            self.fixture.registrations(),
            self.fixture.query(events),
            self.fixture.read("rejects.ndjson"),
            ended.report.to_string(),
        ]
    }
}

fn resumes_to_the_result_of_one_run(name: &str, policy: Option<&str>, counts: impl Fn([u64; 4]) -> bool) {
    let straight = ResumedImport::new(&format!("{name}-straight"), policy);
    let ended = straight.run();
    assert!(counts(ended.counts()), "{}", ended.report);
    let expected = straight.result(&ended);

    let killed = ResumedImport::new(&format!("{name}-killed"), policy);
    for point in kill_points() {
        killed.kill_at(&point);
    }
    assert_eq!(killed.fixture.query("SELECT rows FROM import_runs"), "6000");
    let ended = killed.run();
    assert_eq!(ended.code, if policy.is_none() { 3 } else { ended.code });
    assert_eq!(killed.result(&ended), expected);
}

#[test]
fn killed_import_goes_on_where_it_was() {
    let expected = |[imported, merged, skipped, rejected]: [u64; 4]| {
        (imported, merged, skipped, rejected) == (u64::from(ROWS) - 70, 0, 0, 70)
    };
    resumes_to_the_result_of_one_run("default", None, expected);
}

#[test]
fn killed_merging_import_goes_on_where_it_was() {
    let expected = |[_, merged, skipped, rejected]: [u64; 4]| (merged, skipped, rejected) == (23, 23, 24);
    resumes_to_the_result_of_one_run("merging", Some("newest"), expected);
}

#[test]
fn state_belongs_to_one_import() {
    let import = ResumedImport::new("other", None);
    import.kill_at(&KillPoint::AtUser(2500));
    let other = import
        .fixture
        .import(&[&import.arguments()[..], &["--on-duplicate", "merge"]].concat());
    assert_eq!(other.code, 1);
    let message = "the state belongs to another import: --on-duplicate differs";
    assert!(other.messages.contains(message), "{}", other.messages);
    // Rejected rows that an earlier process has written are not lost silently.
    std::fs::write(import.fixture.path("rejects.ndjson"), "").unwrap();
    let shortened = import.run();
    assert_eq!(shortened.code, 1);
    assert!(
        shortened.messages.contains("it is shorter than"),
        "{}",
        shortened.messages
    );
    import.fixture.query("DELETE FROM import_runs");
    let forgotten = import.run();
    assert_eq!(forgotten.code, 1);
    assert!(
        forgotten.messages.contains("no longer knows this import"),
        "{}",
        forgotten.messages
    );
}

#[test]
fn report_of_an_ended_import_is_printed_again() {
    let import = ResumedImport::new("ended", None);
    let fixture = &import.fixture;
    import.kill_at(&KillPoint::AtUser(2500));
    // As if it had been killed between its last batch and its end.
    let state: Value = serde_json::from_str(&fixture.read("state.json")).unwrap();
    let mut ended = state;
    ended["report"] = json!({"rows": 3, "imported": 2, "rejected": 1});
    fixture.write("state.json", ended.to_string());
    let again = import.run();
    assert_eq!((again.code, again.counts()), (3, [2, 0, 0, 1]), "{}", again.messages);
    assert_eq!(fixture.query("SELECT count(*) FROM import_runs"), "0");
    assert!(!std::path::Path::new(&fixture.path("state.json")).exists());
}
