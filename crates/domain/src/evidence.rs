//! The facts that one source has given about its accounts: those it returned, and those it confirmed not to have.

use std::collections::{HashMap, HashSet};

use crate::{account::Account, customer_registration_id::CustomerRegistrationId, email::EmailKey, user_key::UserKey};

/// The accounts that one source returned, and the lookups for which it is known to have no others.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    accounts: Vec<Account>,
    by_id: HashMap<CustomerRegistrationId, usize>,
    by_number: HashMap<i64, usize>,
    complete_ids: HashSet<CustomerRegistrationId>,
    complete_emails: HashSet<EmailKey>,
    whole: bool,
    subjects: HashSet<CustomerRegistrationId>,
}

/// What is known about the account with one id at one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// The source returned it; the number is its index in [`Evidence::accounts`].
    Present(usize),
    /// The source confirmed that it has none.
    Absent,
    /// The source was not queried, or did not answer.
    Unknown,
}

impl Evidence {
    /// All accounts of a source: any other account is absent.
    #[must_use]
    pub fn whole(accounts: Vec<Account>) -> Self {
        let mut evidence = Self::default();
        for account in accounts {
            evidence.add(account);
        }
        evidence.confirm_whole();
        evidence
    }

    /// Adds an account. It replaces an older version with the same id or of the same registration, which may have moved to
    /// another id or address since.
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

    /// Takes accounts out, as if the source had confirmed that it has none with their ids.
    pub fn remove(&mut self, is_removed: impl Fn(&Account) -> bool) {
        let accounts = std::mem::take(&mut self.accounts);
        self.by_id.clear();
        self.by_number.clear();
        for account in accounts {
            if is_removed(&account) {
                self.complete_ids.insert(account.crid);
            } else {
                self.add(account);
            }
        }
    }

    /// Records that the source returned every account with this key.
    pub fn confirm(&mut self, key: UserKey) {
        match key {
            UserKey::Id(id) => {
                self.complete_ids.insert(id);
            }
            UserKey::Email(email) => {
                self.complete_emails.insert(email);
            }
        }
    }

    /// Records that the source returned all its accounts.
    pub fn confirm_whole(&mut self) {
        self.whole = true;
    }

    /// Marks the known accounts that the request is about. Other accounts, and accounts added later, only decide how the
    /// subjects are joined.
    pub fn mark_subjects(&mut self, is_subject: impl Fn(&Account) -> bool) {
        let subjects = self.accounts.iter().filter(|account| is_subject(account));
        self.subjects = subjects.map(|account| account.crid.clone()).collect();
    }

    /// Whether the request is about this account.
    #[must_use]
    pub fn is_subject(&self, account: &Account) -> bool {
        self.subjects.contains(&account.crid)
    }

    /// The known accounts, each once.
    #[must_use]
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// The accounts in order, each with whether it is a subject.
    pub(crate) fn into_subjects(self) -> Vec<Option<(Account, bool)>> {
        let subjects = self.subjects;
        let marked = |account: Account| {
            let is_subject = subjects.contains(&account.crid);
            Some((account, is_subject))
        };
        self.accounts.into_iter().map(marked).collect()
    }

    /// What is known about the account with this id.
    #[must_use]
    pub fn presence(&self, id: &CustomerRegistrationId) -> Presence {
        match self.by_id.get(id) {
            Some(at) => Presence::Present(*at),
            None if self.whole || self.complete_ids.contains(id) => Presence::Absent,
            None => Presence::Unknown,
        }
    }

    /// Whether all accounts with this address are known.
    #[must_use]
    pub fn is_complete_for(&self, key: &EmailKey) -> bool {
        self.whole || self.complete_emails.contains(key)
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
    fn newer_version_of_moved_registration_replaces_older() {
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
    fn removed_account_is_absent_and_the_others_stay() {
        let mut evidence = Evidence::default();
        for (number, crid) in [(7, "a"), (8, "b"), (9, "c")] {
            evidence.add(registration(number, crid, "e@example.com"));
        }
        evidence.mark_subjects(|_| true);
        evidence.remove(|account| account.registration_id == Some(8));
        let presence = |id| evidence.presence(&CustomerRegistrationId::parse(id).unwrap());
        assert_eq!(presence("b"), Presence::Absent);
        assert_eq!(
            (presence("a"), presence("c")),
            (Presence::Present(0), Presence::Present(1))
        );
        assert!(evidence.is_subject(&evidence.accounts()[1]));
    }

    #[test]
    fn only_confirmation_makes_id_absent() {
        let mut evidence = Evidence::default();
        let id = CustomerRegistrationId::parse("a").unwrap();
        assert_eq!(evidence.presence(&id), Presence::Unknown);
        evidence.confirm(UserKey::Id(id.clone()));
        assert_eq!(evidence.presence(&id), Presence::Absent);
        assert_eq!(Evidence::whole(Vec::new()).presence(&id), Presence::Absent);
    }
}
