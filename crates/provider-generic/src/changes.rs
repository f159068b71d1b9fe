//! The user as it goes into the body of a write: each field at the first place where it is read.

use masthead_domain::email::Email;
use masthead_ports::accounts::{AccountChange, NewAccount};
use serde_json::{Map, Value};

use crate::mapping::{Pointers, UserMapping};

impl UserMapping {
    /// A new user, without what is empty.
    pub(crate) fn new_user(&self, new: &NewAccount) -> Value {
        let mut user = Value::Object(Map::new());
        if let Some(id) = &new.id {
            self.id.put(&mut user, id.as_str().into());
        }
        put(&self.email, &mut user, new.email.as_str().into());
        put(&self.verified, &mut user, new.verified.into());
        for (places, text) in [(&self.first_name, &new.first_name), (&self.last_name, &new.last_name)] {
            if !text.is_empty() {
                put(places, &mut user, (&**text).into());
            }
        }
        for (key, value) in new.metadata.iter().filter(|(_, value)| !value.is_empty()) {
            self.put_metadata(&mut user, key, value.into());
        }
        user
    }

    /// The fields that a change sets; `null` removes one. An empty object changes nothing that the provider keeps.
    pub(crate) fn changed_user(&self, change: &AccountChange) -> Value {
        let mut user = Value::Object(Map::new());
        for (places, text) in [
            (&self.first_name, &change.first_name),
            (&self.last_name, &change.last_name),
        ] {
            if let Some(text) = text {
                put(places, &mut user, text_or_null(text));
            }
        }
        if let Some(verified) = change.verified {
            put(&self.verified, &mut user, verified.into());
        }
        for (key, value) in &change.metadata {
            self.put_metadata(&mut user, key, text_or_null(value.as_deref().unwrap_or_default()));
        }
        user
    }

    /// The user with another address.
    pub(crate) fn user_with_address(&self, email: &Email, verified: bool) -> Value {
        let mut user = Value::Object(Map::new());
        put(&self.email, &mut user, email.as_str().into());
        put(&self.verified, &mut user, verified.into());
        user
    }

    fn put_metadata(&self, user: &mut Value, key: &str, value: Value) {
        if let Some((_, places)) = self.metadata.iter().find(|(known, _)| **known == *key) {
            put(places, user, value);
        }
    }
}

/// Puts a value at the first of its places; a field without one is left out.
fn put(places: &Pointers, user: &mut Value, value: Value) {
    if let Some(place) = places.first() {
        place.put(user, value);
    }
}

fn text_or_null(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { text.into() }
}
