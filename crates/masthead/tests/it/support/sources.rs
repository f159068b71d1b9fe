//! The sources under test: each is an entry here and a line in `sources/mod.rs`.

use std::{
    fs,
    path::PathBuf,
    process,
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
};

use masthead_domain::merge::SourceKind;
use masthead_ports::source::SUBSCRIBE;
use masthead_sandbox::{
    Auth0Config, Auth0StubSettings, GenericStubConfig, GigyaConfig, Quota, SandboxConfig, UsersApiConfig,
    UsersApiSettings,
};
use serde_json::{Value, json};

use crate::support::readers::{CITY, LAST_NAME, PROVIDER_NAME, STORE_NAME, crid, email};

/// A source: its sandbox, and the settings of a tenant.
pub(crate) struct SourceUnderTest {
    /// Its name in `meta.sources`, and in `Flow.UserProvider` if it is a provider.
    pub(crate) name: &'static str,
    /// The side of the answer that it is on; the other side is in memory.
    pub(crate) side: SourceKind,
    /// The setting of its address.
    pub(crate) address: &'static str,
    /// The setting of its secret without the suffix `File` or `Env`.
    pub(crate) secret_place: &'static str,
    /// The secret that the sandbox accepts.
    pub(crate) secret: &'static str,
    /// Additional settings of a tenant.
    pub(crate) settings: &'static [(&'static str, &'static str)],
    /// A sandbox with these users and without quotas.
    pub(crate) stand_in: fn(Vec<Value>) -> SandboxConfig,
    /// The user with this name at the source: with [`PROVIDER_NAME`] and a display name at a provider, with [`STORE_NAME`] and a
    /// city in a remote store.
    pub(crate) user: fn(&str) -> Value,
    /// The path prefix of calls for users.
    pub(crate) calls: &'static str,
    /// The path of calls for a token, if it needs one.
    pub(crate) token: Option<&'static str>,
}

/// The tenant whose secrets are in [`SECRETS`].
const TENANT: &str = "north/daily/herald";

/// The folder of the secrets: the tenant's settings contain paths of files in its own folder there.
pub(crate) static SECRETS: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("sources-{}", process::id()));
    fs::create_dir_all(folder.join(TENANT)).unwrap();
    folder
});

/// The provider of a tenant whose source under test is the store.
const PROVIDER_IN_MEMORY: &str = "Auth0";

impl SourceUnderTest {
    /// The name of the tenant's provider.
    pub(crate) const fn provider(&self) -> &'static str {
        match self.side {
            SourceKind::Provider => self.name,
            SourceKind::Store => PROVIDER_IN_MEMORY,
        }
    }

    /// The file with the secret, in [`SECRETS`].
    pub(crate) fn secret_file(&self) -> PathBuf {
        static WRITTEN: AtomicU32 = AtomicU32::new(0);
        let own = SECRETS.join(TENANT);
        let path = own.join(self.name);
        if !path.exists() {
            // Another test may write it at the same time: each writes its own file, and the last rename wins.
            let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
            let written = own.join(format!("{}.{}-{number}", self.name, process::id()));
            fs::write(&written, self.secret).unwrap();
            fs::rename(written, &path).unwrap();
        }
        path
    }

    /// The settings of a tenant with this source at this address.
    pub(crate) fn tenant_settings(&self, url: &str) -> Vec<(String, String)> {
        let secret = self.secret_file();
        let own = [
            ("Flow.UserProvider".to_owned(), self.provider().to_owned()),
            (self.address.to_owned(), url.trim_end_matches('/').to_owned()),
            (
                format!("{}File", self.secret_place),
                secret.to_str().unwrap().to_owned(),
            ),
        ];
        let more = self
            .settings
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        own.into_iter().chain(more).collect()
    }

    /// The side that is in memory.
    pub(crate) const fn other_side(&self) -> SourceKind {
        match self.side {
            SourceKind::Provider => SourceKind::Store,
            SourceKind::Store => SourceKind::Provider,
        }
    }

    /// The name of that side.
    pub(crate) const fn other(&self) -> &'static str {
        match self.other_side() {
            SourceKind::Provider => PROVIDER_IN_MEMORY,
            SourceKind::Store => SUBSCRIBE,
        }
    }
}

pub(crate) const AUTH0: SourceUnderTest = SourceUnderTest {
    name: "Auth0",
    side: SourceKind::Provider,
    address: "Auth0.BaseUrl",
    secret_place: "Auth0.ClientSecret",
    secret: "sandbox-client-secret",
    settings: &[
        ("Auth0.ClientId", "sandbox-client"),
        ("Auth0.BudgetPerSecond", "1000"),
        ("Auth0.BudgetBurst", "1000"),
    ],
    stand_in: |users| {
        let settings = Auth0StubSettings {
            quota: Quota::unlimited(),
            ..Auth0StubSettings::default()
        };
        let config = Auth0Config {
            settings,
            users,
            ..Auth0Config::default()
        };
        config.into()
    },
    user: |name| {
        json!({
            "user_id": crid(name), "email": email(name), "email_verified": true, "given_name": PROVIDER_NAME,
            "family_name": LAST_NAME, "name": PROVIDER_NAME, "nickname": PROVIDER_NAME,
            "identities": [{"connection": "readers", "provider": "auth0", "user_id": name, "isSocial": false}],
            "user_metadata": {"timeZone": "Europe/Oslo"}, "created_at": "2020-01-01T00:00:00.000Z",
            "updated_at": "2020-01-01T00:00:00.000Z",
        })
    },
    calls: "/api/",
    token: Some("/oauth/token"),
};

pub(crate) const GIGYA: SourceUnderTest = SourceUnderTest {
    name: "Gigya",
    side: SourceKind::Provider,
    address: "Gigya.BaseUrl",
    secret_place: "Gigya.Secret",
    // Base64, as the console displays it.
    secret: "c2FuZGJveC1naWd5YS1zZWNyZXQ=",
    settings: &[
        ("Gigya.ApiKey", "3_sandbox-api-key"),
        ("Gigya.UserKey", "sandbox-user-key"),
        ("Gigya.BudgetPerSecond", "1000"),
        ("Gigya.BudgetBurst", "1000"),
    ],
    stand_in: |accounts| {
        let config = GigyaConfig {
            accounts,
            ..GigyaConfig::default()
        };
        config.into()
    },
    user: |name| {
        json!({
            "UID": crid(name), "isRegistered": true, "isActive": true, "isVerified": true, "loginProvider": "site",
            "created": "2020-01-01T00:00:00.000Z", "registered": "2020-01-01T00:00:00.000Z",
            "lastUpdated": "2020-01-01T00:00:00.000Z",
            "profile": {"firstName": PROVIDER_NAME, "lastName": LAST_NAME, "nickname": PROVIDER_NAME, "email": email(name)},
            "data": {"timeZone": "Europe/Oslo"}, "loginIDs": {"emails": [email(name)], "unverifiedEmails": []},
            "emails": {"verified": [email(name)], "unverified": []},
        })
    },
    calls: "/accounts.",
    token: None,
};

pub(crate) const SSOR: SourceUnderTest = SourceUnderTest {
    name: "SSOR",
    side: SourceKind::Provider,
    address: "SSOR.BaseUrl",
    secret_place: "SSOR.Secret",
    secret: "sandbox-ssor-token",
    settings: &[
        ("SSOR.Param.product_code", "sandbox"),
        ("SSOR.BudgetPerSecond", "1000"),
        ("SSOR.BudgetBurst", "1000"),
    ],
    stand_in: |users| directory(GenericStubConfig::ssor(), users),
    user: |name| {
        json!({
            "consumerId": crid(name), "email": email(name), "firstName": PROVIDER_NAME, "lastName": LAST_NAME,
            "displayName": PROVIDER_NAME, "gender": "U", "zipCode": "00000", "birthDate": "01/01", "birthYear": 1970, "tos": true,
        })
    },
    calls: "/registration/",
    token: None,
};

pub(crate) const FIREFLY: SourceUnderTest = SourceUnderTest {
    name: "Firefly",
    side: SourceKind::Provider,
    address: "Firefly.BaseUrl",
    secret_place: "Firefly.Secret",
    secret: "sandbox-firefly-secret",
    settings: &[
        ("Firefly.Param.siteCode", "SAND"),
        ("Firefly.BudgetPerSecond", "1000"),
        ("Firefly.BudgetBurst", "1000"),
    ],
    stand_in: |users| directory(GenericStubConfig::firefly(), users),
    user: |name| {
        json!({
            "userGUID": crid(name), "email": email(name), "emailVerified": true, "firstName": PROVIDER_NAME,
            "lastName": LAST_NAME, "displayName": PROVIDER_NAME, "phone": "+12025550100", "attributes": {"timeZone": "Europe/Oslo"},
        })
    },
    calls: "/v4/",
    token: None,
};

fn directory(empty: GenericStubConfig, users: Vec<Value>) -> SandboxConfig {
    GenericStubConfig { users, ..empty }.into()
}

/// A remote Users API instead of the store.
pub(crate) const USERS: SourceUnderTest = SourceUnderTest {
    name: SUBSCRIBE,
    side: SourceKind::Store,
    address: "Subscribe.Url",
    secret_place: "Subscribe.Token",
    secret: "sandbox-users-token",
    settings: &[
        ("Subscribe.Tenant", "far/away/post"),
        ("Subscribe.BudgetPerSecond", "1000"),
        ("Subscribe.BudgetBurst", "1000"),
    ],
    stand_in: |users| {
        // With a provider, it reports whether its own answers are complete.
        let settings = UsersApiSettings {
            user_provider: Some("Gigya".into()),
            ..UsersApiSettings::default()
        };
        UsersApiConfig { settings, users }.into()
    },
    user: |name| {
        json!({
            "customerRegistrationId": crid(name), "email": email(name), "firstName": STORE_NAME, "lastName": LAST_NAME,
            "state": "Standard", "verified": true, "metadata": {"city": CITY},
        })
    },
    calls: "/v4/Users/Search",
    token: None,
};

/// The same through its legacy API.
pub(crate) const LEGACY_USERS: SourceUnderTest = SourceUnderTest {
    settings: &[
        ("Subscribe.Api", "legacy"),
        ("Subscribe.Tenant", "far/away/post"),
        ("Subscribe.BudgetPerSecond", "1000"),
        ("Subscribe.BudgetBurst", "1000"),
    ],
    calls: "/User",
    ..USERS
};
