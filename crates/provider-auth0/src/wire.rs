//! The Management API's JSON, as far as it is used: nothing else of a profile is stored (`providers.md` §1.4).

use masthead_provider_kit::{
    json::JsonRows,
    redacted,
    wire::{flag, members, scalar, text},
};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// A user. What is of another type than documented counts as missing; only the id must be there.
#[derive(Deserialize)]
pub(crate) struct Auth0User {
    pub(crate) user_id: String,
    #[serde(default, deserialize_with = "text")]
    pub(crate) email: Option<String>,
    #[serde(default, deserialize_with = "flag")]
    pub(crate) email_verified: Option<bool>,
    #[serde(default, deserialize_with = "text")]
    pub(crate) phone_number: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(crate) name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(crate) given_name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(crate) family_name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(crate) nickname: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(crate) picture: Option<String>,
    #[serde(default, deserialize_with = "identities")]
    pub(crate) identities: Vec<Auth0Identity>,
    #[serde(default, deserialize_with = "members")]
    pub(crate) user_metadata: Map<String, Value>,
    #[serde(default, deserialize_with = "members")]
    pub(crate) app_metadata: Map<String, Value>,
    /// A text, or an object: the API's own document allows both.
    #[serde(default)]
    pub(crate) created_at: Value,
    #[serde(default)]
    pub(crate) updated_at: Value,
}

/// One way in which a user signs in; the first is the one that the user's own id is made of.
#[derive(Deserialize)]
pub(crate) struct Auth0Identity {
    #[serde(default, deserialize_with = "text")]
    pub(crate) connection: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(crate) provider: Option<String>,
    /// Without the provider; some providers number their users.
    #[serde(default, deserialize_with = "text_or_number")]
    pub(crate) user_id: Option<String>,
}

/// A page of `GET /users?include_totals=true`.
#[derive(Deserialize)]
pub(crate) struct UserListPage {
    pub(crate) start: u64,
    pub(crate) limit: u64,
    pub(crate) length: u64,
    pub(crate) total: u64,
    pub(crate) users: JsonRows<Auth0User>,
}

/// An error of the Management API.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Auth0ErrorBody {
    pub(crate) status_code: u16,
    #[serde(default, deserialize_with = "text")]
    pub(crate) error_code: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(crate) message: Option<String>,
}

impl Auth0User {
    /// Whether the user's id, or that of a linked identity, is this one.
    pub(crate) fn is(&self, id: &str) -> bool {
        self.user_id == id || self.identities.iter().any(|identity| identity.is(id))
    }
}

impl Auth0Identity {
    fn is(&self, id: &str) -> bool {
        match (id.split_once('|'), &self.provider, &self.user_id) {
            (Some((provider, own)), Some(remote), Some(id)) => provider == remote && own == id,
            _ => false,
        }
    }
}

redacted!(Auth0User, Auth0Identity, UserListPage, Auth0ErrorBody);

fn text_or_number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let value = Value::deserialize(from)?;
    Ok(scalar(&value).filter(|_| !value.is_boolean()))
}

fn identities<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Auth0Identity>, D::Error> {
    let Value::Array(entries) = Value::deserialize(from)? else {
        return Ok(Vec::new());
    };
    let readable = entries
        .into_iter()
        .filter_map(|entry| serde_json::from_value(entry).ok());
    Ok(readable.collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn user(value: Value) -> Auth0User {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn only_the_id_is_required() {
        let bare = user(json!({"user_id": "auth0|1"}));
        assert!(bare.email.is_none() && bare.identities.is_empty() && bare.created_at.is_null());
        let odd = user(json!({
            "user_id": "auth0|1", "email": 5, "email_verified": "true", "given_name": null, "identities": "none",
            "user_metadata": [], "app_metadata": null, "picture": {"url": "x"}, "logins_count": "many", "zodiac": ["leo"],
        }));
        assert!(odd.email.is_none() && odd.given_name.is_none() && odd.user_metadata.is_empty());
        assert_eq!(odd.email_verified, Some(true));
        assert!(serde_json::from_value::<Auth0User>(json!({"email": "a@example.com"})).is_err());
        assert!(serde_json::from_value::<Auth0User>(json!({"user_id": 7})).is_err());
    }

    #[test]
    fn linked_identity_ids_match_the_user() {
        let linked = user(json!({"user_id": "auth0|1", "identities": [
            {"provider": "auth0", "user_id": "1", "connection": "readers"},
            {"provider": "github", "user_id": 77, "connection": "github"},
            {"provider": "samlp", "user_id": "corp|7", "connection": "corp"},
            "nonsense",
        ]}));
        for yes in ["auth0|1", "github|77", "samlp|corp|7"] {
            assert!(linked.is(yes), "{yes}");
        }
        for no in ["auth0|77", "github|7", "1", "77", "corp|7"] {
            assert!(!linked.is(no), "{no}");
        }
    }

    #[test]
    fn debug_shows_no_personal_data() {
        let shown = format!("{:?}", user(json!({"user_id": "auth0|1", "email": "ann@example.com"})));
        assert_eq!(shown, "Auth0User { .. }");
    }
}
