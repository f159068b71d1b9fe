//! A list in the schema of Auth0's bulk imports.

use masthead_domain::{email::Email, user_change::is_blocked};
use masthead_ports::exports::ExportedRegistration;
use serde_json::{Map, Value, json};

use crate::{
    error::WriteError,
    left_out::{HASHES, LeftOut},
    password_hash::{Auth0Hash, to_auth0},
    times::AccountTimes,
};

/// A registration as an entry of the list; `None` for one without an address, which Auth0 does not take.
pub(crate) fn entry(registration: &ExportedRegistration, left_out: &mut LeftOut) -> Result<Option<Value>, WriteError> {
    let account = &registration.account;
    let times = AccountTimes::of(account)?;
    let Some(email) = account.email.as_ref().map(Email::as_str) else {
        left_out.count("users without an address");
        return Ok(None);
    };
    // Auth0 adds it again.
    let id = account.crid.as_str();
    let id = id.strip_prefix("auth0|").filter(|rest| !rest.is_empty()).unwrap_or(id);
    let mut entry = Map::new();
    entry.insert("user_id".to_owned(), id.into());
    entry.insert("email".to_owned(), email.into());
    entry.insert("email_verified".to_owned(), (account.verified == Some(true)).into());
    if is_blocked(account) {
        entry.insert("blocked".to_owned(), true.into());
    }
    for (name, value) in [("given_name", &account.first_name), ("family_name", &account.last_name)] {
        if !value.is_empty() {
            entry.insert(name.to_owned(), (&**value).into());
        }
    }
    match registration.password_hash.as_ref().map(|hash| to_auth0(hash.expose())) {
        None => {}
        Some(None) => left_out.count(HASHES),
        Some(Some(Auth0Hash::Bcrypt(hash))) => {
            entry.insert("password_hash".to_owned(), hash.into());
        }
        Some(Some(Auth0Hash::Custom(hash))) => {
            entry.insert("custom_password_hash".to_owned(), hash);
        }
    }
    if !account.metadata.is_empty() {
        let metadata: Map<String, Value> = account
            .metadata
            .iter()
            .map(|(key, value)| (key.to_owned(), value.into()))
            .collect();
        entry.insert("user_metadata".to_owned(), metadata.into());
    }
    let mut dates = json!({
        "dateRegistered": times.registered, "changeDate": times.changed, "lastLogoutDate": times.last_logout,
    });
    if let Value::Object(dates) = &mut dates {
        dates.retain(|_, date| !date.is_null());
        if !dates.is_empty() {
            entry.insert("app_metadata".to_owned(), Value::Object(std::mem::take(dates)));
        }
    }
    Ok(Some(Value::Object(entry)))
}
