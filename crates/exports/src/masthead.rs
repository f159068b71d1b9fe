//! The format `masthead`: one JSON object a line, as `masthead import` reads it (ADR 0138).

use std::collections::BTreeMap;

use masthead_ports::{exports::ExportedRegistration, passwords::PasswordHash};
use serde::Serialize;

use crate::{error::WriteError, times::AccountTimes};

/// The keys of a line, in their order. Unset ones are left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    customer_registration_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    first_name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    last_name: &'a str,
    verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    password_hash: Option<&'a str>,
    /// Sorted by the bytes of the keys.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date_registered: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_logout_date: Option<String>,
}

/// Writes a registration as a line of the format `masthead`, with the hash if it has one.
///
/// # Errors
/// A time cannot be expressed.
pub fn write_masthead_line(registration: &ExportedRegistration, out: &mut Vec<u8>) -> Result<(), WriteError> {
    let account = &registration.account;
    let times = AccountTimes::of(account)?;
    let line = Line {
        customer_registration_id: account.crid.as_str(),
        email: account.email.as_ref().map(masthead_domain::email::Email::as_str),
        first_name: &account.first_name,
        last_name: &account.last_name,
        verified: account.verified == Some(true),
        password_hash: registration
            .password_hash
            .as_ref()
            .map(PasswordHash::expose)
            .filter(|hash| !hash.is_empty()),
        metadata: account.metadata.iter().collect(),
        date_registered: times.registered,
        change_date: times.changed,
        last_logout_date: times.last_logout,
    };
    serde_json::to_writer(&mut *out, &line).map_err(|error| WriteError::Line {
        registration: account.registration_id.unwrap_or_default(),
        source: error.into(),
    })?;
    out.push(b'\n');
    Ok(())
}
