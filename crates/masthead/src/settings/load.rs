//! Loads the settings: the reference, then a file, then the environment.

use std::{ffi::OsString, path::Path};

use config::{Config, ConfigError, Environment, File, FileFormat, Map, Value, ValueKind};

use super::{errors::SettingsError, fingerprint::SettingsFingerprint, raw::RawSettings};

/// The reference with every key and its default.
pub const REFERENCE: &str = include_str!("../../default.toml");

/// A table whose keys are chosen by the operator.
const FREE_TABLE: &str = "sealing.keys";

/// A table of sections whose names are chosen by the operator.
const ISSUERS: &str = "issuers";

/// Every key of `[issuers.NAME]` and its default.
const ISSUER_REFERENCE: &str = r#"
issuer = ""
audience = ""
jwks_url = ""
jwks_file = ""
kind = "generic"
algorithms = "RS256, ES256, EdDSA"
scope_claims = ""
scope_prefix = ""
tenants_claims = ""
client_id_claims = ""
audience_claims = ""
"#;

/// The environment: pairs of name and value.
pub type Variables = Vec<(OsString, OsString)>;

/// Reads all three layers. An invalid value is recorded as an error and left at its default.
pub(super) fn load(
    file: Option<&Path>,
    variables: &Variables,
    errors: &mut SettingsError,
) -> Option<(RawSettings, SettingsFingerprint)> {
    let reference = File::from_str(REFERENCE, FileFormat::Toml);
    let mut builder = Config::builder().add_source(reference.clone());
    if let Some(path) = file {
        // Built alone first: with an unreadable file, the rest is still checked.
        let source = File::from(path).format(FileFormat::Toml);
        match Config::builder().add_source(source.clone()).build() {
            Ok(_) => builder = builder.add_source(source),
            Err(error) => errors.add_general(format!("the settings file {}: {}", path.display(), reason(&error))),
        }
    }
    let environment = Environment::with_prefix("MASTHEAD")
        .prefix_separator("__")
        .separator("__")
        .ignore_empty(true)
        .source(Some(text_variables(variables, errors)));
    let merged = builder.add_source(environment).build();
    let reference = Config::builder().add_source(reference).build();
    let issuer = Config::builder()
        .add_source(File::from_str(ISSUER_REFERENCE, FileFormat::Toml))
        .build();
    let (merged, reference, issuer) = match (merged, reference, issuer) {
        (Ok(merged), Ok(reference), Ok(issuer)) => (merged.cache, reference.cache, issuer.cache),
        (Err(error), _, _) | (_, Err(error), _) | (_, _, Err(error)) => {
            errors.add_general(reason(&error));
            return None;
        }
    };
    let merged_with_reference = merged_with_reference(merged, (&reference, &issuer), "", errors);
    let fingerprint = SettingsFingerprint::new(&merged_with_reference);
    match merged_with_reference.try_deserialize() {
        Ok(raw) => Some((raw, fingerprint)),
        Err(error) => {
            errors.add_general(reason(&error));
            None
        }
    }
}

/// The variables of this program, as text.
fn text_variables(variables: &Variables, errors: &mut SettingsError) -> Map<String, String> {
    let mut variables_of_program = Map::new();
    for (name, value) in variables {
        let Some(name) = name.to_str() else { continue };
        if !name.to_ascii_uppercase().starts_with("MASTHEAD__") {
            continue;
        }
        match value.to_str() {
            Some(value) => {
                variables_of_program.insert(name.to_owned(), value.to_owned());
            }
            None => errors.add_general(format!("{name}: must be UTF-8")),
        }
    }
    variables_of_program
}

/// The given settings without unknown ones, each recorded as an error; serde would report only the first.
fn merged_with_reference(
    given: Value,
    (reference, issuer): (&Value, &Value),
    key: &str,
    errors: &mut SettingsError,
) -> Value {
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
                        whole.insert(name, merged_with_reference(value, (reference, issuer), &inner, errors));
                    }
                    None if key == FREE_TABLE => {
                        whole.insert(name, merged_with_reference(value, (&nothing, issuer), &inner, errors));
                    }
                    None if key == ISSUERS => {
                        whole.insert(name, merged_with_reference(value, (issuer, issuer), &inner, errors));
                    }
                    None => errors.add(&inner, "no such setting"),
                }
            }
            Value::new(None, ValueKind::Table(whole))
        }
        (_, ValueKind::Table(_)) => {
            errors.add(key, "is a section, not a setting");
            reference.clone()
        }
        (ValueKind::Table(_) | ValueKind::Array(_), _) => {
            errors.add(key, "must be a single value");
            reference.clone()
        }
        (scalar, _) => Value::new(None, scalar),
    }
}

/// The reason without the text of the file: a parser's message quotes the line, which may contain a secret.
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
