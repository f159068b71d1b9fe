//! The rules for values that all mappings share (docs/moving-in.md).

use masthead_imports::{BlockedPolicy, ImportedUser, MapContext, Mapping, RejectCode};
use serde_json::{Value, json};

use crate::support::{CONTEXT, mapped, mapped_by, named, one, open, read, shown};

/// A mapping of everything, for rows of this test.
const ALL: &str = r#"
name = "test"
title = "Test"
formats = ["ndjson", "json", "csv"]
lists = [""]
blocked = [{ path = "disabled", is = ["true", "1"] }]
ignored = ["skipped", "deep.skipped"]

[fields]
tenant = ["paper"]
id = ["id"]
email = ["email"]
verified = ["verified", { path = "verifiedAt", date = true }]
firstName = ["first"]
lastName = ["last"]
passwordHash = ["hash"]
dateRegistered = ["registered"]
changeDate = ["changed", { path = "changedAs", form = "[day].[month].[year]" }]

[metadata]
roots = [{ path = "meta" }]

[metadata.keys]
displayName = ["deep.name"]
"#;

fn by_all(row: &Value) -> Value {
    let rows = mapped(row.to_string(), &mapped_by(ALL));
    let [only] = <[Value; 1]>::try_from(rows).unwrap();
    only
}

#[test]
fn null_and_empty_text_are_unset() {
    let row = json!({
        "id": 7, "email": "", "verified": null, "first": null, "last": "", "hash": "", "registered": "", "changed": null,
        "meta": {"a": "", "b": null, "c": [], "d": {}, "e": [null, ""], "f": {"g": null}}, "deep": {"name": ""}, "other": "",
    });
    assert_eq!(by_all(&row), json!({"id": "7", "verifiedMissing": true}));
}

#[test]
fn numbers_keep_their_digits() {
    let row = r#"{"id":9007199254740993123,"verified":1,"first":"007","meta":{"big":12345678901234567890123,"price":1.10,"code":"007","exp":1e3}}"#;
    let expected = json!({
        "id": "9007199254740993123", "verified": true, "firstName": "007",
        "metadata": {"big": "12345678901234567890123", "price": "1.10", "code": "007", "exp": "1e3"},
    });
    assert_eq!(mapped(row, &mapped_by(ALL)), [expected]);
}

#[test]
fn metadata_is_flattened() {
    let row = json!({"id": "1", "verified": false, "meta": {
        "yes": true, "no": false, "one": ["x"], "many": ["x", 2, {"y": null}], "inner": {"a": {"b": "c"}, "list": [{"k": "v"}]},
    }});
    let expected = json!({
        "yes": "true", "no": "false", "one": "x", "many": "[\"x\",2,{\"y\":null}]", "inner.a.b": "c", "inner.list.k": "v",
    });
    assert_eq!(by_all(&row)["metadata"], expected);
}

#[test]
fn keys_that_differ_in_case_are_counted() {
    let row = json!({"id": "1", "verified": true, "deep": {"name": "Ann"}, "meta": {"City": "Oslo", "city": "Bergen", "displayName": "x"}});
    let user = by_all(&row);
    assert_eq!(user["metadata"], json!({"City": "Oslo", "displayName": "Ann"}));
    assert_eq!(user["clashes"], json!(2));
}

#[test]
fn verified_is_true_on_an_explicit_true_only() {
    for (value, verified) in [
        (json!(true), true),
        (json!("true"), true),
        (json!("TRUE"), true),
        (json!(1), true),
        (json!("1"), true),
        (json!(false), false),
        (json!("yes"), false),
        (json!(0), false),
        (json!(2), false),
        (json!("2020-01-01"), false),
    ] {
        let user = by_all(&json!({"id": "1", "verified": value}));
        assert_eq!(user["verified"] == json!(true), verified, "{value}");
        assert!(user.get("verifiedMissing").is_none(), "{value}");
    }
    assert_eq!(by_all(&json!({"id": "1"}))["verifiedMissing"], json!(true));
}

/// Akamai's `emailVerified` is a date or null.
#[test]
fn date_of_verification_is_a_true() {
    for (value, verified) in [
        (json!("2025-05-08 09:35:22.556125 +0000"), true),
        (json!(null), false),
        (json!("never"), false),
    ] {
        let user = by_all(&json!({"id": "1", "verifiedAt": value}));
        assert_eq!(user["verified"] == json!(true), verified, "{value}");
        assert!(user.get("verifiedMissing").is_none(), "{value}");
    }
}

#[test]
fn times_out_of_range_are_unset_and_counted() {
    for (value, time, note) in [
        (json!(0), None, None),
        (json!("0000-00-00 00:00:00"), None, None),
        (json!("1969-12-31T23:59:59Z"), None, Some("outOfRange")),
        (json!("2026-11-30T12:00:00Z"), Some("2026-11-30T12:00:00Z"), None),
        (json!("2026-11-30T12:00:01Z"), None, Some("outOfRange")),
        (json!(4_102_444_800_u64), None, Some("outOfRange")),
        (json!("yesterday"), None, Some("unreadable")),
        (json!("1600000000456"), Some("2020-09-13T12:26:40.456Z"), None),
    ] {
        let user = by_all(&json!({"id": "1", "verified": true, "registered": value}));
        assert_eq!(user.get("registered"), time.map(|time| json!(time)).as_ref(), "{value}");
        for name in ["outOfRange", "unreadable"] {
            let expected = (note == Some(name)).then(|| json!(["dateRegistered"]));
            assert_eq!(user.get(name), expected.as_ref(), "{value}");
        }
    }
}

#[test]
fn time_of_a_form_is_read() {
    let user = by_all(&json!({"id": "1", "verified": true, "changed": 0, "changedAs": "13.09.2020"}));
    assert_eq!(user["changed"], json!("2020-09-13T00:00:00Z"));
}

#[test]
fn fields_without_a_place_are_reported() {
    let row = json!({"id": "1", "verified": true, "skipped": 1, "other": 2, "deep": {"name": "x", "skipped": 1, "more": {"a": 1}}});
    assert_eq!(by_all(&row)["unmapped"], json!(["deep.more", "other"]));
}

#[test]
fn unusable_hash_keeps_the_reader() {
    for (hash, reason) in [
        ("secret", "unknown hash family"),
        (
            "$2b$31$3az9sEbCjOfqXF/eMuu64.iV79oAFhH7CZLFwMrHPN63LI8H5l0P.",
            "too costly to verify",
        ),
        ("{SSHA}AAAA", "malformed hash"),
    ] {
        let user = by_all(&json!({"id": "1", "verified": true, "hash": hash}));
        assert_eq!(user, json!({"id": "1", "verified": true, "unusable": reason}));
    }
}

#[test]
fn values_that_cannot_be_stored_reject_the_row() {
    for (row, code, field) in [
        (json!({"first": "x"}), "missing_id", "customerRegistrationId"),
        (json!({"id": ""}), "missing_id", "customerRegistrationId"),
        (
            json!({"id": "x".repeat(256)}),
            "invalid_value",
            "customerRegistrationId",
        ),
        (json!({"id": "a\nb"}), "invalid_value", "customerRegistrationId"),
        (json!({"id": "1", "email": "a\u{0}b"}), "invalid_value", "email"),
        (json!({"id": "1", "email": "x".repeat(321)}), "invalid_value", "email"),
        (json!({"id": "1", "paper": "north"}), "invalid_value", "tenant"),
    ] {
        let rejected = by_all(&row);
        assert_eq!(
            (&rejected["code"], &rejected["field"]),
            (&json!(code), &json!(field)),
            "{row}"
        );
    }
}

#[test]
fn metadata_that_cannot_be_stored_is_reported() {
    let row =
        json!({"id": "1", "verified": true, "meta": {"a\nb": "x", "nul": "x\u{0}", "k".repeat(129): "x", "good": "x"}});
    let user = by_all(&row);
    assert_eq!(user["metadata"], json!({"good": "x"}));
    assert_eq!(user["unmapped"].as_array().unwrap().len(), 3);
}

#[test]
fn blocked_accounts_follow_the_policy() {
    let row =
        json!({"id": "1", "verified": true, "disabled": 1, "hash": "840761ea4ff4d25aeced0c1039ed7725"}).to_string();
    let options = mapped_by(ALL);
    let mut file = open(&row, &options).unwrap();
    let row = file.next_row().unwrap().unwrap();
    let rejected = file.mapping().map(&row, &CONTEXT).unwrap_err();
    assert_eq!(rejected.code, RejectCode::Blocked);
    let context = MapContext {
        blocked: BlockedPolicy::Lite,
        ..CONTEXT
    };
    let user: ImportedUser = file.mapping().map(&row, &context).unwrap();
    assert_eq!(
        shown(&user),
        json!({"id": "1", "verified": true, "unusable": "blocked at its source"})
    );
}

#[test]
fn bad_rows_are_rejected_with_line_and_reason() {
    let text = "{\"id\":1,\"verified\":true}\n\n{\"id\":2\n[3]\n\"x\"\n{\"id\":6,\"verified\":true}\n";
    let rows = mapped(text, &mapped_by(ALL));
    let rejected =
        |line: u64, reason: &str| json!({"line": line, "code": "malformed", "field": null, "reason": reason});
    let expected = [
        json!({"id": "1", "verified": true}),
        rejected(3, "the JSON is broken"),
        rejected(4, "not a JSON object"),
        rejected(5, "not a JSON object"),
        json!({"id": "6", "verified": true}),
    ];
    assert_eq!(rows, expected);
    let rows = read(text, &mapped_by(ALL));
    let originals: Vec<_> = rows.iter().map(|(row, _)| json!(row.original())).collect();
    assert_eq!(originals[1], json!("{\"id\":2"));
    assert_eq!(originals[2], json!([3]));
    assert_eq!(originals[4], json!({"id": 6, "verified": true}));
}

#[test]
fn masthead_lines_are_kept_exactly() {
    let line = json!({
        "tenant": "north/daily/herald", "customerRegistrationId": "7", "email": "Ann@Example.com", "firstName": " Ann", "lastName": "Lee ",
        "verified": true, "passwordHash": "$2y$10$3az9sEbCjOfqXF/eMuu64.iV79oAFhH7CZLFwMrHPN63LI8H5l0P.",
        "metadata": {"city": "", "a.b": "c"}, "dateRegistered": "1969-01-02T03:04:05.000006Z", "lastLogoutDate": "2021-02-03T04:05:06Z",
    });
    let expected = json!({
        "tenant": "north/daily/herald", "id": "7", "email": "Ann@Example.com", "firstName": " Ann", "lastName": "Lee ",
        "verified": true, "hash": "$2y$10$3az9sEbCjOfqXF/eMuu64.iV79oAFhH7CZLFwMrHPN63LI8H5l0P.", "scheme": "bcrypt-10",
        "metadata": {"city": "", "a.b": "c"}, "registered": "1969-01-02T03:04:05.000006Z", "lastLogout": "2021-02-03T04:05:06Z",
    });
    assert_eq!(one("masthead", &line), expected);
}

#[test]
fn masthead_lines_are_read_strictly() {
    for (line, code, field) in [
        (
            json!({"customerRegistrationId": "7", "secret": 1}),
            "malformed",
            "secret",
        ),
        (
            json!({"customerRegistrationId": 7}),
            "invalid_value",
            "customerRegistrationId",
        ),
        (
            json!({"customerRegistrationId": "7", "verified": "true"}),
            "invalid_value",
            "verified",
        ),
        (
            json!({"customerRegistrationId": "7", "passwordHash": 5}),
            "invalid_value",
            "passwordHash",
        ),
        (
            json!({"customerRegistrationId": "7", "dateRegistered": "soon"}),
            "invalid_value",
            "dateRegistered",
        ),
        (
            json!({"customerRegistrationId": "7", "metadata": {"a": 1}}),
            "invalid_value",
            "metadata",
        ),
        (
            json!({"customerRegistrationId": "7", "metadata": {"a": "x", "A": "y"}}),
            "invalid_value",
            "metadata",
        ),
        (
            json!({"customerRegistrationId": "7", "metadata": "x"}),
            "invalid_value",
            "metadata",
        ),
    ] {
        let rejected = one("masthead", &line);
        assert_eq!(
            (&rejected["code"], &rejected["field"]),
            (&json!(code), &json!(field)),
            "{line}"
        );
    }
}

/// RFC 8259 §4: names within an object should be unique; of a strict format they must be.
#[test]
fn masthead_line_has_each_field_once() {
    let line = r#"{"customerRegistrationId":"7","email":"a@example.org","customerRegistrationId":"8"}"#;
    let rejected = mapped(line, &named("masthead")).remove(0);
    assert_eq!(
        (&rejected["code"], &rejected["field"]),
        (&json!("malformed"), &json!("customerRegistrationId"))
    );
}

#[test]
fn masthead_csv_is_read() {
    let text = "customerRegistrationId,email,verified,metadata,metadata.city\n7,ann@example.com,true,\"{\"\"a\"\":\"\"b\"\"}\",Oslo\n8,,,,\n";
    let expected = [
        json!({"id": "7", "email": "ann@example.com", "verified": true, "metadata": {"a": "b", "city": "Oslo"}}),
        json!({"id": "8", "verifiedMissing": true}),
    ];
    assert_eq!(mapped(text, &named("masthead")), expected);
}

/// As the export guards cells against formulas.
#[test]
fn guarded_formulas_of_masthead_csv_are_undone() {
    let text = "customerRegistrationId,lastName,metadata.cellPhone\n'-1,'t Hart,'+47 1\n2,''=1,' x\n";
    let expected = [
        json!({"id": "-1", "lastName": "'t Hart", "metadata": {"cellPhone": "+47 1"}, "verifiedMissing": true}),
        json!({"id": "2", "lastName": "'=1", "metadata": {"cellPhone": "' x"}, "verifiedMissing": true}),
    ];
    assert_eq!(mapped(text, &named("masthead")), expected);
}

#[test]
fn broken_mapping_file_names_the_place() {
    let parse = |text: &str| match Mapping::parse(text) {
        Ok(_) => panic!("accepted: {text}"),
        Err(error) => error.to_string(),
    };
    let head = "name = \"x\"\ntitle = \"x\"\nformats = [\"csv\"]\n";
    for (rest, message) in [
        ("[fields]\nemail = [\"e\"]", "missing field `id`"),
        ("[fields]\nid = []", "fields.id: at least one source"),
        ("[fields]\nid = [\"a[\"]", "fields.id: not a path: a["),
        (
            "[fields]\nid = [{ path = \"a\", time = true }]",
            "fields.id: time has no meaning here",
        ),
        ("[fields]\nid = [{ pth = \"a\" }]", "unknown field `pth`"),
        ("[fields]\nid = [\"a\"]\nname = [\"b\"]", "unknown field `name`"),
        (
            "blocked = [{ path = \"a\", is = [\"x\"], starts = \"y\" }]\n[fields]\nid = [\"a\"]",
            "blocked: a condition has a path",
        ),
        (
            "[fields]\nid = [\"a\"]\ndateRegistered = [{ path = \"b\", form = \"[x]\" }]",
            "fields.dateRegistered: form: ",
        ),
    ] {
        let error = parse(&format!("{head}{rest}"));
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn widths_of_a_mapping_split_lines() {
    let toml = r#"
name = "circulation"
title = "Circulation"
formats = ["csv"]
[csv]
header = false
widths = [6, 10, 12]
columns = ["account", "name", "since"]
[fields]
id = ["account"]
lastName = ["name"]
dateRegistered = ["since"]
"#;
    let text = "000042\u{c5}s Berg   2020-09-13\n000043Bo        \n";
    let expected = [
        json!({"id": "000042", "lastName": "\u{c5}s Berg", "registered": "2020-09-13T00:00:00Z", "verifiedMissing": true}),
        json!({"id": "000043", "lastName": "Bo", "verifiedMissing": true}),
    ];
    assert_eq!(mapped(text, &mapped_by(toml)), expected);
}
