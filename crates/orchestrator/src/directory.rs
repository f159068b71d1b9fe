//! Lists over both sides from the directory: exact pages and totals without a call to the provider, and the truth about
//! how old its side is (contract `answers.md`).

use masthead_domain::{
    account::Account,
    answer::{Completeness, ListAnswer, SourceReport, SourceStatus, User},
    event::EventKind,
    join::{AccountPair, share_an_address},
    merge::SourceNames,
    order::SortKey,
    query::{OnProviderFailure, Position, Total, UserQuery},
    state::UserState,
};
use masthead_ports::{
    mirror::{MirrorEntry, MirrorPage},
    source::{CallContext, SUBSCRIBE, SourceErrorKind, SourceName},
};
use time::OffsetDateTime;

use crate::{Caller, ReadError, Users};

/// Why the provider's side counts as stale: no synchronisation has come to its end for longer than the tenant allows.
const OVERDUE: &str = "sync_overdue";

/// Why it counts as stale however young it is: the last synchronisation could not show, or keep, every user of the provider.
const INCOMPLETE: &str = "sync_incomplete";

impl Users {
    /// Answers a list from the directory; `None` where it cannot be answered from there, and both sides are to be asked.
    pub(crate) async fn directory_list(
        &self,
        caller: &Caller,
        cx: &CallContext,
        provider: SourceName,
        query: &UserQuery,
        on_failure: OnProviderFailure,
    ) -> Result<Option<ListAnswer>, ReadError> {
        // A directory joins the provider's users with our own registrations; a remote Users API's are not among them.
        if caller.tenant.settings.has_remote_store() {
            return Ok(None);
        }
        let page = match self.directory.search(cx, query).await {
            Ok(Some(page)) => page,
            Ok(None) => return Ok(None),
            Err(error) if matches!(error.kind, SourceErrorKind::TooBroad | SourceErrorKind::Corrupt) => {
                return Err(self.silence(caller, &error));
            }
            Err(error) => {
                // The provider may still be heard; the union says what it is.
                tracing::warn!(error = &error as &dyn std::error::Error, "no answer of the directory");
                return Ok(None);
            }
        };
        let registrations: Vec<Account> = page
            .entries
            .iter()
            .filter_map(|entry| entry.registration.clone())
            .collect();
        self.record_read(caller, EventKind::SubscribeUserGet, Ok(&registrations));
        let completeness = told(&page, provider, caller, self.clock.now());
        // An estimate may count users where the first page shows that there are none.
        let is_first = query.position == Position::Offset(0);
        let nobody = page.entries.is_empty() && (is_first || page.total.is_some_and(Total::is_zero));
        if !completeness.complete && (nobody || on_failure == OnProviderFailure::Fail) {
            return Err(ReadError::Unavailable {
                retry_after: None,
                completeness: Some(completeness),
            });
        }
        let names = SourceNames {
            provider,
            store: SUBSCRIBE,
        };
        let users: Vec<User> = page
            .entries
            .into_iter()
            .filter_map(|entry| user(entry, caller, names))
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
                page.total.map(estimated)
            },
            next,
            completeness: Some(completeness),
        }))
    }
}

/// The user that an entry comes to.
pub(crate) fn user(entry: MirrorEntry, caller: &Caller, names: SourceNames) -> Option<User> {
    let pair = AccountPair {
        provider: entry.profile.map(|profile| profile.account),
        store: entry.registration,
    };
    let (account, provenance) = pair.merged(&caller.tenant.settings.precedence, names)?;
    Some(User {
        account,
        state: UserState::Standard,
        provenance,
    })
}

/// The moment after which the directory must be true for its word to count as the provider's of now.
pub(crate) fn current_since(caller: &Caller, now: OffsetDateTime) -> OffsetDateTime {
    now - caller.tenant.settings.mirror.max_age
}

/// A count over users of whom some are not known.
const fn estimated(total: Total) -> Total {
    let (Total::Exact(count) | Total::Estimate(count)) = total;
    Total::Estimate(count)
}

/// What the sources said: the provider as long ago as the last synchronisation began, the store now. An address that is
/// shared is told where the page shows it.
fn told(page: &MirrorPage, provider: SourceName, caller: &Caller, now: OffsetDateTime) -> Completeness {
    let stale = if !page.whole {
        Some(INCOMPLETE)
    } else if page.as_of <= current_since(caller, now) {
        Some(OVERDUE)
    } else {
        None
    };
    let profiles = page.entries.iter().filter_map(|entry| entry.profile.as_ref());
    let registrations = page.entries.iter().filter_map(|entry| entry.registration.as_ref());
    let provider = SourceReport {
        name: provider,
        status: if stale.is_none() {
            SourceStatus::Ok
        } else {
            SourceStatus::Stale
        },
        as_of: Some(page.as_of),
        reason: stale,
        ambiguous: share_an_address(profiles.map(|profile| &profile.account)),
    };
    let store = SourceReport {
        name: SUBSCRIBE,
        status: SourceStatus::Ok,
        as_of: Some(now),
        reason: None,
        ambiguous: share_an_address(registrations),
    };
    Completeness {
        complete: stale.is_none(),
        sources: vec![provider, store],
    }
}
