//! The account object: its sections, its login identifiers, and how much of it a call shows.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::error::GigyaCallError;
use crate::clock::format_timestamp;
use crate::name_list::contains_name;

/// Sections that a call shows only when they are included.
const SECTIONS: &str = "identities loginIDs emails profile data memberships password isLockedOut lastLoginLocation \
                        regSource iRank rbaPolicy subscriptions userInfo preferences groups internal \
                        customIdentifiers id_token";

/// The sections that the adapter includes.
const INCLUDABLE: [&str; 4] = ["profile", "data", "emails", "loginIDs"];

/// The members that a search for `*` leaves out.
pub(super) const NOT_IN_A_STAR: [&str; 4] = ["emails", "loginIDs", "subscriptions", "password"];

/// The fields of the profile in the schema.
const PROFILE: &str = "firstName lastName email username nickname gender age birthDay birthMonth birthYear country \
                       state city zip address phones photoURL thumbnailURL profileURL locale languages bio timezone \
                       honors industry professionalHeadline politicalView relationshipStatus religion specialties \
                       hometown interestedIn proxyemail education work likes";

/// The identifiers that an account signs in with, in lower case: addresses (verified or not) and the user name.
pub(super) fn login_ids(account: &Value) -> Vec<String> {
    let ids = &account["loginIDs"];
    let lists = [&ids["emails"], &ids["unverifiedEmails"]]
        .into_iter()
        .filter_map(Value::as_array);
    let texts = lists.flatten().chain([&ids["username"]]).filter_map(Value::as_str);
    texts.map(str::to_lowercase).collect()
}

/// The sections that a call shows: profile and data by default.
#[derive(Debug)]
pub(super) struct IncludedSections(Vec<String>);

impl Default for IncludedSections {
    fn default() -> Self {
        Self(vec!["profile".to_owned(), "data".to_owned()])
    }
}

impl IncludedSections {
    /// Once a section is named, the default ones are shown only when they are named too.
    pub(super) fn parse(names: &[&str]) -> Result<Self, GigyaCallError> {
        if names.is_empty() {
            return Ok(Self::default());
        }
        if let Some(name) = names.iter().find(|name| !INCLUDABLE.contains(name)) {
            return Err(GigyaCallError::unsupported("include", name));
        }
        Ok(Self(names.iter().map(|&name| name.to_owned()).collect()))
    }

    /// The included part of an account.
    pub(super) fn show(&self, account: &Value) -> Map<String, Value> {
        let members = account.as_object().into_iter().flatten();
        let is_shown = |name: &str| self.0.iter().any(|included| included == name) || !contains_name(SECTIONS, name);
        let shown = members.filter(|(name, _)| is_shown(name));
        shown.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

/// The members of every new account.
pub(super) fn new_account(uid: &str, now: OffsetDateTime) -> Value {
    let mut account = json!({
        "UID": uid, "isRegistered": false, "isActive": true, "isVerified": false, "loginProvider": "site",
        "socialProviders": "site", "profile": {}, "data": {}, "emails": {"verified": [], "unverified": []},
        "loginIDs": {"emails": [], "unverifiedEmails": []}, "identities": [], "subscriptions": {}, "preferences": {},
    });
    set_time(&mut account, "created", now);
    set_time(&mut account, "lastUpdated", now);
    set_never(&mut account, "lastLogin");
    account
}

/// Writes a time in both its formats.
pub(super) fn set_time(account: &mut Value, name: &str, now: OffsetDateTime) {
    let milliseconds = i64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX);
    account[name] = format_timestamp(now).into();
    account[format!("{name}Timestamp")] = milliseconds.into();
}

/// Writes Gigya's value for an event that never happened.
pub(super) fn set_never(account: &mut Value, name: &str) {
    account[name] = "0001-01-01T00:00:00Z".into();
    account[format!("{name}Timestamp")] = 0.into();
}

/// Refuses profile fields that the schema does not have.
pub(super) fn check_profile(change: &Map<String, Value>) -> Result<(), GigyaCallError> {
    for (name, value) in change {
        if !contains_name(PROFILE, name) {
            return Err(GigyaCallError::invalid("profile", &format!("no field {name}")));
        }
        if name == "email" && !value.is_null() && !value.as_str().is_some_and(is_address) {
            return Err(GigyaCallError::invalid("profile.email", "not an e-mail address"));
        }
    }
    Ok(())
}

/// Whether a text can be an e-mail address.
pub(super) fn is_address(text: &str) -> bool {
    let is_bad = |char: char| char.is_whitespace() || char.is_control();
    text.split_once('@')
        .is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.') && !domain.contains('@'))
        && !text.contains(is_bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_sections_replace_the_default_ones() {
        let account = json!({"UID": "u", "profile": {}, "data": {}, "emails": {}, "isActive": true});
        let names = |include: &[&str]| -> Vec<String> {
            let included = IncludedSections::parse(include).unwrap();
            included.show(&account).keys().cloned().collect()
        };
        assert_eq!(names(&[]), ["UID", "data", "isActive", "profile"]);
        assert_eq!(names(&["emails"]), ["UID", "emails", "isActive"]);
        assert!(IncludedSections::parse(&["profile", "password"]).is_err());
    }

    #[test]
    fn unusual_addresses_are_valid() {
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
