//! The settings: loaded from the reference, a file and the environment, then checked completely before anything starts.

mod check;
mod checker;
mod effective;
mod errors;
mod load;
mod model;
mod raw;
mod reference;
mod secret;
mod tenant_secrets;
#[cfg(test)]
mod tests;
mod unchecked;

pub(crate) use checker::parse_duration;
pub use effective::{EffectiveSetting, SettingLayer};
pub use errors::{SettingsError, environment_name};
pub use load::Variables;
pub use model::{
    DatabaseSettings, HttpSettings, LogFormat, LogSettings, MailSettings, MetricsSettings, PasswordSettings,
    ProviderSettings, SealingSettings, SearchSettings, ServerSettings, SmtpSettings, SyncSettings, TokenKeySource,
    TokenSettings,
};
pub use reference::REFERENCE;
pub use secret::SecretText;
pub use tenant_secrets::TenantSecrets;
pub use unchecked::UncheckedSettings;
