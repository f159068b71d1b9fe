//! The settings: loaded from the reference, a file and the environment, then checked completely before anything starts.

mod check;
mod checker;
mod errors;
mod fingerprint;
mod load;
mod model;
mod raw;
mod secret;
mod tenant_secrets;
#[cfg(test)]
mod tests;
mod unchecked;
mod warnings;

pub(crate) use checker::{parse_duration, read_secret};
pub use errors::{SettingsError, environment_name};
pub use fingerprint::SettingsFingerprint;
pub use load::{REFERENCE, Variables};
pub use model::{
    AuditSettings, DatabaseSettings, HttpSettings, IssuerSettings, LimitSettings, LogFormat, LogSettings, MailSettings,
    MetricsSettings, PasswordSettings, PrivateAddresses, ProviderSettings, SealingSettings, SearchSettings,
    ServerSettings, SmtpSettings, SyncSettings, TelemetrySettings, TlsSettings, TokenKeySource, TokenSettings,
};
pub use secret::SecretText;
pub use tenant_secrets::{TenantSecrets, variable_prefix};
pub use unchecked::UncheckedSettings;
