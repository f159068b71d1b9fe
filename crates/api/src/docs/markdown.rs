//! The generated tables of docs/api.md and docs/migration.md. The tests compare the files; `cargo xtask docs` runs them with
//! `UPDATE_DOCS=1`, which writes the files.

use std::{env, fs, path::Path};

use super::{
    audit_operation, export_operations, legacy_calls, legacy_writes, report_operation, users_export_operation,
    v4_operations, write_operations,
};
use crate::{
    auth::headers::REQUIRED,
    export::{attributes, body::TYPES},
    legacy::{
        self,
        fields::FIELDS,
        operation::LegacyOperation,
        parameters,
        systems::{SYSTEMS, with_systems},
    },
    v4::{
        AUDIT,
        audit::PARAMETERS,
        code::{Code, ContractOrigin},
        parameters::table::{DEPRECATED, METADATA_MEANING, TABLE},
        writes::{self, operation::WriteOperation},
    },
};

/// A table with these heads and rows.
fn table<const N: usize>(heads: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut table = line(&heads.map(str::to_owned)) + "|" + &"---|".repeat(N) + "\n";
    table.extend(rows.into_iter().map(|row| line(&row)));
    table
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn optional_code(text: Option<&str>) -> String {
    text.map_or_else(String::new, code)
}

const fn mark(origin: ContractOrigin) -> &'static str {
    match origin {
        ContractOrigin::Published => "",
        ContractOrigin::Extension => " (extension)",
    }
}

fn headers() -> String {
    let rows = REQUIRED.map(|header| [code(header.name), header.meaning.to_owned()]);
    table(["header", "meaning"], rows)
}

fn v4_parameters() -> String {
    let rows = TABLE.iter().map(|row| {
        let spec = &row.spec;
        [
            code(spec.name) + mark(row.origin),
            spec.kind.to_string(),
            optional_code(spec.default),
            if row.by_id { "yes" } else { "" }.to_owned(),
            spec.meaning.to_owned(),
        ]
    });
    let metadata = ["`metadata.{key}`", "1 to 4096 bytes", "", "", METADATA_MEANING].map(str::to_owned);
    let old = DEPRECATED.map(|(name, successor)| [code(name), successor.to_owned()]);
    table(
        ["parameter", "value", "default", "by id too", "meaning"],
        rows.chain([metadata]),
    ) + "\n"
        + &table(["no longer accepted", "successor"], old)
}

fn codes() -> String {
    let rows = Code::ALL.iter().map(|row| {
        let entry = row.entry();
        [
            entry.status.as_str().to_owned(),
            code(entry.name) + mark(entry.origin),
            entry.template().to_owned(),
            entry.meaning.to_owned(),
        ]
    });
    table(["HTTP", "code", "text", "meaning"], rows)
}

fn operations() -> String {
    let operations = v4_operations::OPERATIONS.iter().map(|doc| {
        let (title, method, path, meaning, curl) = (doc.title, doc.method, doc.path, doc.meaning, doc.curl);
        format!("**{title}** — `{method} {path}`. {meaning}\n\n```sh\n{curl}\n```\n\n")
    });
    operations.collect()
}

fn users_export_call() -> String {
    use users_export_operation::{CURL, MEANING, PATH, TITLE, example_lines, parameters};
    let parameters: Vec<String> = parameters().map(|row| code(row.spec.name)).collect();
    let (parameters, lines) = (parameters.join(", "), example_lines());
    format!(
        "**{TITLE}** — `GET {PATH}`. {MEANING}\n\n```sh\n{CURL}\n```\n\n```json\n{lines}```\n\nParameters: {parameters} and \
         `metadata.{{key}}`, as of lists.\n"
    )
}

fn audit_call() -> String {
    let (title, meaning, curl) = (audit_operation::TITLE, audit_operation::MEANING, audit_operation::CURL);
    let rows = PARAMETERS
        .iter()
        .map(|row| [code(row.name), row.meaning.to_owned(), code(row.example)]);
    let parameters = table(["parameter", "meaning", "example"], rows);
    let audit = format!("**{title}** — `GET {AUDIT}`. {meaning}\n\n```sh\n{curl}\n```\n\n{parameters}");
    let (title, meaning, curl) = (
        report_operation::TITLE,
        report_operation::MEANING,
        report_operation::CURL,
    );
    let path = report_operation::PATH;
    format!("{audit}\n**{title}** — `GET {path}`. {meaning}\n\n```sh\n{curl}\n```\n")
}

fn write_operations() -> String {
    let operations = write_operations::OPERATIONS.iter().map(|doc| {
        let (title, method, path, meaning) = (doc.title, doc.method(), doc.path, doc.meaning);
        let (scopes, curl) = (doc.scopes(), doc.curl());
        format!("**{title}** — `{method} {path}`. {meaning} Scope: {scopes}.\n\n```sh\n{curl}\n```\n\n")
    });
    operations.collect()
}

fn write_fields() -> String {
    let rows = writes::fields::TABLE.iter().map(|row| {
        let call = |operation: &WriteOperation| {
            let doc = write_operations::OPERATIONS
                .iter()
                .find(|doc| doc.operation == *operation);
            let star = if row.required.contains(operation) { "\\*" } else { "" };
            doc.map_or_else(String::new, |doc| format!("{}{star}", doc.label.to_lowercase()))
        };
        let calls: Vec<String> = row.calls.iter().map(call).collect();
        [
            code(row.spec.name) + mark(row.spec.origin),
            row.spec.kind.to_string(),
            calls.join(", "),
            row.spec.meaning.to_owned(),
        ]
    });
    table(["field", "value", "calls (\\* required)", "meaning"], rows)
}

fn legacy_writes() -> String {
    let rows = legacy_writes::OPERATIONS.iter().map(|doc| {
        let call = format!("`{} {}`", doc.method(), doc.path);
        [call, doc.in_v4.to_owned(), doc.meaning.to_owned()]
    });
    table(["legacy call", "v4", ""], rows)
}

fn legacy_write_fields() -> String {
    let rows = legacy::writes::fields::TABLE.iter().map(|row| {
        let alias = row.spec.alias.map(|alias| format!(", {}", code(alias)));
        [
            code(row.spec.name) + &alias.unwrap_or_default(),
            row.spec.kind.to_string(),
            code(&legacy_writes::in_v4(row)),
            row.spec.meaning.to_owned(),
        ]
    });
    table(["legacy field", "value", "in v4", "meaning"], rows)
}

fn export_identifiers() -> String {
    let rows = TYPES.map(|(name, _, meaning)| [code(name), meaning.to_owned()]);
    table(["identifier_type", "is"], rows)
}

fn export_attributes() -> String {
    let rows = attributes::TABLE.iter();
    let rows = rows.map(|spec| [code(spec.name), optional_code(spec.short), spec.meaning.to_owned()]);
    table(["attribute", "short", "holds"], rows)
}

fn export_errors() -> String {
    let rows = export_operations::errors().map(|(error, when)| {
        [
            error.status().as_str().to_owned(),
            error.kind().unwrap_or("–").to_owned(),
            error.message().into_owned(),
            error.attribute().unwrap_or_default().into_owned(),
            when.to_owned(),
        ]
    });
    table(["HTTP", "type", "message", "attribute", "when"], rows)
}

fn legacy_operations() -> String {
    let docs = &legacy_calls::OPERATIONS;
    let get = |path: &str| format!("`GET {path}`");
    let successors = docs
        .iter()
        .map(|doc| [get(doc.path), doc.in_v4.to_owned(), doc.meaning.to_owned()]);
    let examples = docs.iter().map(|doc| [doc.title.to_owned(), get(doc.example)]);
    table(["legacy call", "v4", ""], successors) + "\n" + &table(["for example", ""], examples)
}

fn legacy_parameters() -> String {
    let path = |operation: &LegacyOperation| {
        let mut docs = legacy_calls::OPERATIONS.iter();
        optional_code(docs.find(|doc| doc.operation == *operation).map(|doc| doc.path))
    };
    let rows = parameters::TABLE.iter().map(|row| {
        let paths: Vec<String> = row.operations.iter().map(path).collect();
        [
            code(row.spec.name),
            row.spec.kind.to_string(),
            optional_code(row.spec.default),
            paths.join(", "),
            with_systems(row.spec.meaning),
            row.successor().to_owned(),
        ]
    });
    let heads = ["legacy parameter", "value", "default", "operations", "meaning", "in v4"];
    table(heads, rows)
}

fn legacy_fields() -> String {
    let rows = FIELDS.iter().map(|field| {
        let in_v4 = match &*field.content.in_v4() {
            "" => "–".to_owned(),
            name => code(name),
        };
        [code(field.name), in_v4, field.content.remark().to_owned()]
    });
    table(["legacy field", "in v4", ""], rows)
}

fn legacy_systems() -> String {
    let rows = SYSTEMS.map(|system| [system.id.to_string(), code(system.code)]);
    table(["AuthSystemId", "AuthSystemCode and AuthSystemName"], rows)
}

fn legacy_errors() -> String {
    let rows = legacy_calls::ERRORS;
    let rows = rows.map(|error| {
        [
            error.status.to_owned(),
            code(error.text),
            error.when.to_owned(),
            error.in_v4.to_owned(),
        ]
    });
    table(["HTTP", "`error`", "when", "in v4"], rows)
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
        ("users export call", users_export_call()),
        ("write calls", write_operations()),
        ("write fields", write_fields()),
        ("audit call", audit_call()),
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
        ("write calls", legacy_writes()),
        ("write fields", legacy_write_fields()),
        ("fields", legacy_fields()),
        ("systems", legacy_systems()),
        ("errors", legacy_errors()),
    ];
    check_or_update("migration.md", &parts);
}
