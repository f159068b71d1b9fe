//! Every setting for Cognito, with what it takes and does.

use masthead_provider_kit::{
    ProviderSettingSpec,
    settings::client_tls::{AUTHORITIES, CLIENT_CERTIFICATE, CLIENT_KEY},
};

/// Every setting.
pub const SETTINGS: [ProviderSettingSpec; 10] = [
    ProviderSettingSpec {
        name: "Cognito.Region",
        values: "a region of AWS, such as eu-west-1",
        meaning: "the region of the user pool",
    },
    ProviderSettingSpec {
        name: "Cognito.ClientId",
        values: "1 to 255 visible ASCII characters",
        meaning: "the pool's app client, with ALLOW_USER_PASSWORD_AUTH among its flows",
    },
    ProviderSettingSpec {
        name: "Cognito.ClientSecretFile",
        values: "the path of a file",
        meaning: "where the app client's secret is stored, if it has one; or Cognito.ClientSecretEnv",
    },
    ProviderSettingSpec {
        name: "Cognito.ClientSecretEnv",
        values: "the name of an environment variable",
        meaning: "where the app client's secret is stored, if it has one; or Cognito.ClientSecretFile",
    },
    ProviderSettingSpec {
        name: "Cognito.BudgetPerSecond",
        values: "a number from 1 to 1000",
        meaning: "sustained calls per second of the tenant; 50 when not set, below the 120 that AWS grants an account at first",
    },
    ProviderSettingSpec {
        name: "Cognito.BudgetBurst",
        values: "a number from 1 to 1000",
        meaning: "calls at once; 100 when not set",
    },
    ProviderSettingSpec {
        name: "Cognito.BaseUrl",
        values: "https://host or https://host:port; http only where private addresses may be called",
        meaning: "replaces the region's address, as for a sandbox",
    },
    ProviderSettingSpec {
        name: "Cognito.ClientCertificateFile",
        values: "the path of a file",
        meaning: CLIENT_CERTIFICATE,
    },
    ProviderSettingSpec {
        name: "Cognito.ClientKeyFile",
        values: "the path of a file",
        meaning: CLIENT_KEY,
    },
    ProviderSettingSpec {
        name: "Cognito.CaFile",
        values: "the path of a file",
        meaning: AUTHORITIES,
    },
];
