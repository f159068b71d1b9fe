//! The legacy User API: how a list is requested, and how its answer is read (contract §2.4, §3.3).

use http::StatusCode;
use masthead_domain::{
    account::Account,
    legacy::{LEGACY_FIELDS, LegacyField, LegacyForm},
    order::{Direction, SortColumn},
    query::{Total, UserQuery},
};
use masthead_provider_kit::{HttpReply, json, path::is_segment, wire};
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};
use time::{OffsetDateTime, PrimitiveDateTime, format_description::well_known::Iso8601};

use crate::{
    conditions,
    error::RemoteAnswerError,
    object::StrictObject,
    page::{FieldReader, RemotePage, RemoteRow},
    page_start::{PageStart, escaped, page_number},
    v4,
};

/// The response header with which a Masthead reports an unavailable source.
const INCOMPLETE: &str = "x-incomplete";

/// The path and parameters of a call to the store alone (type 2) with an expressible filter; `None` where this API cannot
/// express the id, the order or the position.
pub(crate) fn call(query: &UserQuery, goes: &PageStart<'_>) -> Option<(String, Vec<(String, String)>)> {
    if let Some(id) = query.filter.crids.first() {
        let is_possible = is_segment(id.as_str()) && *goes == PageStart::Offset(0);
        return is_possible.then(|| (format!("/User/{}/2", escaped(id.as_str())), Vec::new()));
    }
    let (path, conditions) = conditions::legacy_parameters(&query.filter);
    // The published spelling of the list's parameters.
    let prefix = if path == "/User" { "request." } else { "" };
    let mut all = Vec::new();
    let mut put = |name: &str, value: &str| all.push((format!("{prefix}{name}"), value.to_owned()));
    for (name, value) in conditions {
        put(name, value);
    }
    put("sortBy", sort_name(query.order.column)?);
    put(
        "sortOrder",
        match query.order.direction {
            Direction::Ascending => "asc",
            Direction::Descending => "desc",
        },
    );
    let PageStart::Offset(offset) = goes else {
        return None;
    };
    put("usersPerPage", &query.size.to_string());
    put("pageNumber", &page_number(*offset, query.size)?.to_string());
    Some((path.to_owned(), all))
}

const fn sort_name(column: SortColumn) -> Option<&'static str> {
    match column {
        SortColumn::Email => Some("Email"),
        SortColumn::FirstName => Some("FirstName"),
        SortColumn::LastName => Some("LastName"),
        SortColumn::DateRegistered => Some("DateRegistered"),
        SortColumn::ChangeDate => Some("ChangeDate"),
        SortColumn::CustomerRegistrationId => Some("CustomerRegistrationId"),
        SortColumn::State | SortColumn::Verified => None,
    }
}

/// The member that holds a user's id.
const ID: &str = "CustomerRegistrationId";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LegacyEnvelope {
    #[serde(default)]
    errors: Vec<Box<RawValue>>,
    #[serde(default)]
    result: Option<StrictObject<LegacyResult>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LegacyResult {
    users: Vec<Box<RawValue>>,
    total_users_found: u64,
}

/// Reads the answer to any of the calls.
pub(crate) fn read(reply: &HttpReply) -> Result<RemotePage, RemoteAnswerError> {
    match reply.status {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
            return Err(RemoteAnswerError::NoSuchPath(reply.status.as_u16()));
        }
        other => return Err(RemoteAnswerError::Status(other.as_u16())),
    }
    if reply.headers.contains_key(INCOMPLETE) {
        return Err(RemoteAnswerError::Incomplete);
    }
    let raw: Box<RawValue> = reply.json()?;
    let StrictObject(envelope) =
        json::read::<StrictObject<LegacyEnvelope>>(raw.get().as_bytes()).map_err(|_| RemoteAnswerError::Shape)?;
    if !envelope.errors.is_empty() {
        return Err(RemoteAnswerError::Refused);
    }
    let StrictObject(found) = envelope.result.ok_or(RemoteAnswerError::Shape)?;
    Ok(RemotePage {
        users: found
            .users
            .iter()
            .map(|user| RemoteRow::read(user, ID, account))
            .collect(),
        total: Some(Total::Exact(found.total_users_found)),
        cursor: None,
    })
}

/// A user; what shows metadata is read by [`LEGACY_FIELDS`].
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LegacyUser {
    #[serde(default)]
    registration_id: Value,
    customer_registration_id: String,
    email: Value,
    first_name: Value,
    last_name: Value,
    verified: Value,
    #[serde(default)]
    date_registered: Value,
    #[serde(default)]
    change_date: Value,
    #[serde(default)]
    last_logout_date: Value,
    #[serde(rename = "UserState")]
    state: StrictObject<LegacyState>,
    #[serde(default)]
    metadata: Value,
    #[serde(flatten)]
    fields: Map<String, Value>,
}

#[derive(Deserialize)]
struct LegacyState {
    #[serde(rename = "UserStateCode")]
    code: Value,
}

fn account(user: &[u8], fields: &mut FieldReader) -> Result<Account, RemoteAnswerError> {
    let StrictObject(user) = json::read::<StrictObject<LegacyUser>>(user).map_err(|_| RemoteAnswerError::Shape)?;
    let crid = wire::id(&user.customer_registration_id).ok_or(RemoteAnswerError::Field(ID))?;
    let mut pairs = v4::pairs("Metadata", user.metadata, fields);
    for field in &LEGACY_FIELDS {
        // `Metadata` has the very text, of which the field is only a view.
        if !pairs.iter().any(|(key, _)| key == field.key)
            && let Some(text) = fields.lose(field.name, kept(field, &user.fields))
        {
            pairs.push((field.key.to_owned(), text));
        }
    }
    Ok(Account {
        registration_id: fields.lose("RegistrationId", number(&user.registration_id)),
        email: v4::address(&user.email)?,
        first_name: fields.text("FirstName", user.first_name),
        last_name: fields.text("LastName", user.last_name),
        verified: fields.flag("Verified", &user.verified),
        has_password: v4::has_password(&user.state.0.code)?,
        metadata: fields.metadata("Metadata", pairs),
        registered_at: fields.lose("DateRegistered", moment(&user.date_registered)),
        changed_at: fields.lose("ChangeDate", moment(&user.change_date)),
        last_logout_at: fields.lose("LastLogoutDate", moment(&user.last_logout_date)),
        ..Account::new(crid)
    })
}

/// The text that a field is a view of; `None` where it is no such view. A flag that is not set is not known to be a no:
/// nothing is made of it.
#[expect(
    clippy::option_option,
    reason = "a field that holds nothing is not one that cannot be read"
)]
fn kept(field: &LegacyField, fields: &Map<String, Value>) -> Option<Option<String>> {
    let Some(value) = fields.get(field.name).filter(|value| !value.is_null()) else {
        return Some(None);
    };
    match (field.form, value) {
        (LegacyForm::Text, Value::String(text)) => Some((!text.is_empty()).then(|| text.clone())),
        (LegacyForm::Flag, Value::Bool(set)) => Some(set.then(|| "Y".to_owned())),
        (LegacyForm::Consent, Value::Number(number)) => {
            let number = u8::try_from(number.as_u64()?).ok()?;
            Some(Some(if number.is_ascii_alphabetic() {
                char::from(number).to_string()
            } else {
                number.to_string()
            }))
        }
        _ => None,
    }
}

#[expect(
    clippy::option_option,
    reason = "a field that holds nothing is not one that cannot be read"
)]
fn number(value: &Value) -> Option<Option<i64>> {
    if value.is_null() {
        Some(None)
    } else {
        value.as_i64().map(Some)
    }
}

/// A time; UTC if it has no offset.
#[expect(
    clippy::option_option,
    reason = "a field that holds nothing is not one that cannot be read"
)]
fn moment(value: &Value) -> Option<Option<OffsetDateTime>> {
    let text = match value {
        Value::Null => return Some(None),
        Value::String(text) if text.is_empty() => return Some(None),
        value => value.as_str()?,
    };
    OffsetDateTime::parse(text, &Iso8601::PARSING)
        .or_else(|_| PrimitiveDateTime::parse(text, &Iso8601::PARSING).map(PrimitiveDateTime::assume_utc))
        .ok()
        .map(Some)
}
