//! What the simulated Users API starts with, and its settings: one tenant, its callers, and their quota.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::quota::Quota;
use crate::stub::StubSettings;

/// What a simulated Users API starts with, and returns to when it is reset.
#[derive(Debug, Clone, Default)]
pub struct UsersApiConfig {
    /// The settings.
    pub settings: UsersApiSettings,
    /// The users in the format of v4, each with a `customerRegistrationId`. Missing members are shown as unset; the
    /// members of the legacy API are optional: `registrationId`, `dateRegistered`, `changeDate`, `lastLogoutDate`.
    pub users: Vec<Value>,
}

/// The settings of the simulated Users API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UsersApiSettings {
    /// The bearer token of the clients.
    pub token: String,
    /// The tenant of its users: `group/client/paper`.
    pub tenant: String,
    /// The known values of `X-SourceSystem`; any when empty.
    pub source_systems: Vec<String>,
    /// The tenant's provider, if it has one. It is never available: a call that does not skip it is answered from the
    /// tenant's own users, and marked incomplete.
    pub user_provider: Option<String>,
    /// The quota of calls.
    pub quota: Quota,
}

impl Default for UsersApiSettings {
    fn default() -> Self {
        Self {
            token: "sandbox-users-token".into(),
            tenant: "far/away/post".into(),
            source_systems: vec!["Masthead".into()],
            user_provider: None,
            quota: Quota::unlimited(),
        }
    }
}

impl UsersApiSettings {
    pub(super) fn allows_source_system(&self, name: &str) -> bool {
        self.source_systems.is_empty() || self.source_systems.iter().any(|known| known == name)
    }
}

impl StubSettings for UsersApiSettings {
    fn quota(&self) -> Quota {
        self.quota
    }
}
