//! Get By Query String: the users that meet a filter, in order, page by page, with their number.

use std::{borrow::Cow, cmp::Ordering};

use masthead_domain::{
    account::Account,
    answer::ListAnswer,
    event::{EventKind, EventOutcome},
    order::{SortColumn, SortKey},
    query::{CountMode, Entry, OnProviderFailure, Position, Total, UserQuery},
};
use masthead_ports::source::{Page, Priority, SourceError, SourceErrorKind};

use crate::{Caller, ReadError, Users, lookup::stored, users::Read};

/// What to search for, and how.
#[derive(Debug, Clone)]
pub struct SearchRequest {
    /// Filter, order, page and count.
    pub query: UserQuery,
    /// Ask the store alone.
    pub ignore_provider: bool,
    /// What a silent source does to the answer.
    pub on_provider_failure: OnProviderFailure,
}

impl Users {
    /// Answers one page of the users that meet the filter.
    ///
    /// # Errors
    /// [`ReadError::TooDeep`] and [`ReadError::TooBroad`] tell the client to change the request,
    /// [`ReadError::CannotTell`] to come back.
    pub async fn search(&self, caller: &Caller, request: &SearchRequest) -> Result<ListAnswer, ReadError> {
        self.check_depth(&request.query)?;
        let outside_provider = caller.tenant.settings.is_federated();
        let query = &*effective(&request.query, outside_provider);
        let page = match self.store_page(caller, query).await {
            Ok(page) => page,
            Err(error) => {
                self.record(
                    caller,
                    EventKind::SubscribeUserGet,
                    EventOutcome::Unknown,
                    Read::default(),
                );
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    source.name = self.store.name(),
                    "no answer"
                );
                return Err(ReadError::of_silence(&error, None));
            }
        };
        let outcome = if page.accounts.is_empty() {
            EventOutcome::Absent
        } else {
            EventOutcome::Found
        };
        self.record(caller, EventKind::SubscribeUserGet, outcome, read_of(&page.accounts));
        let next = match page.accounts.last() {
            Some(last) if page.more => Some(SortKey::of(last, query.order.column, outside_provider)),
            _ => None,
        };
        Ok(ListAnswer {
            users: page
                .accounts
                .into_iter()
                .map(|account| stored(account, caller))
                .collect(),
            total: page.total,
            next,
            completeness: None,
        })
    }

    fn check_depth(&self, query: &UserQuery) -> Result<(), ReadError> {
        match query.position {
            Position::Offset(offset) if offset > self.max_depth => Err(ReadError::TooDeep { limit: self.max_depth }),
            Position::Offset(_) | Position::After(_) => Ok(()),
        }
    }

    /// One page of the store, by the cheapest way in: exact keys go through the coalesced look-ups.
    async fn store_page(&self, caller: &Caller, query: &UserQuery) -> Result<Page, SourceError> {
        let cx = caller.context(Priority::Interactive);
        let outside_provider = caller.tenant.settings.is_federated();
        let candidates = match query.filter.entry() {
            Entry::Nobody => Vec::new(),
            Entry::ById(crid) => self.store.by_id(&cx, crid).await?.into_iter().collect(),
            Entry::ByEmail(key) => self.store.by_email(&cx, key).await?,
            Entry::List => return self.store.search(&cx, query).await,
        };
        page_of(candidates, query, outside_provider)
    }
}

/// The query as a source is asked it: every user of a federated tenant is `Standard`, so there the order by state is the
/// order by id.
fn effective(query: &UserQuery, outside_provider: bool) -> Cow<'_, UserQuery> {
    if outside_provider && query.order.column == SortColumn::State {
        let mut by_id = query.clone();
        by_id.order.column = SortColumn::CustomerRegistrationId;
        return Cow::Owned(by_id);
    }
    Cow::Borrowed(query)
}

/// The page of a few candidates that a query asks for; the same rules as a source's own search.
pub(crate) fn page_of(
    candidates: Vec<Account>,
    query: &UserQuery,
    outside_provider: bool,
) -> Result<Page, SourceError> {
    let (column, direction) = (query.order.column, query.order.direction);
    let mut keyed: Vec<(SortKey, Account)> = candidates
        .into_iter()
        .filter(|account| query.filter.matches(account))
        .map(|account| (SortKey::of(&account, column, outside_provider), account))
        .collect();
    keyed.sort_by(|(a, _), (b, _)| a.compare(b, direction));
    let total = keyed.len();
    let skipped = match &query.position {
        Position::Offset(offset) => usize::try_from(*offset).unwrap_or(usize::MAX),
        Position::After(place) => keyed
            .iter()
            .take_while(|(key, _)| key.compare(place, direction) != Ordering::Greater)
            .count(),
    };
    let size = usize::from(query.size);
    let total_rows =
        u64::try_from(total).map_err(|error| SourceError::because("count", SourceErrorKind::Corrupt, error))?;
    Ok(Page {
        more: total > skipped.saturating_add(size),
        accounts: keyed
            .into_iter()
            .skip(skipped)
            .take(size)
            .map(|(_, account)| account)
            .collect(),
        total: match query.count {
            CountMode::Exact | CountMode::Estimate => Some(Total::Exact(total_rows)),
            CountMode::None => None,
        },
        truncated: false,
    })
}

/// What the event of a list tells.
pub(crate) fn read_of(accounts: &[Account]) -> Read {
    Read {
        registration_id: match accounts {
            [one] => one.registration_id,
            _ => None,
        },
        users: u32::try_from(accounts.len()).unwrap_or(u32::MAX),
    }
}
