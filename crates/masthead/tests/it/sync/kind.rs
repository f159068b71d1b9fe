//! The providers of the sync tests: sample users, a sandbox, and the program's adapter.

use std::{sync::Arc, time::Duration};

use masthead::{
    providers::Adapters,
    settings::{PrivateAddresses, ProviderSettings},
};
use masthead_domain::tenant::Tenant;
use masthead_ports::{
    clock::Clock,
    scan::{UserScan, UserScans},
};
use masthead_sandbox::{Sandbox, UserShape, sample_account, sample_generic_user, sample_user};
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::support::sources::{AUTH0, FIREFLY, GIGYA, SECRETS, SSOR, SourceUnderTest};

/// A provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProviderKind {
    Auth0,
    Gigya,
    Ssor,
    Firefly,
}

impl ProviderKind {
    pub(crate) const ALL: [Self; 4] = [Self::Auth0, Self::Gigya, Self::Ssor, Self::Firefly];

    const fn source(self) -> &'static SourceUnderTest {
        match self {
            Self::Auth0 => &AUTH0,
            Self::Gigya => &GIGYA,
            Self::Ssor => &SSOR,
            Self::Firefly => &FIREFLY,
        }
    }

    /// The sample user with this number; `None` for one that the provider does not list.
    pub(crate) fn user(self, number: usize) -> Option<Value> {
        let user = match self {
            Self::Auth0 => sample_user(number),
            Self::Gigya => sample_account(number),
            Self::Ssor => sample_generic_user(UserShape::Ssor, number),
            Self::Firefly => sample_generic_user(UserShape::Firefly, number),
        };
        (user["isLite"] != true).then_some(user)
    }

    pub(crate) fn id(self, user: &Value) -> String {
        let name = match self {
            Self::Auth0 => "user_id",
            Self::Gigya => "UID",
            Self::Ssor => "consumerId",
            Self::Firefly => "userGUID",
        };
        user[name].as_str().unwrap().to_owned()
    }

    /// Changes a user's first name, and the date of the change if the provider has one.
    pub(crate) fn rename(self, user: &mut Value, name: &str, at: OffsetDateTime) {
        match self {
            Self::Auth0 => {
                user["given_name"] = name.into();
                user["updated_at"] = at.format(&Rfc3339).unwrap().into();
            }
            Self::Gigya => {
                user["profile"]["firstName"] = name.into();
                user["lastUpdated"] = at.format(&Rfc3339).unwrap().into();
                user["lastUpdatedTimestamp"] = (at.unix_timestamp() * 1_000).into();
            }
            Self::Ssor | Self::Firefly => user["firstName"] = name.into(),
        }
    }

    /// A sandbox with these users and without quotas.
    pub(crate) async fn sandbox(self, users: Vec<Value>) -> Sandbox {
        let sandbox = Sandbox::start((self.source().stand_in)(users)).await.unwrap();
        if self == Self::Auth0 {
            // The tests advance the clock by days.
            sandbox
                .auth0()
                .change_settings(|settings| settings.token_lifetime_s = 86_400 * 365);
        }
        sandbox
    }

    /// Adds or replaces users.
    pub(crate) fn seed(self, sandbox: &Sandbox, users: impl IntoIterator<Item = Value>) {
        match self {
            Self::Auth0 => sandbox.auth0().seed(users),
            Self::Gigya => sandbox.gigya().seed(users),
            Self::Ssor | Self::Firefly => sandbox.generic().seed(users),
        };
    }

    /// Removes all users but the first `count` by id.
    pub(crate) fn keep_first(self, sandbox: &Sandbox, count: usize) {
        let mut users = self.users(sandbox);
        users.truncate(count);
        match self {
            Self::Auth0 => sandbox.auth0().clear_users(),
            Self::Gigya => sandbox.gigya().clear_users(),
            Self::Ssor | Self::Firefly => sandbox.generic().clear_users(),
        }
        self.seed(sandbox, users);
    }

    /// All users of the provider.
    pub(crate) fn users(self, sandbox: &Sandbox) -> Vec<Value> {
        match self {
            Self::Auth0 => sandbox.auth0().users(),
            Self::Gigya => sandbox.gigya().users(),
            Self::Ssor | Self::Firefly => sandbox.generic().users(),
        }
    }

    /// The settings of a tenant with this provider.
    pub(crate) fn settings(self, url: &str) -> Vec<(String, String)> {
        let mut settings = self.source().tenant_settings(url);
        if matches!(self, Self::Auth0 | Self::Gigya) {
            settings.push((format!("{}.PageSize", self.source().name), "100".to_owned()));
        }
        settings
    }

    /// How many calls a scan of this number of unchanged users takes: one per step, and Auth0's token.
    pub(crate) fn calls(self, users: usize) -> usize {
        self.steps(users) + usize::from(self == Self::Auth0)
    }

    /// How many steps it takes.
    pub(crate) fn steps(self, users: usize) -> usize {
        match self {
            // Each page begins with the last user of the page before.
            Self::Auth0 => users.div_ceil(99),
            Self::Gigya => users.div_ceil(100),
            Self::Ssor | Self::Firefly => users.div_ceil(50),
        }
    }

    /// The adapter of a new process.
    pub(crate) fn scan(tenant: &Arc<Tenant>, clock: &Arc<dyn Clock>) -> Arc<dyn UserScan> {
        // A call that a busy machine delays must not be repeated.
        let patient = Duration::from_mins(5);
        let options = ProviderSettings {
            allow_private_addresses: PrivateAddresses::All,
            secrets_folder: SECRETS.clone(),
            shared_secrets: false,
            connect_timeout: patient,
            call_timeout: patient,
            max_answer_bytes: 16 * 1024 * 1024,
            fresh: Duration::ZERO,
            stale: Duration::ZERO,
            stale_after: Duration::ZERO,
        };
        UserScans::for_tenant(&Adapters::new(&options, clock).unwrap(), tenant).unwrap()
    }
}
