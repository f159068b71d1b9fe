//! Every row is imported, merged, skipped or rejected (contract `imports.md` §1).

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use super::fixture::{HERALD, ImportFixture, TIMES};
use crate::support::process;

/// Lines of Masthead's own format with one fault of each kind.
fn lines_with_faults() -> String {
    let user = |id: &str, email: &str| json!({"customerRegistrationId": id, "email": email, "firstName": "Quillan"});
    let mut long = user("long", "long@readers.example");
    long["metadata"] = json!({"title": "x".repeat(1024 * 1024)});
    let mut other = user("other", "other@readers.example");
    other["tenant"] = TIMES.into();
    let mut name = user("name", "name@readers.example");
    name["firstName"] = "Quillan".repeat(50).into();
    [
        user("1", "ann@readers.example").to_string(),
        String::new(),
        "{\"customerRegistrationId\":\"2\",\"email\":\"quillan@".to_owned(),
        json!({"email": "quillan@readers.example"}).to_string(),
        name.to_string(),
        long.to_string(),
        user("1", "bo@readers.example").to_string(),
        user("3", "ANN@readers.example").to_string(),
        other.to_string(),
        user("9", "di@readers.example").to_string(),
    ]
    .join("\n")
}

#[test]
fn bad_rows_are_rejected_with_line_field_and_reason() {
    let fixture = ImportFixture::new("faults");
    let file = fixture.write("users.ndjson", lines_with_faults());
    let rejects = fixture.path("rejects.ndjson");
    let ended = fixture.import(&["--rejects", &rejects, &file]);
    assert_eq!(ended.code, 3, "{}", ended.messages);
    assert_eq!(ended.counts(), [2, 0, 0, 7]);
    assert_eq!(
        fixture.query("SELECT string_agg(crid, ',' ORDER BY crid) FROM registrations"),
        "1,9"
    );
    assert!(
        ended.messages.contains("7 of 9 rows are rejected"),
        "{}",
        ended.messages
    );
    assert!(!ended.messages.contains("uillan"), "{}", ended.messages);

    let text = fixture.read("rejects.ndjson");
    let rejected: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let short: Vec<(u64, &str, &str)> = rejected
        .iter()
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap_or("-");
            assert!(!text("reason").is_empty());
            (row["line"].as_u64().unwrap(), text("field"), text("code"))
        })
        .collect();
    assert_eq!(
        short,
        [
            (3, "-", "malformed"),
            (4, "customerRegistrationId", "missing_id"),
            (5, "firstName", "invalid_value"),
            (6, "-", "too_long"),
            (7, "customerRegistrationId", "duplicate_id"),
            (8, "email", "duplicate_email"),
            (9, "tenant", "other_tenant"),
        ]
    );
    assert_eq!(rejected[5]["row"]["email"], "ANN@readers.example");
    assert_eq!(rejected[5]["reason"], "an earlier row has it");
    let mode = std::fs::metadata(&rejects).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let by_code = &ended.report["rejectedBecause"];
    assert_eq!(
        (&by_code["malformed"], &by_code["duplicate_id"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        ended.report["duplicates"],
        json!({"id": {"file": 1, "store": 0}, "email": {"file": 1, "store": 0}})
    );
}

#[test]
fn second_run_changes_nothing_and_rejects_the_same() {
    let fixture = ImportFixture::new("twice");
    let file = fixture.write("users.ndjson", lines_with_faults());
    let rejects = fixture.path("rejects.ndjson");
    let dry = fixture.import(&["--dry-run", "--rejects", &rejects, &file]);
    assert_eq!(fixture.query("SELECT count(*) FROM registrations"), "0");
    assert_eq!(fixture.query("SELECT count(*) FROM events WHERE kind = 4901"), "0");
    let dry_rejects = fixture.read("rejects.ndjson");
    let first = fixture.import(&["--rejects", &rejects, &file]);
    assert_eq!((&dry.report, dry.code), (&first.report, first.code));
    assert_eq!(fixture.read("rejects.ndjson"), dry_rejects);
    let stored = fixture.registrations();
    let second = fixture.import(&["--rejects", &rejects, &file]);
    assert_eq!(second.counts(), [0, 0, 2, 7]);
    assert_eq!(fixture.read("rejects.ndjson"), dry_rejects);
    assert_eq!(fixture.registrations(), stored);
    for table in ["import_runs", "import_scratch"] {
        assert_eq!(fixture.query(&format!("SELECT count(*) FROM {table}")), "0", "{table}");
    }
}

#[test]
fn every_policy_has_its_dry_run() {
    let lines = [
        json!({"customerRegistrationId": "1", "email": "ann@readers.example", "changeDate": "2024-01-02T03:04:05Z"}),
        json!({"customerRegistrationId": "2", "email": "ANN@readers.example", "firstName": "Ann", "verified": true,
               "changeDate": "2025-01-02T03:04:05Z"}),
        json!({"customerRegistrationId": "1", "lastName": "Lee", "changeDate": "2023-01-02T03:04:05Z"}),
    ];
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    for (policy, counts, stored) in [
        ("reject", [1, 0, 0, 2], "1||"),
        ("skip", [1, 0, 2, 0], "1||"),
        ("first", [1, 0, 2, 0], "1||"),
        ("newest", [1, 1, 1, 0], "1|Ann|"),
        ("verified", [1, 1, 1, 0], "1|Ann|"),
        ("merge", [1, 2, 0, 0], "1|Ann|Lee"),
    ] {
        let fixture = ImportFixture::new(policy);
        let import =
            |more: &[&str]| fixture.import_text(&[&["--on-duplicate", policy], more].concat(), &lines.join("\n"));
        let dry = import(&["--dry-run"]);
        assert_eq!(fixture.query("SELECT count(*) FROM registrations"), "0");
        let ended = import(&[]);
        assert_eq!(ended.counts(), counts, "{policy}: {}", ended.messages);
        assert_eq!((dry.report, dry.code), (ended.report, ended.code), "{policy}");
        assert_eq!(
            fixture.query("SELECT crid, first_name, last_name FROM registrations"),
            stored,
            "{policy}"
        );
    }
}

#[test]
fn rows_of_other_tenants_need_to_be_allowed() {
    let fixture = ImportFixture::new("tenants");
    let line = |tenant: &str, id: &str| json!({"tenant": tenant, "customerRegistrationId": id}).to_string();
    let lines = [
        line(HERALD, "1"),
        line(TIMES, "1"),
        line("north/daily/sun", "1"),
        json!({"customerRegistrationId": "2"}).to_string(),
    ]
    .join("\n");
    let ended = fixture.import_text(&[], &lines);
    assert_eq!((ended.code, ended.counts()), (3, [2, 0, 0, 2]));
    let ended = fixture.import_text(&["--allow-tenants", TIMES], &lines);
    assert_eq!((ended.code, ended.counts()), (3, [1, 0, 2, 1]));
    let users =
        "SELECT t.paper, count(*) FROM registrations AS r JOIN tenants AS t USING (pool) GROUP BY t.paper ORDER BY 1";
    assert_eq!(fixture.query(users), "herald|2\ntimes|1");
    let unknown = fixture.import_text(&["--allow-tenants", "north/daily/sun"], &lines);
    assert_eq!(unknown.code, 1);
    assert!(
        unknown.messages.contains("there is no tenant north/daily/sun"),
        "{}",
        unknown.messages
    );

    // Without --tenant each row names its own.
    let output = process::run(&fixture.settings, &["import", "--report"], &lines);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["skipped"], &report["rejected"]), (&json!(2), &json!(2)));
}

#[test]
fn deleted_users_are_counted_apart() {
    let fixture = ImportFixture::new("deleted");
    let lines =
        "{\"customerRegistrationId\":\"1\",\"email\":\"ann@readers.example\"}\n{\"customerRegistrationId\":\"2\"}";
    fixture.import_text(&[], lines);
    process::run_ok(&fixture.settings, &["user", "delete", "--tenant", HERALD, "1"], "");
    let returning = format!("{lines}\n{{\"customerRegistrationId\":\"3\",\"email\":\"ANN@readers.example\"}}");
    for dry in [&["--dry-run"][..], &[]] {
        let ended = fixture.import_text(&[&["--on-duplicate", "skip"], dry].concat(), &returning);
        assert_eq!((ended.code, ended.counts()), (0, [0, 0, 3, 0]), "{}", ended.messages);
        assert_eq!(
            ended.report["skippedBecause"],
            json!({"deleted": 1, "exists": 1, "repeated": 1})
        );
    }
    let ended = fixture.import_text(&["--on-duplicate", "merge"], &returning);
    assert_eq!(ended.report["skippedBecause"], json!({"deleted": 2, "exists": 1}));
    assert_eq!(
        fixture.query("SELECT string_agg(crid, ',') FROM registrations WHERE deleted_at IS NULL"),
        "2"
    );
}
