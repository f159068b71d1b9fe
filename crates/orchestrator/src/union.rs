//! Lists over both sides while there is no directory: a live union, capped, that says what it is (contract `answers.md`).

use std::time::Duration;

use masthead_domain::{
    answer::{ListAnswer, SourceReport, SourceStatus},
    email::{Email, EmailKey},
    event::{EventKind, EventOutcome},
    order::{ListCursor, Order},
    query::{CountMode, EmailFilter, MAX_PAGE_SIZE, OnProviderFailure, Position, UserFilter, UserQuery},
};
use masthead_ports::{
    provider::{Asked, Heard, Provider, Searchable},
    source::{AccountPage, CallContext, SourceError, SourceErrorKind, UserSource},
};

use crate::{Caller, ReadError, Users, both::Both};

/// Why a list is not the whole: a side has more than a live union takes of it.
pub(crate) const TRUNCATED: &str = "truncated";

/// Why a list is not the whole: a side has users whom it showed in a form that cannot be read.
pub(crate) const UNREADABLE: &str = "unreadable_rows";

/// Why a page is not the whole of what its source has; `None` where it is.
pub(crate) const fn shortfall(page: &AccountPage) -> Option<&'static str> {
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
        if let Position::After(ListCursor::Opaque(_)) = query.position {
            // The list began as the store's alone, and only the store knows how it goes on.
            let provider = SourceReport::skipped(provider.name());
            return self
                .store_page_only(caller, cx, (provider, None), query, on_failure)
                .await;
        }
        let lead = lead(&query.filter, provider.searchable());
        let (asked, answered) = tokio::join!(
            search_provider(cx, provider, &query.filter, lead.as_ref()),
            search_store(cx, &*self.store, query, lead.as_ref())
        );
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

        let mut both = Both::nothing_yet(provider, false);
        let mut partial = None;
        both.theirs.hear(asked, None, |page: AccountPage| {
            partial = shortfall(&page);
            page.accounts
        });
        both.theirs.partial = partial;
        both.ours.partial = answered.as_ref().ok().and_then(shortfall);
        both.ours
            .read(answered.map(|page| page.accounts), None, self.clock.now());
        both.mark_subjects(|_| true);
        confirm_what_pages_show(&mut both, &query.filter, lead.as_ref());
        self.resolve(cx, provider, &mut both).await;
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
        | Err(ReadError::Unavailable {
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
            return Err(ReadError::Unavailable {
                retry_after,
                completeness: answer.completeness,
            });
        }
        Ok(answer)
    }
}

/// The condition by which both sides are asked for candidates; `None` where the provider can apply none, and shows all of
/// its users instead.
///
/// A merged user meets a condition by the value of one of its accounts, and may meet two by the values of two accounts, of
/// which neither meets both. So each side is asked by one condition, the same: then one of the accounts of every user that
/// meets all of them is shown.
fn lead(filter: &UserFilter, able: Searchable) -> Option<UserFilter> {
    let able = pushed_down(filter, able);
    // The one that the fewest users are likely to meet.
    if let Some(email) = able.emails.into_iter().next() {
        return Some(UserFilter {
            emails: vec![email],
            ..UserFilter::default()
        });
    }
    if able.last_name.is_some() || able.first_name.is_some() {
        let first_name = able.first_name.filter(|_| able.last_name.is_none());
        return Some(UserFilter {
            last_name: able.last_name,
            first_name,
            ..UserFilter::default()
        });
    }
    able.metadata.into_iter().next().map(|pair| UserFilter {
        metadata: vec![pair],
        ..UserFilter::default()
    })
}

/// The provider's candidates. Where the lead alone meets too many, those that meet all that it can apply.
async fn search_provider(
    cx: &CallContext,
    provider: &dyn Provider,
    filter: &UserFilter,
    lead: Option<&UserFilter>,
) -> Asked<AccountPage> {
    let asked = provider.search(cx, &first_of(lead.cloned().unwrap_or_default())).await;
    let narrower = pushed_down(filter, provider.searchable());
    let is_narrower = lead.is_some_and(|lead| *lead != narrower);
    match &asked.heard {
        Heard::Live { value, .. } if is_narrower && (value.more || value.truncated) => {}
        _ => return asked,
    }
    let mut again = provider.search(cx, &first_of(narrower)).await;
    again.called |= asked.called;
    if let Heard::Live { value, .. } | Heard::Remembered { value, .. } = &mut again.heard {
        value.truncated = true;
    }
    again
}

/// The store's candidates; as the provider's.
async fn search_store(
    cx: &CallContext,
    store: &dyn UserSource,
    query: &UserQuery,
    lead: Option<&UserFilter>,
) -> Result<AccountPage, SourceError> {
    let first = |filter: &UserFilter| UserQuery {
        order: query.order,
        ..first_of(filter.clone())
    };
    let Some(lead) = lead.filter(|lead| **lead != query.filter) else {
        return store.search(cx, &first(&query.filter)).await;
    };
    match store.search(cx, &first(lead)).await {
        Ok(page) if !page.more => return Ok(page),
        Err(error) if error.kind != SourceErrorKind::TooBroad => return Err(error),
        Ok(_) | Err(_) => {}
    }
    let page = store.search(cx, &first(&query.filter)).await?;
    Ok(AccountPage { more: true, ..page })
}

/// A side that has shown every account that meets a condition on addresses has shown every account of those addresses; one
/// that was asked for everything, and has no more, has shown everything.
fn confirm_what_pages_show(both: &mut Both, filter: &UserFilter, lead: Option<&UserFilter>) {
    let accounts = both.theirs.accounts().iter().chain(both.ours.accounts());
    let of_lead: Vec<EmailKey> = accounts
        .filter_map(|account| account.email.as_ref().map(Email::key))
        .filter(|key| {
            let emails = lead.map_or(&[][..], |lead| &lead.emails);
            emails.iter().any(|condition| condition.matches(key.as_str()))
        })
        .cloned()
        .collect();
    let shows_all = [lead.is_none(), filter.is_empty()];
    for (told, shows_all) in [&mut both.theirs, &mut both.ours].into_iter().zip(shows_all) {
        if told.partial.is_some() || !told.is_live() {
            continue;
        }
        if shows_all {
            told.evidence.confirm_whole();
        }
        for key in &of_lead {
            told.evidence.confirm_address(key.clone());
        }
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
