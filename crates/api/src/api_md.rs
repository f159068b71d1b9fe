//! The tables of `docs/api.md`: made from code, and tested to be current.

use std::{fmt::Write as _, path::PathBuf};

use crate::{
    caller::REQUIRED,
    code::{Code, Origin},
    export,
    openapi::CALLS,
    page::curl,
    parameters::table::{DEPRECATED, METADATA_MEANING, TABLE},
};

fn path() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api.md"))
}

fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Published => "",
        Origin::Ours => " (ours)",
    }
}

fn headers() -> String {
    let mut table = "| header | meaning |\n|---|---|\n".to_owned();
    for header in REQUIRED {
        let _ = writeln!(table, "| `{}` | {} |", header.name, header.meaning);
    }
    table
}

fn parameters() -> String {
    let mut table = "| parameter | value | default | by id too | meaning |\n|---|---|---|---|---|\n".to_owned();
    for spec in &TABLE {
        let default = spec.default.map_or_else(String::new, |default| format!("`{default}`"));
        let by_id = if spec.by_id { "yes" } else { "" };
        let _ = writeln!(
            table,
            "| `{}`{} | {} | {default} | {by_id} | {} |",
            spec.name,
            origin(spec.origin),
            spec.kind,
            spec.meaning
        );
    }
    let _ = writeln!(
        table,
        "| `metadata.{{key}}` | 1 to 4096 bytes | | | {METADATA_MEANING} |"
    );
    table.push_str("\n| no longer taken | in its place |\n|---|---|\n");
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
            origin(entry.origin),
            entry.text,
            entry.meaning
        );
    }
    table
}

fn calls() -> String {
    let mut text = String::new();
    for call in CALLS {
        let _ = writeln!(
            text,
            "**{}** — `{} {}`. {}\n\n```sh\n{}\n```\n",
            call.title,
            call.method,
            call.path,
            call.meaning,
            curl(&call)
        );
    }
    text
}

fn export_identifiers() -> String {
    let mut table = "| identifier_type | is |\n|---|---|\n".to_owned();
    for (name, meaning) in export::TYPES {
        let _ = writeln!(table, "| `{name}` | {meaning} |");
    }
    table
}

fn export_attributes() -> String {
    let mut table = "| attribute | short | holds |\n|---|---|---|\n".to_owned();
    for spec in &export::ATTRIBUTES {
        let short = spec.short.map_or_else(String::new, |short| format!("`{short}`"));
        let _ = writeln!(table, "| `{}` | {short} | {} |", spec.name, spec.meaning);
    }
    table
}

fn export_errors() -> String {
    let mut table = "| HTTP | type | message | attribute | when |\n|---|---|---|---|---|\n".to_owned();
    for (error, when) in export::openapi::errors() {
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

/// The document with its generated parts brought up to date.
fn brought_up_to_date(document: &str) -> String {
    let parts = [
        ("headers", headers()),
        ("calls", calls()),
        ("parameters", parameters()),
        ("codes", codes()),
        ("export identifiers", export_identifiers()),
        ("export attributes", export_attributes()),
        ("export errors", export_errors()),
    ];
    with_parts(document, parts)
}

/// A document whose generated parts have these texts.
pub(crate) fn with_parts(document: &str, parts: impl IntoIterator<Item = (&'static str, String)>) -> String {
    let mut document = document.to_owned();
    for (name, text) in parts {
        let (begin, end) = (format!("<!-- {name}: generated -->\n"), format!("<!-- {name}: end -->"));
        let from = document.find(&begin).expect("the part begins") + begin.len();
        let to = document.find(&end).expect("the part ends");
        document.replace_range(from..to, &text);
    }
    document
}

#[test]
fn the_tables_of_docs_api_md_are_current() {
    let document = std::fs::read_to_string(path()).unwrap();
    assert!(
        document == brought_up_to_date(&document),
        "run: cargo test -p masthead-api --lib -- --ignored write_the_tables_of_docs_api_md"
    );
}

#[test]
#[ignore = "a chore: writes docs/api.md"]
fn write_the_tables_of_docs_api_md() {
    let document = std::fs::read_to_string(path()).unwrap();
    std::fs::write(path(), brought_up_to_date(&document)).unwrap();
}
