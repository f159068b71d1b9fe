//! Resolves the findings of two sources into the users of an answer: join, merge, answer table, and planned write-backs.

use masthead_domain::{
    account::Account,
    answer::{Completeness, User, UserAnswer},
    customer_registration_id::CustomerRegistrationId,
    finding::{ReadOutcome, decide},
    join::{AccountPair, JoinedUser, Link, join},
    merge::SourceNames,
    query::{OnProviderFailure, UserFilter},
    state::UserState,
    tenant::Tenant,
    write_back::{WriteBack, plan_write_back},
};
use masthead_ports::source::{SUBSCRIBE, SourceName};

use crate::{ReadError, findings::PairFindings};

/// The users of two sources.
#[derive(Debug)]
pub(crate) struct Resolution {
    /// The merged users that meet the filter, in no order.
    pub(crate) users: Vec<User>,
    /// How the sources answered.
    pub(crate) completeness: Completeness,
    /// The planned write-backs.
    pub(crate) writes: Vec<WriteBack>,
}

/// What a resolution depends on beside the findings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResolveContext<'a> {
    pub(crate) tenant: &'a Tenant,
    pub(crate) provider: SourceName,
    pub(crate) on_failure: OnProviderFailure,
}

impl ResolveContext<'_> {
    /// The names of the sources in provenance.
    pub(crate) const fn names(&self) -> SourceNames {
        SourceNames {
            provider: self.provider,
            store: SUBSCRIBE,
        }
    }
}

/// Decides the answer for the users of the filter.
///
/// # Errors
/// [`ReadError::Unavailable`] where the answer table requires it. An empty answer is returned only if both sources confirmed
/// the absence, and never if one of them returned only a part of its accounts.
pub(crate) fn resolve(
    findings: PairFindings,
    filter: &UserFilter,
    cx: ResolveContext<'_>,
) -> Result<Resolution, ReadError> {
    let precedence = &cx.tenant.settings.precedence;
    let PairFindings {
        mut provider,
        mut store,
        by_key,
    } = findings;
    let joined = join(
        std::mem::take(&mut provider.evidence),
        std::mem::take(&mut store.evidence),
    );
    let has_any = |source: fn(&AccountPair) -> bool| joined.users.iter().any(|user| source(&user.pair));
    let provider_has_any = has_any(|pair| pair.provider.is_some());
    let store_has_any = has_any(|pair| pair.store.is_some());

    let all_live = provider.is_live() && store.is_live();
    let mut users = Vec::with_capacity(joined.users.len());
    let mut writes = Vec::new();
    let mut complete = all_live && provider.partial.is_none() && store.partial.is_none();
    let mut is_unavailable = false;
    // Answers are not written back to a remote store, and nothing is known about a skipped store.
    let can_write = by_key && !store.is_skipped() && !cx.tenant.settings.has_remote_store();
    for JoinedUser { pair, link, is_subject } in joined.users {
        if !is_subject {
            continue;
        }
        // The unknown account of an open user may decide whether the user meets the filter.
        complete &= link != Link::Open || store.is_skipped();
        let Some((merged, provenance)) = pair.merged(precedence, cx.names()) else {
            continue;
        };
        if !meets(filter, &merged, &pair) {
            continue;
        }
        let findings = (
            provider.finding(pair.provider.is_some()),
            store.finding(pair.store.is_some()),
        );
        match decide(findings.0, findings.1, cx.on_failure) {
            ReadOutcome::Complete => {}
            ReadOutcome::Partial => complete = false,
            ReadOutcome::NoSuchUser | ReadOutcome::Unavailable => {
                is_unavailable = true;
                continue;
            }
        }
        if can_write {
            writes.extend(plan_write_back((&pair, &link), &merged, findings, precedence));
        }
        users.push(User {
            account: merged,
            state: UserState::Standard,
            provenance,
        });
    }
    let completeness = Completeness {
        complete,
        sources: vec![
            provider.report(provider_has_any, joined.provider_ambiguous),
            store.report(store_has_any, joined.store_ambiguous),
        ],
    };
    let is_strict = matches!(cx.on_failure, OnProviderFailure::Fail);
    if is_unavailable || (users.is_empty() && !complete) || (!all_live && is_strict) {
        return Err(ReadError::Unavailable {
            retry_after: provider.retry_after().max(store.retry_after()),
            completeness: Some(completeness),
        });
    }
    Ok(Resolution {
        users,
        completeness,
        writes,
    })
}

/// Resolves the user with this id, and the planned write-backs.
///
/// # Errors
/// As [`resolve`], and [`ReadError::NoSuchUser`].
pub(crate) fn resolve_one(
    findings: PairFindings,
    id: &CustomerRegistrationId,
    cx: ResolveContext<'_>,
) -> Result<(UserAnswer, Vec<WriteBack>), ReadError> {
    let filter = UserFilter {
        crids: vec![id.clone()],
        ..UserFilter::default()
    };
    let Resolution {
        users,
        completeness,
        writes,
    } = resolve(findings, &filter, cx)?;
    let completeness = Some(completeness);
    // Each source has at most one account with an id, and the id joins them.
    match users.into_iter().next() {
        Some(user) => Ok((UserAnswer { user, completeness }, writes)),
        None => Err(ReadError::NoSuchUser { completeness }),
    }
}

/// Whether a merged user meets the filter; a condition on the id is met by the id of either account.
fn meets(filter: &UserFilter, merged: &Account, pair: &AccountPair) -> bool {
    let has = |id: &CustomerRegistrationId| {
        [&pair.provider, &pair.store]
            .into_iter()
            .flatten()
            .any(|account| account.crid == *id)
    };
    filter.crids.iter().all(has) && filter.matches_except_id(merged)
}
