//! Joins the accounts of a provider and of the store to users (contract §2.2).
//!
//! Accounts are joined by id. Accounts without a partner by id are joined by an address that exactly one account of each
//! source has, unless the id of one of them is known to the other source. Unconfirmed facts join nothing:
//! [`open_lookups`] lists the lookups that are still missing, and [`Link::Open`] marks users whose lookups were not made.

use std::collections::{HashMap, HashSet};

use crate::{
    account::Account,
    answer::Provenance,
    customer_registration_id::CustomerRegistrationId,
    email::EmailKey,
    evidence::{Evidence, Presence},
    merge::{Precedence, SourceNames, merge, sole_provenance},
    user_key::UserKey,
};

/// The accounts that the two sources have of one user; at least one of them is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountPair {
    /// The provider's account.
    pub provider: Option<Account>,
    /// The registration in our store.
    pub store: Option<Account>,
}

impl AccountPair {
    /// Merges the pair into one user and lists the source of each filled field; `None` for an empty pair. Answers and the
    /// mirror both use this function.
    #[must_use]
    pub fn merged(&self, precedence: &Precedence, names: SourceNames) -> Option<(Account, Vec<Provenance>)> {
        match (&self.provider, &self.store) {
            (Some(provider), Some(store)) => Some(merge(provider, store, precedence, names)),
            (Some(provider), None) => Some((provider.clone(), sole_provenance(provider, names.provider))),
            (None, Some(store)) => Some((store.clone(), sole_provenance(store, names.store))),
            (None, None) => None,
        }
    }
}

/// Why two accounts are one user, or one account is a user alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// Both sources have the same id.
    Id,
    /// One account of each source has the address, and neither id is known to the other source.
    Email,
    /// The other source is confirmed to have no account of this user.
    Alone {
        /// For an account of the provider: the ids of the registrations with its address, all of which are joined to other
        /// accounts by id. `None` where one of them may belong to this user, and for a registration.
        same_email: Option<Vec<CustomerRegistrationId>>,
    },
    /// A confirmation is missing: the other source may have an account of this user.
    Open,
}

/// One user of the two sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinedUser {
    /// The accounts.
    pub pair: AccountPair,
    /// Why they are one user.
    pub link: Link,
    /// Whether one of them is a subject of the request ([`Evidence::mark_subjects`]).
    pub is_subject: bool,
}

/// The users that the accounts of two sources form.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JoinedUsers {
    /// Each account of either source exactly once.
    pub users: Vec<JoinedUser>,
    /// Several accounts of the provider share an address.
    pub provider_ambiguous: bool,
    /// Several registrations share an address.
    pub store_ambiguous: bool,
}

impl JoinedUser {
    /// The user of these accounts, each with whether it is a subject; `None` without accounts.
    fn from_accounts(provider: Option<(Account, bool)>, store: Option<(Account, bool)>, link: Link) -> Option<Self> {
        let is_subject = [&provider, &store]
            .into_iter()
            .flatten()
            .any(|(_, is_subject)| *is_subject);
        let pair = AccountPair {
            provider: provider.map(|(account, _)| account),
            store: store.map(|(account, _)| account),
        };
        (pair.provider.is_some() || pair.store.is_some()).then_some(Self { pair, link, is_subject })
    }
}

impl JoinedUsers {
    /// The users, without the reasons.
    pub fn into_pairs(self) -> impl Iterator<Item = AccountPair> {
        self.users.into_iter().map(|user| user.pair)
    }
}

/// The lookups that are missing before the user of each subject is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OpenLookups {
    /// At the provider, each once.
    pub provider: Vec<UserKey>,
    /// At the store, each once.
    pub store: Vec<UserKey>,
}

/// Joins the accounts of two sources as far as their confirmed facts allow.
///
/// An address counts every account that has it, also accounts that are joined by id. The result does not depend on the order
/// of the accounts.
#[must_use]
pub fn join(provider: Evidence, store: Evidence) -> JoinedUsers {
    let (by_provider, by_store) = (EmailIndex::new(&provider), EmailIndex::new(&store));
    let partners: Vec<Partner> = provider
        .accounts()
        .iter()
        .map(|account| find_partner(account, &by_provider, &by_store))
        .collect();
    let mut links: Vec<Link> = Vec::with_capacity(partners.len());
    let mut is_joined = vec![false; store.accounts().len()];
    for (account, partner) in provider.accounts().iter().zip(&partners) {
        links.push(match partner {
            Partner::SameId(at) => {
                is_joined[*at] = true;
                Link::Id
            }
            Partner::SameEmail(at) => {
                is_joined[*at] = true;
                Link::Email
            }
            Partner::None => Link::Alone {
                same_email: ids_joined_elsewhere(account, &provider, &by_store),
            },
            Partner::Depends(..) => Link::Open,
        });
    }
    let alone: Vec<Option<Link>> = store
        .accounts()
        .iter()
        .zip(&is_joined)
        .map(|(account, is_joined)| {
            (!is_joined).then(|| match find_partner(account, &by_store, &by_provider) {
                Partner::None => Link::Alone { same_email: None },
                Partner::SameId(_) | Partner::SameEmail(_) | Partner::Depends(..) => Link::Open,
            })
        })
        .collect();
    let mut joined = JoinedUsers {
        users: Vec::with_capacity(partners.len().max(is_joined.len())),
        provider_ambiguous: by_provider.is_ambiguous(),
        store_ambiguous: by_store.is_ambiguous(),
    };
    let (mut provider, mut store) = (provider.into_subjects(), store.into_subjects());
    for ((at, partner), link) in partners.into_iter().enumerate().zip(links) {
        let registration = match partner {
            Partner::SameId(at) | Partner::SameEmail(at) => store[at].take(),
            Partner::None | Partner::Depends(..) => None,
        };
        joined
            .users
            .extend(JoinedUser::from_accounts(provider[at].take(), registration, link));
    }
    for (account, link) in store.into_iter().zip(alone) {
        joined
            .users
            .extend(link.and_then(|link| JoinedUser::from_accounts(None, account, link)));
    }
    joined
}

/// The next lookup at each source for every subject whose user is not known yet. Making them, and those that their answers
/// open, takes at most four rounds.
#[must_use]
pub fn open_lookups(provider: &Evidence, store: &Evidence) -> OpenLookups {
    let (by_provider, by_store) = (EmailIndex::new(provider), EmailIndex::new(store));
    let mut open = OpenLookups::default();
    let mut seen = HashSet::new();
    for (own, other, own_is_provider) in [(&by_provider, &by_store, true), (&by_store, &by_provider, false)] {
        let subjects = own.evidence.accounts().iter();
        for account in subjects.filter(|account| own.evidence.is_subject(account)) {
            let Partner::Depends(at, key) = find_partner(account, own, other) else {
                continue;
            };
            let at_provider = own_is_provider == matches!(at, LookupAt::OwnSource);
            if seen.insert((at_provider, key.clone())) {
                let keys = if at_provider {
                    &mut open.provider
                } else {
                    &mut open.store
                };
                keys.push(key);
            }
        }
    }
    open
}

/// The account that the other source has of an account's user.
enum Partner {
    /// The account with the same id, by its index.
    SameId(usize),
    /// The account with the same address, by its index.
    SameEmail(usize),
    /// The other source has none.
    None,
    /// The answer to this lookup decides.
    Depends(LookupAt, UserKey),
}

/// The source of a lookup, as seen from an account.
#[derive(Clone, Copy)]
enum LookupAt {
    OwnSource,
    OtherSource,
}

/// The rule of contract §2.2 for one account. It is symmetric: both accounts of a pair give the same result.
fn find_partner(account: &Account, own: &EmailIndex<'_>, other: &EmailIndex<'_>) -> Partner {
    match other.evidence.presence(&account.crid) {
        Presence::Present(at) => return Partner::SameId(at),
        Presence::Unknown => return Partner::Depends(LookupAt::OtherSource, UserKey::Id(account.crid.clone())),
        Presence::Absent => {}
    }
    let Some(key) = join_email(account) else {
        return Partner::None;
    };
    if own.holders(key).len() > 1 {
        return Partner::None;
    }
    let holders = other.holders(key);
    if holders.len() > 1 {
        return Partner::None;
    }
    if !other.evidence.is_complete_for(key) {
        return Partner::Depends(LookupAt::OtherSource, UserKey::Email(key.clone()));
    }
    let Some(at) = holders.first() else {
        return Partner::None;
    };
    let candidate = &other.evidence.accounts()[*at];
    let candidate_id = own.evidence.presence(&candidate.crid);
    if matches!(candidate_id, Presence::Present(_)) {
        return Partner::None;
    }
    if !own.evidence.is_complete_for(key) {
        return Partner::Depends(LookupAt::OwnSource, UserKey::Email(key.clone()));
    }
    if candidate_id == Presence::Unknown {
        return Partner::Depends(LookupAt::OwnSource, UserKey::Id(candidate.crid.clone()));
    }
    Partner::SameEmail(*at)
}

/// The ids of the registrations with the address of a provider's account, where each is joined to another account by id.
fn ids_joined_elsewhere(
    account: &Account,
    provider: &Evidence,
    store: &EmailIndex<'_>,
) -> Option<Vec<CustomerRegistrationId>> {
    let Some(key) = join_email(account) else {
        return Some(Vec::new());
    };
    if !store.evidence.is_complete_for(key) {
        return None;
    }
    let ids = store.holders(key).iter().map(|at| &store.evidence.accounts()[*at].crid);
    let is_joined = |id: &&CustomerRegistrationId| matches!(provider.presence(id), Presence::Present(_));
    let mut ids = ids
        .map(|id| Some(id).filter(is_joined).cloned())
        .collect::<Option<Vec<CustomerRegistrationId>>>()?;
    ids.sort();
    Some(ids)
}

/// The evidence of one source, indexed by address.
struct EmailIndex<'a> {
    evidence: &'a Evidence,
    by_email: HashMap<&'a EmailKey, Vec<usize>>,
}

impl<'a> EmailIndex<'a> {
    fn new(evidence: &'a Evidence) -> Self {
        let mut by_email: HashMap<_, Vec<usize>> = HashMap::new();
        for (at, account) in evidence.accounts().iter().enumerate() {
            if let Some(key) = join_email(account) {
                by_email.entry(key).or_default().push(at);
            }
        }
        Self { evidence, by_email }
    }

    /// The known accounts with this address, by their indices.
    fn holders(&self, key: &EmailKey) -> &[usize] {
        self.by_email.get(key).map_or(&[], Vec::as_slice)
    }

    fn is_ambiguous(&self) -> bool {
        self.by_email.values().any(|holders| holders.len() > 1)
    }
}

/// The address by which an account may be joined; an empty address joins nothing.
fn join_email(account: &Account) -> Option<&EmailKey> {
    let key = account.email.as_ref()?.key();
    (!key.as_str().is_empty()).then_some(key)
}

/// Whether several of these accounts, all of one source, share an address.
#[must_use]
pub fn has_shared_email<'a>(accounts: impl Iterator<Item = &'a Account>) -> bool {
    let mut seen = HashSet::new();
    accounts.filter_map(join_email).any(|key| !seen.insert(key))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::email::Email;

    fn account(crid: &str, email: &str) -> Account {
        Account {
            email: Email::parse(email).ok(),
            ..Account::new(CustomerRegistrationId::parse(crid).unwrap())
        }
    }

    fn whole(provider: Vec<Account>, store: Vec<Account>) -> JoinedUsers {
        join(Evidence::whole(provider), Evidence::whole(store))
    }

    /// The ids of each pair, `-` for a source without an account.
    fn ids(joined: &JoinedUsers) -> Vec<String> {
        let pairs = joined.users.iter().map(|user| &user.pair);
        let mut ids: Vec<_> = pairs
            .map(|pair| pair_text(pair.provider.as_ref(), pair.store.as_ref()))
            .collect();
        ids.sort();
        ids
    }

    fn pair_text(provider: Option<&Account>, store: Option<&Account>) -> String {
        let id = |account: Option<&Account>| account.map_or("-", |account| account.crid.as_str()).to_owned();
        format!("{} {}", id(provider), id(store))
    }

    #[test]
    fn same_id_joins_despite_different_addresses() {
        let joined = whole(
            vec![account("1", "new@example.com")],
            vec![account("1", "old@example.com")],
        );
        assert_eq!(ids(&joined), ["1 1"]);
    }

    #[test]
    fn unique_address_joins() {
        let joined = whole(
            vec![account("a|1", "ann@example.com")],
            vec![account("1", "ANN@example.com")],
        );
        assert_eq!(ids(&joined), ["a|1 1"]);
        assert!(!joined.provider_ambiguous && !joined.store_ambiguous);
    }

    #[test]
    fn shared_address_joins_nothing_and_is_reported() {
        let provider = vec![account("a|1", "ann@example.com"), account("g|2", "ann@example.com")];
        let joined = whole(provider, vec![account("1", "ann@example.com")]);
        assert_eq!(ids(&joined), ["- 1", "a|1 -", "g|2 -"]);
        assert!(joined.provider_ambiguous && !joined.store_ambiguous);
        let of =
            |side: fn(&AccountPair) -> Option<&Account>| joined.users.iter().filter_map(move |user| side(&user.pair));
        assert!(has_shared_email(of(|pair| pair.provider.as_ref())));
        assert!(!has_shared_email(of(|pair| pair.store.as_ref())));
    }

    #[test]
    fn account_joined_by_id_still_counts_for_its_address() {
        let provider = vec![account("a|1", "ann@example.com"), account("g|2", "ann@example.com")];
        let joined = whole(provider, vec![account("a|1", "ann@example.com")]);
        assert_eq!(ids(&joined), ["a|1 a|1", "g|2 -"]);
    }

    #[test]
    fn id_known_to_other_source_prevents_address_join() {
        let provider = vec![account("a", "e@example.com"), account("b", "f@example.com")];
        let joined = whole(provider, vec![account("b", "e@example.com")]);
        assert_eq!(ids(&joined), ["a -", "b b"]);
    }

    #[test]
    fn unconfirmed_id_leaves_user_open() {
        let (mut provider, mut store) = (Evidence::default(), Evidence::default());
        provider.add(account("a", "e@example.com"));
        store.add(account("b", "e@example.com"));
        for side in [&mut provider, &mut store] {
            side.confirm(UserKey::Email(EmailKey::from_text("e@example.com")));
            side.mark_subjects(|_| true);
        }
        store.confirm(UserKey::Id(CustomerRegistrationId::parse("a").unwrap()));
        let open = open_lookups(&provider, &store);
        assert_eq!(
            open.provider,
            [UserKey::Id(CustomerRegistrationId::parse("b").unwrap())]
        );
        assert_eq!(open.store, []);
        let joined = join(provider.clone(), store.clone());
        assert!(joined.users.iter().all(|user| user.link == Link::Open));
        provider.confirm(UserKey::Id(CustomerRegistrationId::parse("b").unwrap()));
        assert_eq!(ids(&join(provider, store)), ["a b"]);
    }

    #[test]
    fn registration_that_may_belong_to_user_is_reported() {
        let same_email = |store: Vec<Account>| {
            let provider = vec![account("a", "e@example.com"), account("b", "e@example.com")];
            let joined = whole(provider, store);
            let is_a = |user: &JoinedUser| user.pair.provider.as_ref().is_some_and(|one| one.crid.as_str() == "a");
            joined.users.into_iter().find(is_a).unwrap().link
        };
        let alone = |same_email| Link::Alone { same_email };
        assert_eq!(same_email(Vec::new()), alone(Some(Vec::new())));
        assert_eq!(
            same_email(vec![account("b", "e@example.com")]),
            alone(Some(vec![CustomerRegistrationId::parse("b").unwrap()]))
        );
        assert_eq!(same_email(vec![account("c", "e@example.com")]), alone(None));
    }

    /// The accounts of one source: ids `0` to `4`, each with one of three addresses or none.
    fn source_accounts() -> impl Strategy<Value = Vec<Account>> {
        let addresses = ["", "e@example.com", "f@example.com", "g@example.com"];
        vec(proptest::option::of(0_usize..4), 5).prop_map(move |places| {
            let accounts = places.into_iter().enumerate();
            accounts
                .filter_map(|(id, address)| Some(account(&id.to_string(), addresses[address?])))
                .collect()
        })
    }

    /// Contract §2.2, literally, over all accounts of both sources.
    fn model(provider: &[Account], store: &[Account]) -> Vec<String> {
        let has_id = |side: &[Account], id: &CustomerRegistrationId| side.iter().any(|account| account.crid == *id);
        let has_address = |account: &Account, other: &Account| account.email.is_some() && account.email == other.email;
        let alone = |side: &[Account], one: &Account| side.iter().filter(|other| has_address(one, other)).count() == 1;
        let partner = |one: &Account, own: &[Account], other: &[Account]| -> Option<Account> {
            if let Some(same) = other.iter().find(|account| account.crid == one.crid) {
                return Some(same.clone());
            }
            let candidate = other.iter().find(|account| has_address(one, account))?;
            (alone(own, one) && alone(other, one) && !has_id(own, &candidate.crid)).then(|| candidate.clone())
        };
        let mut users: Vec<String> = provider
            .iter()
            .map(|one| pair_text(Some(one), partner(one, provider, store).as_ref()))
            .collect();
        let rest = store.iter().filter(|one| partner(one, store, provider).is_none());
        users.extend(rest.map(|one| pair_text(None, Some(one))));
        users.sort();
        users
    }

    /// Adds the answer of a source to a lookup.
    fn answer(accounts: &[Account], evidence: &mut Evidence, key: &UserKey) {
        let found = accounts.iter().filter(|account| key.matches(account));
        found.cloned().for_each(|account| evidence.add(account));
        evidence.confirm(key.clone());
    }

    proptest! {
        #[test]
        fn complete_evidence_joins_as_contract_requires(provider in source_accounts(), store in source_accounts()) {
            prop_assert_eq!(ids(&whole(provider.clone(), store.clone())), model(&provider, &store));
        }

        /// After any lookups in any order: each join is one of the contract, and once no lookup is open, the user of each
        /// subject is known.
        #[test]
        fn partial_evidence_never_joins_wrongly_and_lookups_end(
            provider in source_accounts(),
            store in source_accounts(),
            first in vec((any::<bool>(), 0_usize..8), 0..4),
            subjects in any::<u8>(),
        ) {
            let model = model(&provider, &store);
            let (mut provider_evidence, mut store_evidence) = (Evidence::default(), Evidence::default());
            for (at_provider, key) in first {
                let key = match key {
                    id @ 0..5 => UserKey::Id(CustomerRegistrationId::parse(&id.to_string()).unwrap()),
                    address => UserKey::Email(EmailKey::from_text(["e@example.com", "f@example.com", "g@example.com"][address - 5])),
                };
                if at_provider {
                    answer(&provider, &mut provider_evidence, &key);
                } else {
                    answer(&store, &mut store_evidence, &key);
                }
            }
            let chosen = |account: &Account| subjects >> account.crid.as_str().parse::<u32>().unwrap() & 1 == 1;
            provider_evidence.mark_subjects(chosen);
            store_evidence.mark_subjects(chosen);
            for round in 0..5 {
                let joined = join(provider_evidence.clone(), store_evidence.clone());
                for JoinedUser { pair, link, .. } in &joined.users {
                    let user = pair_text(pair.provider.as_ref(), pair.store.as_ref());
                    prop_assert!(*link == Link::Open || model.contains(&user), "{} of {:?}", user, model);
                }
                let open = open_lookups(&provider_evidence, &store_evidence);
                if open == OpenLookups::default() {
                    prop_assert!(joined.users.iter().all(|user| user.link != Link::Open || !user.is_subject));
                    break;
                }
                prop_assert!(round < 4, "lookups are open after four rounds");
                open.provider.iter().for_each(|key| answer(&provider, &mut provider_evidence, key));
                open.store.iter().for_each(|key| answer(&store, &mut store_evidence, key));
            }
        }
    }
}
