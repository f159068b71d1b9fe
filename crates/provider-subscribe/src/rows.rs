//! One page of users as the far side shows it, whichever of its APIs was asked.

use std::collections::HashSet;

use masthead_domain::{account::Account, query::Total};

use crate::flaw::Flaw;

/// One page.
#[derive(Debug)]
pub(crate) struct Rows {
    /// Each user, or why it cannot be read.
    pub(crate) users: Vec<Result<Account, Flaw>>,
    /// How many there are before paging; `None` where the far side was not asked, or does not say.
    pub(crate) total: Option<Total>,
    /// The far side's own word for where the next page begins.
    pub(crate) cursor: Option<Box<str>>,
}

impl Rows {
    /// The accounts, when each can be read, nobody is there twice, and all are such as `fits` says.
    pub(crate) fn accounts(self, fits: impl Fn(&Account) -> bool) -> Result<Vec<Account>, Flaw> {
        let accounts: Vec<Account> = self.users.into_iter().collect::<Result<_, _>>()?;
        let mut known = HashSet::with_capacity(accounts.len());
        if !accounts.iter().all(|account| known.insert(&account.crid)) {
            return Err(Flaw::Twice);
        }
        if !accounts.iter().all(fits) {
            return Err(Flaw::SomebodyElse);
        }
        Ok(accounts)
    }
}
