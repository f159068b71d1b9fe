//! The settings: loaded from the reference, a file and the environment, then checked completely before anything starts.

mod check;
mod checker;
mod effective;
mod errors;
mod fingerprint;
mod load;
mod model;
mod operator;
mod raw;
mod reference;
mod secret;
mod tenant_secrets;
#[cfg(test)]
mod tests;
mod unchecked;
mod warnings;

pub(crate) use checker::{parse_duration, read_secret};
pub use effective::{EffectiveSetting, SettingLayer};
pub use errors::{SettingsError, environment_name};
pub use fingerprint::SettingsFingerprint;
pub use load::Variables;
pub use model::{
    AuditSettings, DatabaseSettings, HttpSettings, IssuerSettings, LimitSettings, LogFormat, LogSettings, MailSettings,
    MetricsSettings, PasswordSettings, PrivateAddresses, ProviderSettings, SealingSettings, SearchSettings,
    ServerSettings, SmtpSettings, SyncSettings, TelemetrySettings, TlsSettings, TokenKeySource, TokenSettings,
};
pub(crate) use operator::{operator, process_name};
pub use reference::REFERENCE;
pub use secret::SecretText;
pub use tenant_secrets::{TenantSecrets, variable_prefix};
pub use unchecked::UncheckedSettings;
