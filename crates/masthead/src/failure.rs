//! Why a command failed, for the person who ran it.

use std::{error::Error, fmt};

use crate::settings::Mistakes;

/// What is said on standard error before exit code 1.
#[derive(Debug)]
pub(crate) struct Failure {
    says: String,
    because: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// A failure without a further cause.
    pub(crate) fn new(says: impl Into<String>) -> Self {
        Self {
            says: says.into(),
            because: None,
        }
    }

    /// For `map_err`: what was being done, and the error that stopped it.
    pub(crate) fn when<E: Error + Send + Sync + 'static>(says: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self {
            says: says.to_owned(),
            because: Some(Box::new(error)),
        }
    }
}

impl From<Mistakes> for Failure {
    fn from(mistakes: Mistakes) -> Self {
        Self::new(format!("the settings cannot be used:\n{mistakes}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.says)?;
        let mut cause = self.because.as_deref().map(|cause| cause as &dyn Error);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
