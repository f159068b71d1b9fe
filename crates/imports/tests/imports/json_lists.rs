//! Lists in JSON documents of any length and layout.

use masthead_imports::{JsonDocumentError, ReadFileError, ReadOptions};
use serde_json::json;

use crate::support::{Repeated, mapped, mapped_by, named, open, read, refusal};

const NESTED: &str = r#"
name = "nested"
title = "Nested"
formats = ["json"]
lists = ["data.pages.*.entries"]
[fields]
id = ["id"]
"#;

fn ids(text: &str, options: &ReadOptions) -> Vec<String> {
    let rows = mapped(text, options).into_iter();
    rows.map(|row| {
        row["id"]
            .as_str()
            .map_or_else(|| row["code"].to_string(), str::to_owned)
    })
    .collect()
}

#[test]
fn list_at_a_path_is_found() {
    let text = r#"{"before":[{"id":"x"}],"data":{"entries":[{"id":"y"}],"pages":[{"entries":[{"id":"1"},{"id":"2"}]},{"n":1},
        {"entries":[]},{"entries":[ {"id":"3"} ],"entries2":[{"id":"z"}]}]},"after":{"data":{"pages":[]}}}"#;
    assert_eq!(ids(text, &mapped_by(NESTED)), ["1", "2", "3"]);
}

#[test]
fn layout_of_a_document_does_not_matter() {
    let users = json!({"code": 0, "users": [
        {"uid": "1", "email": "a\"]}@x", "create_date": 1, "image1": "\\\\"}, {"uid": "2", "email": "[{", "create_date": 2},
    ], "count": 2});
    for text in [
        users.to_string(),
        serde_json::to_string_pretty(&users).unwrap(),
        users.to_string().replace(':', " :\r\n\t"),
    ] {
        assert_eq!(ids(&text, &ReadOptions::default()), ["1", "2"]);
    }
}

#[test]
fn documents_after_one_another_are_one_list() {
    let page = |id: u8| {
        serde_json::to_string_pretty(&json!({"users": [{"uid": id.to_string(), "email": "", "create_date": 1}]}))
            .unwrap()
    };
    assert_eq!(
        ids(&format!("{}\n{}", page(1), page(2)), &ReadOptions::default()),
        ["1", "2"]
    );
    let user = |id: u8| serde_json::to_string_pretty(&json!({"customerRegistrationId": id.to_string()})).unwrap();
    assert_eq!(
        ids(&format!("{}\n{}", user(1), user(2)), &ReadOptions::default()),
        ["1", "2"]
    );
}

#[test]
fn broken_first_line_rejects_one_row() {
    let text = "{\"customerRegistrationId\":\n{\"customerRegistrationId\":\"2\"}\n{\"customerRegistrationId\":\"3\"}\n";
    assert_eq!(ids(text, &ReadOptions::default()), ["\"malformed\"", "2", "3"]);
}

#[test]
fn first_line_that_is_no_json_rejects_one_row_of_a_named_format() {
    let text = "broken {\n{\"customerRegistrationId\":\"2\"}\n{\"customerRegistrationId\":\"3\"}\n";
    assert_eq!(ids(text, &named("masthead")), ["\"malformed\"", "2", "3"]);
}

#[test]
fn broken_entry_rejects_one_row() {
    let text = r#"[{"customerRegistrationId":"1"},{"customerRegistrationId":+},7,null,{"customerRegistrationId":"5"}]"#;
    let rows = read(text, &ReadOptions::default());
    let lines: Vec<(u64, bool)> = rows.iter().map(|(row, user)| (row.line, user.is_ok())).collect();
    assert_eq!(lines, [(1, true), (2, false), (3, false), (4, false), (5, true)]);
}

#[test]
fn document_that_is_broken_between_entries_ends_the_file() {
    for (text, entries, reason) in [
        (
            r#"[{"customerRegistrationId":"1"} {"customerRegistrationId":"2"}]"#,
            1,
            "a comma or the end of an array or object is missing",
        ),
        (r#"[{"customerRegistrationId":"1"},"#, 1, "a value is missing"),
        (
            r#"[{"customerRegistrationId":"1"},{"customerRegistrationId":"#,
            1,
            "it is cut off within a value",
        ),
        (r#"[{"customerRegistrationId":"1"}"#, 1, "it is cut off"),
    ] {
        let error = match open(text, &ReadOptions::default()) {
            Ok(_) => panic!("the first rows are read when a file is opened: {text}"),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(&format!("after entry {entries}: {reason}")), "{error}");
    }
}

#[test]
fn document_that_is_broken_far_behind_is_an_error_of_reading() {
    let rows = "{\"customerRegistrationId\":\"1\"},".repeat(100);
    let mut file = open(format!("[{rows}"), &named("masthead")).unwrap();
    let mut count = 0;
    let error = loop {
        match file.next_row() {
            Ok(Some(_)) => count += 1,
            Ok(None) => panic!("no error"),
            Err(error) => break error,
        }
    };
    assert!(
        matches!(error, ReadFileError::Document(JsonDocumentError { entry: 100, .. })),
        "{error}"
    );
    assert_eq!(count, 100);
    assert!(matches!(file.next_row(), Ok(None)));
}

#[test]
fn document_without_its_list_is_refused_with_a_hint() {
    let text = json!({"realm": "north", "enabled": true, "smtpServer": {"password": "**********"}}).to_string();
    let refused = refusal(&text, &ReadOptions::default());
    assert!(
        refused.starts_with("no list of users: the document has none at users"),
        "{refused}"
    );
    assert!(refused.contains("kc.sh export --users"), "{refused}");
    let named = refusal(json!({"data": {"pages": {}}}).to_string(), &mapped_by(NESTED));
    assert!(named.contains("data.pages.*.entries"), "{named}");
}

/// A realm of a thousand times the memory of a row is read entry by entry.
#[test]
fn long_document_is_read_in_parts() {
    let reader = Repeated {
        start: b"{\"skipped\":[1,2,{\"a\":\"]\"}],\"realm\":\"north\",\"users\":[{\"username\":\"first\",\"id\":\"0\",\"createdTimestamp\":1}",
        part: b",\n{\"username\":\"ann\",\"id\":\"1\",\"createdTimestamp\":1,\"attributes\":{\"padding\":[\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"]}}",
        times: 50_000,
        end: b"],\"clients\":[]}",
    };
    let mut file = masthead_imports::ImportFile::open(reader.into_reader(), &ReadOptions::default()).unwrap();
    assert_eq!(file.mapping().name(), "keycloak");
    let mut rows = 0;
    while file.next_row().unwrap().is_some() {
        rows += 1;
    }
    assert_eq!(rows, 50_001);
}
