//! How the stand-in Users API is set up: its one tenant, who may call, and how often.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::quota::Quota;

/// How a stand-in Users API is set up.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UsersApiSettings {
    /// The bearer token of its callers.
    pub token: String,
    /// The tenant whose users it has: `group/client/paper`.
    pub tenant: String,
    /// The values of `X-SourceSystem` that the tenant knows; all when there are none.
    pub source_systems: Vec<String>,
    /// The tenant's outside provider, if it has one. It is never heard: a call that does not leave it out is answered from
    /// the tenant's own users, and marked incomplete.
    pub user_provider: Option<String>,
    /// What may be called.
    pub quota: Quota,
    /// Whether long answers are packed for callers that take gzip.
    pub compress: bool,
}

impl Default for UsersApiSettings {
    fn default() -> Self {
        Self {
            token: "sandbox-users-token".into(),
            tenant: "far/away/post".into(),
            source_systems: vec!["Masthead".into()],
            user_provider: None,
            quota: Quota::unlimited(),
            compress: true,
        }
    }
}

impl fmt::Debug for UsersApiSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UsersApiSettings")
            .field("tenant", &self.tenant)
            .field("source_systems", &self.source_systems)
            .field("user_provider", &self.user_provider)
            .field("quota", &self.quota)
            .field("compress", &self.compress)
            .finish_non_exhaustive()
    }
}
