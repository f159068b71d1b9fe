//! Joining two sides' accounts to users: on the id; failing that, on an address that exactly one account of each side has,
//! where neither account's own id is known to the other side (contract §2.2).
//!
//! What is not confirmed joins nothing: [`questions`] says what has still to be asked, and [`Link::Open`] what was not.

use std::collections::{HashMap, HashSet};

use crate::{
    account::Account,
    answer::Provenance,
    customer_registration_id::CustomerRegistrationId,
    email::EmailKey,
    evidence::{Evidence, Presence},
    merge::{Precedence, SourceNames, merge, sole_provenance},
};

/// What the two sides know of one user; at least one of them knows something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountPair {
    /// The provider's account.
    pub provider: Option<Account>,
    /// Our registration.
    pub store: Option<Account>,
}

impl AccountPair {
    /// The one user that the two sides come to, and where each filled field came from; `None` of nothing. Answers and the
    /// directory are both made by this.
    #[must_use]
    pub fn merged(&self, precedence: &Precedence, names: SourceNames) -> Option<(Account, Vec<Provenance>)> {
        match (&self.provider, &self.store) {
            (Some(theirs), Some(ours)) => Some(merge(theirs, ours, precedence, names)),
            (Some(theirs), None) => Some((theirs.clone(), sole_provenance(theirs, names.provider))),
            (None, Some(ours)) => Some((ours.clone(), sole_provenance(ours, names.store))),
            (None, None) => None,
        }
    }
}

/// Why two accounts are one user, or one is a user of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// Both sides have the same id.
    Id,
    /// One account of each side has the address, and neither's id is known to the other side.
    Address,
    /// The other side is confirmed to have no account of this user.
    Alone {
        /// For an account of the provider: the ids of the store's accounts of its address, each known to be another user's
        /// by its id. `None` where one of them may be this user's, and for an account of the store.
        beside: Option<Vec<CustomerRegistrationId>>,
    },
    /// A confirmation is missing: the other side may have an account of this user.
    Open,
}

/// One user of two sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinedUser {
    /// The accounts.
    pub pair: AccountPair,
    /// Why they are one user.
    pub link: Link,
    /// Whether one of them is a subject of the request ([`Evidence::mark_subjects`]).
    pub is_subject: bool,
}

/// The users that two sides' accounts come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Joined {
    /// Each account of either side exactly once.
    pub users: Vec<JoinedUser>,
    /// Several of the provider's accounts share an address.
    pub provider_ambiguous: bool,
    /// Several of our registrations share an address.
    pub store_ambiguous: bool,
}

impl JoinedUser {
    /// The user of these accounts, each with whether it is a subject; `None` of nothing.
    fn of(theirs: Option<(Account, bool)>, ours: Option<(Account, bool)>, link: Link) -> Option<Self> {
        let is_subject = [&theirs, &ours]
            .into_iter()
            .flatten()
            .any(|(_, is_subject)| *is_subject);
        let pair = AccountPair {
            provider: theirs.map(|(account, _)| account),
            store: ours.map(|(account, _)| account),
        };
        (pair.provider.is_some() || pair.store.is_some()).then_some(Self { pair, link, is_subject })
    }
}

impl Joined {
    /// The users, without the reasons.
    pub fn into_pairs(self) -> impl Iterator<Item = AccountPair> {
        self.users.into_iter().map(|user| user.pair)
    }
}

/// What one side can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// The account of this id.
    Id(CustomerRegistrationId),
    /// Every account of this address.
    Address(EmailKey),
}

/// What has to be asked before each subject's user is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Questions {
    /// Of the provider, each once.
    pub provider: Vec<Key>,
    /// Of the store, each once.
    pub store: Vec<Key>,
}

/// Joins the accounts that two sides have shown, as far as what they have confirmed allows.
///
/// An address counts every account that has it, those that their id joins included. The result does not depend on the order
/// in which the accounts were shown.
#[must_use]
pub fn join(theirs: Evidence, ours: Evidence) -> Joined {
    let (their_view, our_view) = (View::of(&theirs), View::of(&ours));
    let partners: Vec<Partner> = theirs
        .accounts()
        .iter()
        .map(|account| partner(account, &their_view, &our_view))
        .collect();
    let mut links: Vec<Link> = Vec::with_capacity(partners.len());
    let mut taken = vec![false; ours.accounts().len()];
    for (account, partner) in theirs.accounts().iter().zip(&partners) {
        links.push(match partner {
            Partner::Same(at) => {
                taken[*at] = true;
                Link::Id
            }
            Partner::SameAddress(at) => {
                taken[*at] = true;
                Link::Address
            }
            Partner::None => Link::Alone {
                beside: claimed(account, &theirs, &our_view),
            },
            Partner::Ask(..) => Link::Open,
        });
    }
    let alone: Vec<Option<Link>> = ours
        .accounts()
        .iter()
        .zip(&taken)
        .map(|(account, taken)| {
            (!taken).then(|| match partner(account, &our_view, &their_view) {
                Partner::None => Link::Alone { beside: None },
                Partner::Same(_) | Partner::SameAddress(_) | Partner::Ask(..) => Link::Open,
            })
        })
        .collect();
    let mut joined = Joined {
        users: Vec::with_capacity(partners.len().max(taken.len())),
        provider_ambiguous: their_view.is_ambiguous(),
        store_ambiguous: our_view.is_ambiguous(),
    };
    let (mut theirs, mut ours) = (theirs.into_subjects(), ours.into_subjects());
    for ((at, partner), link) in partners.into_iter().enumerate().zip(links) {
        let own = match partner {
            Partner::Same(at) | Partner::SameAddress(at) => ours[at].take(),
            Partner::None | Partner::Ask(..) => None,
        };
        joined.users.extend(JoinedUser::of(theirs[at].take(), own, link));
    }
    for (account, link) in ours.into_iter().zip(alone) {
        joined
            .users
            .extend(link.and_then(|link| JoinedUser::of(None, account, link)));
    }
    joined
}

/// The next question of each side for every subject whose user is not known yet. Asking them, and then those that their
/// answers raise, takes at most four rounds.
#[must_use]
pub fn questions(theirs: &Evidence, ours: &Evidence) -> Questions {
    let (their_view, our_view) = (View::of(theirs), View::of(ours));
    let mut questions = Questions::default();
    let mut asked = HashSet::new();
    for (own, other, own_is_provider) in [(&their_view, &our_view, true), (&our_view, &their_view, false)] {
        let subjects = own.evidence.accounts().iter();
        for account in subjects.filter(|account| own.evidence.is_subject(account)) {
            let Partner::Ask(whom, key) = partner(account, own, other) else {
                continue;
            };
            let of_provider = own_is_provider == matches!(whom, Whom::Own);
            if asked.insert((of_provider, key.clone())) {
                let side = if of_provider {
                    &mut questions.provider
                } else {
                    &mut questions.store
                };
                side.push(key);
            }
        }
    }
    questions
}

/// What an account's user has on the other side.
enum Partner {
    /// The account of the same id, at this place.
    Same(usize),
    /// The account of the same address, at this place.
    SameAddress(usize),
    /// Nothing.
    None,
    /// That depends on this answer.
    Ask(Whom, Key),
}

/// Which side a question is for, as seen from an account.
#[derive(Clone, Copy)]
enum Whom {
    Own,
    Other,
}

/// The rule of contract §2.2 for one account. It is symmetric: seen from either account of a pair it says the same.
fn partner(account: &Account, own: &View<'_>, other: &View<'_>) -> Partner {
    match other.evidence.presence(&account.crid) {
        Presence::Present(at) => return Partner::Same(at),
        Presence::Unknown => return Partner::Ask(Whom::Other, Key::Id(account.crid.clone())),
        Presence::Absent => {}
    }
    let Some(key) = address(account) else {
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
        return Partner::Ask(Whom::Other, Key::Address(key.clone()));
    }
    let Some(at) = holders.first() else {
        return Partner::None;
    };
    let candidate = &other.evidence.accounts()[*at];
    let is_claimed = own.evidence.presence(&candidate.crid);
    if matches!(is_claimed, Presence::Present(_)) {
        return Partner::None;
    }
    if !own.evidence.is_complete_for(key) {
        return Partner::Ask(Whom::Own, Key::Address(key.clone()));
    }
    if is_claimed == Presence::Unknown {
        return Partner::Ask(Whom::Own, Key::Id(candidate.crid.clone()));
    }
    Partner::SameAddress(*at)
}

/// The store's accounts of the address of a provider's account, where each is joined to another account by its id.
fn claimed(account: &Account, theirs: &Evidence, ours: &View<'_>) -> Option<Vec<CustomerRegistrationId>> {
    let Some(key) = address(account) else {
        return Some(Vec::new());
    };
    if !ours.evidence.is_complete_for(key) {
        return None;
    }
    let ids = ours.holders(key).iter().map(|at| &ours.evidence.accounts()[*at].crid);
    let is_claimed = |id: &&CustomerRegistrationId| matches!(theirs.presence(id), Presence::Present(_));
    let mut ids = ids
        .map(|id| Some(id).filter(is_claimed).cloned())
        .collect::<Option<Vec<CustomerRegistrationId>>>()?;
    ids.sort();
    Some(ids)
}

/// One side's evidence by address.
struct View<'a> {
    evidence: &'a Evidence,
    by_address: HashMap<&'a EmailKey, Vec<usize>>,
}

impl<'a> View<'a> {
    fn of(evidence: &'a Evidence) -> Self {
        let mut by_address: HashMap<_, Vec<usize>> = HashMap::new();
        for (at, account) in evidence.accounts().iter().enumerate() {
            if let Some(key) = address(account) {
                by_address.entry(key).or_default().push(at);
            }
        }
        Self { evidence, by_address }
    }

    /// The accounts shown that have this address.
    fn holders(&self, key: &EmailKey) -> &[usize] {
        self.by_address.get(key).map_or(&[], Vec::as_slice)
    }

    fn is_ambiguous(&self) -> bool {
        self.by_address.values().any(|holders| holders.len() > 1)
    }
}

/// The address by which an account may be joined; the empty one joins nobody.
fn address(account: &Account) -> Option<&EmailKey> {
    let key = account.email.as_ref()?.key();
    (!key.as_str().is_empty()).then_some(key)
}

/// Whether several of these accounts, all of one side, share an address.
#[must_use]
pub fn share_an_address<'a>(accounts: impl Iterator<Item = &'a Account>) -> bool {
    let mut seen = HashSet::new();
    accounts.filter_map(address).any(|key| !seen.insert(key))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::{customer_registration_id::CustomerRegistrationId, email::Email};

    fn account(crid: &str, email: &str) -> Account {
        Account {
            email: Email::parse(email).ok(),
            ..Account::new(CustomerRegistrationId::parse(crid).unwrap())
        }
    }

    fn whole(theirs: Vec<Account>, ours: Vec<Account>) -> Joined {
        join(Evidence::whole(theirs), Evidence::whole(ours))
    }

    /// The ids of each pair, `-` for a side that knows nothing.
    fn ids(joined: &Joined) -> Vec<String> {
        let pairs = joined.users.iter().map(|user| &user.pair);
        let mut ids: Vec<_> = pairs
            .map(|pair| id_of(pair.provider.as_ref(), pair.store.as_ref()))
            .collect();
        ids.sort();
        ids
    }

    fn id_of(theirs: Option<&Account>, ours: Option<&Account>) -> String {
        let id = |account: Option<&Account>| account.map_or("-", |account| account.crid.as_str()).to_owned();
        format!("{} {}", id(theirs), id(ours))
    }

    #[test]
    fn the_id_joins_whatever_the_address() {
        let joined = whole(
            vec![account("1", "new@example.com")],
            vec![account("1", "old@example.com")],
        );
        assert_eq!(ids(&joined), ["1 1"]);
    }

    #[test]
    fn an_address_joins_when_each_side_has_it_once() {
        let joined = whole(
            vec![account("a|1", "ann@example.com")],
            vec![account("1", "ANN@example.com")],
        );
        assert_eq!(ids(&joined), ["a|1 1"]);
        assert!(!joined.provider_ambiguous && !joined.store_ambiguous);
    }

    #[test]
    fn a_shared_address_joins_no_account_and_is_reported() {
        let theirs = vec![account("a|1", "ann@example.com"), account("g|2", "ann@example.com")];
        let joined = whole(theirs, vec![account("1", "ann@example.com")]);
        assert_eq!(ids(&joined), ["- 1", "a|1 -", "g|2 -"]);
        assert!(joined.provider_ambiguous && !joined.store_ambiguous);
        let of =
            |side: fn(&AccountPair) -> Option<&Account>| joined.users.iter().filter_map(move |user| side(&user.pair));
        assert!(share_an_address(of(|pair| pair.provider.as_ref())));
        assert!(!share_an_address(of(|pair| pair.store.as_ref())));
    }

    #[test]
    fn an_account_that_its_id_joined_still_counts_for_its_address() {
        let theirs = vec![account("a|1", "ann@example.com"), account("g|2", "ann@example.com")];
        let joined = whole(theirs, vec![account("a|1", "ann@example.com")]);
        assert_eq!(ids(&joined), ["a|1 a|1", "g|2 -"]);
    }

    #[test]
    fn an_account_whose_own_id_the_other_side_has_never_joins_by_address() {
        let theirs = vec![account("a", "e@example.com"), account("b", "f@example.com")];
        let joined = whole(theirs, vec![account("b", "e@example.com")]);
        assert_eq!(ids(&joined), ["a -", "b b"]);
    }

    #[test]
    fn an_id_that_is_not_confirmed_absent_leaves_the_user_open() {
        let (mut theirs, mut ours) = (Evidence::default(), Evidence::default());
        theirs.add(account("a", "e@example.com"));
        ours.add(account("b", "e@example.com"));
        for side in [&mut theirs, &mut ours] {
            side.confirm_address(EmailKey::from_text("e@example.com"));
            side.mark_subjects(|_| true);
        }
        ours.confirm_id(CustomerRegistrationId::parse("a").unwrap());
        let asked = questions(&theirs, &ours);
        assert_eq!(asked.provider, [Key::Id(CustomerRegistrationId::parse("b").unwrap())]);
        assert_eq!(asked.store, []);
        let joined = join(theirs.clone(), ours.clone());
        assert!(joined.users.iter().all(|user| user.link == Link::Open));
        theirs.confirm_id(CustomerRegistrationId::parse("b").unwrap());
        assert_eq!(ids(&join(theirs, ours)), ["a b"]);
    }

    #[test]
    fn a_registration_of_the_address_that_may_be_the_users_is_reported() {
        let beside = |ours: Vec<Account>| {
            let theirs = vec![account("a", "e@example.com"), account("b", "e@example.com")];
            let joined = whole(theirs, ours);
            let is_a = |user: &JoinedUser| user.pair.provider.as_ref().is_some_and(|one| one.crid.as_str() == "a");
            joined.users.into_iter().find(is_a).unwrap().link
        };
        let alone = |beside| Link::Alone { beside };
        assert_eq!(beside(Vec::new()), alone(Some(Vec::new())));
        assert_eq!(
            beside(vec![account("b", "e@example.com")]),
            alone(Some(vec![CustomerRegistrationId::parse("b").unwrap()]))
        );
        assert_eq!(beside(vec![account("c", "e@example.com")]), alone(None));
    }

    /// One side of a small world: ids `0` to `4`, each with one of three addresses or none.
    fn side() -> impl Strategy<Value = Vec<Account>> {
        let addresses = ["", "e@example.com", "f@example.com", "g@example.com"];
        vec(proptest::option::of(0_usize..4), 5).prop_map(move |places| {
            let accounts = places.into_iter().enumerate();
            accounts
                .filter_map(|(id, address)| Some(account(&id.to_string(), addresses[address?])))
                .collect()
        })
    }

    /// Contract §2.2, word for word, over everything that both sides have.
    fn model(theirs: &[Account], ours: &[Account]) -> Vec<String> {
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
        let mut users: Vec<String> = theirs
            .iter()
            .map(|one| id_of(Some(one), partner(one, theirs, ours).as_ref()))
            .collect();
        let rest = ours.iter().filter(|one| partner(one, ours, theirs).is_none());
        users.extend(rest.map(|one| id_of(None, Some(one))));
        users.sort();
        users
    }

    /// Takes the answer that this side gives to a question.
    fn answer(side: &[Account], evidence: &mut Evidence, key: &Key) {
        let has = |account: &&Account| match key {
            Key::Id(id) => account.crid == *id,
            Key::Address(key) => account.email.as_ref().is_some_and(|email| email.key() == key),
        };
        side.iter()
            .filter(has)
            .cloned()
            .for_each(|account| evidence.add(account));
        match key {
            Key::Id(id) => evidence.confirm_id(id.clone()),
            Key::Address(key) => evidence.confirm_address(key.clone()),
        }
    }

    proptest! {
        #[test]
        fn everything_known_joins_as_the_contract_says(theirs in side(), ours in side()) {
            prop_assert_eq!(ids(&whole(theirs.clone(), ours.clone())), model(&theirs, &ours));
        }

        /// Whatever was asked, and in whatever order: a join that is made is the contract's, and once no question is left
        /// each subject's user is.
        #[test]
        fn a_partial_view_never_joins_otherwise_and_its_questions_end(
            theirs in side(),
            ours in side(),
            first in vec((any::<bool>(), 0_usize..8), 0..4),
            subjects in any::<u8>(),
        ) {
            let model = model(&theirs, &ours);
            let (mut their_view, mut our_view) = (Evidence::default(), Evidence::default());
            for (of_provider, key) in first {
                let key = match key {
                    id @ 0..5 => Key::Id(CustomerRegistrationId::parse(&id.to_string()).unwrap()),
                    address => Key::Address(EmailKey::from_text(["e@example.com", "f@example.com", "g@example.com"][address - 5])),
                };
                if of_provider {
                    answer(&theirs, &mut their_view, &key);
                } else {
                    answer(&ours, &mut our_view, &key);
                }
            }
            let chosen = |account: &Account| subjects >> account.crid.as_str().parse::<u32>().unwrap() & 1 == 1;
            their_view.mark_subjects(chosen);
            our_view.mark_subjects(chosen);
            for round in 0..5 {
                let joined = join(their_view.clone(), our_view.clone());
                for JoinedUser { pair, link, .. } in &joined.users {
                    let user = id_of(pair.provider.as_ref(), pair.store.as_ref());
                    prop_assert!(*link == Link::Open || model.contains(&user), "{} of {:?}", user, model);
                }
                let asked = questions(&their_view, &our_view);
                if asked == Questions::default() {
                    prop_assert!(joined.users.iter().all(|user| user.link != Link::Open || !user.is_subject));
                    break;
                }
                prop_assert!(round < 4, "questions are left after four rounds");
                asked.provider.iter().for_each(|key| answer(&theirs, &mut their_view, key));
                asked.store.iter().for_each(|key| answer(&ours, &mut our_view, key));
            }
        }
    }
}
