//! `GET /users`: search, order and pages over the index.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::errors;
use super::params::{Params, Projection};
use super::query::{Query, is_insensitive};
use super::tenant::Tenant;
use crate::people::Users;
use crate::server::reply::Reply;
use crate::server::request::Request;

/// How far any search can be paged.
const CAP: u64 = 1_000;

const KNOWN: [&str; 10] = [
    "page",
    "per_page",
    "include_totals",
    "sort",
    "connection",
    "fields",
    "include_fields",
    "q",
    "search_engine",
    "primary_order",
];

/// A list that was asked for, with all that it takes: whoever looks at every user keeps nobody else waiting meanwhile.
pub(super) struct List {
    index: Arc<Users>,
    query: Option<Query>,
    order: Option<Order>,
    ordered: bool,
    page: u64,
    per_page: u64,
    totals: bool,
    projection: Projection,
}

/// Reads what is asked for.
pub(super) fn users(tenant: &mut Tenant, request: &Request, now: OffsetDateTime) -> Result<List, Reply> {
    let params = Params::parse(request, &KNOWN)?;
    let page = params.number(
        "page",
        0,
        u64::from(u32::MAX),
        "Page index of the results to return. First page is 0.",
    )?;
    let per_page = params.number("per_page", 50, 100, "Number of results per page.")?;
    let per_page = per_page.min(tenant.settings.longest_page);
    let totals = params.flag("include_totals", false)?;
    let ordered = params.flag("primary_order", true)?;
    let projection = params.projection(false)?;
    let order = params.text("sort").map(Order::parse).transpose()?;
    match params.text("search_engine") {
        None | Some("v3") => {}
        Some("v1" | "v2") => {
            return Err(errors::api(
                400,
                "This search engine version is no longer available",
                None,
            ));
        }
        Some(_) => return Err(errors::invalid_query("'No enum match' on property search_engine.")),
    }
    let query = params
        .text("q")
        .map(Query::parse)
        .transpose()
        .map_err(|error| errors::invalid_query(&error.0))?;
    if (page + 1) * per_page > CAP {
        return Err(errors::past_the_cap());
    }
    if tenant.settings.slow_wildcards && query.as_ref().is_some_and(Query::is_slow) {
        return Err(errors::search_timed_out());
    }
    Ok(List {
        index: Arc::clone(tenant.users.searchable(now)),
        query,
        order,
        ordered,
        page,
        per_page,
        totals,
        projection,
    })
}

impl List {
    pub(super) fn reply(&self) -> Reply {
        let is_asked_for = |user: &&Arc<Value>| self.query.as_ref().is_none_or(|query| query.matches(user));
        let mut found: Vec<&Arc<Value>> = self.index.values().filter(is_asked_for).collect();
        let total = found.len();
        let start = usize::try_from(self.page * self.per_page).unwrap_or(usize::MAX);
        let length = usize::try_from(self.per_page).unwrap_or(usize::MAX);
        if let Some(order) = &self.order {
            let end = start.saturating_add(length);
            // Whoever comes after the page need not be in order.
            if end < total {
                found.select_nth_unstable_by(end, |left, right| order.compare(left, right));
                found.truncate(end);
            }
            found.sort_unstable_by(|left, right| order.compare(left, right));
        } else if !self.ordered {
            // Unordered is as stable as this sandbox makes it, and must not look like an order.
            found.sort_by_cached_key(|user| scattered(user));
        }
        let shown: Vec<Value> = found
            .into_iter()
            .skip(start)
            .take(length)
            .map(|user| self.projection.of(user))
            .collect();
        let body = if self.totals {
            json!({"start": start, "limit": self.per_page, "length": shown.len(), "users": shown, "total": total})
        } else {
            Value::Array(shown)
        };
        Reply::json(200, &body)
    }
}

fn scattered(user: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    user["user_id"].as_str().hash(&mut hasher);
    hasher.finish()
}

#[derive(Debug)]
struct Order {
    path: Vec<String>,
    descending: bool,
}

impl Order {
    fn parse(text: &str) -> Result<Self, Reply> {
        let wrong =
            || errors::invalid_query("'String does not match pattern ^[a-zA-Z0-9_.]+:(1|-1)$' on property sort.");
        let (field, direction) = text.rsplit_once(':').ok_or_else(wrong)?;
        let plain = |char: char| char.is_ascii_alphanumeric() || "_.".contains(char);
        if field.is_empty() || !field.chars().all(plain) || !matches!(direction, "1" | "-1") {
            return Err(wrong());
        }
        let path: Vec<String> = field.split('.').map(str::to_owned).collect();
        if ["user_metadata", "app_metadata"].contains(&path[0].as_str()) {
            return Err(errors::invalid_query(
                "sorting by user_metadata or app_metadata is not supported",
            ));
        }
        Ok(Self {
            path,
            descending: direction == "-1",
        })
    }

    /// Users without the value come last either way; equals are in order of their ids.
    fn compare(&self, left: &Value, right: &Value) -> Ordering {
        let (ours, theirs) = (self.key(left), self.key(right));
        let by_value = match (&ours, &theirs) {
            (Some(ours), Some(theirs)) if self.descending => compared(theirs, ours),
            (Some(ours), Some(theirs)) => compared(ours, theirs),
            _ => ours.is_none().cmp(&theirs.is_none()),
        };
        by_value.then_with(|| left["user_id"].as_str().cmp(&right["user_id"].as_str()))
    }

    fn key<'a>(&self, user: &'a Value) -> Option<Cow<'a, Value>> {
        let mut value = user;
        for name in &self.path {
            value = value.get(name)?;
        }
        match value {
            Value::Null => None,
            Value::String(text) if is_insensitive(&self.path[0]) => Some(Cow::Owned(text.to_lowercase().into())),
            other => Some(Cow::Borrowed(other)),
        }
    }
}

fn compared(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left
            .as_f64()
            .unwrap_or_default()
            .total_cmp(&right.as_f64().unwrap_or_default()),
        (Value::String(left), Value::String(right)) => left.cmp(right),
        _ => left.to_string().cmp(&right.to_string()),
    }
}
