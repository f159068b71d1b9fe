//! Invented readers, by name: the same person as the store keeps them and as Auth0 shows them.

use serde_json::{Value, json};

/// Words of every reader, in lower case; none may be found where no reader may be named.
pub(crate) const PERSONAL: [&str; 6] = [
    "hidden.example",
    "storeside",
    "liveside",
    "quizzeltop",
    "nowhereville",
    "auth0|",
];

/// The id that both sides have for the reader of this name.
pub(crate) fn crid(name: &str) -> String {
    format!("auth0|{name}")
}

/// Their address.
pub(crate) fn email(name: &str) -> String {
    format!("{name}@hidden.example")
}

/// A line of an import: the store has another first name than the provider, and a city.
pub(crate) fn stored(tenant: &str, name: &str) -> Value {
    json!({
        "tenant": tenant, "customerRegistrationId": crid(name), "email": email(name), "firstName": "Storeside",
        "lastName": "Quizzeltop", "verified": true, "metadata": {"city": "Nowhereville"},
    })
}

/// A user as Auth0 shows them: another first name than the store's, and a time zone.
pub(crate) fn shown(name: &str) -> Value {
    json!({
        "user_id": crid(name), "email": email(name), "email_verified": true, "given_name": "Liveside",
        "family_name": "Quizzeltop", "name": "Liveside Quizzeltop", "nickname": "Liveside",
        "identities": [{"connection": "readers", "provider": "auth0", "user_id": name, "isSocial": false}],
        "user_metadata": {"timeZone": "Europe/Oslo"}, "created_at": "2020-01-01T00:00:00.000Z",
        "updated_at": "2020-01-01T00:00:00.000Z",
    })
}
