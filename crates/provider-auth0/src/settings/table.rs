//! Every setting for Auth0, with what it takes and does.

use masthead_provider_kit::{
    ProviderSettingSpec,
    settings::client_tls::{AUTHORITIES, CLIENT_CERTIFICATE, CLIENT_KEY},
};

/// Every setting.
pub const SETTINGS: [ProviderSettingSpec; 17] = [
    ProviderSettingSpec {
        name: "Auth0.Domain",
        values: "a host name, such as example.eu.auth0.com",
        meaning: "the canonical domain of the Auth0 tenant, not a custom one",
    },
    ProviderSettingSpec {
        name: "Auth0.ClientId",
        values: "1 to 255 visible ASCII characters",
        meaning: "the machine-to-machine application that calls the Management API",
    },
    ProviderSettingSpec {
        name: "Auth0.ClientSecretFile",
        values: "the path of a file",
        meaning: "where the application's secret is stored; or Auth0.ClientSecretEnv",
    },
    ProviderSettingSpec {
        name: "Auth0.ClientSecretEnv",
        values: "the name of an environment variable",
        meaning: "where the application's secret is stored; or Auth0.ClientSecretFile",
    },
    ProviderSettingSpec {
        name: "Auth0.Audience",
        values: "an absolute address",
        meaning: "the API's identifier; https://{Domain}/api/v2/ when not set",
    },
    ProviderSettingSpec {
        name: "Auth0.Connections",
        values: "comma-separated names",
        meaning: "the connections of this tenant's users; all when not set",
    },
    ProviderSettingSpec {
        name: "Auth0.Connection",
        values: "a name",
        meaning: "the connection of new accounts and of sign-ins; without it there are neither",
    },
    ProviderSettingSpec {
        name: "Auth0.PageSize",
        values: "a number from 1 to 100",
        meaning: "how many users one request returns; 50 when not set",
    },
    ProviderSettingSpec {
        name: "Auth0.BudgetPerSecond",
        values: "a number from 1 to 1000",
        meaning: "sustained calls per second of the tenant; 2 when not set, as the smallest plans allow",
    },
    ProviderSettingSpec {
        name: "Auth0.BudgetBurst",
        values: "a number from 1 to 1000",
        meaning: "calls at once; 10 when not set",
    },
    ProviderSettingSpec {
        name: "Auth0.BaseUrl",
        values: "https://host or https://host:port; http only where private addresses may be called",
        meaning: "replaces the domain's address, as for a sandbox",
    },
    ProviderSettingSpec {
        name: "Auth0.MetadataMap",
        values: "comma-separated entries: field=key, field, field=, app_metadata.field=key, *",
        meaning: "which user metadata fields become metadata keys beside the standard keys; `field=` excludes a field, * includes all",
    },
    ProviderSettingSpec {
        name: "Auth0.LeadingWildcards",
        values: "true or false",
        meaning: "lets Auth0 search for parts of addresses; slow in large tenants; false when not set",
    },
    ProviderSettingSpec {
        name: "Auth0.MixedCaseEmails",
        values: "true or false",
        meaning: "lookups by address also find addresses stored with capitals, with one more call; true when not set",
    },
    ProviderSettingSpec {
        name: "Auth0.ClientCertificateFile",
        values: "the path of a file",
        meaning: CLIENT_CERTIFICATE,
    },
    ProviderSettingSpec {
        name: "Auth0.ClientKeyFile",
        values: "the path of a file",
        meaning: CLIENT_KEY,
    },
    ProviderSettingSpec {
        name: "Auth0.CaFile",
        values: "the path of a file",
        meaning: AUTHORITIES,
    },
];
