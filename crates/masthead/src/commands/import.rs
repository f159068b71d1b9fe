//! `masthead import`: registrations from lines of JSON, streamed.

mod password_hashes;

use std::{
    borrow::Cow,
    collections::HashMap,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
    sync::Arc,
};

use masthead_domain::tenant::{Tenant, TenantId};
use masthead_ports::{clock::Clock, passwords::PasswordHash, tenants::Tenants};
use masthead_subscribe_store::{ImportOrigin, ImportStopError, Imported, Store};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use self::password_hashes::ImportedHashes;
use super::environment::print_line;
use crate::{
    cli::ImportArguments,
    clock::SystemClock,
    command_error::CommandError,
    identifiers::{RequestIds, TimedIds},
};

/// The longest line.
const MAX_LINE_BYTES: u64 = 1024 * 1024;

/// The source system that events of an import contain.
const SOURCE_SYSTEM: &str = "masthead-import";

pub(super) async fn run(store: &Store, arguments: &ImportArguments) -> Result<(), CommandError> {
    let mut lines = InputLines {
        input: open(&arguments.file)?,
        default: arguments.tenant.clone(),
        read: 0,
        ahead: None,
        hashes: ImportedHashes::default(),
    };
    let mut done = Imported::default();
    let ended = import_all(store, &mut lines, &mut done).await;
    // Printed after an error too: what was imported stays.
    print_line(json!({
        "imported": done.inserted, "skipped": done.skipped,
        "hashes": lines.hashes.usable, "unusableHashes": lines.hashes.unusable,
    }))?;
    ended
}

fn open(path: &Path) -> Result<Box<dyn BufRead>, CommandError> {
    if path == Path::new("-") {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let file = File::open(path).map_err(CommandError::context("the file cannot be opened"))?;
    Ok(Box::new(BufReader::with_capacity(256 * 1024, file)))
}

/// Imports each group of consecutive lines of one tenant as one stream.
async fn import_all(store: &Store, lines: &mut InputLines, done: &mut Imported) -> Result<(), CommandError> {
    let clock = SystemClock;
    let origin = ImportOrigin::new(
        TimedIds::new(Arc::new(clock)).next().as_str().into(),
        SOURCE_SYSTEM.into(),
        clock.now(),
    );
    let mut known = HashMap::new();
    while let Some((id, first)) = lines.peek()? {
        let tenant = match known.get(&id) {
            Some(tenant) => Arc::clone(tenant),
            None => find_tenant(store, &id, first).await?,
        };
        known.insert(id.clone(), Arc::clone(&tenant));
        let mut stopped = None;
        let run = std::iter::from_fn(|| match lines.next_of(&id) {
            Ok(line) => line.map(|line| Ok(line.text)),
            Err(error) => {
                stopped = Some(error);
                None
            }
        });
        let imported = store.importer().lines(&tenant, &origin, run).await;
        let part = imported
            .as_ref()
            .map_or_else(|error| error.before, |imported| *imported);
        done.inserted += part.inserted;
        done.skipped += part.skipped;
        if let Err(error) = imported {
            return Err(to_error(error.reason, first));
        }
        if let Some(error) = stopped {
            return Err(error);
        }
    }
    Ok(())
}

async fn find_tenant(store: &Store, id: &TenantId, line: u64) -> Result<Arc<Tenant>, CommandError> {
    let found = store.tenants().by_id(id).await;
    found
        .map_err(CommandError::context("the tenant cannot be looked up"))?
        .ok_or_else(|| CommandError::new(format!("line {line}: tenant: there is no tenant {id}")))
}

/// The importer counts lines from the start of its stream.
fn to_error(reason: ImportStopError, first: u64) -> CommandError {
    match reason {
        ImportStopError::Line { line, problem } => CommandError::new(format!("line {}: {problem}", first + line - 1)),
        reason => CommandError::context("the import stopped")(reason),
    }
}

/// The lines of the input, with one line of look-ahead.
struct InputLines {
    input: Box<dyn BufRead>,
    default: Option<TenantId>,
    /// How many lines were read.
    read: u64,
    ahead: Option<InputLine>,
    hashes: ImportedHashes,
}

/// One line, without its `tenant`, which the importer does not accept, and with a hash that can be verified or none.
struct InputLine {
    number: u64,
    /// `None` for a blank line, which belongs to any group, so that numbers have no gaps.
    tenant: Option<TenantId>,
    text: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct LineFields<'a> {
    #[serde(borrow, default)]
    tenant: Option<Cow<'a, str>>,
    /// Of any type: the importer reports a wrong one.
    #[serde(borrow, default)]
    password_hash: Option<&'a RawValue>,
}

impl InputLines {
    /// The tenant and the number of the next line that is not blank.
    fn peek(&mut self) -> Result<Option<(TenantId, u64)>, CommandError> {
        loop {
            if self.ahead.is_none() {
                self.ahead = self.read_one()?;
            }
            match &self.ahead {
                None => return Ok(None),
                Some(InputLine {
                    tenant: Some(tenant),
                    number,
                    ..
                }) => return Ok(Some((tenant.clone(), *number))),
                Some(_) => self.ahead = None,
            }
        }
    }

    /// The next line, when it is of this tenant.
    fn next_of(&mut self, tenant: &TenantId) -> Result<Option<InputLine>, CommandError> {
        if self.ahead.is_none() {
            self.ahead = self.read_one()?;
        }
        Ok(self
            .ahead
            .take_if(|line| line.tenant.as_ref().is_none_or(|its| its == tenant)))
    }

    fn read_one(&mut self) -> Result<Option<InputLine>, CommandError> {
        let number = self.read + 1;
        let failed = |text: &str| CommandError::new(format!("line {number}: {text}"));
        let mut text = String::new();
        let bytes = self
            .input
            .by_ref()
            .take(MAX_LINE_BYTES + 1)
            .read_line(&mut text)
            .map_err(|error| failed(&format!("cannot be read ({})", error.kind())))?;
        if bytes == 0 {
            return Ok(None);
        }
        if bytes as u64 > MAX_LINE_BYTES {
            return Err(failed("longer than 1 MiB"));
        }
        self.read = number;
        if text.trim().is_empty() {
            return Ok(Some(InputLine {
                number,
                tenant: None,
                text,
            }));
        }
        // Otherwise invalid JSON is reported by the importer.
        let fields = serde_json::from_str::<LineFields<'_>>(&text).unwrap_or_default();
        let named = fields.tenant.as_deref().map(TenantId::parse).transpose();
        let named = named.map_err(|invalid| failed(&format!("tenant: {invalid}")))?;
        let hash = fields
            .password_hash
            .and_then(|hash| serde_json::from_str::<String>(hash.get()).ok())
            .and_then(|hash| self.replacement(&hash));
        if named.is_some() || hash.is_some() {
            text = for_importer(&text, hash).ok_or_else(|| failed("not a JSON object"))?;
        }
        let tenant = named
            .or_else(|| self.default.clone())
            .ok_or_else(|| failed("tenant: required, in the line or by --tenant"))?;
        Ok(Some(InputLine {
            number,
            tenant: Some(tenant),
            text,
        }))
    }

    /// What is imported in place of a hash; `None` where it is canonical.
    fn replacement(&mut self, hash: &str) -> Option<Value> {
        let canonical = self.hashes.canonical(hash);
        let canonical = canonical.as_ref().map(PasswordHash::expose);
        (canonical != Some(hash)).then(|| canonical.into())
    }
}

/// The line without its tenant, and with this as its hash, where it is another.
fn for_importer(text: &str, hash: Option<Value>) -> Option<String> {
    let mut fields: serde_json::Map<String, Value> = serde_json::from_str(text).ok()?;
    fields.remove("tenant");
    if let Some(hash) = hash {
        fields.insert("passwordHash".to_owned(), hash);
    }
    serde_json::to_string(&fields).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &'static str, default: Option<&str>) -> InputLines {
        InputLines {
            input: Box::new(text.as_bytes()),
            default: default.map(|text| TenantId::parse(text).unwrap()),
            read: 0,
            ahead: None,
            hashes: ImportedHashes::default(),
        }
    }

    #[test]
    fn line_numbers_count_blank_lines() {
        let mut lines = lines(
            "\n{\"a\":1}\n\n{\"tenant\":\"d/e/f\",\"a\":2}\n{\"a\":3}",
            Some("a/b/c"),
        );
        let mut seen = Vec::new();
        while let Some((tenant, first)) = lines.peek().unwrap() {
            let mut run = Vec::new();
            while let Some(line) = lines.next_of(&tenant).unwrap() {
                run.push((line.number, line.text.trim().to_owned()));
            }
            assert_eq!(run[0].0, first);
            seen.push((tenant.to_string(), run));
        }
        let run = |tenant: &str, lines: &[(u64, &str)]| {
            let lines: Vec<_> = lines.iter().map(|(n, text)| (*n, (*text).to_owned())).collect();
            (tenant.to_owned(), lines)
        };
        assert_eq!(
            seen,
            [
                run("a/b/c", &[(2, "{\"a\":1}"), (3, "")]),
                run("d/e/f", &[(4, "{\"a\":2}")]),
                run("a/b/c", &[(5, "{\"a\":3}")]),
            ]
        );
    }

    #[test]
    fn hash_that_cannot_be_verified_is_dropped_and_counted() {
        let mut lines = lines(
            concat!(
                "{\"passwordHash\":\"{CRYPT}$2y$10$3az9sEbCjOfqXF/eMuu64.iV79oAFhH7CZLFwMrHPN63LI8H5l0P.\"}\n",
                "{\"passwordHash\":\"\"}\n{\"passwordHash\":null}\n{\"passwordHash\":\"x\"}\n",
                "{\"passwordHash\":\"$2b$31$3az9sEbCjOfqXF/eMuu64.iV79oAFhH7CZLFwMrHPN63LI8H5l0P.\"}\n",
                "{\"passwordHash\":7}",
            ),
            Some("a/b/c"),
        );
        let tenant = TenantId::parse("a/b/c").unwrap();
        let mut read = Vec::new();
        while let Some(line) = lines.next_of(&tenant).unwrap() {
            let line: Value = serde_json::from_str(&line.text).unwrap();
            read.push(line["passwordHash"].clone());
        }
        let bcrypt = "$2y$10$3az9sEbCjOfqXF/eMuu64.iV79oAFhH7CZLFwMrHPN63LI8H5l0P.";
        assert_eq!(json!(read), json!([bcrypt, null, null, null, null, 7]));
        assert_eq!(json!(lines.hashes.usable), json!({"bcrypt-10": 1}));
        assert_eq!(
            json!(lines.hashes.unusable),
            json!({"too costly to verify": 1, "unknown hash family": 1})
        );
    }

    #[test]
    fn missing_or_invalid_tenant_is_reported_with_line_number() {
        for (text, message) in [
            ("{\"a\":1}", "line 1: tenant: required"),
            ("\n{\"tenant\":\"a/b\"}", "line 2: tenant: a tenant is written"),
        ] {
            let error = lines(text, None).peek().unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }
}
