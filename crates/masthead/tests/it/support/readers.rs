//! Invented readers, by name: the same person has another first name at the provider than in the store.

use serde_json::{Value, json};

/// Their last name everywhere.
pub(crate) const LAST_NAME: &str = "Quizzeltop";

/// Their first name at the provider.
pub(crate) const PROVIDER_NAME: &str = "Liveside";

/// Their first name in the store.
pub(crate) const STORE_NAME: &str = "Storeside";

/// Their city, which the store alone knows.
pub(crate) const CITY: &str = "Nowhereville";

/// Words of every reader, in lower case; none may be found where no reader may be named.
pub(crate) const PERSONAL: [&str; 6] = [
    "hidden.example",
    "storeside",
    "liveside",
    "quizzeltop",
    "nowhereville",
    "auth0|",
];

/// The id that both sides have for the reader of this name; whatever the provider, it looks like Auth0's.
pub(crate) fn crid(name: &str) -> String {
    format!("auth0|{name}")
}

/// Their address.
pub(crate) fn email(name: &str) -> String {
    format!("{name}@hidden.example")
}

/// A line of an import: the store's name, and a city.
pub(crate) fn stored(tenant: &str, name: &str) -> Value {
    json!({
        "tenant": tenant, "customerRegistrationId": crid(name), "email": email(name), "firstName": STORE_NAME,
        "lastName": LAST_NAME, "verified": true, "metadata": {"city": CITY},
    })
}
