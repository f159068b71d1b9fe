//! The settings: loaded from the reference, a file and the environment, then checked completely before anything starts.

mod check;
mod checker;
mod errors;
mod load;
mod model;
mod operator;
mod raw;
mod secret;
mod tenant_secrets;
#[cfg(test)]
mod tests;
mod unchecked;

pub(crate) use checker::parse_duration;
pub use errors::{SettingsError, environment_name};
pub use load::{REFERENCE, Variables};
pub use model::{
    AuditSettings, DatabaseSettings, HttpSettings, LogFormat, LogSettings, MailSettings, MetricsSettings,
    PasswordSettings, ProviderSettings, SealingSettings, SearchSettings, ServerSettings, SmtpSettings, SyncSettings,
    TokenKeySource, TokenSettings,
};
pub(crate) use operator::{operator, process_name};
pub use secret::SecretText;
pub use tenant_secrets::TenantSecrets;
pub use unchecked::UncheckedSettings;
