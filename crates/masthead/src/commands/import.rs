//! `masthead import`: registrations from lines of JSON, streamed.

use std::{
    borrow::Cow,
    collections::HashMap,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
    sync::Arc,
};

use masthead_domain::tenant::{Tenant, TenantId};
use masthead_ports::{clock::Clock, tenants::Tenants};
use masthead_subscribe_store::{ImportOrigin, ImportStopError, Imported, Store};
use serde::Deserialize;
use serde_json::json;

use super::say;
use crate::{
    cli::Import,
    clock::SystemClock,
    failure::Failure,
    identifiers::{RequestIds, TimedIds},
};

/// The longest line.
const MAX_LINE_BYTES: u64 = 1024 * 1024;

/// What stands for `X-SourceSystem` in the events of an import.
const SOURCE_SYSTEM: &str = "masthead-import";

pub(super) async fn run(store: &Store, asked: &Import) -> Result<(), Failure> {
    let mut lines = Lines {
        input: open(&asked.file)?,
        default: asked.tenant.clone(),
        read: 0,
        ahead: None,
    };
    let mut done = Imported::default();
    let ended = all(store, &mut lines, &mut done).await;
    // Told also when it stopped: what was imported stays.
    say(json!({"imported": done.inserted, "skipped": done.skipped}))?;
    ended
}

fn open(path: &Path) -> Result<Box<dyn BufRead>, Failure> {
    if path == Path::new("-") {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let file = File::open(path).map_err(Failure::when("the file cannot be opened"))?;
    Ok(Box::new(BufReader::with_capacity(256 * 1024, file)))
}

/// Imports each run of lines of one tenant in a stream of its own.
async fn all(store: &Store, lines: &mut Lines, done: &mut Imported) -> Result<(), Failure> {
    let clock = SystemClock;
    let origin = ImportOrigin {
        request_id: TimedIds::new(Arc::new(clock)).next().as_str().into(),
        source_system: SOURCE_SYSTEM.into(),
        at: clock.now(),
    };
    let mut known = HashMap::new();
    while let Some((id, first)) = lines.peek()? {
        let tenant = match known.get(&id) {
            Some(tenant) => Arc::clone(tenant),
            None => find(store, &id, first).await?,
        };
        known.insert(id.clone(), Arc::clone(&tenant));
        let mut stopped = None;
        let run = std::iter::from_fn(|| match lines.next_of(&id) {
            Ok(line) => line.map(|line| Ok(line.text)),
            Err(failure) => {
                stopped = Some(failure);
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
            return Err(told(error.reason, first));
        }
        if let Some(failure) = stopped {
            return Err(failure);
        }
    }
    Ok(())
}

async fn find(store: &Store, id: &TenantId, line: u64) -> Result<Arc<Tenant>, Failure> {
    let found = store.tenants().by_id(id).await;
    found
        .map_err(Failure::when("the tenant cannot be looked up"))?
        .ok_or_else(|| Failure::new(format!("line {line}: tenant: there is no tenant {id}")))
}

/// The importer numbers the lines of its run.
fn told(reason: ImportStopError, first: u64) -> Failure {
    match reason {
        ImportStopError::Line { line, problem } => Failure::new(format!("line {}: {problem}", first + line - 1)),
        reason => Failure::when("the import stopped")(reason),
    }
}

/// The lines of the input, one ahead.
struct Lines {
    input: Box<dyn BufRead>,
    default: Option<TenantId>,
    /// How many lines were read.
    read: u64,
    ahead: Option<Line>,
}

/// One line, without its `tenant`, which the importer does not know.
struct Line {
    number: u64,
    /// `None` for a blank line, which belongs to any run: so numbers have no gaps.
    tenant: Option<TenantId>,
    text: String,
}

#[derive(Deserialize)]
struct OfTenant<'a> {
    #[serde(borrow, default)]
    tenant: Option<Cow<'a, str>>,
}

impl Lines {
    /// The tenant and the number of the next line that is not blank.
    fn peek(&mut self) -> Result<Option<(TenantId, u64)>, Failure> {
        loop {
            if self.ahead.is_none() {
                self.ahead = self.read_one()?;
            }
            match &self.ahead {
                None => return Ok(None),
                Some(Line {
                    tenant: Some(tenant),
                    number,
                    ..
                }) => return Ok(Some((tenant.clone(), *number))),
                Some(_) => self.ahead = None,
            }
        }
    }

    /// The next line, when it is of this tenant.
    fn next_of(&mut self, tenant: &TenantId) -> Result<Option<Line>, Failure> {
        if self.ahead.is_none() {
            self.ahead = self.read_one()?;
        }
        Ok(self
            .ahead
            .take_if(|line| line.tenant.as_ref().is_none_or(|its| its == tenant)))
    }

    fn read_one(&mut self) -> Result<Option<Line>, Failure> {
        let number = self.read + 1;
        let failed = |says: &str| Failure::new(format!("line {number}: {says}"));
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
            return Ok(Some(Line {
                number,
                tenant: None,
                text,
            }));
        }
        // JSON that is broken otherwise is for the importer to tell.
        let named = match serde_json::from_str::<OfTenant<'_>>(&text) {
            Ok(OfTenant { tenant: Some(tenant) }) => {
                Some(TenantId::parse(&tenant).map_err(|invalid| failed(&format!("tenant: {invalid}")))?)
            }
            Ok(OfTenant { tenant: None }) | Err(_) => None,
        };
        if named.is_some() {
            text = without_tenant(&text).ok_or_else(|| failed("not a JSON object"))?;
        }
        let tenant = named
            .or_else(|| self.default.clone())
            .ok_or_else(|| failed("tenant: must be given, in the line or by --tenant"))?;
        Ok(Some(Line {
            number,
            tenant: Some(tenant),
            text,
        }))
    }
}

fn without_tenant(text: &str) -> Option<String> {
    let mut fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).ok()?;
    fields.remove("tenant");
    serde_json::to_string(&fields).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &'static str, default: Option<&str>) -> Lines {
        Lines {
            input: Box::new(text.as_bytes()),
            default: default.map(|text| TenantId::parse(text).unwrap()),
            read: 0,
            ahead: None,
        }
    }

    #[test]
    fn runs_of_one_tenant_keep_their_numbers_over_blank_lines() {
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
    fn a_line_without_a_tenant_or_with_a_bad_one_is_named_by_number() {
        for (text, says) in [
            ("{\"a\":1}", "line 1: tenant: must be given"),
            ("\n{\"tenant\":\"a/b\"}", "line 2: tenant: a tenant is written"),
        ] {
            let told = lines(text, None).peek().unwrap_err().to_string();
            assert!(told.starts_with(says), "{told}");
        }
    }
}
