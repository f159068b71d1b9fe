//! The legacy User API: how a list is asked for, and how its answer is read (contract §2.4, §3.3).

use http::StatusCode;
use masthead_domain::{
    account::Account,
    crid::Crid,
    legacy::{LEGACY_FIELDS, LegacyField, LegacyForm},
    metadata::Metadata,
    order::{Direction, SortColumn},
    query::{EmailFilter, Total, UserQuery},
};
use masthead_provider_http::Reply;
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};
use time::{OffsetDateTime, PrimitiveDateTime, format_description::well_known::Iso8601};

use crate::{
    flaw::Flaw,
    limits,
    object::Object,
    question::{Goes, escaped, page_number},
    rows::Rows,
    v4,
};

/// The response header by which a Masthead says that it does without one of its sources.
const INCOMPLETE: &str = "x-incomplete";

/// The path of a call that asks the store alone (type 2), and its parameters; `None` where this API has no word for a
/// condition, the order or the place.
pub(crate) fn call(query: &UserQuery, goes: &Goes<'_>) -> Option<(String, Vec<(String, String)>)> {
    let filter = &query.filter;
    if let Some(id) = filter.crids.first() {
        // Only an id alone is looked up by: it takes no parameters beside.
        let alone = filter.crids.iter().all(|other| other == id)
            && filter.emails.is_empty()
            && !filter.only_active
            && *goes == Goes::From(0);
        return (alone && names_nothing_else(query)).then(|| (format!("/User/{}/2", escaped(id.as_str())), Vec::new()));
    }
    if !names_nothing_else(query) {
        return None;
    }
    let (path, email) = match &filter.emails[..] {
        [] => ("/User", None),
        [email @ EmailFilter::Contains(needle)] if limits::takes_email(email) => ("/User", Some(needle.as_str())),
        // What every version takes for a complete address matches exactly there.
        [email @ EmailFilter::Exact(key)] if limits::takes_email(email) && key.is_ordinary() => {
            ("/User/2", Some(key.as_str()))
        }
        _ => return None,
    };
    // The published spelling of the list's parameters.
    let prefix = if path == "/User" { "request." } else { "" };
    let mut all = Vec::new();
    let mut put = |name: &str, value: &str| all.push((format!("{prefix}{name}"), value.to_owned()));
    if path == "/User" {
        put("lookupInUserProvider", "false");
    }
    if let Some(text) = email {
        put("email", text);
    }
    if filter.only_active {
        put("onlyActive", "true");
    }
    put("sortBy", sort_name(query.order.column)?);
    put(
        "sortOrder",
        match query.order.direction {
            Direction::Ascending => "asc",
            Direction::Descending => "desc",
        },
    );
    let Goes::From(offset) = goes else {
        return None;
    };
    put("usersPerPage", &query.size.to_string());
    put("pageNumber", &page_number(*offset, query.size)?.to_string());
    Some((path.to_owned(), all))
}

/// Whether there is no condition on names or metadata, for which this API has no parameters.
fn names_nothing_else(query: &UserQuery) -> bool {
    let filter = &query.filter;
    filter.first_name.is_none() && filter.last_name.is_none() && filter.metadata.is_empty()
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

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope<'a> {
    #[serde(borrow, default)]
    errors: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    result: Option<Object<Found<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Found<'a> {
    #[serde(borrow)]
    users: Vec<&'a RawValue>,
    total_users_found: u64,
}

/// Reads the answer to any of the calls.
pub(crate) fn read(reply: &Reply) -> Result<Rows, Flaw> {
    match reply.status {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => return Err(Flaw::NoSuchPath(reply.status.as_u16())),
        other => return Err(Flaw::Status(other.as_u16())),
    }
    if reply.headers.contains_key(INCOMPLETE) {
        return Err(Flaw::Incomplete);
    }
    let raw: Box<RawValue> = reply.json()?;
    let Object(envelope) = serde_json::from_str::<Object<Envelope<'_>>>(raw.get()).map_err(|_| Flaw::Shape)?;
    if !envelope.errors.is_empty() {
        return Err(Flaw::Refused);
    }
    let Object(found) = envelope.result.ok_or(Flaw::Shape)?;
    Ok(Rows {
        users: found.users.into_iter().map(|user| account(user.get())).collect(),
        total: Some(Total::Exact(found.total_users_found)),
        cursor: None,
    })
}

/// A user; what shows metadata is read by [`LEGACY_FIELDS`].
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct User {
    registration_id: Option<i64>,
    customer_registration_id: String,
    #[serde(deserialize_with = "Option::deserialize")]
    email: Option<String>,
    #[serde(deserialize_with = "Option::deserialize")]
    first_name: Option<String>,
    #[serde(deserialize_with = "Option::deserialize")]
    last_name: Option<String>,
    #[serde(deserialize_with = "Option::deserialize")]
    verified: Option<bool>,
    date_registered: Option<String>,
    change_date: Option<String>,
    last_logout_date: Option<String>,
    #[serde(rename = "UserState")]
    state: Object<State>,
    #[serde(default)]
    metadata: Option<Pairs>,
    #[serde(flatten)]
    fields: Map<String, Value>,
}

#[derive(Deserialize)]
struct State {
    #[serde(rename = "UserStateCode")]
    code: String,
}

/// The `Metadata` of a user, where the deployment has one.
#[derive(Deserialize)]
struct Pairs(#[serde(deserialize_with = "v4::pairs")] Vec<(String, String)>);

fn account(user: &str) -> Result<Account, Flaw> {
    let Object(user) = serde_json::from_str::<Object<User>>(user).map_err(|_| Flaw::Shape)?;
    let crid = Crid::parse(&user.customer_registration_id).map_err(|_| Flaw::Field("CustomerRegistrationId"))?;
    let mut pairs = user.metadata.map_or_else(Vec::new, |Pairs(pairs)| pairs);
    for field in &LEGACY_FIELDS {
        // `Metadata` has the very text, of which the field is only a view.
        if !pairs.iter().any(|(key, _)| key == field.key)
            && let Some(text) = kept(field, &user.fields)?
        {
            pairs.push((field.key.to_owned(), text));
        }
    }
    Ok(Account {
        registration_id: user.registration_id,
        email: v4::address(user.email.as_deref())?,
        first_name: user.first_name.unwrap_or_default().into(),
        last_name: user.last_name.unwrap_or_default().into(),
        verified: user.verified,
        has_password: v4::has_password(&user.state.0.code)?,
        metadata: Metadata::new(pairs).map_err(|_| Flaw::Field("Metadata"))?,
        registered_at: moment("DateRegistered", user.date_registered.as_deref())?,
        changed_at: moment("ChangeDate", user.change_date.as_deref())?,
        last_logout_at: moment("LastLogoutDate", user.last_logout_date.as_deref())?,
        ..Account::new(crid)
    })
}

/// The text that a field is a view of. A flag that is not set is not known to be a no: nothing is made of it.
fn kept(field: &LegacyField, fields: &Map<String, Value>) -> Result<Option<String>, Flaw> {
    let Some(value) = fields.get(field.name).filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let text = match (field.form, value) {
        (LegacyForm::Text, Value::String(text)) => (!text.is_empty()).then(|| text.clone()),
        (LegacyForm::Flag, Value::Bool(set)) => set.then(|| "Y".to_owned()),
        (LegacyForm::Consent, Value::Number(number)) => {
            let number = number.as_u64().and_then(|number| u8::try_from(number).ok());
            let number = number.ok_or(Flaw::Field(field.name))?;
            Some(if number.is_ascii_alphabetic() {
                char::from(number).to_string()
            } else {
                number.to_string()
            })
        }
        _ => return Err(Flaw::Field(field.name)),
    };
    Ok(text)
}

/// A time, in UTC where it does not say.
fn moment(field: &'static str, text: Option<&str>) -> Result<Option<OffsetDateTime>, Flaw> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    OffsetDateTime::parse(text, &Iso8601::PARSING)
        .or_else(|_| PrimitiveDateTime::parse(text, &Iso8601::PARSING).map(PrimitiveDateTime::assume_utc))
        .map(Some)
        .map_err(|_| Flaw::Field(field))
}
