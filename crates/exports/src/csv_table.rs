//! CSV (RFC 4180) with a fixed header, so that a file of any size is written in one pass.

use masthead_domain::{email::Email, metadata::STANDARD_KEYS};
use masthead_ports::{exports::ExportedRegistration, passwords::PasswordHash};
use serde_json::{Map, Value};

use crate::{error::WriteError, options::WriterOptions, times::AccountTimes};

/// Characters with which a spreadsheet takes a cell for a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

pub(crate) fn write_header(options: &WriterOptions, out: &mut Vec<u8>) {
    let hash = options.with_hashes.then_some("passwordHash");
    let fields = ["customerRegistrationId", "email", "firstName", "lastName", "verified"];
    let times = ["dateRegistered", "changeDate", "lastLogoutDate"];
    let fields = fields.into_iter().chain(hash).chain(times).map(str::to_owned);
    let metadata = STANDARD_KEYS.iter().map(|key| format!("metadata.{key}"));
    let header: Vec<String> = fields.chain(metadata).chain(["metadata".to_owned()]).collect();
    // A vector takes every record.
    let _ = write_record(&header, out);
}

/// Writes a registration: its fields, the standard keys of its metadata, and a JSON object of its other keys.
pub(crate) fn write_row(
    registration: &ExportedRegistration,
    options: &WriterOptions,
    out: &mut Vec<u8>,
) -> Result<(), WriteError> {
    let account = &registration.account;
    let times = AccountTimes::of(account)?;
    let hash = registration.password_hash.as_ref().map_or("", PasswordHash::expose);
    let custom: Map<String, Value> = account
        .metadata
        .custom()
        .map(|(key, value)| (key.to_owned(), value.into()))
        .collect();
    let custom = if custom.is_empty() {
        String::new()
    } else {
        Value::Object(custom).to_string()
    };
    let mut row: Vec<&str> = vec![
        account.crid.as_str(),
        account.email.as_ref().map_or("", Email::as_str),
        &account.first_name,
        &account.last_name,
        if account.verified == Some(true) {
            "true"
        } else {
            "false"
        },
    ];
    row.extend(options.with_hashes.then_some(hash));
    let times = [&times.registered, &times.changed, &times.last_logout];
    row.extend(times.map(|time| time.as_deref().unwrap_or_default()));
    row.extend(STANDARD_KEYS.map(|key| account.metadata.get(key).unwrap_or_default()));
    row.push(&custom);
    write_record(row.into_iter().map(guarded), out).map_err(|error| WriteError::Line {
        registration: account.registration_id.unwrap_or_default(),
        source: error.into(),
    })
}

fn write_record<T: AsRef<[u8]>>(cells: impl IntoIterator<Item = T>, out: &mut Vec<u8>) -> csv::Result<()> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(&mut *out);
    writer.write_record(cells)?;
    writer.flush().map_err(Into::into)
}

/// The cell with an apostrophe before it where a spreadsheet would take it for a formula. To undo it, one apostrophe is removed
/// before a cell that begins, after apostrophes, with one of the characters.
fn guarded(cell: &str) -> std::borrow::Cow<'_, [u8]> {
    if cell.trim_start_matches('\'').starts_with(FORMULA) {
        ["'", cell].concat().into_bytes().into()
    } else {
        cell.as_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_guarded_reversibly() {
        for (cell, written) in [
            ("=1+1", "'=1+1"),
            ("+47 1", "'+47 1"),
            ("-", "'-"),
            ("@x", "'@x"),
            ("\tx", "'\tx"),
            ("'=1", "''=1"),
            ("'t Hart", "'t Hart"),
            ("a=1", "a=1"),
            ("", ""),
        ] {
            assert_eq!(&*guarded(cell), written.as_bytes(), "{cell}");
        }
    }
}
