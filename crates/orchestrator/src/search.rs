//! Get By Query String: the users that meet a filter, in order, page by page, with their number.

use std::borrow::Cow;

use masthead_domain::{
    account::Account,
    answer::{Completeness, ListAnswer, Provenance, SourceReport, User},
    event::EventKind,
    order::{ListCursor, SortColumn, SortKey},
    query::{AccessPath, CountMode, OnProviderFailure, Position, Total, UserQuery},
    state::UserState,
};
use masthead_ports::{
    provider::Provider,
    source::{CallContext, Priority, SUBSCRIBE, SourceError},
};

use crate::{
    Caller, ReadError, Users,
    both::Both,
    lookup::stored,
    page::{Slice, slice},
    settle::{Settled, settle},
    union::UNREADABLE,
    users::store_alone,
};

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
    /// [`ReadError::Unavailable`] to come back.
    pub async fn search(&self, caller: &Caller, request: &SearchRequest) -> Result<ListAnswer, ReadError> {
        self.reaches(&request.query)?;
        let query = &*effective(&request.query, caller);
        match self.sources(caller, request.ignore_provider) {
            // In a box of its own, as each way that is long: those of the short ones would have to be as large.
            Some(provider) => Box::pin(self.merged_list(caller, &*provider, query, request.on_provider_failure)).await,
            None => self.stored_list(caller, query).await,
        }
    }

    /// Whether page numbers reach the page.
    pub(crate) fn reaches(&self, query: &UserQuery) -> Result<(), ReadError> {
        match query.position {
            Position::Offset(offset) if offset > self.max_depth => Err(ReadError::TooDeep { limit: self.max_depth }),
            Position::Offset(_) | Position::After(_) => Ok(()),
        }
    }

    /// The store's own answer, by the cheapest way in: exact keys go through the coalesced look-ups.
    pub(crate) async fn stored_list(&self, caller: &Caller, query: &UserQuery) -> Result<ListAnswer, ReadError> {
        let cx = caller.context(Priority::Interactive);
        let candidates = match query.filter.access_path() {
            AccessPath::Contradiction => Ok(Vec::new()),
            AccessPath::ById(crid) => self.store.by_id(&cx, crid).await.map(Vec::from_iter),
            AccessPath::ByEmail(key) => self.store.by_email(&cx, key).await,
            AccessPath::List => return Box::pin(self.stored_page(caller, &cx, query)).await,
        };
        self.record_read(caller, EventKind::SubscribeUserGet, candidates.as_deref());
        let mut candidates = candidates.map_err(|error| self.silence(caller, &error))?;
        candidates.retain(|account| query.filter.matches(account));
        let Slice { items, next, total } = slice(
            candidates,
            |account| account,
            query,
            caller.tenant.settings.is_federated(),
        );
        Ok(ListAnswer {
            users: items.into_iter().map(|account| stored(account, caller)).collect(),
            total: counted(query, Total::Exact(total)),
            next: next.map(ListCursor::Key),
            completeness: store_alone(caller, &*self.clock),
        })
    }

    /// One page of the store's search.
    pub(crate) async fn stored_page(
        &self,
        caller: &Caller,
        cx: &CallContext,
        query: &UserQuery,
    ) -> Result<ListAnswer, ReadError> {
        let page = self.store.search(cx, query).await;
        self.record_read(
            caller,
            EventKind::SubscribeUserGet,
            page.as_ref().map(|page| &*page.accounts),
        );
        let page = page.map_err(|error: SourceError| self.silence(caller, &error))?;
        let mut completeness = store_alone(caller, &*self.clock);
        if let (Some(told), Some(reason)) = (&mut completeness, page.unreadable.then_some(UNREADABLE)) {
            told.complete = false;
            if let Some(own) = told.sources.iter_mut().find(|report| report.name == SUBSCRIBE) {
                own.reason = Some(reason);
            }
        }
        if page.unreadable && page.accounts.is_empty() {
            // Whoever is asked for may be in a row that cannot be read.
            return Err(ReadError::Unavailable {
                retry_after: None,
                completeness,
            });
        }
        let outside_provider = caller.tenant.settings.is_federated();
        let next = match (page.mark, page.accounts.last()) {
            (Some(mark), _) => Some(ListCursor::Opaque(mark)),
            (None, Some(last)) if page.more => {
                Some(SortKey::for_account(last, query.order.column, outside_provider).into())
            }
            (None, _) => None,
        };
        Ok(ListAnswer {
            users: page
                .accounts
                .into_iter()
                .map(|account| stored(account, caller))
                .collect(),
            total: page.total,
            next,
            completeness,
        })
    }

    /// Both sides' answer: exact keys are looked up live; anything else is answered from the directory, or is a live union
    /// while there is none.
    async fn merged_list(
        &self,
        caller: &Caller,
        provider: &dyn Provider,
        query: &UserQuery,
        on_failure: OnProviderFailure,
    ) -> Result<ListAnswer, ReadError> {
        let cx = caller.read_context(on_failure);
        let both = match query.filter.access_path() {
            AccessPath::Contradiction => return Ok(nobody(caller, query)),
            AccessPath::ById(crid) => self.both_by_id(&cx, provider, crid).await,
            AccessPath::ByEmail(key) => self.both_by_email(&cx, provider, key).await,
            AccessPath::List => {
                let name = provider.name();
                return match self.directory_list(caller, &cx, name, query, on_failure).await? {
                    Some(answer) => Ok(answer),
                    None => self.union(caller, &cx, provider, query, on_failure).await,
                };
            }
        };
        self.answer_both(caller, provider, query, on_failure, both)
    }

    /// The page of what both sides told.
    pub(crate) fn answer_both(
        &self,
        caller: &Caller,
        provider: &dyn Provider,
        query: &UserQuery,
        on_failure: OnProviderFailure,
        both: Both,
    ) -> Result<ListAnswer, ReadError> {
        self.record_both(caller, EventKind::SubscribeUserGet, &both);
        let truncated = both.theirs.partial.is_some() || both.ours.partial.is_some();
        let Settled {
            users,
            completeness,
            mut writes,
        } = settle(both, &query.filter, &caller.tenant, provider.name(), on_failure)?;
        let Slice { items, next, total } = slice(users, |(account, _)| account, query, true);
        writes.retain(|write| items.iter().any(|(account, _)| account.crid == write.account.crid));
        self.synchronise_later(caller, writes);
        let total = if truncated {
            Total::Estimate(total)
        } else {
            Total::Exact(total)
        };
        Ok(ListAnswer {
            users: items.into_iter().map(standard).collect(),
            total: counted(query, total),
            next: next.map(ListCursor::Key),
            completeness: Some(completeness),
        })
    }
}

fn standard((account, provenance): (Account, Vec<Provenance>)) -> User {
    User {
        account,
        state: UserState::Standard,
        provenance,
    }
}

/// The answer to conditions that contradict each other: nobody had to be asked.
pub(crate) fn nobody(caller: &Caller, query: &UserQuery) -> ListAnswer {
    let provider = caller
        .tenant
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
        total: counted(query, Total::Exact(0)),
        next: None,
        completeness: Some(Completeness {
            complete: true,
            sources,
        }),
    }
}

/// The total that was asked for.
fn counted(query: &UserQuery, total: Total) -> Option<Total> {
    match query.count {
        CountMode::Exact | CountMode::Estimate => Some(total),
        CountMode::None => None,
    }
}

/// The query as a source is asked it: every user of a federated tenant is `Standard`, so there the order by state is the
/// order by id, and everybody is active.
pub(crate) fn effective<'q>(query: &'q UserQuery, caller: &Caller) -> Cow<'q, UserQuery> {
    let by_state = query.order.column == SortColumn::State;
    if caller.tenant.settings.is_federated() && (by_state || query.filter.only_active) {
        let mut effective = query.clone();
        effective.filter.only_active = false;
        if by_state {
            effective.order.column = SortColumn::CustomerRegistrationId;
        }
        return Cow::Owned(effective);
    }
    Cow::Borrowed(query)
}
