//! Gigya's JSON, as far as it is used: nothing else of an account is stored (`providers.md` §2.3, §2.5 and §2.8).

use masthead_provider_kit::{
    json::JsonRows,
    redacted,
    wire::{flag, members, text},
};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// An account. What is of another type than documented counts as missing; only the UID must be there.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GigyaAccount {
    #[serde(rename = "UID")]
    pub(crate) uid: String,
    #[serde(default, deserialize_with = "flag")]
    pub(crate) is_registered: Option<bool>,
    #[serde(default, deserialize_with = "flag")]
    pub(crate) is_verified: Option<bool>,
    #[serde(default, deserialize_with = "flag")]
    pub(crate) is_lite: Option<bool>,
    #[serde(default, deserialize_with = "members")]
    pub(crate) profile: Map<String, Value>,
    #[serde(default, deserialize_with = "members")]
    pub(crate) data: Map<String, Value>,
    #[serde(default, rename = "loginIDs", deserialize_with = "members")]
    login_ids: Map<String, Value>,
    #[serde(default, deserialize_with = "members")]
    emails: Map<String, Value>,
    #[serde(default)]
    pub(crate) registered: Value,
    #[serde(default)]
    pub(crate) created: Value,
    #[serde(default)]
    pub(crate) last_updated: Value,
}

impl GigyaAccount {
    /// The addresses that the account signs in with.
    pub(crate) fn login_addresses(&self) -> impl Iterator<Item = &str> {
        texts(&self.login_ids, "emails").chain(texts(&self.login_ids, "unverifiedEmails"))
    }

    /// Every address beside the profile's, those for signing in first.
    pub(crate) fn other_addresses(&self) -> impl Iterator<Item = &str> {
        let more = texts(&self.emails, "verified").chain(texts(&self.emails, "unverified"));
        self.login_addresses().chain(more)
    }

    /// Whether the account is unregistered, such as an address that only gets a newsletter.
    pub(crate) fn is_lite(&self) -> bool {
        self.is_lite == Some(true) && self.is_registered != Some(true)
    }
}

fn texts<'a>(members: &'a Map<String, Value>, name: &str) -> impl Iterator<Item = &'a str> {
    let list = members.get(name).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GigyaSearchPage {
    /// What is empty may be left out, or null.
    #[serde(default, deserialize_with = "rows")]
    pub(crate) results: JsonRows<GigyaAccount>,
    pub(crate) objects_count: u64,
    pub(crate) total_count: u64,
    #[serde(default)]
    pub(crate) next_cursor_id: Option<String>,
}

fn rows<'de, D: Deserializer<'de>>(from: D) -> Result<JsonRows<GigyaAccount>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegistrationStarted {
    pub(crate) reg_token: String,
}

/// An account that was made; it may have to be finished with the token.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegisteredAccount {
    pub(crate) error_code: u64,
    #[serde(default)]
    pub(crate) reg_token: Option<String>,
    #[serde(flatten)]
    pub(crate) account: GigyaAccount,
}

/// A call that answers with nothing but that it is done.
#[derive(Debug, Deserialize)]
pub(crate) struct EmptyAnswer {}

/// Why a call was not carried out.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GigyaErrorBody {
    pub(crate) error_code: u64,
    #[serde(default, deserialize_with = "text")]
    pub(crate) error_details: Option<String>,
    #[serde(default)]
    validation_errors: Value,
}

/// What is wrong with one field.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InvalidField {
    #[serde(default)]
    pub(crate) error_code: u64,
    #[serde(default)]
    pub(crate) field_name: String,
    #[serde(default)]
    pub(crate) message: String,
}

impl GigyaErrorBody {
    pub(crate) fn invalid_fields(&self) -> Vec<InvalidField> {
        let list = self.validation_errors.as_array().into_iter().flatten();
        list.filter_map(|field| InvalidField::deserialize(field).ok()).collect()
    }
}

redacted!(
    GigyaAccount,
    GigyaSearchPage,
    RegistrationStarted,
    RegisteredAccount,
    GigyaErrorBody,
    InvalidField
);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn account(value: Value) -> GigyaAccount {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn only_the_uid_is_required() {
        let bare = account(json!({"UID": "u"}));
        assert!(bare.profile.is_empty() && bare.created.is_null() && bare.other_addresses().next().is_none());
        let odd = account(
            json!({"UID": "u", "isVerified": "true", "isRegistered": 1, "profile": [], "data": null,
            "loginIDs": {"emails": ["a@x.example", 5]}, "emails": "none"}),
        );
        assert_eq!((odd.is_verified, odd.is_registered), (Some(true), None));
        assert_eq!(odd.other_addresses().collect::<Vec<_>>(), ["a@x.example"]);
        assert!(serde_json::from_value::<GigyaAccount>(json!({"profile": {}})).is_err());
        assert!(serde_json::from_value::<GigyaAccount>(json!({"UID": 7})).is_err());
    }

    #[test]
    fn registered_account_is_not_lite() {
        assert!(account(json!({"UID": "u", "isLite": true, "isRegistered": false})).is_lite());
        assert!(!account(json!({"UID": "u", "isLite": true, "isRegistered": true})).is_lite());
        assert!(!account(json!({"UID": "u", "isRegistered": false})).is_lite());
    }

    #[test]
    fn debug_shows_no_personal_data() {
        let shown = format!(
            "{:?}",
            account(json!({"UID": "u", "profile": {"email": "ann@example.com"}}))
        );
        assert_eq!(shown, "GigyaAccount { .. }");
    }
}
