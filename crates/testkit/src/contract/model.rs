//! The naive model of a list: each account is checked against each condition.
//!
//! It is independent of the code under test: it calls neither `UserFilter::matches` nor `SortKey::compare`.

use masthead_domain::{
    account::Account,
    metadata::fold_case,
    name::fold_name,
    order::{Direction, Order, SortColumn},
    query::{EmailFilter, UserFilter},
};

/// The accounts that match the filter, in the requested order.
#[must_use]
pub fn list(accounts: &[Account], filter: &UserFilter, order: Order, federated: bool) -> Vec<Account> {
    let matching = accounts.iter().filter(|account| is_match(account, filter));
    let (mut filled, mut empty) = (Vec::new(), Vec::new());
    for account in matching {
        match value(account, order.column, federated) {
            Some(value) => filled.push((value, account.crid.as_str(), account)),
            None => empty.push((ModelValue::Number(0), account.crid.as_str(), account)),
        }
    }
    for part in [&mut filled, &mut empty] {
        part.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
        if order.direction == Direction::Descending {
            part.reverse();
        }
    }
    filled
        .into_iter()
        .chain(empty)
        .map(|(_, _, account)| account.clone())
        .collect()
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum ModelValue {
    Number(i128),
    Text(Vec<u8>),
}

fn value(account: &Account, column: SortColumn, federated: bool) -> Option<ModelValue> {
    let text = |text: &str| (!text.is_empty()).then(|| ModelValue::Text(text.as_bytes().to_vec()));
    let micros = |at: time::OffsetDateTime| ModelValue::Number(at.unix_timestamp_nanos().div_euclid(1000));
    match column {
        SortColumn::CustomerRegistrationId => text(account.crid.as_str()),
        SortColumn::Email => text(address(account)),
        SortColumn::FirstName => text(&fold_name(&account.first_name)),
        SortColumn::LastName => text(&fold_name(&account.last_name)),
        SortColumn::State => Some(ModelValue::Text(state(account, federated).into())),
        SortColumn::Verified => Some(ModelValue::Number(i128::from(account.verified == Some(true)))),
        SortColumn::DateRegistered => account.registered_at.map(micros),
        SortColumn::ChangeDate => account.changed_at.map(micros),
    }
}

/// Contract §2.3.
fn state(account: &Account, federated: bool) -> &'static str {
    if federated {
        "Standard"
    } else if !account.has_password {
        "Lite"
    } else if account.verified != Some(true) {
        "Unverified"
    } else {
        "Standard"
    }
}

fn address(account: &Account) -> &str {
    account.email.as_ref().map_or("", |email| email.key().as_str())
}

fn is_match(account: &Account, filter: &UserFilter) -> bool {
    let email = address(account).as_bytes();
    for condition in &filter.emails {
        let holds = match condition {
            EmailFilter::Exact(key) => email == key.as_str().as_bytes(),
            EmailFilter::Prefix(needle) => starts(email, needle.as_str().as_bytes()),
            EmailFilter::Contains(needle) => {
                let of_domain = needle.in_domain().is_some_and(|text| contains(email, text.as_bytes()));
                of_domain || contains(email, needle.as_str().as_bytes())
            }
        };
        if !holds {
            return false;
        }
    }
    for crid in &filter.crids {
        if crid.as_str() != account.crid.as_str() {
            return false;
        }
    }
    for (wanted, name) in [
        (&filter.first_name, &account.first_name),
        (&filter.last_name, &account.last_name),
    ] {
        if let Some(wanted) = wanted
            && !starts(fold_name(name).as_bytes(), wanted.as_str().as_bytes())
        {
            return false;
        }
    }
    if filter.only_active && state(account, false) == "Unverified" {
        return false;
    }
    for wanted in &filter.metadata {
        let mut found = false;
        for (key, value) in account.metadata.iter() {
            found |= is_pair(key, value, wanted.key(), wanted.value());
        }
        found |= is_pair("firstName", &account.first_name, wanted.key(), wanted.value());
        found |= is_pair("lastName", &account.last_name, wanted.key(), wanted.value());
        if !found {
            return false;
        }
    }
    true
}

/// An empty value is no value.
fn is_pair(key: &str, value: &str, wanted_key: &str, wanted_value: &str) -> bool {
    !value.is_empty() && fold_case(key) == wanted_key && fold_case(value) == wanted_value
}

fn starts(text: &[u8], with: &[u8]) -> bool {
    text.len() >= with.len() && text[..with.len()] == *with
}

fn contains(text: &[u8], needle: &[u8]) -> bool {
    (0..=text.len()).any(|at| starts(&text[at..], needle))
}
