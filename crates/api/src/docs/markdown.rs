//! The generated tables of docs/api.md and docs/migration.md. The tests compare the files; `cargo xtask docs` runs them with
//! `UPDATE_DOCS=1`, which writes the files.

use std::{env, fmt::Write as _, fs, path::Path};

use super::{export_operations, legacy_calls, v4_operations};
use crate::{
    auth::headers::REQUIRED,
    export,
    legacy::{fields::FIELDS, operation::LegacyOperation, parameters, systems::SYSTEMS},
    v4::{
        code::{Code, ContractOrigin},
        parameters::table::{DEPRECATED, METADATA_MEANING, TABLE},
    },
};

const fn mark(origin: ContractOrigin) -> &'static str {
    match origin {
        ContractOrigin::Published => "",
        ContractOrigin::Extension => " (extension)",
    }
}

fn headers() -> String {
    let mut table = "| header | meaning |\n|---|---|\n".to_owned();
    for header in REQUIRED {
        let _ = writeln!(table, "| `{}` | {} |", header.name, header.meaning);
    }
    table
}

fn v4_parameters() -> String {
    let mut table = "| parameter | value | default | by id too | meaning |\n|---|---|---|---|---|\n".to_owned();
    for row in &TABLE {
        let spec = &row.spec;
        let default = spec.default.map_or_else(String::new, |default| format!("`{default}`"));
        let by_id = if row.by_id { "yes" } else { "" };
        let _ = writeln!(
            table,
            "| `{}`{} | {} | {default} | {by_id} | {} |",
            spec.name,
            mark(row.origin),
            spec.kind,
            spec.meaning
        );
    }
    let _ = writeln!(
        table,
        "| `metadata.{{key}}` | 1 to 4096 bytes | | | {METADATA_MEANING} |"
    );
    table.push_str("\n| no longer accepted | successor |\n|---|---|\n");
    for (name, successor) in DEPRECATED {
        let _ = writeln!(table, "| `{name}` | {successor} |");
    }
    table
}

fn codes() -> String {
    let mut table = "| HTTP | code | text | meaning |\n|---|---|---|---|\n".to_owned();
    for code in Code::ALL {
        let entry = code.entry();
        let _ = writeln!(
            table,
            "| {} | `{}`{} | {} | {} |",
            entry.status.as_u16(),
            entry.name,
            mark(entry.origin),
            entry.template(),
            entry.meaning
        );
    }
    table
}

fn operations() -> String {
    let mut text = String::new();
    for doc in &v4_operations::OPERATIONS {
        let _ = writeln!(
            text,
            "**{}** — `{} {}`. {}\n\n```sh\n{}\n```\n",
            doc.title, doc.method, doc.path, doc.meaning, doc.curl
        );
    }
    text
}

fn export_identifiers() -> String {
    let mut table = "| identifier_type | is |\n|---|---|\n".to_owned();
    for (name, _, meaning) in export::body::TYPES {
        let _ = writeln!(table, "| `{name}` | {meaning} |");
    }
    table
}

fn export_attributes() -> String {
    let mut table = "| attribute | short | holds |\n|---|---|---|\n".to_owned();
    for spec in &export::attributes::TABLE {
        let short = spec.short.map_or_else(String::new, |short| format!("`{short}`"));
        let _ = writeln!(table, "| `{}` | {short} | {} |", spec.name, spec.meaning);
    }
    table
}

fn export_errors() -> String {
    let mut table = "| HTTP | type | message | attribute | when |\n|---|---|---|---|---|\n".to_owned();
    for (error, when) in export_operations::errors() {
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {when} |",
            error.status().as_u16(),
            error.kind().unwrap_or("–"),
            error.message(),
            error.attribute().unwrap_or_default(),
        );
    }
    table
}

fn legacy_operations() -> String {
    let mut table = "| legacy call | v4 | |\n|---|---|---|\n".to_owned();
    for doc in &legacy_calls::OPERATIONS {
        let _ = writeln!(table, "| `GET {}` | {} | {} |", doc.path, doc.in_v4, doc.meaning);
    }
    table.push_str("\n| for example | |\n|---|---|\n");
    for doc in &legacy_calls::OPERATIONS {
        let _ = writeln!(table, "| {} | `GET {}` |", doc.title, doc.example);
    }
    table
}

fn legacy_parameters() -> String {
    let mut table =
        "| legacy parameter | value | default | operations | meaning | in v4 |\n|---|---|---|---|---|---|\n".to_owned();
    for row in &parameters::TABLE {
        let spec = &row.spec;
        let path = |operation: &LegacyOperation| {
            let known = legacy_calls::OPERATIONS.iter().find(|doc| doc.operation == *operation);
            known.map_or_else(String::new, |known| format!("`{}`", known.path))
        };
        let paths: Vec<String> = row.operations.iter().map(path).collect();
        let default = spec.default.map_or_else(String::new, |default| format!("`{default}`"));
        let _ = writeln!(
            table,
            "| `{}` | {} | {default} | {} | {} | {} |",
            spec.name,
            spec.kind,
            paths.join(", "),
            spec.meaning,
            row.successor()
        );
    }
    table
}

fn legacy_fields() -> String {
    let mut table = "| legacy field | in v4 | |\n|---|---|---|\n".to_owned();
    for field in &FIELDS {
        let in_v4 = field.content.in_v4();
        let in_v4 = if in_v4.is_empty() {
            "–".to_owned()
        } else {
            format!("`{in_v4}`")
        };
        let _ = writeln!(table, "| `{}` | {in_v4} | {} |", field.name, field.content.remark());
    }
    table
}

fn legacy_systems() -> String {
    let mut table = "| AuthSystemId | AuthSystemCode and AuthSystemName |\n|---|---|\n".to_owned();
    for system in SYSTEMS {
        let _ = writeln!(table, "| {} | `{}` |", system.id, system.code);
    }
    table
}

fn legacy_errors() -> String {
    let mut table = "| HTTP | `error` | when | in v4 |\n|---|---|---|---|\n".to_owned();
    for error in legacy_calls::ERRORS {
        let _ = writeln!(
            table,
            "| {} | `{}` | {} | {} |",
            error.status, error.text, error.when, error.in_v4
        );
    }
    table
}

/// Compares the generated parts of a file in docs/, or writes them.
#[expect(
    clippy::disallowed_methods,
    reason = "no setting of the server: `cargo xtask docs` selects writing"
)]
fn check_or_update(file: &str, parts: &[(&str, String)]) {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs")).join(file);
    let current = fs::read_to_string(&path).unwrap();
    let mut updated = current.clone();
    for (name, text) in parts {
        let (begin, end) = (format!("<!-- {name}: generated -->\n"), format!("<!-- {name}: end -->"));
        let from = updated.find(&begin).unwrap() + begin.len();
        let to = updated.find(&end).unwrap();
        updated.replace_range(from..to, text);
    }
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, updated).unwrap();
    } else {
        assert!(current == updated, "docs/{file} is not current; run `cargo xtask docs`");
    }
}

#[test]
fn api_md_is_current() {
    let parts = [
        ("headers", headers()),
        ("calls", operations()),
        ("parameters", v4_parameters()),
        ("codes", codes()),
        ("export identifiers", export_identifiers()),
        ("export attributes", export_attributes()),
        ("export errors", export_errors()),
    ];
    check_or_update("api.md", &parts);
}

#[test]
fn migration_md_is_current() {
    let parts = [
        ("calls", legacy_operations()),
        ("parameters", legacy_parameters()),
        ("fields", legacy_fields()),
        ("systems", legacy_systems()),
        ("errors", legacy_errors()),
    ];
    check_or_update("migration.md", &parts);
}
