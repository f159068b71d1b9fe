//! What can be wrong with a directory's settings; no value is ever repeated.

use thiserror::Error;

/// Something wrong with a tenant's settings for a directory, by the setting's whole name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GenericSettingError {
    /// No such setting.
    #[error("{0}: no such setting")]
    UnknownName(Box<str>),
    /// A setting without which the directory cannot be called as it is described.
    #[error("{name}: must be set: {meaning}")]
    Missing {
        /// The setting.
        name: Box<str>,
        /// What it does.
        meaning: &'static str,
    },
    /// The value is not of the setting's form.
    #[error("{name}: must be {expected}")]
    BadValue {
        /// The setting.
        name: Box<str>,
        /// What it takes.
        expected: &'static str,
    },
    /// The pointer leads to what opens a session, such as `masterId` or `PUID`: never returned, stored or logged.
    #[error("{0}: leads to what opens a session, which is never read")]
    SessionGrade(Box<str>),
    /// The call has no place for what it looks for, or a place for something that it does not know.
    #[error("{name}: {problem}")]
    Pointers {
        /// The setting.
        name: Box<str>,
        /// What is wrong.
        problem: &'static str,
    },
    /// Secrets are kept in files or the environment, never among a tenant's settings.
    #[error("{0}: a secret is never kept here; set SecretFile or SecretEnv")]
    SecretInSettings(Box<str>),
    /// Both places of the secret are named.
    #[error("{0}: SecretFile and SecretEnv are both set; set one of them")]
    TwoSecrets(Box<str>),
}

impl GenericSettingError {
    /// The setting's whole name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Missing { name, .. }
            | Self::BadValue { name, .. }
            | Self::Pointers { name, .. }
            | Self::UnknownName(name)
            | Self::SessionGrade(name)
            | Self::SecretInSettings(name)
            | Self::TwoSecrets(name) => name,
        }
    }
}
