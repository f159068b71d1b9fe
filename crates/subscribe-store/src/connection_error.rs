//! A connection to the database that cannot be opened.

use std::borrow::Cow;

use thiserror::Error;

/// Why a connection cannot be opened. It names the server and the reason, never a password or a value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{server}: {reason}")]
pub(crate) struct ConnectionError {
    pub(crate) server: Box<str>,
    pub(crate) reason: Cow<'static, str>,
}

impl ConnectionError {
    /// The one inside an error, if any.
    pub(crate) fn find(error: &sqlx::Error) -> Option<&Self> {
        match error {
            sqlx::Error::Io(cause) => cause.get_ref()?.downcast_ref(),
            sqlx::Error::Tls(cause) | sqlx::Error::Configuration(cause) => cause.downcast_ref(),
            _ => None,
        }
    }
}
