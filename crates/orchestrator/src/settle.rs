//! From what both sides told to what is answered: join, merge, the answer table, and what is written afterwards.

use masthead_domain::{
    account::Account,
    answer::{Completeness, Provenance},
    crid::Crid,
    finding::{Verdict, verdict},
    join::{Pair, join},
    merge::SideNames,
    query::{OnProviderFailure, UserFilter},
    sync,
    tenant::Tenant,
};
use masthead_ports::source::SUBSCRIBE;

use crate::{ReadError, both::Both, union::UNREADABLE};

/// The users that two sides come to.
#[derive(Debug)]
pub(crate) struct Settled {
    /// The merged users that meet the filter, in no order.
    pub(crate) users: Vec<(Account, Vec<Provenance>)>,
    /// What the sources said.
    pub(crate) completeness: Completeness,
    /// The registrations to bring in line.
    pub(crate) writes: Vec<Account>,
}

/// Decides what is answered, for the users that the filter is about.
///
/// # Errors
/// [`ReadError::CannotTell`] where the answer table says so; an empty answer is given only when both sides confirmed it.
pub(crate) fn settle(
    both: Both,
    filter: &UserFilter,
    tenant: &Tenant,
    provider_name: &'static str,
    on_failure: OnProviderFailure,
) -> Result<Settled, ReadError> {
    let names = SideNames {
        provider: provider_name,
        store: SUBSCRIBE,
    };
    let precedence = &tenant.settings.precedence;
    let Both { mut theirs, mut ours } = both;
    let joined = join(std::mem::take(&mut theirs.accounts), std::mem::take(&mut ours.accounts));
    let (they_had, we_had) = sides(&joined.pairs);
    let ambiguous = joined.provider_ambiguous || joined.store_ambiguous;

    let mut users = Vec::with_capacity(joined.pairs.len());
    let mut writes = Vec::new();
    let mut complete = theirs.is_live() && ours.is_live() && theirs.partial.is_none() && ours.partial.is_none();
    let mut cannot_tell = false;
    for pair in joined.pairs {
        let Some((merged, provenance)) = pair.merged(precedence, names) else {
            continue;
        };
        if !meets(filter, &merged, &pair) {
            continue;
        }
        let findings = (theirs.finding(pair.theirs.is_some()), ours.finding(pair.ours.is_some()));
        match verdict(findings.0, findings.1, on_failure) {
            Verdict::Whole => {}
            Verdict::Partial => complete = false,
            Verdict::NoSuchUser | Verdict::CannotTell => {
                cannot_tell = true;
                continue;
            }
        }
        // Where an address is shared, which registration is whose is not known well enough to write; where the store was
        // left out, nothing is known of it.
        let certain = !ambiguous || pair.ours.as_ref().is_some_and(|ours| ours.crid == merged.crid);
        // A remote store is read-only here.
        if certain && !ours.is_skipped() && !tenant.settings.subscribe_is_remote() {
            writes.extend(sync::plan(&pair, &merged, findings, precedence));
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
    // Whoever is asked for may be in a row that cannot be read.
    let unread = [theirs.partial, ours.partial].contains(&Some(UNREADABLE));
    if cannot_tell || (unread && users.is_empty()) || (!all_live && (users.is_empty() || strict)) {
        return Err(ReadError::CannotTell {
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

/// Whether each side has any account at all.
fn sides(pairs: &[Pair]) -> (bool, bool) {
    (
        pairs.iter().any(|pair| pair.theirs.is_some()),
        pairs.iter().any(|pair| pair.ours.is_some()),
    )
}

/// Whether a merged user meets the filter; an id is met by the id that either side has for the user.
fn meets(filter: &UserFilter, merged: &Account, pair: &Pair) -> bool {
    let has = |id: &Crid| {
        [&pair.theirs, &pair.ours]
            .into_iter()
            .flatten()
            .any(|account| account.crid == *id)
    };
    filter.crids.iter().all(has) && filter.matches_apart_from_id(merged)
}
