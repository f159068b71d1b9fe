//! The naive model of a list: every account looked at, one condition after the other, in plain words.
//!
//! It is written apart from what it checks: it calls neither `UserFilter::matches` nor `SortKey::compare`.

use masthead_domain::{
    account::Account,
    metadata::fold_case,
    name::fold_name,
    order::{Direction, Order, SortColumn},
    query::{EmailFilter, UserFilter},
};

/// Every match of the filter among the accounts, in the order asked for.
#[must_use]
pub fn list(accounts: &[Account], filter: &UserFilter, order: Order, federated: bool) -> Vec<Account> {
    let matching = accounts.iter().filter(|account| is_match(account, filter));
    let (mut filled, mut empty) = (Vec::new(), Vec::new());
    for account in matching {
        match value(account, order.column, federated) {
            Some(value) => filled.push((value, account.crid.as_str(), account)),
            None => empty.push((Value::Number(0), account.crid.as_str(), account)),
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
enum Value {
    Number(i128),
    Text(Vec<u8>),
}

fn value(account: &Account, column: SortColumn, federated: bool) -> Option<Value> {
    let text = |text: &str| (!text.is_empty()).then(|| Value::Text(text.as_bytes().to_vec()));
    let micros = |at: time::OffsetDateTime| Value::Number(at.unix_timestamp_nanos().div_euclid(1000));
    match column {
        SortColumn::CustomerRegistrationId => text(account.crid.as_str()),
        SortColumn::Email => text(address(account)),
        SortColumn::FirstName => text(&fold_name(&account.first_name)),
        SortColumn::LastName => text(&fold_name(&account.last_name)),
        SortColumn::State => Some(Value::Text(state(account, federated).into())),
        SortColumn::Verified => Some(Value::Number(i128::from(account.verified == Some(true)))),
        SortColumn::DateRegistered => account.registered_at.map(micros),
        SortColumn::ChangeDate => account.changed_at.map(micros),
    }
}

/// Contract §2.3, in its own words.
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
            EmailFilter::Contains(needle) => contains(email, needle.as_str().as_bytes()),
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
