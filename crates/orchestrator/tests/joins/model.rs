//! The naive model: contract §2.2 word for word, over everything that both sides have.

use masthead_domain::{account::Account, email::EmailKey, join::AccountPair, merge::SourceNames, tenant::Tenant};

const NAMES: SourceNames = SourceNames {
    provider: "Auth0",
    store: "Subscribe",
};

/// The users that these accounts come to.
pub(crate) fn users(theirs: &[Account], ours: &[Account]) -> Vec<AccountPair> {
    let mut users: Vec<AccountPair> = theirs
        .iter()
        .map(|one| AccountPair {
            provider: Some(one.clone()),
            store: partner(one, theirs, ours),
        })
        .collect();
    let rest = ours.iter().filter(|one| partner(one, ours, theirs).is_none());
    users.extend(rest.map(|one| AccountPair {
        provider: None,
        store: Some(one.clone()),
    }));
    users
}

/// "Accounts join on CRID; only accounts whose own CRID is confirmed absent on the other side join on normalised e-mail,
/// and only when exactly one account on each side has it."
fn partner(one: &Account, own: &[Account], other: &[Account]) -> Option<Account> {
    if let Some(same) = other.iter().find(|account| account.crid == one.crid) {
        return Some(same.clone());
    }
    let key = one.email.as_ref()?.key();
    let [candidate] = holders(other, key)[..] else {
        return None;
    };
    let known = own.iter().any(|account| account.crid == candidate.crid);
    (holders(own, key).len() == 1 && !known).then(|| candidate.clone())
}

/// The accounts of one side that have this address.
pub(crate) fn holders<'a>(side: &'a [Account], key: &EmailKey) -> Vec<&'a Account> {
    let has = |account: &&Account| account.email.as_ref().is_some_and(|email| email.key() == key);
    side.iter().filter(has).collect()
}

/// The record that a user is answered with.
pub(crate) fn merged(user: &AccountPair, tenant: &Tenant) -> Account {
    let (merged, _) = user.merged(&tenant.settings.precedence, NAMES).expect("an account");
    merged
}
