//! Every setting for Gigya, with what it takes and does.

use masthead_provider_http::ProviderSettingSpec;

/// Every setting.
pub const SETTINGS: [ProviderSettingSpec; 14] = [
    ProviderSettingSpec {
        name: "Gigya.ApiKey",
        values: "1 to 255 visible ASCII characters",
        meaning: "the site's API key",
    },
    ProviderSettingSpec {
        name: "Gigya.DataCenter",
        values: "us1, eu1, eu2, au1, cn1, global, ru1, il1, or a domain under gigya.com, sapcdm.cn or gigya-api.cn",
        meaning: "the data centre that the site lives in",
    },
    ProviderSettingSpec {
        name: "Gigya.UserKey",
        values: "1 to 255 visible ASCII characters",
        meaning: "the key of the application that calls; a partner's own secret is refused by Gigya",
    },
    ProviderSettingSpec {
        name: "Gigya.Auth",
        values: "signed, secret or bearer",
        meaning: "how the application proves itself: a signature, its secret in the body, or a token that it signs with \
                  its private key; signed when not set",
    },
    ProviderSettingSpec {
        name: "Gigya.SecretFile",
        values: "the path of a file",
        meaning: "where the application's secret is kept, as the console shows it; or Gigya.SecretEnv",
    },
    ProviderSettingSpec {
        name: "Gigya.SecretEnv",
        values: "the name of an environment variable",
        meaning: "where the application's secret is kept, as the console shows it; or Gigya.SecretFile",
    },
    ProviderSettingSpec {
        name: "Gigya.PrivateKeyFile",
        values: "the path of a file",
        meaning: "where the application's RSA key (PEM) is kept, for Gigya.Auth=bearer; or Gigya.PrivateKeyEnv",
    },
    ProviderSettingSpec {
        name: "Gigya.PrivateKeyEnv",
        values: "the name of an environment variable",
        meaning: "where the application's RSA key (PEM) is kept, for Gigya.Auth=bearer; or Gigya.PrivateKeyFile",
    },
    ProviderSettingSpec {
        name: "Gigya.BaseUrl",
        values: "https://host or https://host:port; http only where private addresses may be called",
        meaning: "calls another address than the data centre's, such as a sandbox",
    },
    ProviderSettingSpec {
        name: "Gigya.PageSize",
        values: "a number from 1 to 1000",
        meaning: "how many accounts are asked for at a time; 300 when not set",
    },
    ProviderSettingSpec {
        name: "Gigya.BudgetPerSecond",
        values: "a number from 1 to 1000",
        meaning: "how many calls a second the tenant may make for ever; 10 when not set, since SAP publishes no quota",
    },
    ProviderSettingSpec {
        name: "Gigya.BudgetBurst",
        values: "a number from 1 to 1000",
        meaning: "how many calls it may make at once; 20 when not set",
    },
    ProviderSettingSpec {
        name: "Gigya.LiteAccounts",
        values: "true or false",
        meaning: "lite accounts, which nobody registered, count as users; false when not set",
    },
    ProviderSettingSpec {
        name: "Gigya.MetadataMap",
        values: "entries with commas between them: theirs=ours, theirs, theirs=, profile.theirs=ours, profile.theirs=, *",
        meaning: "which fields of data (dots lead into objects) and profile are ours beside the standard keys; \
                  `theirs=` leaves one out, * takes all of data",
    },
];
