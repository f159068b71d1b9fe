//! The tables of `docs/migration.md`: made from the tables of the code, and tested to be current.

use std::{fmt::Write as _, path::PathBuf};

use super::{
    calls::{CALLS, ERRORS},
    fields::FIELDS,
    parameters::{Call, TABLE},
    systems::SYSTEMS,
};
use crate::api_md::with_parts;

fn path() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/migration.md"))
}

fn calls() -> String {
    let mut table = "| legacy call | v4 | |\n|---|---|---|\n".to_owned();
    for call in &CALLS {
        let _ = writeln!(table, "| `GET {}` | {} | {} |", call.path, call.in_v4, call.meaning);
    }
    table.push_str("\n| for example | |\n|---|---|\n");
    for call in &CALLS {
        let _ = writeln!(table, "| {} | `GET {}` |", call.title, call.example);
    }
    table
}

fn parameters() -> String {
    let mut table =
        "| legacy parameter | value | default | taken by | meaning | in v4 |\n|---|---|---|---|---|---|\n".to_owned();
    for spec in &TABLE {
        let name = |call: &Call| {
            let known = CALLS.iter().find(|spec| spec.call == *call);
            known.map_or_else(String::new, |known| format!("`{}`", known.path))
        };
        let takers: Vec<String> = spec.calls.iter().map(name).collect();
        let default = spec.default.map_or_else(String::new, |default| format!("`{default}`"));
        let _ = writeln!(
            table,
            "| `{}` | {} | {default} | {} | {} | {} |",
            spec.name,
            spec.kind,
            takers.join(", "),
            spec.meaning,
            spec.successor()
        );
    }
    table
}

fn fields() -> String {
    let mut table = "| legacy field | in v4 | |\n|---|---|---|\n".to_owned();
    for field in &FIELDS {
        let in_v4 = field.holds.in_v4();
        let in_v4 = if in_v4.is_empty() {
            "–".to_owned()
        } else {
            format!("`{in_v4}`")
        };
        let _ = writeln!(table, "| `{}` | {in_v4} | {} |", field.name, field.holds.remark());
    }
    table
}

fn systems() -> String {
    let mut table = "| AuthSystemId | AuthSystemCode and AuthSystemName |\n|---|---|\n".to_owned();
    for system in SYSTEMS {
        let _ = writeln!(table, "| {} | `{}` |", system.id, system.code);
    }
    table
}

fn errors() -> String {
    let mut table = "| HTTP | `error` | when | in v4 |\n|---|---|---|---|\n".to_owned();
    for error in ERRORS {
        let _ = writeln!(
            table,
            "| {} | `{}` | {} | {} |",
            error.status, error.text, error.when, error.in_v4
        );
    }
    table
}

/// The document with its generated parts brought up to date.
fn brought_up_to_date(document: &str) -> String {
    let parts = [
        ("calls", calls()),
        ("parameters", parameters()),
        ("fields", fields()),
        ("systems", systems()),
        ("errors", errors()),
    ];
    with_parts(document, parts)
}

#[test]
fn the_tables_of_docs_migration_md_are_current() {
    let document = std::fs::read_to_string(path()).unwrap();
    assert!(
        document == brought_up_to_date(&document),
        "run: cargo test -p masthead-api --lib -- --ignored write_the_tables_of_docs_migration_md"
    );
}

#[test]
#[ignore = "a chore: writes docs/migration.md"]
fn write_the_tables_of_docs_migration_md() {
    let document = std::fs::read_to_string(path()).unwrap();
    std::fs::write(path(), brought_up_to_date(&document)).unwrap();
}
