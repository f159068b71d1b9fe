//! The generated tables of docs/moving-in.md. The test compares the file; `cargo xtask docs` runs it with `UPDATE_DOCS=1`, which
//! writes the file.

use std::{env, fmt::Write, fs, path::Path};

use masthead_imports::Mapping;
use serde_json::json;
use toml::{Table, Value};

use crate::support::{mapped, mapped_by};

/// Fields of Masthead in the order of their table.
const FIELDS: [&str; 10] = [
    "tenant",
    "customerRegistrationId",
    "email",
    "verified",
    "firstName",
    "lastName",
    "passwordHash",
    "dateRegistered",
    "changeDate",
    "lastLogoutDate",
];

fn mapping(name: &str) -> Table {
    Mapping::shipped(name).unwrap().parse().unwrap()
}

fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}

fn codes<'t>(texts: impl IntoIterator<Item = &'t str>, joint: &str) -> String {
    texts.into_iter().map(code).collect::<Vec<_>>().join(joint)
}

fn list<'t>(table: &'t Table, key: &str) -> Vec<&'t Value> {
    table.get(key).and_then(Value::as_array).into_iter().flatten().collect()
}

fn texts<'t>(table: &'t Table, key: &str) -> Vec<&'t str> {
    list(table, key)
        .into_iter()
        .map(|value| value.as_str().unwrap())
        .collect()
}

fn text<'t>(table: &'t Table, key: &str) -> Option<&'t str> {
    table.get(key).map(|value| value.as_str().unwrap())
}

/// A source of a field: its path, and what is done with the value.
fn source(value: &Value) -> String {
    let table = match value {
        Value::String(path) => return code(path),
        Value::Table(table) => table,
        other => panic!("no source: {other:?}"),
    };
    let mut shown = match (text(table, "path"), table.get("object")) {
        (Some(path), _) => code(path),
        (None, Some(Value::Table(members))) => codes(members.values().filter_map(Value::as_str), " with "),
        (None, _) => codes(texts(table, "parts"), ", "),
    };
    if let Some(prefix) = text(table, "prefix") {
        write!(shown, " with {} before it", code(prefix)).unwrap();
    }
    if let Some(separator) = text(table, "split") {
        write!(shown, ", the first of a list with {}", code(separator)).unwrap();
    }
    if table.contains_key("address") {
        shown += " if it is an address";
    }
    if table.contains_key("unless") {
        write!(shown, " without {}", codes(texts(table, "unless"), " or ")).unwrap();
    }
    if let Some(place) = text(table, "listed_in") {
        write!(shown, ", if the address is in {}", code(place)).unwrap();
    }
    shown
}

fn sources(value: &Value) -> String {
    let sources = value.as_array().unwrap().iter().map(source);
    sources.collect::<Vec<_>>().join("; else ")
}

fn condition(value: &Value) -> String {
    let table = value.as_table().unwrap();
    let name = match text(table, "path") {
        None => return format!("none of {} is set", codes(texts(table, "absent"), ", ")),
        Some("@file") => "the name of the file".to_owned(),
        Some(path) => code(path),
    };
    for (key, verb) in [("is", "is"), ("lacks", "has none of")] {
        if table.contains_key(key) {
            return format!("{name} {verb} {}", codes(texts(table, key), " or "));
        }
    }
    for (key, verb) in [("starts", "begins with"), ("contains", "contains")] {
        if let Some(part) = text(table, key) {
            return format!("{name} {verb} {}", code(part));
        }
    }
    format!("{name} is set")
}

fn conditions<'t>(values: impl IntoIterator<Item = &'t Value>) -> String {
    values.into_iter().map(condition).collect::<Vec<_>>().join("; or ")
}

/// What becomes of the fields of a vendor's file.
fn fields(name: &str) -> String {
    let mapping = mapping(name);
    let mut rows = Vec::new();
    let from = mapping["fields"].as_table().unwrap();
    for field in FIELDS {
        let key = if field == "customerRegistrationId" { "id" } else { field };
        rows.extend(from.get(key).map(|value| (code(field), sources(value))));
    }
    let empty = Table::new();
    let metadata = mapping
        .get("metadata")
        .map_or(&empty, |value| value.as_table().unwrap());
    let keys = metadata.get("keys").and_then(Value::as_table).into_iter().flatten();
    rows.extend(keys.map(|(key, value)| (code(&format!("metadata.{key}")), sources(value))));
    for value in list(metadata, "constants") {
        let constant = value.as_table().unwrap();
        let (key, value) = (text(constant, "key").unwrap(), text(constant, "value").unwrap());
        rows.push((
            code(&format!("metadata.{key}")),
            format!("{} if {}", code(value), condition(&constant["when"])),
        ));
    }
    let renamed = metadata.get("rename").and_then(Value::as_table).into_iter().flatten();
    let renamed: Vec<String> = renamed
        .map(|(from, to)| format!("{} as {}", code(from), code(to.as_str().unwrap())))
        .collect();
    let roots = list(metadata, "roots")
        .into_iter()
        .map(|value| value.as_table().unwrap());
    let roots: Vec<String> = roots
        .map(|root| match (text(root, "path").unwrap(), root.get("pairs")) {
            ("", _) => "every other field".to_owned(),
            (path, Some(_)) => format!("the pairs in {}", code(path)),
            (path, None) => {
                let prefix = text(root, "prefix").map(|prefix| format!(" with {} before it", code(prefix)));
                format!("every other member of {}{}", code(path), prefix.unwrap_or_default())
            }
        })
        .collect();
    if !roots.is_empty() {
        let renamed = if renamed.is_empty() {
            String::new()
        } else {
            format!(" ({})", renamed.join(", "))
        };
        rows.push((code("metadata.*"), roots.join("; ") + &renamed));
    }
    let mut shown = "| Masthead | in the file |\n|---|---|\n".to_owned();
    for (field, from) in rows {
        writeln!(shown, "| {field} | {from} |").unwrap();
    }
    shown + &outcomes(&mapping)
}

/// Which rows are not imported as they are, and which fields stay behind.
fn outcomes(mapping: &Table) -> String {
    let mut shown = String::new();
    for (key, meaning) in [("blocked", "Blocked"), ("not_a_person", "Rejected as `not_a_person`")] {
        if mapping.contains_key(key) {
            write!(shown, "\n{meaning}: {}.\n", conditions(list(mapping, key))).unwrap();
        }
    }
    let no_hash: Vec<String> = list(mapping, "no_hash")
        .into_iter()
        .map(|value| {
            let one = value.as_table().unwrap();
            format!(
                "{}, counted as \u{201c}{}\u{201d}",
                condition(&one["when"]),
                text(one, "reason").unwrap()
            )
        })
        .collect();
    if !no_hash.is_empty() {
        write!(shown, "\nImported without the hash: {}.\n", no_hash.join("; ")).unwrap();
    }
    if mapping.contains_key("ignored") {
        let ignored = codes(texts(mapping, "ignored"), ", ");
        write!(
            shown,
            "\nNot taken over, where no line of the table names it: {ignored}.\n"
        )
        .unwrap();
    }
    shown
}

/// Every shipped format: its files, and how they are recognised.
fn formats() -> String {
    let mut shown = "| `--from` | files | recognised by |\n|---|---|---|\n".to_owned();
    for name in Mapping::names() {
        let mapping = mapping(name);
        let layouts = texts(&mapping, "formats")
            .into_iter()
            .map(str::to_uppercase)
            .collect::<Vec<_>>()
            .join(", ");
        let mut signs: Vec<String> = Vec::new();
        for value in list(&mapping, "detect") {
            let sign = value.as_table().unwrap();
            let any = codes(texts(sign, "any"), ", ");
            let all = codes(texts(sign, "all"), ", ");
            let none = codes(texts(sign, "none"), ", ");
            let any = if any.is_empty() {
                String::new()
            } else {
                format!(" and one of {any}")
            };
            let none = if none.is_empty() {
                String::new()
            } else {
                format!(", without {none}")
            };
            signs.push(all + &any + &none);
        }
        let csv = mapping.get("csv").and_then(Value::as_table);
        if let Some(csv) = csv.filter(|csv| csv.get("header") == Some(&Value::Boolean(false))) {
            signs.push(format!(
                "CSV without a header, whose {} are true or false",
                codes(texts(csv, "booleans"), " and ")
            ));
        }
        let title = text(&mapping, "title").unwrap();
        let signs = if signs.is_empty() {
            "`dn:` or `version: 1` at the beginning".to_owned()
        } else {
            signs.join("; or ")
        };
        writeln!(shown, "| `{name}` | {title}: {layouts} | {signs} |").unwrap();
    }
    shown
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "no setting of the server: `cargo xtask docs` selects writing"
)]
fn moving_in_md_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/moving-in.md");
    let current = fs::read_to_string(&path).unwrap();
    let mut updated = current.clone();
    let vendors = Mapping::names().map(|name| (name, fields(name)));
    for (name, text) in vendors.chain([("formats", formats())]) {
        let (begin, end) = (format!("<!-- {name}: generated -->\n"), format!("<!-- {name}: end -->"));
        let from = updated.find(&begin).unwrap_or_else(|| panic!("no section for {name}")) + begin.len();
        let to = from + updated[from..].find(&end).unwrap();
        updated.replace_range(from..to, &text);
    }
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, updated).unwrap();
    } else {
        assert!(
            current == updated,
            "docs/moving-in.md is not current; run `cargo xtask docs`"
        );
    }
}

/// The mapping file that the page shows, with the file that it is for.
#[test]
fn example_of_a_mapping_file_maps_its_file() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/moving-in.md")).unwrap();
    let (_, from) = page.split_once("```toml\n").unwrap();
    let (example, _) = from.split_once("```").unwrap();
    let text = "id,email,email_confirmed_at,phone,encrypted_password,raw_user_meta_data,created_at,updated_at\n\
        5d1c,ann@example.com,2024-01-02 03:04:05.678+00,4700000001,$2a$10$3az9sEbCjOfqXF/eMuu64.iV79oAFhH7CZLFwMrHPN63LI8H5l0P.,\"{\"\"city\"\": \"\"Oslo\"\"}\",2020-09-13 12:26:40+00,\n\
        5d1d,bo@example.com,,,,{},,\n";
    let expected = [
        json!({
            "id": "5d1c", "email": "ann@example.com", "verified": true, "scheme": "bcrypt-10",
            "hash": "$2a$10$3az9sEbCjOfqXF/eMuu64.iV79oAFhH7CZLFwMrHPN63LI8H5l0P.",
            "metadata": {"city": "Oslo", "cellPhone": "4700000001"}, "registered": "2020-09-13T12:26:40Z",
        }),
        json!({"id": "5d1d", "email": "bo@example.com"}),
    ];
    assert_eq!(mapped(text, &mapped_by(example)), expected);
}
