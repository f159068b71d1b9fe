//! Reads of the store alone: tenants without a provider, and requests that skip the provider.

use std::sync::Arc;

use masthead_domain::{
    account::Account,
    answer::{Completeness, ListAnswer, SourceReport, SourceStatus, User, UserAnswer},
    customer_registration_id::CustomerRegistrationId,
    event::EventKind,
    order::{ListCursor, SortKey},
    query::{AccessPath, Total, UserQuery},
    user_key::UserKey,
};
use masthead_ports::{
    clock::Clock,
    source::{CallContext, Priority, SUBSCRIBE, SourceError, SourceErrorKind, UserSource},
};

use crate::{
    Caller, ReadError,
    page::{PageSlice, UNREADABLE, requested_total, take_page},
    read_log::{ReadLog, ReadRequest},
};

/// Reads the store.
#[derive(Clone)]
pub(crate) struct StoreOnly {
    pub(crate) store: Arc<dyn UserSource>,
    pub(crate) log: ReadLog,
    pub(crate) clock: Arc<dyn Clock>,
}

impl StoreOnly {
    /// Finds the registration with this id.
    pub(crate) async fn find_one(&self, caller: &Caller, id: &CustomerRegistrationId) -> Result<UserAnswer, ReadError> {
        let cx = caller.context(Priority::Interactive);
        let answer = self.store.find(&cx, &UserKey::Id(id.clone())).await;
        self.log.record_answer(
            caller,
            EventKind::SubscribeUserGetById,
            ReadRequest::User(id),
            answer.as_deref(),
        )?;
        let accounts = answer.map_err(|error| store_failure(caller, &error))?;
        match accounts.into_iter().next() {
            Some(account) => Ok(self.answer(caller, account)),
            None => Err(ReadError::NoSuchUser {
                completeness: self.completeness(caller),
            }),
        }
    }

    /// The answer about this registration.
    pub(crate) fn answer(&self, caller: &Caller, account: Account) -> UserAnswer {
        UserAnswer {
            user: to_user(account, caller),
            completeness: self.completeness(caller),
        }
    }

    /// Returns one page of registrations, by the cheapest access path.
    pub(crate) async fn list(&self, caller: &Caller, query: &UserQuery) -> Result<ListAnswer, ReadError> {
        let cx = caller.context(Priority::Interactive);
        let found = match query.filter.access_path() {
            AccessPath::Contradiction => Ok(Vec::new()),
            AccessPath::Key(key) => self.store.find(&cx, &key).await,
            AccessPath::List => return Box::pin(self.search(caller, &cx, query)).await,
        };
        let requested = ReadRequest::Users(&query.filter);
        self.log
            .record_answer(caller, EventKind::SubscribeUserGet, requested, found.as_deref())?;
        let mut found = found.map_err(|error| store_failure(caller, &error))?;
        found.retain(|account| query.filter.matches(account));
        let PageSlice { items, next, total } =
            take_page(found, |account| account, query, caller.tenant.settings.is_federated());
        Ok(ListAnswer {
            users: items.into_iter().map(|account| to_user(account, caller)).collect(),
            total: requested_total(query, Total::Exact(total)),
            next: next.map(ListCursor::Key),
            completeness: self.completeness(caller),
        })
    }

    /// Returns one page of the store's search.
    pub(crate) async fn search(
        &self,
        caller: &Caller,
        cx: &CallContext,
        query: &UserQuery,
    ) -> Result<ListAnswer, ReadError> {
        let page = self.store.search(cx, query).await;
        self.log.record_answer(
            caller,
            EventKind::SubscribeUserGet,
            ReadRequest::Users(&query.filter),
            page.as_ref().map(|page| &*page.accounts),
        )?;
        let page = page.map_err(|error| store_failure(caller, &error))?;
        let mut completeness = self.completeness(caller);
        if let (Some(completeness), true) = (&mut completeness, page.unreadable) {
            completeness.complete = false;
            let mut reports = completeness.sources.iter_mut();
            if let Some(store) = reports.find(|report| report.name == SUBSCRIBE) {
                store.reason = Some(UNREADABLE);
            }
        }
        if page.unreadable && page.accounts.is_empty() {
            // The requested users may be in rows that cannot be read.
            return Err(ReadError::Unavailable {
                retry_after: None,
                completeness,
            });
        }
        let is_federated = caller.tenant.settings.is_federated();
        let next = match (page.cursor, page.accounts.last()) {
            (Some(cursor), _) => Some(ListCursor::Opaque(cursor)),
            (None, Some(last)) if page.more => {
                Some(SortKey::for_account(last, query.order.column, is_federated).into())
            }
            (None, _) => None,
        };
        Ok(ListAnswer {
            users: page
                .accounts
                .into_iter()
                .map(|account| to_user(account, caller))
                .collect(),
            total: page.total,
            next,
            completeness,
        })
    }

    /// The completeness of a request that skips the provider; `None` for a tenant without one.
    fn completeness(&self, caller: &Caller) -> Option<Completeness> {
        caller.tenant.settings.user_provider?;
        let store = SourceReport {
            status: SourceStatus::Ok,
            as_of: Some(self.clock.now()),
            ..SourceReport::skipped(SUBSCRIBE)
        };
        beside_skipped_provider(caller, store)
    }
}

/// Converts a failure of the store into the error of a read, and logs it.
pub(crate) fn store_failure(caller: &Caller, error: &SourceError) -> ReadError {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        source.name = SUBSCRIBE,
        "no answer"
    );
    let retry_after = match error.kind {
        SourceErrorKind::TooBroad => return ReadError::TooBroad,
        // A retry cannot repair our registrations; a remote system may answer correctly the next time.
        SourceErrorKind::Corrupt if !caller.tenant.settings.has_remote_store() => return ReadError::Corrupt,
        SourceErrorKind::RateLimited { retry_after } => retry_after,
        SourceErrorKind::Corrupt
        | SourceErrorKind::Unavailable
        | SourceErrorKind::OutcomeUnknown
        | SourceErrorKind::Refused
        | SourceErrorKind::Misconfigured => None,
    };
    let store = SourceReport {
        status: SourceStatus::Unavailable,
        reason: Some(error.kind.name()),
        ..SourceReport::skipped(SUBSCRIBE)
    };
    ReadError::Unavailable {
        retry_after,
        completeness: beside_skipped_provider(caller, store),
    }
}

/// This report of the store beside a skipped provider; `None` for a tenant without one.
fn beside_skipped_provider(caller: &Caller, store: SourceReport) -> Option<Completeness> {
    let provider = caller.tenant.settings.user_provider?;
    Some(Completeness {
        complete: store.status == SourceStatus::Ok,
        sources: vec![SourceReport::skipped(provider.name()), store],
    })
}

/// A registration as a user.
fn to_user(account: Account, caller: &Caller) -> User {
    User {
        state: account.state(caller.tenant.settings.is_federated()),
        account,
        provenance: Vec::new(),
    }
}
