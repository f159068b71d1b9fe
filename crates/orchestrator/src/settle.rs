//! From what both sides told to what is answered: join, merge, the answer table, and what is written afterwards.

use masthead_domain::{
    account::Account,
    answer::{Completeness, Provenance},
    customer_registration_id::CustomerRegistrationId,
    finding::{ReadOutcome, verdict},
    join::{AccountPair, JoinedUser, Link, join},
    merge::SourceNames,
    query::{OnProviderFailure, UserFilter},
    tenant::Tenant,
    write_back::{self, WriteBack},
};
use masthead_ports::source::SUBSCRIBE;

use crate::{ReadError, both::Both};

/// The users that two sides come to.
#[derive(Debug)]
pub(crate) struct Settled {
    /// The merged users that meet the filter, in no order.
    pub(crate) users: Vec<(Account, Vec<Provenance>)>,
    /// What the sources said.
    pub(crate) completeness: Completeness,
    /// The registrations to bring in line.
    pub(crate) writes: Vec<WriteBack>,
}

/// Decides what is answered, for the users that the filter is about.
///
/// # Errors
/// [`ReadError::Unavailable`] where the answer table says so; an empty answer is given only when both sides confirmed it,
/// and never where a part of either was not shown or not confirmed.
pub(crate) fn settle(
    both: Both,
    filter: &UserFilter,
    tenant: &Tenant,
    provider_name: &'static str,
    on_failure: OnProviderFailure,
) -> Result<Settled, ReadError> {
    let names = SourceNames {
        provider: provider_name,
        store: SUBSCRIBE,
    };
    let precedence = &tenant.settings.precedence;
    let Both {
        mut theirs,
        mut ours,
        by_key,
    } = both;
    let joined = join(std::mem::take(&mut theirs.evidence), std::mem::take(&mut ours.evidence));
    let has = |side: fn(&AccountPair) -> bool| joined.users.iter().any(|user| side(&user.pair));
    let (they_had, we_had) = (has(|pair| pair.provider.is_some()), has(|pair| pair.store.is_some()));

    let mut users = Vec::with_capacity(joined.users.len());
    let mut writes = Vec::new();
    let mut complete = theirs.is_live() && ours.is_live() && theirs.partial.is_none() && ours.partial.is_none();
    let mut cannot_tell = false;
    // A remote store is read-only here, and of a store that was left out nothing is known.
    let may_write = by_key && !ours.is_skipped() && !tenant.settings.has_remote_store();
    for JoinedUser { pair, link, is_subject } in joined.users {
        if !is_subject {
            continue;
        }
        // What the other side would add to an open user may meet the filter, or not.
        complete &= link != Link::Open || ours.is_skipped();
        let Some((merged, provenance)) = pair.merged(precedence, names) else {
            continue;
        };
        if !meets(filter, &merged, &pair) {
            continue;
        }
        let findings = (
            theirs.finding(pair.provider.is_some()),
            ours.finding(pair.store.is_some()),
        );
        match verdict(findings.0, findings.1, on_failure) {
            ReadOutcome::Complete => {}
            ReadOutcome::Partial => complete = false,
            ReadOutcome::NoSuchUser | ReadOutcome::Unavailable => {
                cannot_tell = true;
                continue;
            }
        }
        if may_write {
            writes.extend(write_back::plan((&pair, &link), &merged, findings, precedence));
        }
        users.push((merged, provenance));
    }
    let completeness = Completeness {
        complete,
        sources: vec![
            theirs.report(they_had, joined.provider_ambiguous),
            ours.report(we_had, joined.store_ambiguous),
        ],
    };
    let all_live = theirs.is_live() && ours.is_live();
    let strict = matches!(on_failure, OnProviderFailure::Fail);
    if cannot_tell || (users.is_empty() && !complete) || (!all_live && strict) {
        return Err(ReadError::Unavailable {
            retry_after: theirs.retry_after().max(ours.retry_after()),
            completeness: Some(completeness),
        });
    }
    Ok(Settled {
        users,
        completeness,
        writes,
    })
}

/// Whether a merged user meets the filter; an id is met by the id that either side has for the user.
fn meets(filter: &UserFilter, merged: &Account, pair: &AccountPair) -> bool {
    let has = |id: &CustomerRegistrationId| {
        [&pair.provider, &pair.store]
            .into_iter()
            .flatten()
            .any(|account| account.crid == *id)
    };
    filter.crids.iter().all(has) && filter.matches_except_id(merged)
}
