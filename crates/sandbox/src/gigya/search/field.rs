//! Fields of an account that a query may name: what they hold, and whether they are encrypted.

use serde_json::{Map, Value};

use crate::gigya::account::PROFILE;
use crate::gigya::refusal::Refusal;

/// A field's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    path: Vec<String>,
    encrypted: bool,
}

/// What a field holds, as far as the schema says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
    Flag,
    /// The site's own data: anything.
    Any,
}

const TEXTS: [&str; 13] = [
    "UID",
    "created",
    "lastLogin",
    "lastUpdated",
    "oldestDataUpdated",
    "registered",
    "verified",
    "lockedUntil",
    "loginProvider",
    "socialProviders",
    "regSource",
    "phoneNumber",
    "rbaPolicy",
];
const NUMBERS: [&str; 6] = [
    "createdTimestamp",
    "lastLoginTimestamp",
    "lastUpdatedTimestamp",
    "oldestDataUpdatedTimestamp",
    "registeredTimestamp",
    "verifiedTimestamp",
];
const FLAGS: [&str; 7] = [
    "isRegistered",
    "isActive",
    "isVerified",
    "isLockedOut",
    "isLite",
    "hasLiteAccount",
    "hasFullAccount",
];
const PROFILE_NUMBERS: [&str; 4] = ["age", "birthDay", "birthMonth", "birthYear"];
const LOGIN_IDS: [&str; 3] = ["username", "emails", "unverifiedEmails"];
const EMAILS: [&str; 2] = ["verified", "unverified"];
const IDENTITY: [&str; 10] = [
    "provider",
    "providerUID",
    "email",
    "firstName",
    "lastName",
    "nickname",
    "isLoginIdentity",
    "allowsLogin",
    "isExpiredSession",
    "lastUpdated",
];
const FREE: [&str; 5] = ["data", "subscriptions", "preferences", "customIdentifiers", "groups"];
const SECTIONS: [&str; 4] = ["profile", "loginIDs", "emails", "identities"];

impl Field {
    /// A field that a condition or an order may name.
    pub(super) fn parse(name: &str, encrypted: &[String]) -> Result<Self, Refusal> {
        let path: Vec<String> = name.split('.').map(str::to_owned).collect();
        let parts: Vec<&str> = path.iter().map(String::as_str).collect();
        let known = match parts[..] {
            [root] => TEXTS.contains(&root) || NUMBERS.contains(&root) || FLAGS.contains(&root),
            ["profile", field] => PROFILE.contains(&field),
            ["profile", "phones", part] => ["type", "number", "default"].contains(&part),
            ["profile", "education" | "work" | "likes", part] => !part.is_empty(),
            ["loginIDs", field] => LOGIN_IDS.contains(&field),
            ["emails", field] => EMAILS.contains(&field),
            ["identities", field] => IDENTITY.contains(&field),
            [root, ref rest @ ..] => FREE.contains(&root) && rest.iter().all(|part| !part.is_empty()),
            [] => false,
        };
        if !known {
            return Err(Refusal::invalid("query", &format!("no field {name}")));
        }
        let by_default = matches!(
            parts[..],
            ["profile", "email" | "username"] | ["loginIDs" | "emails", _] | ["identities", "email"]
        );
        let encrypted = by_default || encrypted.iter().any(|chosen| chosen == name);
        Ok(Self { path, encrypted })
    }

    /// A field that may be selected: whole sections as well.
    pub(super) fn selected(name: &str) -> Result<Self, Refusal> {
        if SECTIONS.contains(&name) || FREE.contains(&name) {
            return Ok(Self {
                path: vec![name.to_owned()],
                encrypted: false,
            });
        }
        Self::parse(name, &[])
    }

    pub(super) fn root(&self) -> &str {
        self.path.first().map_or("", String::as_str)
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    pub(super) fn kind(&self) -> Kind {
        let last = self.path.last().map_or("", String::as_str);
        match (self.root(), self.path.len()) {
            (root, 1) if NUMBERS.contains(&root) => Kind::Number,
            (root, 1) if FLAGS.contains(&root) => Kind::Flag,
            ("profile", 2) if PROFILE_NUMBERS.contains(&last) => Kind::Number,
            ("identities", 2) if last.starts_with("is") || last == "allowsLogin" => Kind::Flag,
            (root, _) if FREE.contains(&root) => Kind::Any,
            _ => Kind::Text,
        }
    }

    /// All values at the path; an array on the way stands for each of its entries.
    pub(super) fn values<'a>(&self, account: &'a Value) -> Vec<&'a Value> {
        let mut found = vec![account];
        for name in &self.path {
            found = found
                .into_iter()
                .flat_map(spread)
                .filter_map(|value| value.get(name))
                .collect();
        }
        found
            .into_iter()
            .flat_map(spread)
            .filter(|value| !value.is_null())
            .collect()
    }

    /// Copies the field into a row, in the nesting of the account.
    pub(super) fn copy(&self, account: &Value, row: &mut Value) {
        copy(&self.path, account, row);
    }
}

fn copy(path: &[String], from: &Value, into: &mut Value) {
    let [name, rest @ ..] = path else { return };
    let Some(value) = from.get(name).filter(|value| !super::is_empty(value)) else {
        return;
    };
    // A list on the way is shown whole: its entries cannot be told apart by a path.
    if rest.is_empty() || !value.is_object() {
        into[name] = value.clone();
        return;
    }
    if !into.get(name).is_some_and(Value::is_object) {
        into[name] = Value::Object(Map::new());
    }
    copy(rest, value, &mut into[name]);
}

fn spread(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(entries) => entries.iter().flat_map(spread).collect(),
        other => vec![other],
    }
}
