//! Lists of both sources while there is no mirror: a bounded live union that reports what it lacks (contract `answers.md`).

use std::time::Duration;

use masthead_domain::{
    answer::{ListAnswer, SourceReport, SourceStatus},
    email::{Email, EmailKey},
    event::{EventKind, EventOutcome},
    order::{ListCursor, Order},
    query::{CountMode, EmailFilter, MAX_PAGE_SIZE, OnProviderFailure, Position, UserFilter, UserQuery},
    user_key::UserKey,
};
use masthead_ports::{
    provider::{Freshness, IdentityProvider, Lookup, Searchable},
    source::{AccountPage, CallContext, SourceError, SourceErrorKind, UserSource},
};

use crate::{
    Caller, ReadError,
    findings::PairFindings,
    page::{partial_reason, resolve_page, store_partial_reason},
    read_log::{Asked, ReadLog},
    resolve::ResolveContext,
    source_pair::SourcePair,
    store_only::{StoreOnly, store_failure},
    write_back::WriteBackQueue,
};

/// Reads lists from both sources.
#[derive(Clone)]
pub(crate) struct LiveUnion {
    pub(crate) sources: SourcePair,
    pub(crate) store_only: StoreOnly,
    pub(crate) log: ReadLog,
    pub(crate) write_back: WriteBackQueue,
}

impl LiveUnion {
    /// Answers a list from at most [`MAX_PAGE_SIZE`] users of each source.
    pub(crate) async fn list(
        &self,
        caller: &Caller,
        cx: &CallContext,
        provider: &dyn IdentityProvider,
        query: &UserQuery,
        context: ResolveContext<'_>,
    ) -> Result<ListAnswer, ReadError> {
        if let Position::After(ListCursor::Opaque(_)) = query.position {
            // The list started as a list of the store alone, and only the store can continue it.
            let provider = SourceReport::skipped(provider.name());
            return self
                .store_page(caller, cx, (provider, None), query, context.on_failure)
                .await;
        }
        let lead = leading_condition(&query.filter, provider.searchable());
        let (lookup, answer) = tokio::join!(
            search_provider(cx, provider, &query.filter, lead.as_ref()),
            search_store(cx, self.sources.store(), query, lead.as_ref())
        );
        self.sources.provider().record(cx, &lookup);
        if let Err(error) = &answer
            && error.kind == SourceErrorKind::TooBroad
        {
            return Err(store_failure(caller, error));
        }
        if let Freshness::Failed(reason) = lookup.freshness
            && answer.is_ok()
        {
            if lookup.called {
                let asked = Asked::Users(&query.filter);
                self.log
                    .record(caller, EventKind::AuthSystemUserGet, asked, EventOutcome::Unknown, &[])?;
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
                .store_page(caller, cx, (provider, retry_after), query, context.on_failure)
                .await;
        }

        let mut findings = PairFindings::new(provider.name(), false);
        findings.provider.partial = partial_reason(lookup.truncated, lookup.unreadable);
        findings.provider.add(lookup, None);
        findings.store.partial = answer.as_ref().ok().and_then(store_partial_reason);
        let store = self.sources.store_lookup(answer.map(|page| page.accounts));
        findings.store.add(store, None);
        findings.mark_subjects(|_| true);
        confirm_complete_results(&mut findings, &query.filter, lead.as_ref());
        self.sources.complete(cx, provider, &mut findings).await;
        self.answer(caller, query, context, findings)
    }

    /// Answers one page of these findings, with its events and write-backs.
    pub(crate) fn answer(
        &self,
        caller: &Caller,
        query: &UserQuery,
        context: ResolveContext<'_>,
        findings: PairFindings,
    ) -> Result<ListAnswer, ReadError> {
        let asked = Asked::Users(&query.filter);
        self.log
            .record_findings(caller, EventKind::SubscribeUserGet, asked, &findings)?;
        let (answer, writes) = resolve_page(findings, query, context)?;
        self.write_back.enqueue(caller, writes);
        Ok(answer)
    }

    /// Answers a page of the store alone, because the provider does not answer: unbounded, and marked as incomplete.
    /// `provider` is the report of the provider, and when to retry.
    async fn store_page(
        &self,
        caller: &Caller,
        cx: &CallContext,
        (provider, retry_after): (SourceReport, Option<Duration>),
        query: &UserQuery,
        on_failure: OnProviderFailure,
    ) -> Result<ListAnswer, ReadError> {
        let mut answer = self.store_only.search(caller, cx, query).await;
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
            let is_provider = |report: &&mut SourceReport| report.name == provider.name;
            if let Some(report) = completeness.sources.iter_mut().find(is_provider) {
                *report = provider;
            }
        }
        let answer = answer?;
        let is_past_the_end = answer.total.is_some_and(|total| !total.is_zero());
        let is_empty = answer.users.is_empty() && !is_past_the_end;
        if is_empty || matches!(on_failure, OnProviderFailure::Fail) {
            return Err(ReadError::Unavailable {
                retry_after,
                completeness: answer.completeness,
            });
        }
        Ok(answer)
    }
}

/// The condition by which both sources are searched; `None` where the provider can apply none, and returns all its users.
///
/// A merged user may meet two conditions by values of two accounts, of which neither meets both. So both sources are searched by
/// the same single condition: each user that meets all conditions has an account that meets it.
fn leading_condition(filter: &UserFilter, able: Searchable) -> Option<UserFilter> {
    let able = pushed_down(filter, able);
    // The condition that the fewest users are likely to meet.
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

/// Searches the provider by the leading condition or, if too many users meet it, by all conditions that it can apply.
async fn search_provider(
    cx: &CallContext,
    provider: &dyn IdentityProvider,
    filter: &UserFilter,
    lead: Option<&UserFilter>,
) -> Lookup {
    let lookup = provider
        .search(cx, &first_page(lead.cloned().unwrap_or_default()))
        .await;
    let narrower = pushed_down(filter, provider.searchable());
    let can_narrow = lead.is_some_and(|lead| *lead != narrower);
    if !(lookup.is_live() && lookup.truncated && can_narrow) {
        return lookup;
    }
    let second = provider.search(cx, &first_page(narrower)).await;
    Lookup {
        called: lookup.called || second.called,
        truncated: second.is_live(),
        ..second
    }
}

/// Searches the store, as [`search_provider`] does the provider.
async fn search_store(
    cx: &CallContext,
    store: &dyn UserSource,
    query: &UserQuery,
    lead: Option<&UserFilter>,
) -> Result<AccountPage, SourceError> {
    let first = |filter: &UserFilter| UserQuery {
        order: query.order,
        ..first_page(filter.clone())
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

/// Confirms what complete results prove: a source that returned every account for a condition on addresses has no other account
/// with those addresses; a source that returned all its accounts has no others.
fn confirm_complete_results(findings: &mut PairFindings, filter: &UserFilter, lead: Option<&UserFilter>) {
    let accounts = findings.provider.accounts().iter().chain(findings.store.accounts());
    let searched: Vec<EmailKey> = accounts
        .filter_map(|account| account.email.as_ref().map(Email::key))
        .filter(|key| {
            let emails = lead.map_or(&[][..], |lead| &lead.emails);
            emails.iter().any(|condition| condition.matches(key.as_str()))
        })
        .cloned()
        .collect();
    let returned_all = [lead.is_none(), filter.is_empty()];
    for (source, returned_all) in [&mut findings.provider, &mut findings.store]
        .into_iter()
        .zip(returned_all)
    {
        if source.partial.is_some() || !source.is_live() {
            continue;
        }
        if returned_all {
            source.evidence.confirm_whole();
        }
        for key in &searched {
            source.evidence.confirm(UserKey::Email(key.clone()));
        }
    }
}

/// The first users that meet a filter, as many as a live union reads of a source.
pub(crate) fn first_page(filter: UserFilter) -> UserQuery {
    UserQuery {
        filter,
        order: Order::default(),
        position: Position::Offset(0),
        size: MAX_PAGE_SIZE,
        count: CountMode::None,
    }
}

/// The conditions that a provider can apply; the others are checked on the merged users.
pub(crate) fn pushed_down(filter: &UserFilter, able: Searchable) -> UserFilter {
    let email = |condition: &&EmailFilter| match condition {
        EmailFilter::Exact(_) => true,
        EmailFilter::Prefix(_) => able.email_prefix,
        EmailFilter::Contains(part) => able
            .email_contains
            .is_some_and(|least| part.as_str().chars().count() >= least),
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
        // Any other condition is checked on the merged users alone; providers do not have our states.
        ..UserFilter::default()
    }
}
