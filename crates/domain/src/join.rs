//! Joining two sides' accounts to users: on the id; failing that, on an address that exactly one account of each side
//! has (contract §2.2).

use std::collections::{HashMap, HashSet};

use crate::{
    account::Account,
    answer::Provenance,
    email::EmailKey,
    merge::{Precedence, SideNames, merge, sole_provenance},
};

/// What the two sides know of one user; at least one of them knows something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The provider's account.
    pub theirs: Option<Account>,
    /// Our registration.
    pub ours: Option<Account>,
}

impl Pair {
    /// The one user that the two sides come to, and where each filled field came from; `None` of nothing. Answers and the
    /// directory are both made by this.
    #[must_use]
    pub fn merged(&self, precedence: &Precedence, names: SideNames) -> Option<(Account, Vec<Provenance>)> {
        match (&self.theirs, &self.ours) {
            (Some(theirs), Some(ours)) => Some(merge(theirs, ours, precedence, names)),
            (Some(theirs), None) => Some((theirs.clone(), sole_provenance(theirs, names.provider))),
            (None, Some(ours)) => Some((ours.clone(), sole_provenance(ours, names.store))),
            (None, None) => None,
        }
    }
}

/// The users that two sides' accounts come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Joined {
    /// Each account of either side exactly once.
    pub pairs: Vec<Pair>,
    /// Several of the provider's accounts share an address.
    pub provider_ambiguous: bool,
    /// Several of our registrations share an address.
    pub store_ambiguous: bool,
}

/// Joins all accounts that the two sides have for some addresses or ids.
///
/// An address joins only where exactly one account of each side has it, accounts that their id has already joined
/// included: so nobody is merged into a stranger who shares a mailbox.
#[must_use]
pub fn join(theirs: Vec<Account>, ours: Vec<Account>) -> Joined {
    let their_addresses = addresses(&theirs);
    let our_addresses = addresses(&ours);
    let shared = |counts: &HashMap<EmailKey, usize>| counts.values().any(|count| *count > 1);
    let mut joined = Joined {
        pairs: Vec::with_capacity(theirs.len().max(ours.len())),
        provider_ambiguous: shared(&their_addresses),
        store_ambiguous: shared(&our_addresses),
    };

    let mut ours: Vec<Option<Account>> = ours.into_iter().map(Some).collect();
    let by_id: HashMap<_, _> = ours
        .iter()
        .enumerate()
        .filter_map(|(at, account)| account.as_ref().map(|account| (account.crid.clone(), at)))
        .collect();
    let mut unjoined = Vec::new();
    for account in theirs {
        match by_id.get(&account.crid).and_then(|at| ours[*at].take()) {
            Some(own) => joined.pairs.push(Pair {
                theirs: Some(account),
                ours: Some(own),
            }),
            None => unjoined.push(account),
        }
    }
    for account in unjoined {
        let alone = account
            .email
            .as_ref()
            .map(crate::email::Email::key)
            .filter(|key| their_addresses.get(*key) == Some(&1) && our_addresses.get(*key) == Some(&1));
        let own = alone.and_then(|key| {
            ours.iter_mut()
                .find(|own| {
                    own.as_ref()
                        .and_then(|own| own.email.as_ref())
                        .is_some_and(|email| email.key() == key)
                })
                .and_then(Option::take)
        });
        joined.pairs.push(Pair {
            theirs: Some(account),
            ours: own,
        });
    }
    let rest = ours.into_iter().flatten().map(|own| Pair {
        theirs: None,
        ours: Some(own),
    });
    joined.pairs.extend(rest);
    joined
}

/// Whether several of these accounts, all of one side, share an address.
#[must_use]
pub fn share_an_address<'a>(accounts: impl Iterator<Item = &'a Account>) -> bool {
    let mut seen = HashSet::new();
    accounts
        .filter_map(|account| account.email.as_ref())
        .any(|email| !seen.insert(email.key()))
}

fn addresses(accounts: &[Account]) -> HashMap<EmailKey, usize> {
    let mut counts = HashMap::new();
    for email in accounts.iter().filter_map(|account| account.email.as_ref()) {
        *counts.entry(email.key().clone()).or_insert(0) += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{crid::Crid, email::Email};

    fn account(crid: &str, email: &str) -> Account {
        Account {
            email: Email::parse(email).ok(),
            ..Account::new(Crid::parse(crid).unwrap())
        }
    }

    /// The ids of each pair, `-` for a side that knows nothing.
    fn ids(joined: &Joined) -> Vec<String> {
        let id = |account: &Option<Account>| account.as_ref().map_or("-", |account| account.crid.as_str()).to_owned();
        let mut ids: Vec<_> = joined
            .pairs
            .iter()
            .map(|pair| format!("{} {}", id(&pair.theirs), id(&pair.ours)))
            .collect();
        ids.sort();
        ids
    }

    #[test]
    fn the_id_joins_whatever_the_address() {
        let joined = join(
            vec![account("1", "new@example.com")],
            vec![account("1", "old@example.com")],
        );
        assert_eq!(ids(&joined), ["1 1"]);
    }

    #[test]
    fn an_address_joins_when_each_side_has_it_once() {
        let joined = join(
            vec![account("a|1", "ann@example.com")],
            vec![account("1", "ANN@example.com")],
        );
        assert_eq!(ids(&joined), ["a|1 1"]);
        assert!(!joined.provider_ambiguous && !joined.store_ambiguous);
    }

    #[test]
    fn a_shared_address_joins_nobody_and_is_told() {
        let theirs = vec![account("a|1", "ann@example.com"), account("g|2", "ann@example.com")];
        let joined = join(theirs, vec![account("1", "ann@example.com")]);
        assert_eq!(ids(&joined), ["- 1", "a|1 -", "g|2 -"]);
        assert!(joined.provider_ambiguous && !joined.store_ambiguous);
        let of = |side: fn(&Pair) -> Option<&Account>| joined.pairs.iter().filter_map(side);
        assert!(share_an_address(of(|pair| pair.theirs.as_ref())));
        assert!(!share_an_address(of(|pair| pair.ours.as_ref())));
    }

    #[test]
    fn an_account_that_its_id_joined_still_counts_for_its_address() {
        let theirs = vec![account("a|1", "ann@example.com"), account("g|2", "ann@example.com")];
        let joined = join(theirs, vec![account("a|1", "ann@example.com")]);
        assert_eq!(ids(&joined), ["a|1 a|1", "g|2 -"]);
    }
}
