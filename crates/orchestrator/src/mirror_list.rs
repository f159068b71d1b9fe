//! Lists of both sources from the mirror: exact pages and totals without a call to the provider, and the age of its copy
//! (contract `answers.md`).

use std::sync::Arc;

use masthead_domain::{
    account::Account,
    answer::{Completeness, ListAnswer, SourceReport, SourceStatus, User},
    event::{EventKind, EventOutcome},
    join::{AccountPair, has_shared_email},
    merge::SourceKind,
    order::SortKey,
    query::{OnProviderFailure, Position, Total, UserFilter, UserQuery},
    state::UserState,
    tenant::Tenant,
};
use masthead_ports::{
    clock::Clock,
    mirror::{MirrorEntry, MirrorPage, UserMirror},
    provider::Lookup,
    source::{CallContext, SUBSCRIBE, SourceErrorKind},
};
use time::OffsetDateTime;

use crate::{
    Caller, ReadError,
    live_union::first_page,
    read_log::{Asked, ReadLog},
    resolve::ResolveContext,
    store_only::store_failure,
};

/// The reason of a provider whose last finished sync is older than the tenant allows.
const OVERDUE: &str = "sync_overdue";

/// The reason of a provider whose last sync was incomplete.
const INCOMPLETE: &str = "sync_incomplete";

/// Reads lists from the mirror.
#[derive(Clone)]
pub(crate) struct MirrorLists {
    pub(crate) mirror: Arc<dyn UserMirror>,
    pub(crate) log: ReadLog,
    pub(crate) clock: Arc<dyn Clock>,
}

impl MirrorLists {
    /// Answers a list from the mirror; `None` where the sources must be read.
    pub(crate) async fn list(
        &self,
        caller: &Caller,
        cx: &CallContext,
        query: &UserQuery,
        context: ResolveContext<'_>,
    ) -> Result<Option<ListAnswer>, ReadError> {
        // A mirror joins the provider's users with our registrations; those of a remote Users API are not in it.
        if caller.tenant.settings.has_remote_store() {
            return Ok(None);
        }
        let page = match self.mirror.search(cx, query).await {
            Ok(Some(page)) => page,
            Ok(None) => return Ok(None),
            Err(error) if matches!(error.kind, SourceErrorKind::TooBroad | SourceErrorKind::Corrupt) => {
                return Err(store_failure(caller, &error));
            }
            Err(error) => {
                // The provider may still answer; the live union reports how.
                tracing::warn!(error = &error as &dyn std::error::Error, "no answer of the mirror");
                return Ok(None);
            }
        };
        let registrations = page.entries.iter().filter(|entry| entry.registration.is_some()).count();
        let outcome = if registrations == 0 {
            EventOutcome::Absent
        } else {
            EventOutcome::Found
        };
        let shown = page.entries.iter().filter_map(|entry| {
            let profile = entry.profile.as_ref().map(|profile| &profile.account);
            entry.registration.as_ref().or(profile)
        });
        let asked = Asked::Users(&query.filter);
        self.log.record_shown(
            caller,
            EventKind::SubscribeUserGet,
            asked,
            outcome,
            registrations,
            shown,
        )?;
        let completeness = self.completeness(&page, context);
        // An estimate may count users where the first page shows none.
        let is_first = query.position == Position::Offset(0);
        let is_empty = page.entries.is_empty() && (is_first || page.total.is_some_and(Total::is_zero));
        if !completeness.complete && (is_empty || context.on_failure == OnProviderFailure::Fail) {
            return Err(ReadError::Unavailable {
                retry_after: None,
                completeness: Some(completeness),
            });
        }
        let users: Vec<User> = page
            .entries
            .into_iter()
            .filter_map(|entry| merge_entry(entry, context))
            .collect();
        let next = match users.last() {
            Some(last) if page.more => Some(SortKey::for_account(&last.account, query.order.column, true).into()),
            Some(_) | None => None,
        };
        Ok(Some(ListAnswer {
            users,
            total: if page.whole {
                page.total
            } else {
                page.total.map(to_estimate)
            },
            next,
            completeness: Some(completeness),
        }))
    }

    /// The profiles of this filter; `None` unless the mirror is complete and current, and is sure to return all of them. The
    /// caller filters them by their own accounts.
    pub(crate) async fn current_profiles(
        &self,
        caller: &Caller,
        cx: &CallContext,
        filter: &UserFilter,
    ) -> Result<Option<Lookup>, ReadError> {
        // The mirror filters merged users, which show the provider's value of a field only where the provider wins it.
        let provider_wins = |field| caller.tenant.settings.precedence.winner(field) == SourceKind::Provider;
        let returns_all = (filter.emails.is_empty() || provider_wins("email"))
            && (filter.first_name.is_none() || provider_wins("firstName"))
            && (filter.last_name.is_none() || provider_wins("lastName"))
            && filter.metadata.is_empty();
        if !returns_all {
            return Ok(None);
        }
        let page = match self.mirror.search(cx, &first_page(filter.clone())).await {
            Ok(Some(page)) => page,
            Ok(None) => return Ok(None),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "no answer of the mirror");
                return Ok(None);
            }
        };
        if page.more || !page.whole || page.as_of <= current_since(&caller.tenant, self.clock.now()) {
            return Ok(None);
        }
        let profiles = page.entries.into_iter().filter_map(|entry| entry.profile);
        let accounts: Vec<Account> = profiles.map(|profile| profile.account).collect();
        let asked = Asked::Users(filter);
        self.log
            .record_answer(caller, EventKind::SubscribeUserGet, asked, Ok(&accounts))?;
        Ok(Some(Lookup {
            called: false,
            ..Lookup::live(accounts, page.as_of)
        }))
    }

    /// How the sources answered: the provider as of the start of the last sync, the store now. Shared addresses are reported
    /// as far as the page shows them.
    fn completeness(&self, page: &MirrorPage, context: ResolveContext<'_>) -> Completeness {
        let now = self.clock.now();
        let stale = if !page.whole {
            Some(INCOMPLETE)
        } else if page.as_of <= current_since(context.tenant, now) {
            Some(OVERDUE)
        } else {
            None
        };
        let profiles = page.entries.iter().filter_map(|entry| entry.profile.as_ref());
        let registrations = page.entries.iter().filter_map(|entry| entry.registration.as_ref());
        let provider = SourceReport {
            name: context.provider,
            status: if stale.is_none() {
                SourceStatus::Ok
            } else {
                SourceStatus::Stale
            },
            as_of: Some(page.as_of),
            reason: stale,
            ambiguous: has_shared_email(profiles.map(|profile| &profile.account)),
        };
        let store = SourceReport {
            name: SUBSCRIBE,
            status: SourceStatus::Ok,
            as_of: Some(now),
            reason: None,
            ambiguous: has_shared_email(registrations),
        };
        Completeness {
            complete: stale.is_none(),
            sources: vec![provider, store],
        }
    }
}

/// The merged user of an entry.
pub(crate) fn merge_entry(entry: MirrorEntry, context: ResolveContext<'_>) -> Option<User> {
    let pair = AccountPair {
        provider: entry.profile.map(|profile| profile.account),
        store: entry.registration,
    };
    let (account, provenance) = pair.merged(&context.tenant.settings.precedence, context.names())?;
    Some(User {
        account,
        state: UserState::Standard,
        provenance,
    })
}

/// The time after which the mirror must be complete to count as current.
pub(crate) fn current_since(tenant: &Tenant, now: OffsetDateTime) -> OffsetDateTime {
    now - tenant.settings.mirror.max_age
}

const fn to_estimate(total: Total) -> Total {
    let (Total::Exact(count) | Total::Estimate(count)) = total;
    Total::Estimate(count)
}
