//! Formats, mapping files, encodings, joins, limits and progress.

use std::io::Write as _;

use serde_json::{Value, json};

use super::fixture::{HERALD, ImportFixture, TIMES};
use crate::support::process;

const AUTH0: &str = include_str!("auth0-export.ndjson");
const AUTH0_HASHES: &str = include_str!("auth0-password-export.ndjson");

#[test]
fn shipped_mapping_is_printed_and_can_be_used() {
    let fixture = ImportFixture::new("mapping");
    let printed = process::run_ok(&fixture.settings, &["import", "--show-map", "auth0"], "");
    let own = fixture.write("own.toml", &printed);
    let users = fixture.write("users.ndjson", AUTH0);
    let by_name = fixture.import(&["--dry-run", "--from", "auth0", &users]);
    let detected = fixture.import(&["--dry-run", &users]);
    let mapped = fixture.import(&["--dry-run", "--from", "ndjson", "--map", &own, &users]);
    assert_eq!(by_name.report, detected.report, "{}", detected.messages);
    assert_eq!(by_name.report, mapped.report, "{}", mapped.messages);
    assert_eq!(by_name.count("rows"), AUTH0.lines().count() as u64);
    let unknown = process::run_err(&fixture.settings, &["import", "--show-map", "nobodys"], "");
    assert!(
        unknown.contains("there is no mapping nobodys; there are ") && unknown.contains("auth0"),
        "{unknown}"
    );
}

#[test]
fn wrong_file_is_refused_before_anything_is_written() {
    let fixture = ImportFixture::new("wrong");
    for (name, content, arguments) in [
        ("binary", &b"\x7fELF\0\0\0\x01"[..], &[][..]),
        ("unknown", b"{\"colour\":\"red\"}\n", &[]),
        ("other", AUTH0.as_bytes(), &["--from", "gigya"]),
        ("format", AUTH0.as_bytes(), &["--from", "quillan"]),
        ("empty", b"", &[]),
    ] {
        let file = fixture.write(name, content);
        let ended = fixture.import(&[arguments, &[&file]].concat());
        assert_eq!(ended.code, 1, "{name}: {}", ended.messages);
        assert!(
            ended.messages.contains("nothing was imported"),
            "{name}: {}",
            ended.messages
        );
    }
    assert_eq!(fixture.query("SELECT count(*) FROM registrations"), "0");
    assert_eq!(fixture.query("SELECT count(*) FROM events WHERE kind = 4901"), "0");
}

#[test]
fn second_file_gives_the_hashes() {
    let fixture = ImportFixture::new("hashes");
    let users = fixture.write("users.ndjson", AUTH0);
    let hashes = fixture.write("hashes.ndjson", AUTH0_HASHES);
    let arguments = ["--hashes", &hashes, "--join", "user_id", "--blocked", "lite", &users];
    let dry = fixture.import(&[&["--dry-run"], &arguments[..]].concat());
    let ended = fixture.import(&arguments);
    assert_eq!(dry.report, ended.report, "{}", ended.messages);
    let joined =
        fixture.query("SELECT count(*) FROM registrations WHERE password_hash LIKE '$2%' AND crid LIKE 'auth0|%'");
    assert_ne!(joined, "0", "{}", ended.report);
    assert_eq!(ended.report["hashes"]["bcrypt-10"].to_string(), joined);
    assert_eq!(ended.report["hashFile"]["rows"], AUTH0_HASHES.lines().count());
    assert_eq!(fixture.query("SELECT count(*) FROM import_scratch"), "0");
    assert_eq!(fixture.query("SELECT count(*) FROM import_runs"), "0");
}

#[test]
fn rejected_rows_of_second_file_are_kept() {
    let fixture = ImportFixture::new("rejected-hashes");
    let users = fixture.write("users.ndjson", AUTH0);
    let hashes = fixture.write("hashes.ndjson", format!("{AUTH0_HASHES}{{\n"));
    let [state, rejects] = ["state.json", "rejects.ndjson"].map(|name| fixture.path(name));
    let arguments = [
        "--hashes",
        &hashes,
        "--join",
        "user_id",
        "--blocked",
        "lite",
        "--rejects",
        &rejects,
    ];
    let ended = fixture.import(&[&arguments[..], &["--state", &state, &users]].concat());
    assert_eq!(ended.report["hashFile"]["rejected"], 1, "{}", ended.messages);
    let kept = fixture.read("rejects.ndjson");
    let first: Value = serde_json::from_str(kept.lines().next().unwrap()).unwrap();
    assert_eq!(first["file"], "hashes.ndjson");
    assert_eq!(first["code"], "malformed");
    assert_eq!(first["line"], AUTH0_HASHES.lines().count() + 1);
    assert_eq!(ended.report["rejected"], kept.lines().count() - 1);
}

#[test]
fn blocked_accounts_are_rejected_or_lite() {
    let fixture = ImportFixture::new("blocked");
    let users = fixture.write("users.ndjson", AUTH0);
    let rejected = fixture.import(&["--dry-run", &users]);
    assert_eq!(
        (rejected.code, &rejected.report["rejectedBecause"]["blocked"]),
        (3, &json!(1))
    );
    let lite = fixture.import(&["--blocked", "lite", &users]);
    assert_eq!(lite.report["rejectedBecause"]["blocked"], json!(null));
    assert_eq!(
        fixture.query("SELECT state FROM registrations WHERE crid = 'twitter|2000001'"),
        "0"
    );
}

#[test]
fn named_encoding_is_decoded() {
    let fixture = ImportFixture::new("encoding");
    let line = b"{\"customerRegistrationId\":\"1\",\"firstName\":\"Zo\xeb\"}\n";
    let file = fixture.write("users.ndjson", line);
    let ended = fixture.import(&["--encoding", "windows-1252", &file]);
    assert_eq!((ended.code, ended.counts()), (0, [1, 0, 0, 0]), "{}", ended.messages);
    assert_eq!(fixture.query("SELECT first_name FROM registrations"), "Zo\u{eb}");
}

#[test]
fn too_many_rejects_stop_the_import() {
    let fixture = ImportFixture::new("limit");
    let lines: Vec<String> = (0..30)
        .map(|n| match n % 3 {
            0 => "{}".to_owned(),
            _ => json!({"customerRegistrationId": n.to_string()}).to_string(),
        })
        .collect();
    let rejects = fixture.path("rejects.ndjson");
    let ended = fixture.import_text(&["--max-rejects", "2", "--rejects", &rejects], &lines.join("\n"));
    assert_eq!((ended.code, ended.counts()), (1, [4, 0, 0, 3]));
    assert!(
        ended
            .messages
            .contains("stopped after row 7: more than 2 rows are rejected"),
        "{}",
        ended.messages
    );
    assert_eq!(fixture.read("rejects.ndjson").lines().count(), 3);
    let enough = fixture.import_text(&["--max-rejects", "10"], &lines.join("\n"));
    assert_eq!((enough.code, enough.counts()), (3, [16, 0, 4, 10]));
}

#[test]
fn progress_is_lines_where_there_is_no_terminal() {
    let fixture = ImportFixture::new("progress");
    let lines: Vec<String> = (0..3000)
        .map(|n| json!({"customerRegistrationId": format!("quillan-{n}")}).to_string())
        .collect();
    let file = fixture.write("users.ndjson", lines.join("\n"));
    let ended = fixture.import(&[&file]);
    assert!(ended.messages.contains("masthead: 3000 rows, "), "{}", ended.messages);
    assert!(ended.messages.contains(" a second, 100 % read"), "{}", ended.messages);
    assert!(!ended.messages.contains("quillan"));
    let quiet = fixture.import(&["--progress-every", "0", &file]);
    assert_eq!(quiet.messages, "");
}

#[test]
fn rejects_do_not_replace_an_input() {
    let fixture = ImportFixture::new("rejects-input");
    let line = json!({"customerRegistrationId": "1"}).to_string();
    let file = fixture.write("users.ndjson", &line);
    let refused = fixture.import(&["--rejects", &file, &file]);
    assert_eq!(refused.code, 1);
    assert!(refused.messages.contains("--rejects"), "{}", refused.messages);
    assert_eq!(fixture.read("users.ndjson"), line);
}

#[test]
fn one_standard_input_is_not_two_files() {
    let fixture = ImportFixture::new("one-input");
    let refused = fixture.import(&["--hashes", "-", "--join", "user_id", "-"]);
    assert_eq!(refused.code, 1);
    assert!(refused.messages.contains("--hashes"), "{}", refused.messages);
}

#[test]
fn remote_store_takes_no_import() {
    let fixture = ImportFixture::new("remote");
    let remote = [
        "tenant",
        "set",
        TIMES,
        "Subscribe.Url=https://users.example",
        "Subscribe.TokenEnv=MASTHEAD_SECRET__NORTH__DAILY__TIMES__REMOTE",
    ];
    process::run_ok(&fixture.settings, &remote, "");
    let line = json!({"tenant": TIMES, "customerRegistrationId": "1"}).to_string();
    let refused = process::run(&fixture.settings, &["import", "--tenant", TIMES], &line);
    assert!(String::from_utf8(refused.stderr).unwrap().contains("Subscribe.Url"));
    let rejected = process::run(&fixture.settings, &["import", "--report"], &line);
    let report: Value = serde_json::from_slice(&rejected.stdout).unwrap();
    assert_eq!(report["rejectedBecause"], json!({"other_tenant": 1}));
}

#[test]
fn names_that_may_be_values_are_not_reported() {
    let fixture = ImportFixture::new("names");
    let line = json!({"user_id": "auth0|1", "logins_count": 1, "devices": {"ann@example.com": 1, "07911123456": 2}});
    let report = fixture.import_text(&["--dry-run"], &line.to_string()).report;
    assert_eq!(report["imported"], 1);
    assert!(
        !report.to_string().contains("example") && !report.to_string().contains("07911"),
        "{report}"
    );
}

#[test]
fn summary_is_one_line_without_report() {
    let fixture = ImportFixture::new("summary");
    let line = json!({"customerRegistrationId": "1", "passwordHash": "x", "verified": null});
    let arguments = ["import", "--tenant", HERALD];
    let summary = process::run_ok(&fixture.settings, &arguments, &line.to_string());
    assert_eq!(
        summary,
        "{\"hashes\":{},\"imported\":1,\"merged\":0,\"rejected\":0,\"skipped\":0,\"unusableHashes\":{\"unknown hash family\":1}}"
    );
    let report = fixture.import_text(&["--dry-run"], &line.to_string()).report;
    assert_eq!(report["skippedBecause"], json!({"exists": 1}));
    assert_eq!(report["verifiedMissing"], 1);
}

#[test]
fn report_counts_what_was_left_out() {
    let fixture = ImportFixture::new("report");
    let lines = [
        json!({"user_id": "auth0|1", "logins_count": 1, "created_at": "1912-01-02T03:04:05Z", "updated_at": "soon", "shoe": 38}),
        json!({"user_id": "auth0|2", "email_verified": true, "created_at": "2020-01-02T03:04:05Z", "blocked": true}),
    ];
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    let report = fixture.import_text(&["--dry-run"], &lines.join("\n")).report;
    assert_eq!(report["states"], json!({"Lite": 1}));
    assert_eq!(report["datesOutOfRange"], json!({"dateRegistered": 1}));
    assert_eq!(report["datesUnreadable"], json!({"changeDate": 1}));
    assert_eq!(report["unmappedFields"], json!({"shoe": 1}));
    assert_eq!(report["verifiedMissing"], 1);
    let arguments = ["import", "--tenant", HERALD, "--dry-run", "--report=text"];
    let text = process::run(&fixture.settings, &arguments, &lines.join("\n"));
    assert_eq!(
        String::from_utf8(text.stdout).unwrap(),
        "2 rows: 1 imported, 0 merged, 0 skipped, 1 rejected\nstates: 1 Lite\nwithout a hash: 1 rows\nrejected: 1 blocked\n\
         dates out of range, left unset: 1 dateRegistered\ndates in no known form, left unset: 1 changeDate\n\
         fields not mapped: 1 shoe\nnotes: 1 address not known to be verified\n"
    );
}

#[test]
fn compressed_files_are_read_and_damaged_ones_refused() {
    let fixture = ImportFixture::new("compressed");
    let line = json!({"customerRegistrationId": "1"}).to_string() + "\n";
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(line.repeat(100).as_bytes()).unwrap();
    let whole = encoder.finish().unwrap();
    let cut = fixture.write("cut.gz", &whole[..whole.len() - 9]);
    let refused = fixture.import(&[&cut]);
    assert_eq!(refused.code, 1);
    assert!(refused.messages.contains("cut off"), "{}", refused.messages);
    assert_eq!(fixture.query("SELECT count(*) FROM registrations"), "0");
    let file = fixture.write("whole.gz", whole);
    assert_eq!(fixture.import(&[&file]).counts(), [1, 0, 0, 99]);
}
