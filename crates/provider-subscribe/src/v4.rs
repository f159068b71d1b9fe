//! The v4 API: how a list is asked for, and how its answer is read (contract §2.4, §3.1).

use std::collections::BTreeMap;

use http::StatusCode;
use masthead_domain::{
    account::Account,
    crid::Crid,
    email::{Email, EmailKey},
    metadata::{Metadata, STANDARD_KEYS},
    order::{Direction, SortColumn},
    query::{CountMode, EmailFilter, Total, UserQuery},
};
use masthead_provider_http::Reply;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::{
    flaw::Flaw,
    limits,
    object::Object,
    question::{Goes, page_number},
    rows::Rows,
};

/// The parameters of a list, in the form of the query string; `None` where v4 has none for a condition.
///
/// `published` leaves out what only Masthead takes, wherever the published rule says the same.
pub(crate) fn parameters(query: &UserQuery, goes: &Goes<'_>, published: bool) -> Option<Vec<(String, String)>> {
    let filter = &query.filter;
    let mut names = [&filter.first_name, &filter.last_name].into_iter().flatten();
    let all_taken = !filter.only_active
        && filter.emails.len() <= 1
        && filter.emails.iter().all(limits::takes_email)
        && names.all(limits::takes_name)
        && limits::takes_pairs(&filter.metadata)
        && filter.crids.iter().all(|id| *id == filter.crids[0]);
    if !all_taken {
        return None;
    }
    let mut all = vec![("ignoreProvider".to_owned(), "true".to_owned())];
    let mut put = |name: &str, value: &str| all.push((name.to_owned(), value.to_owned()));
    if let Some(email) = filter.emails.first() {
        let text = limits::text_of(email);
        let word = match email {
            EmailFilter::Exact(_) => "exact",
            EmailFilter::Prefix(_) => "prefix",
            EmailFilter::Contains(_) => "contains",
        };
        put("email", text);
        // The published rule: a complete address matches exactly, anything else by *contains*. Versions may differ in what
        // is complete: only where none does is the parameter left out.
        let by_form = if EmailKey::of(text).is_ordinary() {
            Some("exact")
        } else if EmailKey::parse(text).is_err() {
            Some("contains")
        } else {
            None
        };
        if !published || by_form != Some(word) {
            put("emailMatch", word);
        }
    }
    if let Some(id) = filter.crids.first() {
        put("customerRegistrationId", id.as_str());
    }
    for (name, prefix) in [("firstName", &filter.first_name), ("lastName", &filter.last_name)] {
        if let Some(prefix) = prefix {
            put(name, prefix.as_str());
        }
    }
    for pair in &filter.metadata {
        put(&format!("metadata.{}", pair.key()), pair.value());
    }
    put("pageSize", &query.size.to_string());
    match goes {
        Goes::From(offset) => put("pageNumber", &page_number(*offset, query.size)?.to_string()),
        Goes::On(cursor) => put("cursor", cursor),
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
        // Along a cursor a total tells nothing of the page.
        (CountMode::None, Goes::On(_)) => put("count", "none"),
        // An estimate is exact where the page is not full, and so tells whether somebody was lost on the way.
        (CountMode::None | CountMode::Estimate, _) => put("count", "estimate"),
    }
    Some(all)
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    message: Object<Message<'a>>,
    #[serde(default)]
    meta: Option<Object<Meta>>,
    #[serde(borrow, default)]
    data: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    code: std::borrow::Cow<'a, str>,
    #[serde(rename = "type")]
    kind: MessageType,
}

/// The word, or the number of a tenant whose switch says so.
#[derive(Deserialize, PartialEq, Eq)]
#[serde(untagged)]
enum MessageType {
    Word(String),
    Number(u8),
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Meta {
    total_records: Option<u64>,
    total_is_estimate: bool,
    complete: Option<bool>,
    next_cursor: Option<Box<str>>,
}

/// A user; every published key is there, whatever it holds.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    customer_registration_id: String,
    #[serde(deserialize_with = "Option::deserialize")]
    email: Option<String>,
    #[serde(deserialize_with = "Option::deserialize")]
    first_name: Option<String>,
    #[serde(deserialize_with = "Option::deserialize")]
    last_name: Option<String>,
    state: String,
    #[serde(deserialize_with = "pairs")]
    metadata: Vec<(String, String)>,
    #[serde(deserialize_with = "Option::deserialize")]
    verified: Option<bool>,
}

/// The pairs of a metadata object that are set; `null` is unset.
pub(crate) fn pairs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, String)>, D::Error> {
    let all = BTreeMap::<String, Option<String>>::deserialize(deserializer)?;
    let set = all.into_iter().filter_map(|(key, value)| Some((key, value?)));
    // Every standard key is shown, empty where it is unset; a custom one only where it is kept, be it empty.
    Ok(set
        .filter(|(key, value)| !value.is_empty() || !STANDARD_KEYS.contains(&&**key))
        .collect())
}

/// Reads the answer to a list.
pub(crate) fn read(reply: &Reply) -> Result<Rows, Flaw> {
    match reply.status {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => return Err(Flaw::NoSuchPath(reply.status.as_u16())),
        StatusCode::BAD_REQUEST => {
            // `E400_90` is Masthead's own word; whatever else is refused is a question that should not have been asked.
            let raw: Box<RawValue> = reply.json()?;
            let Object(told) = serde_json::from_str::<Object<Envelope<'_>>>(raw.get()).map_err(|_| Flaw::Shape)?;
            return Err(if told.message.0.code.ends_with("_E400_90") {
                Flaw::TooBroad
            } else {
                Flaw::Refused
            });
        }
        other => return Err(Flaw::Status(other.as_u16())),
    }
    let raw: Box<RawValue> = reply.json()?;
    let Object(envelope) = serde_json::from_str::<Object<Envelope<'_>>>(raw.get()).map_err(|_| Flaw::Shape)?;
    let success = match &envelope.message.0.kind {
        MessageType::Word(word) => word == "Success",
        MessageType::Number(number) => *number == 0,
    };
    let meta = envelope.meta.map(|Object(meta)| meta).unwrap_or_default();
    if meta.complete == Some(false) {
        return Err(Flaw::Incomplete);
    }
    let users = envelope.data.filter(|_| success).ok_or(Flaw::Shape)?;
    Ok(Rows {
        users: users.into_iter().map(|user| account(user.get())).collect(),
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

/// The account of one user. Its sealed id is the far side's own, and ours is made of the plain one.
fn account(user: &str) -> Result<Account, Flaw> {
    let Object(user) = serde_json::from_str::<Object<User>>(user).map_err(|_| Flaw::Shape)?;
    let crid = Crid::parse(&user.customer_registration_id).map_err(|_| Flaw::Field("customerRegistrationId"))?;
    Ok(Account {
        email: address(user.email.as_deref())?,
        first_name: user.first_name.unwrap_or_default().into(),
        last_name: user.last_name.unwrap_or_default().into(),
        verified: user.verified,
        has_password: has_password(&user.state)?,
        metadata: Metadata::new(user.metadata).map_err(|_| Flaw::Field("metadata"))?,
        ..Account::new(crid)
    })
}

/// The address that a user has, if any.
pub(crate) fn address(text: Option<&str>) -> Result<Option<Email>, Flaw> {
    match text.map(str::trim) {
        None | Some("") => Ok(None),
        Some(text) => Email::from_source(text).map(Some).map_err(|_| Flaw::Field("email")),
    }
}

/// Whether a user of this state has a password there (contract §2.3): all that a state tells of it. Of a far tenant with
/// an outside provider every user is `Standard`, and it cannot be known.
pub(crate) fn has_password(state: &str) -> Result<bool, Flaw> {
    match state {
        "Lite" => Ok(false),
        "Standard" | "Unverified" => Ok(true),
        _ => Err(Flaw::Field("state")),
    }
}
