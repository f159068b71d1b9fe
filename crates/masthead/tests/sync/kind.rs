//! Each kind of provider: its sandbox, its tenant's settings, its users, and the adapter.

use std::{sync::Arc, time::Duration};

use masthead_ports::{clock::Clock, scan::UserScan};
use masthead_provider_auth0::Auth0Adapter;
use masthead_provider_firefly::FIREFLY;
use masthead_provider_generic::GenericAdapter;
use masthead_provider_gigya::GigyaAdapter;
use masthead_provider_kit::{
    AdapterOptions, AdapterParts, BreakerOptions, HttpClient, HttpOptions, Secret, SecretPlace, Secrets,
};
use masthead_provider_ssor::SSOR;
use masthead_sandbox::{
    Application, Auth0Config, DirectoryConfig, GigyaConfig, Quota, Sandbox, SandboxConfig, Shape, sample_account,
    sample_directory_user, sample_user,
};
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// A kind of provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Auth0,
    Gigya,
    Ssor,
    Firefly,
}

/// Any place has the one secret.
struct Told(String);

impl Secrets for Told {
    fn secret(&self, _: &SecretPlace) -> Option<Secret> {
        Some(Secret::new(self.0.as_bytes()))
    }
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Auth0 => "Auth0",
            Self::Gigya => "Gigya",
            Self::Ssor => "SSOR",
            Self::Firefly => "Firefly",
        }
    }

    /// The invented user of this number; `None` for one who does not count.
    pub(crate) fn user(self, number: usize) -> Option<Value> {
        let user = match self {
            Self::Auth0 => sample_user(number),
            Self::Gigya => sample_account(number),
            Self::Ssor => sample_directory_user(Shape::Ssor, number),
            Self::Firefly => sample_directory_user(Shape::Firefly, number),
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

    /// Gives a user another first name, and the date of it where the provider has dates.
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
        let directory = |config: DirectoryConfig, users| DirectoryConfig { users, ..config };
        let config: SandboxConfig = match self {
            Self::Auth0 => {
                let mut config = Auth0Config {
                    users,
                    ..Auth0Config::default()
                };
                config.settings.quota = Quota::unlimited();
                config.settings.token_quota = Quota::unlimited();
                // These tests let days pass.
                config.settings.token_lifetime_s = 86_400 * 365;
                config.into()
            }
            Self::Gigya => GigyaConfig {
                accounts: users,
                ..GigyaConfig::default()
            }
            .into(),
            Self::Ssor => directory(DirectoryConfig::ssor(), users).into(),
            Self::Firefly => directory(DirectoryConfig::firefly(), users).into(),
        };
        Sandbox::start(config).await.unwrap()
    }

    /// Adds or replaces users.
    pub(crate) fn seed(self, sandbox: &Sandbox, users: impl IntoIterator<Item = Value>) {
        match self {
            Self::Auth0 => sandbox.auth0().seed(users),
            Self::Gigya => sandbox.gigya().seed(users),
            Self::Ssor | Self::Firefly => sandbox.directory().seed(users),
        };
    }

    /// Keeps only so many users, the first by id.
    pub(crate) fn keep_first(self, sandbox: &Sandbox, count: usize) {
        let mut users = self.users(sandbox);
        users.truncate(count);
        match self {
            Self::Auth0 => sandbox.auth0().clear_users(),
            Self::Gigya => sandbox.gigya().clear_accounts(),
            Self::Ssor | Self::Firefly => sandbox.directory().clear_users(),
        }
        self.seed(sandbox, users);
    }

    /// Every user as the provider has it.
    pub(crate) fn users(self, sandbox: &Sandbox) -> Vec<Value> {
        match self {
            Self::Auth0 => sandbox.auth0().users(),
            Self::Gigya => sandbox.gigya().accounts(),
            Self::Ssor | Self::Firefly => sandbox.directory().users(),
        }
    }

    /// What a tenant of this provider is set to.
    pub(crate) fn settings(self, url: &str) -> Vec<(String, String)> {
        let own: &[(&str, &str)] = match self {
            Self::Auth0 => &[
                ("ClientId", "sandbox-client"),
                ("ClientSecretEnv", "X"),
                ("PageSize", "100"),
            ],
            Self::Gigya => &[
                ("ApiKey", "3_sandbox-api-key"),
                ("UserKey", "sandbox-user-key"),
                ("SecretEnv", "X"),
                ("PageSize", "100"),
            ],
            Self::Ssor => &[("SecretEnv", "X"), ("Param.product_code", "sandbox")],
            Self::Firefly => &[("SecretEnv", "X"), ("Param.siteCode", "SAND")],
        };
        let all = [("BaseUrl", url), ("BudgetPerSecond", "1000"), ("BudgetBurst", "1000")];
        let named = own
            .iter()
            .chain(&all)
            .map(|(key, value)| (format!("{}.{key}", self.name()), (*value).to_owned()));
        named
            .chain([("Flow.UserProvider".to_owned(), self.name().to_owned())])
            .collect()
    }

    /// How many calls a walk makes through so many users who stay as they are: a step each, and Auth0's token.
    pub(crate) fn calls(self, users: usize) -> usize {
        self.steps(users) + usize::from(self == Self::Auth0)
    }

    /// How many steps it takes.
    pub(crate) fn steps(self, users: usize) -> usize {
        match self {
            // Each page begins with the last user of the one before.
            Self::Auth0 => users.div_ceil(99),
            Self::Gigya => users.div_ceil(100),
            Self::Ssor | Self::Firefly => users.div_ceil(50),
        }
    }

    /// The adapter of a new process.
    pub(crate) fn walk(self, clock: &Arc<dyn Clock>) -> Arc<dyn UserScan> {
        let client = HttpClient::new(HttpOptions {
            // A call that a stalled machine made late would be counted as one made twice.
            connect_timeout: Duration::from_mins(5),
            idle_timeout: Duration::from_mins(5),
            total_timeout: Duration::from_mins(5),
            allow_private: true,
            ..HttpOptions::default()
        })
        .unwrap();
        let secret = match self {
            Self::Auth0 => "sandbox-client-secret".to_owned(),
            Self::Gigya => Application::default().secret,
            Self::Ssor => "sandbox-ssor-token".to_owned(),
            Self::Firefly => "sandbox-firefly-secret".to_owned(),
        };
        let parts = AdapterParts {
            options: AdapterOptions {
                allow_private: true,
                // The breaker has its own tests; here it would only slow the test down.
                breaker: BreakerOptions {
                    min_calls: u32::MAX,
                    ..BreakerOptions::default()
                },
                ..AdapterOptions::default()
            },
            client,
            clock: Arc::clone(clock),
            secrets: Arc::new(Told(secret)),
        };
        match self {
            Self::Auth0 => Arc::new(Auth0Adapter::new(parts)),
            Self::Gigya => Arc::new(GigyaAdapter::new(parts)),
            Self::Ssor => Arc::new(GenericAdapter::new(SSOR, parts)),
            Self::Firefly => Arc::new(GenericAdapter::new(FIREFLY, parts)),
        }
    }
}
