//! Lists over both sides while there is no directory: a live union, capped, that says what it is (contract `answers.md`).

use std::time::Duration;

use masthead_domain::{
    answer::{ListAnswer, SourceReport, SourceStatus},
    event::{EventKind, EventOutcome},
    order::{Order, Place},
    query::{CountMode, EmailFilter, MAX_PAGE_SIZE, OnProviderFailure, Position, UserFilter, UserQuery},
};
use masthead_ports::{
    provider::{Heard, Provider, Searchable},
    source::{CallContext, Page, SUBSCRIBE, SourceErrorKind},
};

use crate::{
    Caller, ReadError, Users,
    both::{Both, missing},
    told::Told,
};

/// Why a list is not the whole: a side has more than a live union takes of it.
pub(crate) const TRUNCATED: &str = "truncated";

/// Why a list is not the whole: a side has users whom it showed in a form that cannot be read.
pub(crate) const UNREADABLE: &str = "unreadable_rows";

/// Why a page is not the whole of what its source has; `None` where it is.
pub(crate) const fn shortfall(page: &Page) -> Option<&'static str> {
    if page.unreadable {
        Some(UNREADABLE)
    } else if page.more || page.truncated {
        Some(TRUNCATED)
    } else {
        None
    }
}

impl Users {
    /// Answers a list from at most [`MAX_PAGE_SIZE`] users of each side.
    pub(crate) async fn union(
        &self,
        caller: &Caller,
        cx: &CallContext,
        provider: &dyn Provider,
        query: &UserQuery,
        on_failure: OnProviderFailure,
    ) -> Result<ListAnswer, ReadError> {
        if let Position::After(Place::Mark(_)) = query.position {
            // The list began as the store's alone, and only the store knows how it goes on.
            let provider = SourceReport::skipped(provider.name());
            return self
                .store_page_only(caller, cx, (provider, None), query, on_failure)
                .await;
        }
        let of_provider = first_of(pushed_down(&query.filter, provider.searchable()));
        let of_store = UserQuery {
            order: query.order,
            ..first_of(query.filter.clone())
        };
        let (asked, answered) = tokio::join!(provider.search(cx, &of_provider), self.store.search(cx, &of_store));
        self.keep_page(cx, &asked);
        if let Err(error) = &answered
            && error.kind == SourceErrorKind::TooBroad
        {
            return Err(self.silence(caller, error));
        }
        if let Heard::Nothing { reason } = asked.heard
            && answered.is_ok()
        {
            if asked.called {
                self.record(caller, EventKind::AuthSystemUserGet, EventOutcome::Unknown, &[]);
            }
            let provider = SourceReport {
                status: SourceStatus::Unavailable,
                reason: Some(reason.name()),
                ..SourceReport::skipped(provider.name())
            };
            let retry_after = match reason {
                SourceErrorKind::RateLimited { retry_after } => retry_after,
                _ => None,
            };
            return self
                .store_page_only(caller, cx, (provider, retry_after), query, on_failure)
                .await;
        }

        let mut both = Both {
            theirs: Told::nothing_yet(provider.name()),
            ours: Told::nothing_yet(SUBSCRIBE),
        };
        let mut partial = None;
        both.theirs.hear(asked, |page: Page| {
            partial = shortfall(&page);
            page.accounts
        });
        both.theirs.partial = partial;
        both.ours.partial = answered.as_ref().ok().and_then(shortfall);
        both.ours.read(answered.map(|page| page.accounts), self.clock.now());

        let only_theirs = missing(&both.theirs.accounts, &both.ours.accounts);
        self.ask_store_by_ids(cx, &mut both.ours, &only_theirs).await;
        // A provider that has shown all it has knows none of the others. One that was asked with conditions may know
        // them by other names, and then the merged user may not meet the conditions.
        if both.theirs.partial.is_none() && !of_provider.filter.is_empty() {
            let only_ours = missing(&both.ours.accounts, &both.theirs.accounts);
            self.ask_provider_by_ids(cx, provider, &mut both.theirs, &only_ours)
                .await;
        }
        self.answer_both(caller, provider, query, on_failure, both)
    }

    /// The store's own page, where the provider does not answer: it need not be capped, and never hides that it is one
    /// side's alone. `provider` is what is told of the other, and when coming back makes sense.
    async fn store_page_only(
        &self,
        caller: &Caller,
        cx: &CallContext,
        (provider, retry_after): (SourceReport, Option<Duration>),
        query: &UserQuery,
        on_failure: OnProviderFailure,
    ) -> Result<ListAnswer, ReadError> {
        let mut answer = self.stored_page(caller, cx, query).await;
        if let Ok(ListAnswer {
            completeness: Some(completeness),
            ..
        })
        | Err(ReadError::CannotTell {
            completeness: Some(completeness),
            ..
        }) = &mut answer
        {
            completeness.complete = false;
            let own = |report: &&mut SourceReport| report.name == provider.name;
            if let Some(report) = completeness.sources.iter_mut().find(own) {
                *report = provider;
            }
        }
        let answer = answer?;
        let past_the_end = answer.total.is_some_and(|total| !total.is_zero());
        let nobody = answer.users.is_empty() && !past_the_end;
        if nobody || matches!(on_failure, OnProviderFailure::Fail) {
            return Err(ReadError::CannotTell {
                retry_after,
                completeness: answer.completeness,
            });
        }
        Ok(answer)
    }
}

/// The first users that meet a filter, as many as a live union takes of a side.
pub(crate) fn first_of(filter: UserFilter) -> UserQuery {
    UserQuery {
        filter,
        order: Order::default(),
        position: Position::Offset(0),
        size: MAX_PAGE_SIZE,
        count: CountMode::None,
    }
}

/// The conditions that a provider can apply itself; the rest is checked on the merged users.
pub(crate) fn pushed_down(filter: &UserFilter, able: Searchable) -> UserFilter {
    let email = |condition: &&EmailFilter| match condition {
        EmailFilter::Exact(_) => true,
        EmailFilter::Prefix(_) => able.email_prefix,
        EmailFilter::Contains(needle) => able
            .email_contains
            .is_some_and(|least| needle.as_str().chars().count() >= least),
    };
    let name = |prefix: &Option<_>| prefix.clone().filter(|_| able.name_prefix);
    UserFilter {
        emails: filter.emails.iter().filter(email).cloned().collect(),
        crids: filter.crids.clone(),
        first_name: name(&filter.first_name),
        last_name: name(&filter.last_name),
        metadata: if able.metadata {
            filter.metadata.clone()
        } else {
            Vec::new()
        },
        // Of our own states no provider knows.
        only_active: false,
    }
}
