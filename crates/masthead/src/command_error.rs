//! The error of a command.

use std::{error::Error, fmt};

use crate::settings::SettingsError;

/// What is printed on standard error before exit code 1.
#[derive(Debug)]
pub(crate) struct CommandError {
    message: String,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl CommandError {
    /// A failure without a further cause.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            cause: None,
        }
    }

    /// For `map_err`: the failed action, and its cause.
    pub(crate) fn context<E: Error + Send + Sync + 'static>(message: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self {
            message: message.to_owned(),
            cause: Some(Box::new(error)),
        }
    }
}

impl From<SettingsError> for CommandError {
    fn from(errors: SettingsError) -> Self {
        Self::new(format!("the settings are invalid:\n{errors}"))
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let mut source = self.cause.as_deref().map(|cause| cause as &dyn Error);
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
