//! Every setting for Auth0, with what it takes and does.

use masthead_provider_http::ProviderSettingSpec;

/// Every setting.
pub const SETTINGS: [ProviderSettingSpec; 14] = [
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
        meaning: "where the application's secret is kept; or Auth0.ClientSecretEnv",
    },
    ProviderSettingSpec {
        name: "Auth0.ClientSecretEnv",
        values: "the name of an environment variable",
        meaning: "where the application's secret is kept; or Auth0.ClientSecretFile",
    },
    ProviderSettingSpec {
        name: "Auth0.Audience",
        values: "an absolute address",
        meaning: "the API's identifier; https://{Domain}/api/v2/ when not set",
    },
    ProviderSettingSpec {
        name: "Auth0.Connections",
        values: "names with commas between them",
        meaning: "the connections whose users are this tenant's; all when not set",
    },
    ProviderSettingSpec {
        name: "Auth0.Connection",
        values: "a name",
        meaning: "the connection in which accounts are made; none can be when not set",
    },
    ProviderSettingSpec {
        name: "Auth0.PageSize",
        values: "a number from 1 to 100",
        meaning: "how many users are asked for at a time; 50 when not set",
    },
    ProviderSettingSpec {
        name: "Auth0.BudgetPerSecond",
        values: "a number from 1 to 1000",
        meaning: "how many calls a second the tenant may make for ever; 2 when not set, as the smallest plans allow",
    },
    ProviderSettingSpec {
        name: "Auth0.BudgetBurst",
        values: "a number from 1 to 1000",
        meaning: "how many calls it may make at once; 10 when not set",
    },
    ProviderSettingSpec {
        name: "Auth0.BaseUrl",
        values: "https://host or https://host:port; http only where private addresses may be called",
        meaning: "calls another address than the domain's, such as a sandbox",
    },
    ProviderSettingSpec {
        name: "Auth0.MetadataMap",
        values: "entries with commas between them: theirs=ours, theirs, theirs=, app_metadata.theirs=ours, *",
        meaning: "which user metadata are ours beside the standard keys; `theirs=` leaves a key out, * takes all",
    },
    ProviderSettingSpec {
        name: "Auth0.LeadingWildcards",
        values: "true or false",
        meaning: "lets Auth0 search for parts of addresses, which is slow in large tenants; false when not set",
    },
    ProviderSettingSpec {
        name: "Auth0.MixedCaseEmails",
        values: "true or false",
        meaning: "look-ups by address also search for one kept with capitals, at one call more; true when not set",
    },
];
