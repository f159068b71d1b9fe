//! Gathers the settings: the reference, then a file, then the environment.

use std::{ffi::OsString, path::Path};

use config::{Config, ConfigError, Environment, File, FileFormat, Map, Value, ValueKind};

use super::{mistakes::Mistakes, raw::Raw};

/// The reference with every key and its default.
pub const REFERENCE: &str = include_str!("../../default.toml");

/// A table whose keys are the operator's own.
const FREE_TABLE: &str = "sealing.keys";

/// What the environment says: pairs of name and value.
pub type Variables = Vec<(OsString, OsString)>;

/// Reads all three layers. What cannot be taken is told in the mistakes and left at its default.
pub(super) fn load(file: Option<&Path>, variables: &Variables, mistakes: &mut Mistakes) -> Option<Raw> {
    let reference = File::from_str(REFERENCE, FileFormat::Toml);
    let mut builder = Config::builder().add_source(reference.clone());
    if let Some(path) = file {
        // Built alone first: of a file that cannot be read the rest is still checked.
        let source = File::from(path).format(FileFormat::Toml);
        match Config::builder().add_source(source.clone()).build() {
            Ok(_) => builder = builder.add_source(source),
            Err(error) => mistakes.add_general(format!("the settings file {}: {}", path.display(), reason(&error))),
        }
    }
    let environment = Environment::with_prefix("MASTHEAD")
        .prefix_separator("__")
        .separator("__")
        .ignore_empty(true)
        .source(Some(text_variables(variables, mistakes)));
    let merged = builder.add_source(environment).build();
    let reference = Config::builder().add_source(reference).build();
    let (merged, reference) = match (merged, reference) {
        (Ok(merged), Ok(reference)) => (merged.cache, reference.cache),
        (Err(error), _) | (_, Err(error)) => {
            mistakes.add_general(reason(&error));
            return None;
        }
    };
    let tidied = tidied(merged, &reference, "", mistakes);
    match tidied.try_deserialize() {
        Ok(raw) => Some(raw),
        Err(error) => {
            mistakes.add_general(reason(&error));
            None
        }
    }
}

/// Ours among the variables, as text.
fn text_variables(variables: &Variables, mistakes: &mut Mistakes) -> Map<String, String> {
    let mut ours = Map::new();
    for (name, value) in variables {
        let Some(name) = name.to_str() else { continue };
        if !name.to_ascii_uppercase().starts_with("MASTHEAD__") {
            continue;
        }
        match value.to_str() {
            Some(value) => {
                ours.insert(name.to_owned(), value.to_owned());
            }
            None => mistakes.add_general(format!("{name}: must be UTF-8")),
        }
    }
    ours
}

/// The given settings without what the reference does not know, each stranger told; serde would tell only the first.
fn tidied(given: Value, reference: &Value, key: &str, mistakes: &mut Mistakes) -> Value {
    match (given.kind, &reference.kind) {
        (ValueKind::Table(given), ValueKind::Table(known)) => {
            let mut whole = known.clone();
            let mut given: Vec<_> = given.into_iter().collect();
            given.sort_by(|(a, _), (b, _)| a.cmp(b));
            for (name, value) in given {
                let inner = if key.is_empty() {
                    name.clone()
                } else {
                    format!("{key}.{name}")
                };
                let nothing = Value::new(None, ValueKind::String(String::new()));
                match known.get(&name) {
                    Some(reference) => {
                        whole.insert(name, tidied(value, reference, &inner, mistakes));
                    }
                    None if key == FREE_TABLE => {
                        whole.insert(name, tidied(value, &nothing, &inner, mistakes));
                    }
                    None => mistakes.add(&inner, "no such setting"),
                }
            }
            Value::new(None, ValueKind::Table(whole))
        }
        (_, ValueKind::Table(_)) => {
            mistakes.add(key, "is a section, not a setting");
            reference.clone()
        }
        (ValueKind::Table(_) | ValueKind::Array(_), _) => {
            mistakes.add(key, "must be a single value");
            reference.clone()
        }
        (scalar, _) => Value::new(None, scalar),
    }
}

/// Why, without the text of the file: a parser's message quotes the line, and the line may hold a secret.
fn reason(error: &ConfigError) -> String {
    match error {
        ConfigError::FileParse { cause, .. } => {
            let text = cause.to_string();
            text.lines().next().unwrap_or("cannot be parsed").to_owned()
        }
        ConfigError::Foreign(cause) => cause.downcast_ref::<std::io::Error>().map_or_else(
            || "cannot be read".to_owned(),
            |error| format!("cannot be read ({})", error.kind()),
        ),
        _ => "cannot be understood".to_owned(),
    }
}
