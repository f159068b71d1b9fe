//! The v4 API: how a list is requested, and how its answer is read (contract §2.4, §3.1).

use http::StatusCode;
use masthead_domain::{
    account::Account,
    email::Email,
    metadata::STANDARD_KEYS,
    order::{Direction, SortColumn},
    query::{CountMode, Total, UserQuery},
};
use masthead_provider_kit::{HttpReply, json, wire};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::{
    conditions,
    error::RemoteAnswerError,
    object::StrictObject,
    page::{FieldReader, RemotePage, RemoteRow},
    page_start::{PageStart, page_number},
};

/// The parameters of a list with an expressible filter, in the form of the query string; `None` where v4 has none for the
/// position.
///
/// With `published`, uses only the published rules where they mean the same as Masthead's own.
pub(crate) fn parameters(query: &UserQuery, goes: &PageStart<'_>, published: bool) -> Option<Vec<(String, String)>> {
    let mut all = vec![("ignoreProvider".to_owned(), "true".to_owned())];
    all.extend(conditions::v4_parameters(&query.filter, published));
    let mut put = |name: &str, value: &str| all.push((name.to_owned(), value.to_owned()));
    put("pageSize", &query.size.to_string());
    match goes {
        PageStart::Offset(offset) => put("pageNumber", &page_number(*offset, query.size)?.to_string()),
        PageStart::Cursor(cursor) => put("cursor", cursor),
    }
    let column = SortColumn::ALL
        .iter()
        .position(|column| *column == query.order.column)?;
    put("orderBy", &(column + 1).to_string());
    put(
        "orderByType",
        match query.order.direction {
            Direction::Ascending => "0",
            Direction::Descending => "1",
        },
    );
    match (query.count, goes) {
        (CountMode::Exact, _) => {}
        _ if published => {}
        // With a cursor, a total is no evidence about the page.
        (CountMode::None, PageStart::Cursor(_)) => put("count", "none"),
        // An estimate is exact where the page is not full, so it shows whether a user is missing.
        (CountMode::None | CountMode::Estimate, _) => put("count", "estimate"),
    }
    Some(all)
}

/// The member that holds a user's id.
const ID: &str = "customerRegistrationId";

#[derive(Deserialize)]
struct V4Envelope {
    message: StrictObject<V4Message>,
    #[serde(default)]
    meta: Option<StrictObject<V4Meta>>,
    #[serde(default)]
    data: Option<Vec<Box<RawValue>>>,
}

#[derive(Deserialize)]
struct V4Message {
    code: String,
    #[serde(rename = "type")]
    kind: MessageType,
}

/// The word, or the number if the tenant's switch requests numbers.
#[derive(Deserialize, PartialEq, Eq)]
#[serde(untagged)]
pub(crate) enum MessageType {
    Word(String),
    Number(u8),
}

impl MessageType {
    pub(crate) fn is_success(&self) -> bool {
        match self {
            Self::Word(word) => word == "Success",
            Self::Number(number) => *number == 0,
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct V4Meta {
    total_records: Option<u64>,
    total_is_estimate: bool,
    complete: Option<bool>,
    next_cursor: Option<Box<str>>,
}

/// A user; every published key is present, with any value, and is read by itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct V4User {
    customer_registration_id: String,
    email: Value,
    first_name: Value,
    last_name: Value,
    state: Value,
    metadata: Value,
    verified: Value,
}

/// The pairs of a metadata object that are set.
pub(crate) fn pairs(field: &'static str, metadata: Value, fields: &mut FieldReader) -> Vec<(String, String)> {
    let mut pairs = fields.pairs(field, metadata);
    // Every standard key is shown, empty where it is unset; a custom one only where it is stored, be it empty.
    pairs.retain(|(key, value)| !value.is_empty() || !STANDARD_KEYS.contains(&&**key));
    pairs
}

/// Reads the answer to a list.
pub(crate) fn read(reply: &HttpReply) -> Result<RemotePage, RemoteAnswerError> {
    match reply.status {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
            return Err(RemoteAnswerError::NoSuchPath(reply.status.as_u16()));
        }
        StatusCode::BAD_REQUEST => {
            // `E400_90` is Masthead's own code for absence; any other rejection means a wrong request.
            let raw: Box<RawValue> = reply.json()?;
            let StrictObject(reported) =
                json::read::<StrictObject<V4Envelope>>(raw.get().as_bytes()).map_err(|_| RemoteAnswerError::Shape)?;
            return Err(if reported.message.0.code.ends_with("_E400_90") {
                RemoteAnswerError::TooBroad
            } else {
                RemoteAnswerError::Refused
            });
        }
        other => return Err(RemoteAnswerError::Status(other.as_u16())),
    }
    let raw: Box<RawValue> = reply.json()?;
    let StrictObject(envelope) =
        json::read::<StrictObject<V4Envelope>>(raw.get().as_bytes()).map_err(|_| RemoteAnswerError::Shape)?;
    let success = envelope.message.0.kind.is_success();
    let meta = envelope.meta.map(|StrictObject(meta)| meta).unwrap_or_default();
    if meta.complete == Some(false) {
        return Err(RemoteAnswerError::Incomplete);
    }
    let users = envelope.data.filter(|_| success).ok_or(RemoteAnswerError::Shape)?;
    Ok(RemotePage {
        users: users.iter().map(|user| RemoteRow::read(user, ID, account)).collect(),
        total: meta.total_records.map(|count| {
            if meta.total_is_estimate {
                Total::Estimate(count)
            } else {
                Total::Exact(count)
            }
        }),
        cursor: meta.next_cursor,
    })
}

/// The account of one user. Its sealed id is specific to the remote API; Masthead's is made of the plain one.
pub(crate) fn account(user: &[u8], fields: &mut FieldReader) -> Result<Account, RemoteAnswerError> {
    let StrictObject(user) = json::read::<StrictObject<V4User>>(user).map_err(|_| RemoteAnswerError::Shape)?;
    let crid = wire::id(&user.customer_registration_id).ok_or(RemoteAnswerError::Field(ID))?;
    let pairs = pairs("metadata", user.metadata, fields);
    Ok(Account {
        email: address(&user.email)?,
        first_name: fields.text("firstName", user.first_name),
        last_name: fields.text("lastName", user.last_name),
        verified: fields.flag("verified", &user.verified),
        has_password: has_password(&user.state)?,
        metadata: fields.metadata("metadata", pairs),
        ..Account::new(crid)
    })
}

/// The address that a user has, if any. One that cannot be read costs the row: without it, the user would be taken for one
/// who has none.
pub(crate) fn address(value: &Value) -> Result<Option<Email>, RemoteAnswerError> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if text.trim().is_empty() => Ok(None),
        Value::String(text) => wire::address(text).map(Some).ok_or(RemoteAnswerError::Field("email")),
        _ => Err(RemoteAnswerError::Field("email")),
    }
}

/// Whether a user of this state has a password there (contract §2.3), as far as the state shows it. With an outside
/// provider there, every user is `Standard`, and it is unknown.
pub(crate) fn has_password(state: &Value) -> Result<bool, RemoteAnswerError> {
    match state.as_str() {
        Some("Lite") => Ok(false),
        Some("Standard" | "Unverified") => Ok(true),
        _ => Err(RemoteAnswerError::Field("state")),
    }
}
