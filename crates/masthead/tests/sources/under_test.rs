//! The sources that the suite is held against: each is one entry here and one line in `main.rs`.

use masthead_domain::merge::SourceKind;
use masthead_ports::source::SUBSCRIBE;
use masthead_sandbox::{
    Auth0Config, Auth0Settings, DirectoryConfig, GigyaConfig, Quota, SandboxConfig, UsersApiConfig, UsersApiSettings,
};
use serde_json::{Value, json};

use crate::people::{CITY, LAST_NAME, OUR_NAME, THEIR_NAME, crid, email};

/// A source: its stand-in, and how a tenant is set up to ask that.
pub(crate) struct Source {
    /// Its name in `meta.sources`, and of a provider in `Flow.UserProvider`.
    pub(crate) name: &'static str,
    /// Which side of an answer it stands on; the other is in memory.
    pub(crate) side: SourceKind,
    /// The setting that holds the stand-in's address.
    pub(crate) address: &'static str,
    /// How the setting begins that says where the secret is: `File` or `Env` follows.
    pub(crate) secret_place: &'static str,
    /// The secret by which the stand-in knows its caller.
    pub(crate) secret: &'static str,
    /// What else a tenant must set.
    pub(crate) settings: &'static [(&'static str, &'static str)],
    /// A stand-in with these users and no quota.
    pub(crate) stand_in: fn(Vec<Value>) -> SandboxConfig,
    /// The reader of this name as the source shows them: with [`THEIR_NAME`] and a display name at a provider, with
    /// [`OUR_NAME`] and a city in the store's place.
    pub(crate) user: fn(&str) -> Value,
    /// How the paths begin of the calls that ask for users.
    pub(crate) calls: &'static str,
    /// The path of the calls for a token, where it needs one.
    pub(crate) token: Option<&'static str>,
}

/// The provider of a tenant whose source under test stands in the store's place.
const PROVIDER_IN_MEMORY: &str = "Auth0";

impl Source {
    /// The name of the tenant's provider.
    pub(crate) const fn provider(&self) -> &'static str {
        match self.side {
            SourceKind::Provider => self.name,
            SourceKind::Store => PROVIDER_IN_MEMORY,
        }
    }

    /// The side that is in memory.
    pub(crate) const fn other_side(&self) -> SourceKind {
        match self.side {
            SourceKind::Provider => SourceKind::Store,
            SourceKind::Store => SourceKind::Provider,
        }
    }

    /// Its name.
    pub(crate) const fn other(&self) -> &'static str {
        match self.other_side() {
            SourceKind::Provider => PROVIDER_IN_MEMORY,
            SourceKind::Store => SUBSCRIBE,
        }
    }
}

pub(crate) const AUTH0: Source = Source {
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
        let settings = Auth0Settings {
            quota: Quota::unlimited(),
            token_quota: Quota::unlimited(),
            ..Auth0Settings::default()
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
            "user_id": crid(name), "email": email(name), "email_verified": true, "given_name": THEIR_NAME,
            "family_name": LAST_NAME, "name": THEIR_NAME, "nickname": THEIR_NAME,
            "identities": [{"connection": "readers", "provider": "auth0", "user_id": name, "isSocial": false}],
            "user_metadata": {"timeZone": "Europe/Oslo"}, "created_at": "2020-01-01T00:00:00.000Z",
            "updated_at": "2020-01-01T00:00:00.000Z",
        })
    },
    calls: "/api/",
    token: Some("/oauth/token"),
};

pub(crate) const GIGYA: Source = Source {
    name: "Gigya",
    side: SourceKind::Provider,
    address: "Gigya.BaseUrl",
    secret_place: "Gigya.Secret",
    // What the console shows: base64.
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
            "profile": {"firstName": THEIR_NAME, "lastName": LAST_NAME, "nickname": THEIR_NAME, "email": email(name)},
            "data": {"timeZone": "Europe/Oslo"}, "loginIDs": {"emails": [email(name)], "unverifiedEmails": []},
            "emails": {"verified": [email(name)], "unverified": []},
        })
    },
    calls: "/accounts.",
    token: None,
};

pub(crate) const SSOR: Source = Source {
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
    stand_in: |users| directory(DirectoryConfig::ssor(), users),
    user: |name| {
        json!({
            "consumerId": crid(name), "email": email(name), "firstName": THEIR_NAME, "lastName": LAST_NAME,
            "displayName": THEIR_NAME, "gender": "U", "zipCode": "00000", "birthDate": "01/01", "birthYear": 1970, "tos": true,
        })
    },
    calls: "/registration/",
    token: None,
};

pub(crate) const FIREFLY: Source = Source {
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
    stand_in: |users| directory(DirectoryConfig::firefly(), users),
    user: |name| {
        json!({
            "userGUID": crid(name), "email": email(name), "emailVerified": true, "firstName": THEIR_NAME,
            "lastName": LAST_NAME, "displayName": THEIR_NAME, "phone": "+12025550100", "attributes": {"timeZone": "Europe/Oslo"},
        })
    },
    calls: "/v4/",
    token: None,
};

fn directory(empty: DirectoryConfig, users: Vec<Value>) -> SandboxConfig {
    DirectoryConfig { users, ..empty }.into()
}

/// A remote Users API in place of our registrations.
pub(crate) const USERS: Source = Source {
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
        // So that it says whether its own answers are complete.
        let settings = UsersApiSettings {
            user_provider: Some("Gigya".into()),
            ..UsersApiSettings::default()
        };
        UsersApiConfig { settings, users }.into()
    },
    user: |name| {
        json!({
            "customerRegistrationId": crid(name), "email": email(name), "firstName": OUR_NAME, "lastName": LAST_NAME,
            "state": "Standard", "verified": true, "metadata": {"city": CITY},
        })
    },
    calls: "/v4/Users/Search",
    token: None,
};

/// The same by its legacy API.
pub(crate) const LEGACY_USERS: Source = Source {
    settings: &[
        ("Subscribe.Api", "legacy"),
        ("Subscribe.Tenant", "far/away/post"),
        ("Subscribe.BudgetPerSecond", "1000"),
        ("Subscribe.BudgetBurst", "1000"),
    ],
    calls: "/User",
    ..USERS
};
