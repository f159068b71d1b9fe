//! The account object: its sections, its login identifiers, and how much of it a call shows.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::refusal::Refusal;
use crate::clock::timestamp;

/// What `include` may name, and the member that it shows.
const INCLUDES: [(&str, &str); 21] = [
    ("identities-active", "identities"),
    ("identities-all", "identities"),
    ("identities-global", "identities"),
    ("loginIDs", "loginIDs"),
    ("emails", "emails"),
    ("profile", "profile"),
    ("data", "data"),
    ("memberships", "memberships"),
    ("password", "password"),
    ("isLockedOut", "isLockedOut"),
    ("lastLoginLocation", "lastLoginLocation"),
    ("regSource", "regSource"),
    ("irank", "iRank"),
    ("rba", "rbaPolicy"),
    ("subscriptions", "subscriptions"),
    ("userInfo", "userInfo"),
    ("preferences", "preferences"),
    ("groups", "groups"),
    ("internal", "internal"),
    ("customIdentifiers", "customIdentifiers"),
    ("id_token", "id_token"),
];

/// The members that a search for `*` leaves out.
pub(super) const NOT_IN_A_STAR: [&str; 4] = ["emails", "loginIDs", "subscriptions", "password"];

/// Fields of the profile, as the schema knows them.
pub(super) const PROFILE: [&str; 36] = [
    "firstName",
    "lastName",
    "email",
    "username",
    "nickname",
    "gender",
    "age",
    "birthDay",
    "birthMonth",
    "birthYear",
    "country",
    "state",
    "city",
    "zip",
    "address",
    "phones",
    "photoURL",
    "thumbnailURL",
    "profileURL",
    "locale",
    "languages",
    "bio",
    "timezone",
    "honors",
    "industry",
    "professionalHeadline",
    "politicalView",
    "relationshipStatus",
    "religion",
    "specialties",
    "hometown",
    "interestedIn",
    "proxyemail",
    "education",
    "work",
    "likes",
];

/// What a login can name, in lower case: addresses (verified or not) and the user name.
pub(super) fn login_ids(account: &Value) -> Vec<String> {
    let ids = &account["loginIDs"];
    let lists = ["emails", "unverifiedEmails"]
        .into_iter()
        .filter_map(|name| ids[name].as_array());
    let texts = lists
        .flatten()
        .filter_map(Value::as_str)
        .chain(ids["username"].as_str());
    texts.map(str::to_lowercase).collect()
}

/// The members that a call shows.
#[derive(Debug)]
pub(super) struct Include(Vec<&'static str>);

impl Include {
    /// Profile and data, unless the caller says otherwise: then those as well only when named.
    pub(super) fn parse(names: &[&str]) -> Result<Self, Refusal> {
        if names.is_empty() {
            return Ok(Self(vec!["profile", "data"]));
        }
        let member = |name: &&str| {
            let found = INCLUDES.iter().find(|(known, _)| known == name);
            found
                .map(|(_, member)| *member)
                .ok_or_else(|| Refusal::invalid("include", "no such part"))
        };
        names.iter().map(member).collect::<Result<_, _>>().map(Self)
    }

    /// The account as far as it is asked for; `password` shows hash and salt, as the real one does.
    pub(super) fn of(&self, account: &Value, has_password: bool) -> Map<String, Value> {
        let mut shown = Map::new();
        for (name, value) in account.as_object().into_iter().flatten() {
            let section = INCLUDES.iter().any(|(_, member)| member == name);
            if !section || self.0.contains(&name.as_str()) {
                shown.insert(name.clone(), value.clone());
            }
        }
        if has_password && self.0.contains(&"password") {
            let hash = json!({"hash": "sandbox-password-hash", "hashSettings": {"algorithm": "pbkdf2", "rounds": 3000, "salt": "sandbox-salt"}});
            shown.insert("password".into(), hash);
        }
        shown
    }
}

/// The members that every new account has.
pub(super) fn fresh(uid: &str, now: OffsetDateTime) -> Value {
    let mut account = json!({
        "UID": uid, "isRegistered": false, "isActive": true, "isVerified": false, "loginProvider": "site",
        "socialProviders": "site", "profile": {}, "data": {}, "emails": {"verified": [], "unverified": []},
        "loginIDs": {"emails": [], "unverifiedEmails": []}, "identities": [], "subscriptions": {}, "preferences": {},
    });
    stamp(&mut account, "created", now);
    stamp(&mut account, "lastUpdated", now);
    never(&mut account, "lastLogin");
    account
}

/// Writes a moment in both its forms.
pub(super) fn stamp(account: &mut Value, name: &str, now: OffsetDateTime) {
    let milliseconds = i64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX);
    account[name] = timestamp(now).into();
    account[format!("{name}Timestamp")] = milliseconds.into();
}

/// Writes that something has never been.
pub(super) fn never(account: &mut Value, name: &str) {
    account[name] = "0001-01-01T00:00:00Z".into();
    account[format!("{name}Timestamp")] = 0.into();
}

/// Merges a change into an object, level by level; null removes.
pub(super) fn merge(into: &mut Value, change: Map<String, Value>) {
    if !into.is_object() {
        *into = Value::Object(Map::new());
    }
    for (name, value) in change {
        match value {
            Value::Null => {
                into.as_object_mut().map(|members| members.remove(&name));
            }
            Value::Object(deeper) if into.get(&name).is_some_and(Value::is_object) => merge(&mut into[&name], deeper),
            other => into[&name] = other,
        }
    }
}

/// Refuses profile fields that the schema does not have.
pub(super) fn checked_profile(change: &Map<String, Value>) -> Result<(), Refusal> {
    for (name, value) in change {
        if !PROFILE.contains(&name.as_str()) {
            return Err(Refusal::invalid("profile", &format!("no field {name}")));
        }
        if name == "email" && !value.is_null() && !value.as_str().is_some_and(is_address) {
            return Err(Refusal::invalid("profile.email", "no e-mail address"));
        }
    }
    Ok(())
}

/// Whether a text can be an e-mail address.
pub(super) fn is_address(text: &str) -> bool {
    let bad = |char: char| char.is_whitespace() || char.is_control();
    text.split_once('@')
        .is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.') && !domain.contains('@'))
        && !text.contains(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_something_is_included_the_profile_must_be_named_too() {
        let account = json!({"UID": "u", "profile": {}, "data": {}, "emails": {}, "isActive": true});
        let names = |include: &[&str]| -> Vec<String> {
            Include::parse(include)
                .unwrap()
                .of(&account, true)
                .keys()
                .cloned()
                .collect()
        };
        assert_eq!(names(&[]), ["UID", "data", "isActive", "profile"]);
        assert_eq!(names(&["emails"]), ["UID", "emails", "isActive"]);
        assert_eq!(
            names(&["profile", "password"]),
            ["UID", "isActive", "password", "profile"]
        );
        assert!(Include::parse(&["profile", "shoes"]).is_err());
    }

    #[test]
    fn a_change_is_merged_level_by_level_and_null_removes() {
        let mut data = json!({"a": {"x": 1, "y": 2}, "b": 1});
        let change = json!({"a": {"x": null, "z": 3}, "b": null, "c": {"d": 1}});
        merge(&mut data, change.as_object().unwrap().clone());
        assert_eq!(data, json!({"a": {"y": 2, "z": 3}, "c": {"d": 1}}));
    }

    #[test]
    fn odd_addresses_are_addresses() {
        for odd in [
            "o'neil+news&co=1%@example.com",
            "'<>()*!~+&=%@example.org",
            "jos\u{e9}.m\u{fc}ller@example.net",
        ] {
            assert!(is_address(odd), "{odd}");
        }
        for wrong in ["", "@example.com", "a@b@example.com", "a b@example.com", "a@example"] {
            assert!(!is_address(wrong), "{wrong}");
        }
    }
}
