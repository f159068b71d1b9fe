//! Every setting for Gigya, with what it takes and does.

use masthead_provider_kit::{
    ProviderSettingSpec,
    settings::client_tls::{AUTHORITIES, CLIENT_CERTIFICATE, CLIENT_KEY},
};

/// Every setting.
pub const SETTINGS: [ProviderSettingSpec; 17] = [
    ProviderSettingSpec {
        name: "Gigya.ApiKey",
        values: "1 to 255 visible ASCII characters",
        meaning: "the site's API key",
    },
    ProviderSettingSpec {
        name: "Gigya.DataCenter",
        values: "us1, eu1, eu2, au1, cn1, global, ru1, il1, or a domain under gigya.com, sapcdm.cn or gigya-api.cn",
        meaning: "the data centre of the site",
    },
    ProviderSettingSpec {
        name: "Gigya.UserKey",
        values: "1 to 255 visible ASCII characters",
        meaning: "the key of the application that calls; a partner's own secret is refused by Gigya",
    },
    ProviderSettingSpec {
        name: "Gigya.Auth",
        values: "signed, secret or bearer",
        meaning: "how the application authenticates: a signature, its secret in the body, or a token signed with \
                  its private key; signed when not set",
    },
    ProviderSettingSpec {
        name: "Gigya.SecretFile",
        values: "the path of a file",
        meaning: "where the application's secret is stored, as the console shows it; or Gigya.SecretEnv",
    },
    ProviderSettingSpec {
        name: "Gigya.SecretEnv",
        values: "the name of an environment variable",
        meaning: "where the application's secret is stored, as the console shows it; or Gigya.SecretFile",
    },
    ProviderSettingSpec {
        name: "Gigya.PrivateKeyFile",
        values: "the path of a file",
        meaning: "where the application's RSA key (PEM) is stored, for Gigya.Auth=bearer; or Gigya.PrivateKeyEnv",
    },
    ProviderSettingSpec {
        name: "Gigya.PrivateKeyEnv",
        values: "the name of an environment variable",
        meaning: "where the application's RSA key (PEM) is stored, for Gigya.Auth=bearer; or Gigya.PrivateKeyFile",
    },
    ProviderSettingSpec {
        name: "Gigya.BaseUrl",
        values: "https://host or https://host:port; http only where private addresses may be called",
        meaning: "replaces the data centre's address, as for a sandbox",
    },
    ProviderSettingSpec {
        name: "Gigya.PageSize",
        values: "a number from 1 to 1000",
        meaning: "how many accounts one request returns; 300 when not set",
    },
    ProviderSettingSpec {
        name: "Gigya.BudgetPerSecond",
        values: "a number from 1 to 1000",
        meaning: "sustained calls per second of the tenant; 10 when not set, since SAP publishes no quota",
    },
    ProviderSettingSpec {
        name: "Gigya.BudgetBurst",
        values: "a number from 1 to 1000",
        meaning: "calls at once; 20 when not set",
    },
    ProviderSettingSpec {
        name: "Gigya.LiteAccounts",
        values: "true or false",
        meaning: "lite accounts, which are not registered, count as users; false when not set",
    },
    ProviderSettingSpec {
        name: "Gigya.MetadataMap",
        values: "comma-separated entries: field=key, field, field=, profile.field=key, profile.field=, *",
        meaning: "which fields of data (dots lead into objects) and profile become metadata keys beside the standard keys; \
                  `field=` excludes one, * includes all of data",
    },
    ProviderSettingSpec {
        name: "Gigya.ClientCertificateFile",
        values: "the path of a file",
        meaning: CLIENT_CERTIFICATE,
    },
    ProviderSettingSpec {
        name: "Gigya.ClientKeyFile",
        values: "the path of a file",
        meaning: CLIENT_KEY,
    },
    ProviderSettingSpec {
        name: "Gigya.CaFile",
        values: "the path of a file",
        meaning: AUTHORITIES,
    },
];
