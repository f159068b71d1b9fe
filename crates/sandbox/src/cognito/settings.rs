//! What a simulated user pool starts with, and the settings that change while it runs.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::quota::Quota;
use crate::stub::StubSettings;

/// What a simulated user pool starts with, and returns to when it is reset.
#[derive(Debug, Clone, Default)]
pub struct CognitoConfig {
    /// The pool's settings.
    pub settings: CognitoStubSettings,
    /// The users in the format of `ListUsers`, each with a `Username`. They are stored unchanged, except that a text in
    /// `password` becomes the user's password.
    pub users: Vec<Value>,
}

/// The settings of the simulated pool and its app client. In JSON every member is optional and has a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct CognitoStubSettings {
    /// The app client's id.
    pub client_id: String,
    /// The app client's secret; without one a `SECRET_HASH` is not looked at.
    pub client_secret: Option<String>,
    /// Whether the app client allows `USER_PASSWORD_AUTH`, which is off by default in the real console.
    pub allows_passwords: bool,
    /// Whether an unknown user is `UserNotFoundException`, as in app clients that do not prevent that.
    pub reveals_unknown_users: bool,
    /// The quota of calls.
    pub quota: Quota,
}

impl Default for CognitoStubSettings {
    fn default() -> Self {
        Self {
            client_id: "sandboxclient0123456789ab".into(),
            client_secret: Some("sandbox-cognito-secret".into()),
            allows_passwords: true,
            reveals_unknown_users: false,
            quota: Quota::unlimited(),
        }
    }
}

impl StubSettings for CognitoStubSettings {
    fn quota(&self) -> Quota {
        self.quota
    }
}
