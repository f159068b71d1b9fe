//! The error of a command.

use std::{error::Error, fmt, io};

use crate::settings::SettingsError;

/// The exit code of a failure.
const FAILURE: u8 = 1;
/// The exit code of an import that has read all rows, and has rejected some.
const REJECTED: u8 = 3;

/// What is printed on standard error before an exit code other than 0.
#[derive(Debug)]
pub(crate) struct CommandError {
    message: String,
    cause: Option<Box<dyn Error + Send + Sync>>,
    code: u8,
}

impl CommandError {
    /// A failure without a further cause.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            cause: None,
            code: FAILURE,
        }
    }

    /// The end of an import that has rejected rows.
    pub(crate) fn rejected(message: String) -> Self {
        Self {
            code: REJECTED,
            ..Self::new(message)
        }
    }

    /// Standard output cannot be written. Where its reader has left, as `head` does, nothing is printed.
    pub(crate) fn from_output(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::new("");
        }
        Self::context("cannot write to standard output")(error)
    }

    /// Whether nothing is to be printed about it.
    pub(crate) const fn is_silent(&self) -> bool {
        self.message.is_empty()
    }

    /// The exit code.
    pub(crate) const fn code(&self) -> u8 {
        self.code
    }

    /// For `map_err`: the failed action, and its cause.
    pub(crate) fn context<E: Error + Send + Sync + 'static>(message: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self {
            message: message.to_owned(),
            cause: Some(Box::new(error)),
            code: FAILURE,
        }
    }
}

/// An error with its causes, each once: errors of libraries repeat their cause in their own text.
pub(crate) struct ErrorChain<'a>(pub(crate) &'a (dyn Error + 'static));

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = self.0.to_string();
        f.write_str(&last)?;
        for cause in std::iter::successors(self.0.source(), |&cause| cause.source()) {
            let text = cause.to_string();
            if !last.ends_with(&text) {
                write!(f, ": {text}")?;
            }
            last = text;
        }
        Ok(())
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
        match self.cause.as_deref() {
            Some(cause) => write!(f, ": {}", ErrorChain(cause)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cause_is_printed_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer: {0}")]
        struct RepeatingError(#[source] io::Error);

        let error = CommandError::context("nothing was changed")(RepeatingError(io::Error::other("inner")));
        assert_eq!(error.to_string(), "nothing was changed: outer: inner");
    }
}
