//! Test users by name: each has another first name at the provider than in the store.

use serde_json::{Value, json};

/// Their last name everywhere.
pub(crate) const LAST_NAME: &str = "Quizzeltop";

/// Their first name at the provider.
pub(crate) const PROVIDER_NAME: &str = "Liveside";

/// Their first name in the store.
pub(crate) const STORE_NAME: &str = "Storeside";

/// Their city, which only the store has.
pub(crate) const CITY: &str = "Nowhereville";

/// Data of every user, in lower case; it must not be found in logs, metrics and messages.
pub(crate) const PERSONAL: [&str; 6] = [
    "hidden.example",
    "storeside",
    "liveside",
    "quizzeltop",
    "nowhereville",
    "auth0|",
];

/// The id of the user with this name on both sides; it looks like Auth0's for every provider.
pub(crate) fn crid(name: &str) -> String {
    format!("auth0|{name}")
}

/// Their address.
pub(crate) fn email(name: &str) -> String {
    format!("{name}@hidden.example")
}

/// A line of an import.
pub(crate) fn stored(tenant: &str, name: &str) -> Value {
    json!({
        "tenant": tenant, "customerRegistrationId": crid(name), "email": email(name), "firstName": STORE_NAME,
        "lastName": LAST_NAME, "verified": true, "metadata": {"city": CITY},
    })
}
