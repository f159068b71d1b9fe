//! Pages of users that are in memory, by the same rules as the search of a source.

use std::{borrow::Cow, cmp::Ordering};

use masthead_domain::{
    account::Account,
    answer::{Completeness, ListAnswer, SourceReport, User},
    order::{ListCursor, SortColumn, SortKey},
    query::{CountMode, Position, Total, UserQuery},
    tenant::Tenant,
    write_back::WriteBack,
};
use masthead_ports::source::{AccountPage, SUBSCRIBE};

use crate::{
    ReadError,
    findings::PairFindings,
    resolve::{Resolution, ResolveContext, resolve},
};

/// The reason of a source that has more accounts than a list reads.
pub(crate) const TRUNCATED: &str = "truncated";

/// The reason of a source that returned rows that cannot be read.
pub(crate) const UNREADABLE: &str = "unreadable_rows";

/// Why an answer has only a part of the accounts of its source; `None` if it has all.
pub(crate) const fn partial_reason(truncated: bool, unreadable: bool) -> Option<&'static str> {
    if unreadable {
        Some(UNREADABLE)
    } else if truncated {
        Some(TRUNCATED)
    } else {
        None
    }
}

/// As [`partial_reason`], for a page of the store.
pub(crate) const fn store_partial_reason(page: &AccountPage) -> Option<&'static str> {
    partial_reason(page.more || page.truncated, page.unreadable)
}

/// One page of items, and how many there were.
#[derive(Debug)]
pub(crate) struct PageSlice<T> {
    pub(crate) items: Vec<T>,
    /// The sort key of the last item, where more follow.
    pub(crate) next: Option<SortKey>,
    pub(crate) total: u64,
}

/// Sorts items by their accounts and takes the page of the query.
pub(crate) fn take_page<T>(
    items: Vec<T>,
    account: impl Fn(&T) -> &Account,
    query: &UserQuery,
    outside_provider: bool,
) -> PageSlice<T> {
    // The usual result of a lookup needs no sorting.
    if items.len() == 1 && query.position == Position::Offset(0) && query.size > 0 {
        return PageSlice {
            items,
            next: None,
            total: 1,
        };
    }
    let (column, direction) = (query.order.column, query.order.direction);
    let mut keyed: Vec<(SortKey, T)> = items
        .into_iter()
        .map(|item| (SortKey::for_account(account(&item), column, outside_provider), item))
        .collect();
    keyed.sort_by(|(a, _), (b, _)| a.compare(b, direction));
    let total = keyed.len();
    let skipped = match &query.position {
        Position::Offset(offset) => usize::try_from(*offset).unwrap_or(usize::MAX),
        // A cursor of a source continues the list of that source; this list has nothing after it.
        Position::After(ListCursor::Opaque(_)) => usize::MAX,
        Position::After(ListCursor::Key(last)) => keyed
            .iter()
            .take_while(|(key, _)| key.compare(last, direction) != Ordering::Greater)
            .count(),
    };
    let end = skipped.saturating_add(usize::from(query.size));
    let next = if end < total {
        keyed.get(end - 1).map(|(key, _)| key.clone())
    } else {
        None
    };
    PageSlice {
        items: keyed
            .into_iter()
            .skip(skipped)
            .take(usize::from(query.size))
            .map(|(_, item)| item)
            .collect(),
        next,
        // A `usize` of this platform always fits.
        total: total as u64,
    }
}

/// Resolves findings into one page of users, and the planned write-backs of the page.
///
/// # Errors
/// As [`resolve`].
pub(crate) fn resolve_page(
    findings: PairFindings,
    query: &UserQuery,
    cx: ResolveContext<'_>,
) -> Result<(ListAnswer, Vec<WriteBack>), ReadError> {
    let is_partial = findings.provider.partial.is_some() || findings.store.partial.is_some();
    let Resolution {
        users,
        completeness,
        mut writes,
    } = resolve(findings, &query.filter, cx)?;
    let PageSlice { items, next, total } = take_page(users, |user: &User| &user.account, query, true);
    writes.retain(|write| items.iter().any(|user| user.account.crid == write.account.crid));
    let total = if is_partial {
        Total::Estimate(total)
    } else {
        Total::Exact(total)
    };
    let answer = ListAnswer {
        users: items,
        total: requested_total(query, total),
        next: next.map(ListCursor::Key),
        completeness: Some(completeness),
    };
    Ok((answer, writes))
}

/// The answer to contradictory conditions, which reads no source.
pub(crate) fn empty_page(tenant: &Tenant, query: &UserQuery) -> ListAnswer {
    let provider = tenant
        .settings
        .user_provider
        .map(masthead_domain::flow::UserProvider::name);
    let sources = provider
        .into_iter()
        .chain([SUBSCRIBE])
        .map(SourceReport::skipped)
        .collect();
    ListAnswer {
        users: Vec::new(),
        total: requested_total(query, Total::Exact(0)),
        next: None,
        completeness: Some(Completeness {
            complete: true,
            sources,
        }),
    }
}

/// The total, if the query requests one.
pub(crate) fn requested_total(query: &UserQuery, total: Total) -> Option<Total> {
    match query.count {
        CountMode::Exact | CountMode::Estimate => Some(total),
        CountMode::None => None,
    }
}

/// Checks that page numbers reach the page.
///
/// # Errors
/// [`ReadError::TooDeep`].
pub(crate) fn check_depth(query: &UserQuery, max_depth: u64) -> Result<(), ReadError> {
    match query.position {
        Position::Offset(offset) if offset > max_depth => Err(ReadError::TooDeep { limit: max_depth }),
        Position::Offset(_) | Position::After(_) => Ok(()),
    }
}

/// The query for the sources. Every user of a tenant with a provider is `Standard`: the order by state is the order by id, and
/// every user is active.
pub(crate) fn effective_query<'q>(query: &'q UserQuery, tenant: &Tenant) -> Cow<'q, UserQuery> {
    let by_state = query.order.column == SortColumn::State;
    if tenant.settings.is_federated() && (by_state || query.filter.only_active) {
        let mut effective = query.clone();
        effective.filter.only_active = false;
        if by_state {
            effective.order.column = SortColumn::CustomerRegistrationId;
        }
        return Cow::Owned(effective);
    }
    Cow::Borrowed(query)
}
