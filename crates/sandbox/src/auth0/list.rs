//! `GET /users`: search, order and pages over the index.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::errors;
use super::params::Auth0Params;
use super::query::{Auth0Query, is_case_insensitive};
use super::tenant::Auth0Tenant;
use crate::http::request::WireRequest;
use crate::http::response::StubResponse;
use crate::user_records::UsersById;

/// How far any search can be paged.
const PAGING_LIMIT: u64 = 1_000;

const SUPPORTED: [&str; 6] = ["page", "per_page", "include_totals", "sort", "q", "search_engine"];

/// A requested list with all that it needs, so that searching does not hold the tenant's lock.
pub(super) struct Auth0List {
    index: Arc<UsersById>,
    query: Option<Auth0Query>,
    sort: Option<Auth0Sort>,
    page: u64,
    per_page: u64,
    totals: bool,
}

/// Parses the request.
pub(super) fn parse_list(
    tenant: &mut Auth0Tenant,
    request: &WireRequest,
    now: OffsetDateTime,
) -> Result<Auth0List, StubResponse> {
    let params = Auth0Params::parse(request, &SUPPORTED)?;
    let page = params.number("page", 0, u64::from(u32::MAX))?;
    let per_page = params.number("per_page", 50, 100)?;
    let totals = params.flag("include_totals")?;
    let sort = params.text("sort").map(Auth0Sort::parse).transpose()?;
    if !matches!(params.text("search_engine"), None | Some("v3")) {
        return Err(errors::unsupported_query("'No enum match' on property search_engine."));
    }
    let query = params.text("q").map(Auth0Query::parse).transpose();
    let query = query.map_err(|error| errors::unsupported_query(&error.0))?;
    let settings = &tenant.shared.settings;
    let per_page = per_page.min(settings.longest_page);
    if (page + 1) * per_page > PAGING_LIMIT {
        return Err(errors::past_the_paging_limit());
    }
    if settings.slow_wildcards && query.as_ref().is_some_and(Auth0Query::is_slow) {
        return Err(errors::search_timed_out());
    }
    Ok(Auth0List {
        index: Arc::clone(tenant.shared.users.searchable(now)),
        query,
        sort,
        page,
        per_page,
        totals,
    })
}

impl Auth0List {
    pub(super) fn to_response(&self) -> StubResponse {
        let matches = |user: &&Arc<Value>| self.query.as_ref().is_none_or(|query| query.matches(user));
        let mut found: Vec<&Arc<Value>> = self.index.values().filter(matches).collect();
        let total = found.len();
        let start = usize::try_from(self.page * self.per_page).unwrap_or(usize::MAX);
        let length = usize::try_from(self.per_page).unwrap_or(usize::MAX);
        if let Some(sort) = &self.sort {
            let end = start.saturating_add(length);
            // Users after the page need no order.
            if end < total {
                found.select_nth_unstable_by(end, |left, right| sort.compare(left, right));
                found.truncate(end);
            }
            found.sort_unstable_by(|left, right| sort.compare(left, right));
        }
        let users: Vec<&Value> = found.into_iter().skip(start).take(length).map(|user| &**user).collect();
        let body = if self.totals {
            json!({"start": start, "limit": self.per_page, "length": users.len(), "users": users, "total": total})
        } else {
            json!(users)
        };
        StubResponse::json(200, &body)
    }
}

#[derive(Debug)]
struct Auth0Sort {
    field: String,
    descending: bool,
}

impl Auth0Sort {
    fn parse(text: &str) -> Result<Self, StubResponse> {
        let is_plain = |char: char| char.is_ascii_lowercase() || char == '_';
        match text.rsplit_once(':') {
            Some((field, direction @ ("1" | "-1"))) if !field.is_empty() && field.chars().all(is_plain) => Ok(Self {
                field: field.to_owned(),
                descending: direction == "-1",
            }),
            _ => Err(errors::unsupported_query(
                "'String does not match pattern' on property sort.",
            )),
        }
    }

    /// Users without the value come last in both directions; equal users are ordered by id.
    fn compare(&self, left: &Value, right: &Value) -> Ordering {
        let (left_key, right_key) = (self.key(left), self.key(right));
        let by_value = match (&left_key, &right_key) {
            (Some(left), Some(right)) if self.descending => right.cmp(left),
            (Some(left), Some(right)) => left.cmp(right),
            _ => left_key.is_none().cmp(&right_key.is_none()),
        };
        by_value.then_with(|| left["user_id"].as_str().cmp(&right["user_id"].as_str()))
    }

    fn key<'a>(&self, user: &'a Value) -> Option<Cow<'a, str>> {
        let text = user[&self.field].as_str()?;
        Some(if is_case_insensitive(&self.field) {
            text.to_lowercase().into()
        } else {
            text.into()
        })
    }
}
