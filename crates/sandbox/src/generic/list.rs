//! Lists: the matching users, and those on the page.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::response::{GenericStubError, put, values};
use super::settings::{FilterComparison, GenericStubFilter, GenericStubSettings, StubPaging};

/// A list in the format of the contract.
pub(super) fn list<'a>(
    settings: &GenericStubSettings,
    users: impl Iterator<Item = &'a Arc<Value>>,
    parameters: &[(String, String)],
) -> Result<Value, GenericStubError> {
    let mut wanted: Vec<(&GenericStubFilter, &str)> = Vec::new();
    let paging = parameter_names(&settings.paging);
    for (index, (name, value)) in parameters.iter().enumerate() {
        if parameters[..index].iter().any(|(before, _)| before == name) {
            return Err(GenericStubError::new(400, format!("{name} is given twice")));
        }
        match settings.filters.get(name) {
            Some(filter) => wanted.push((filter, value)),
            None if paging.contains(&name.as_str()) || settings.ignored.contains(name) => {}
            None => return Err(GenericStubError::unknown_parameter(name)),
        }
    }
    let found: Vec<&Arc<Value>> = users
        .filter(|user| wanted.iter().all(|(filter, value)| matches(filter, value, user)))
        .collect();
    let (skip, take) = parse_page(settings, parameters)?;
    let rows: Vec<Value> = found
        .iter()
        .skip(skip)
        .take(take)
        .map(|user| (***user).clone())
        .collect();
    let mut body = Value::Object(Map::new());
    if let Some(pointer) = &settings.total_pointer {
        put(&mut body, pointer, found.len().into());
    }
    if let StubPaging::Cursor { next, .. } = &settings.paging
        && skip.saturating_add(take) < found.len()
    {
        put(&mut body, next, format!("sandbox-{:x}", skip + take).into());
    }
    put(&mut body, &settings.list_pointer, Value::Array(rows));
    Ok(body)
}

fn parameter_names(paging: &StubPaging) -> Vec<&str> {
    match paging {
        StubPaging::Page { number, size, .. } => vec![number, size],
        StubPaging::Offset { offset, limit } => vec![offset, limit],
        StubPaging::Cursor { cursor, limit, .. } => vec![cursor, limit],
        StubPaging::None => Vec::new(),
    }
}

/// How many users to skip, and how many to show.
fn parse_page(
    settings: &GenericStubSettings,
    parameters: &[(String, String)],
) -> Result<(usize, usize), GenericStubError> {
    let text = |name: &str| {
        parameters
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    };
    let number = |name: &str| {
        let parse = |text: &str| {
            text.parse::<u64>()
                .map_err(|_| GenericStubError::new(400, format!("{name} is a number")))
        };
        text(name).map(parse).transpose()
    };
    let size = |name: &str| match number(name)? {
        Some(0) => Err(GenericStubError::new(400, format!("{name} is 1 or more"))),
        requested => Ok(requested.unwrap_or(settings.longest_page).min(settings.longest_page)),
    };
    let (skip, take) = match &settings.paging {
        StubPaging::None => (0, u64::MAX),
        StubPaging::Offset { offset, limit } => (number(offset)?.unwrap_or(0), size(limit)?),
        StubPaging::Page {
            number: page,
            size: per_page,
            first,
        } => {
            let take = size(per_page)?;
            let page = number(page)?.unwrap_or(*first);
            let before = page.checked_sub(*first);
            let before = before.ok_or_else(|| GenericStubError::new(400, format!("pages begin with {first}")))?;
            (before.saturating_mul(take), take)
        }
        StubPaging::Cursor { cursor, limit, .. } => {
            let at = |text: &str| {
                let at = text
                    .strip_prefix("sandbox-")
                    .and_then(|at| u64::from_str_radix(at, 16).ok());
                at.ok_or_else(|| GenericStubError::new(400, "no such cursor"))
            };
            (text(cursor).map(at).transpose()?.unwrap_or(0), size(limit)?)
        }
    };
    let whole = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    Ok((whole(skip), whole(take)))
}

fn matches(filter: &GenericStubFilter, wanted: &str, user: &Value) -> bool {
    let found = filter.fields.iter().flat_map(|field| values(user, field));
    found.filter_map(Value::as_str).any(|value| match filter.how {
        FilterComparison::Exact => value == wanted,
        FilterComparison::IgnoringCase => value.to_lowercase() == wanted.to_lowercase(),
        FilterComparison::Prefix => value.to_lowercase().starts_with(&wanted.to_lowercase()),
    })
}
