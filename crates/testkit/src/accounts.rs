//! Invented accounts; nobody of these names and addresses is meant.

use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, email::Email, metadata::Metadata,
};
use time::{Duration, macros::datetime};

/// An account with an address, two names, a password and a verified address.
///
/// # Panics
/// When the id cannot be one, or the address is empty.
#[must_use]
pub fn account(crid: &str, email: &str, first_name: &str, last_name: &str) -> Account {
    Account {
        email: Some(Email::from_source(email).expect("an address")),
        first_name: first_name.into(),
        last_name: last_name.into(),
        verified: Some(true),
        has_password: true,
        registered_at: Some(datetime!(2020-01-02 03:04:05 UTC)),
        changed_at: Some(datetime!(2021-02-03 04:05:06 UTC)),
        ..Account::new(CustomerRegistrationId::parse(crid).expect("an id"))
    }
}

/// The same account with this metadata.
///
/// # Panics
/// When the metadata is refused.
#[must_use]
pub fn with_metadata(account: Account, pairs: &[(&str, &str)]) -> Account {
    let pairs = pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Account {
        metadata: Metadata::new(pairs).expect("metadata"),
        ..account
    }
}

/// So many readers, `reader0@example.org` and on, each with another id, registration number and date.
#[must_use]
pub fn readers(count: u32) -> Vec<Account> {
    const FIRST: [&str; 7] = ["Ada", "Bo", "Cy", "Dé", "Eli", "Fay", ""];
    const LAST: [&str; 5] = ["Ash", "Birch", "Cedar", "Dogwood", "Élan"];
    (0..count)
        .map(|n| {
            let at = |names: &'static [&'static str]| names[n as usize % names.len()];
            Account {
                registration_id: Some(i64::from(n) + 1),
                registered_at: Some(datetime!(2015-01-01 00:00 UTC) + Duration::hours(i64::from(n))),
                changed_at: (!n.is_multiple_of(4))
                    .then(|| datetime!(2022-01-01 00:00 UTC) - Duration::hours(i64::from(n))),
                verified: Some(!n.is_multiple_of(3)),
                has_password: !n.is_multiple_of(5),
                ..account(
                    &format!("r-{n:05}"),
                    &format!("reader{n}@example.org"),
                    at(&FIRST),
                    at(&LAST),
                )
            }
        })
        .collect()
}
