//! Users of SCIM 2.0 (RFC 7643 §4.1), and the list response around them (RFC 7644 §3.4.2).

use masthead_domain::{email::Email, user_change::is_blocked};
use masthead_ports::exports::ExportedRegistration;
use serde_json::{Map, Value, json};

use crate::{error::WriteError, times::AccountTimes};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// Our own attributes: `verified`, `lastLogoutDate` and `metadata`.
const OWN: &str = "urn:masthead:scim:schemas:User";

/// What is before the resources.
pub(crate) const BEGIN: &str = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"Resources":["#;

/// What is after the resources: their number is known at the end.
pub(crate) fn end(users: u64) -> String {
    format!(r#"],"totalResults":{users},"startIndex":1,"itemsPerPage":{users}}}"#)
}

pub(crate) fn resource(registration: &ExportedRegistration) -> Result<Value, WriteError> {
    let account = &registration.account;
    let times = AccountTimes::of(account)?;
    let (id, email) = (account.crid.as_str(), account.email.as_ref().map(Email::as_str));
    let mut name = Map::new();
    for (key, value) in [("givenName", &account.first_name), ("familyName", &account.last_name)] {
        if !value.is_empty() {
            name.insert(key.to_owned(), (&**value).into());
        }
    }
    let mut meta = json!({"resourceType": "User"});
    for (key, time) in [("created", times.registered), ("lastModified", times.changed)] {
        if let Some(time) = time {
            meta[key] = time.into();
        }
    }
    let mut own = json!({"verified": account.verified == Some(true)});
    if let Some(time) = times.last_logout {
        own["lastLogoutDate"] = time.into();
    }
    if !account.metadata.is_empty() {
        let metadata = account
            .metadata
            .iter()
            .map(|(key, value)| (key.to_owned(), Value::from(value)));
        own["metadata"] = Value::Object(metadata.collect());
    }
    let mut user = json!({
        "schemas": [USER, OWN],
        "id": id,
        "externalId": id,
        // It is required, and unique.
        "userName": email.unwrap_or(id),
        "active": !is_blocked(account),
        "meta": meta,
    });
    user[OWN] = own;
    if !name.is_empty() {
        user["name"] = name.into();
    }
    if let Some(email) = email {
        user["emails"] = json!([{"value": email, "primary": true}]);
    }
    Ok(user)
}
