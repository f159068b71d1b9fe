//! What one side has shown of its accounts, and what it has confirmed beyond them: the knowledge that joins rest on.

use std::collections::{HashMap, HashSet};

use crate::{account::Account, customer_registration_id::CustomerRegistrationId, email::EmailKey};

/// The accounts that one side has shown, and how far the side is known to have no others.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    accounts: Vec<Account>,
    by_id: HashMap<CustomerRegistrationId, usize>,
    by_number: HashMap<i64, usize>,
    complete_ids: HashSet<CustomerRegistrationId>,
    complete_addresses: HashSet<EmailKey>,
    whole: bool,
    subjects: HashSet<CustomerRegistrationId>,
}

/// What is known of the account of one id on one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// The side has shown it; the number is its place in [`Evidence::accounts`].
    Present(usize),
    /// The side has confirmed that there is none.
    Absent,
    /// The side was not asked, or gave no answer.
    Unknown,
}

impl Evidence {
    /// Every account that a side has: whatever is not among them is absent.
    #[must_use]
    pub fn whole(accounts: Vec<Account>) -> Self {
        let mut evidence = Self::default();
        for account in accounts {
            evidence.add(account);
        }
        evidence.confirm_whole();
        evidence
    }

    /// Adds an account. It replaces an older reading of the same id or of the same registration, which may have moved to
    /// another id or address in between.
    pub fn add(&mut self, account: Account) {
        let number = account.registration_id;
        let known = self
            .by_id
            .get(&account.crid)
            .or_else(|| self.by_number.get(&number?))
            .copied();
        let at = known.unwrap_or(self.accounts.len());
        if let Some(number) = number {
            self.by_number.insert(number, at);
        }
        self.by_id.insert(account.crid.clone(), at);
        if let Some(older) = self.accounts.get_mut(at) {
            let older = std::mem::replace(older, account);
            if older.crid != self.accounts[at].crid {
                self.by_id.remove(&older.crid);
            }
        } else {
            self.accounts.push(account);
        }
    }

    /// The side has shown the account of this id, if it has one.
    pub fn confirm_id(&mut self, id: CustomerRegistrationId) {
        self.complete_ids.insert(id);
    }

    /// The side has shown every account of this address.
    pub fn confirm_address(&mut self, key: EmailKey) {
        self.complete_addresses.insert(key);
    }

    /// The side has shown every account.
    pub fn confirm_whole(&mut self) {
        self.whole = true;
    }

    /// Makes these of the accounts shown so far the subjects of the request. The others, and those that are shown later,
    /// only decide which users the subjects are.
    pub fn mark_subjects(&mut self, is_subject: impl Fn(&Account) -> bool) {
        let subjects = self.accounts.iter().filter(|account| is_subject(account));
        self.subjects = subjects.map(|account| account.crid.clone()).collect();
    }

    /// Whether the request is about this account.
    #[must_use]
    pub fn is_subject(&self, account: &Account) -> bool {
        self.subjects.contains(&account.crid)
    }

    /// The accounts shown, each once.
    #[must_use]
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// The accounts in their order, each with whether it is a subject.
    pub(crate) fn into_subjects(self) -> Vec<Option<(Account, bool)>> {
        let subjects = self.subjects;
        let marked = |account: Account| {
            let is_subject = subjects.contains(&account.crid);
            Some((account, is_subject))
        };
        self.accounts.into_iter().map(marked).collect()
    }

    /// What is known of the account of this id.
    #[must_use]
    pub fn presence(&self, id: &CustomerRegistrationId) -> Presence {
        match self.by_id.get(id) {
            Some(at) => Presence::Present(*at),
            None if self.whole || self.complete_ids.contains(id) => Presence::Absent,
            None => Presence::Unknown,
        }
    }

    /// Whether every account of this address is among those shown.
    #[must_use]
    pub fn is_complete_for(&self, key: &EmailKey) -> bool {
        self.whole || self.complete_addresses.contains(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::email::Email;

    fn registration(number: i64, crid: &str, email: &str) -> Account {
        Account {
            registration_id: Some(number),
            email: Email::parse(email).ok(),
            ..Account::new(CustomerRegistrationId::parse(crid).unwrap())
        }
    }

    #[test]
    fn a_later_reading_of_a_moved_registration_replaces_the_earlier_one() {
        let mut evidence = Evidence::default();
        evidence.add(registration(7, "b", "e@example.com"));
        evidence.add(registration(8, "c", "f@example.com"));
        let moved = registration(7, "a", "g@example.com");
        evidence.add(moved.clone());
        assert_eq!(evidence.accounts(), [moved, registration(8, "c", "f@example.com")]);
        let presence = |id| evidence.presence(&CustomerRegistrationId::parse(id).unwrap());
        assert_eq!(presence("a"), Presence::Present(0));
        assert_eq!(presence("b"), Presence::Unknown);
    }

    #[test]
    fn only_a_confirmation_makes_an_id_absent() {
        let mut evidence = Evidence::default();
        let id = CustomerRegistrationId::parse("a").unwrap();
        assert_eq!(evidence.presence(&id), Presence::Unknown);
        evidence.confirm_id(id.clone());
        assert_eq!(evidence.presence(&id), Presence::Absent);
        assert_eq!(Evidence::whole(Vec::new()).presence(&id), Presence::Absent);
    }
}
