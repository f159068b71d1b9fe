//! Why a write is not done, or cannot be reported as done.

use std::time::Duration;

use masthead_domain::{return_url::ReturnUrlError, state::UserState};
use masthead_ports::{
    accounts::{MissingSetting, UserFacingMessage, WriteError},
    passwords::HasherError,
    source::{SUBSCRIBE, SourceError, SourceErrorKind, SourceName},
    users::UserWriteError,
};
use thiserror::Error;

/// The error of a write.
#[derive(Debug, Error)]
pub enum WriteUserError {
    /// `returnUrl` is not allowed for the tenant, or is missing where the tenant has none of its own.
    #[error("returnUrl {0}")]
    ReturnUrl(ReturnUrlError),
    /// `returnUrl` is missing, and the tenant has no `Users.ReturnUrls` to take one from.
    #[error("returnUrl is missing")]
    MissingReturnUrl,
    /// The given id names no account of the tenant's provider.
    #[error("the id names no account of the provider")]
    UnknownProviderAccount,
    /// The provider cannot do this for the tenant.
    #[error(transparent)]
    MissingSetting(#[from] MissingSetting),
    /// The call sends mail, and the server has no `smtp` settings.
    #[error("no mail server is configured")]
    MailNotConfigured,
    /// There is no such user.
    #[error("there is no such user")]
    NoSuchUser,
    /// Another user has the address.
    #[error("the address is taken")]
    EmailTaken,
    /// The address belongs to a user or a pending registration that waits for its verification.
    #[error("the address awaits verification")]
    AwaitsVerification,
    /// Another user has the id.
    #[error("the id is taken")]
    IdTaken,
    /// The user has changed since it was read.
    #[error("the user has changed")]
    Changed,
    /// A field cannot be stored.
    #[error("{field}: {problem}")]
    Unstorable {
        /// Its name.
        field: &'static str,
        /// What is wrong with it; never the value.
        problem: &'static str,
    },
    /// Our store has the user, and the provider has no account of it.
    #[error("the provider has no account of this user")]
    NoProviderAccount,
    /// The provider refuses the values, perhaps with words for the user.
    #[error("the provider refuses")]
    Refused(Option<UserFacingMessage>),
    /// The code is wrong, has ended, or was tried too often.
    #[error("the code is wrong")]
    WrongCode,
    /// Neither a user nor a pending registration has the address.
    #[error("the address is unknown")]
    UnknownEmail,
    /// The address is verified already.
    #[error("the address is verified already")]
    AlreadyVerified,
    /// The link is unknown, used, ended or expired.
    #[error("the link cannot be used")]
    LinkInvalid,
    /// Too many passwords wait to be hashed.
    #[error("too many passwords wait")]
    Busy {
        /// When a repetition may succeed.
        retry_after: Duration,
    },
    /// A side did not answer.
    #[error("a side did not answer")]
    Unavailable {
        /// When a repetition may succeed, if known.
        retry_after: Option<Duration>,
        /// The side that may have been written, or will be; `None`: nothing is written, and the call is safe to repeat.
        pending: Option<SourceName>,
    },
    /// A source returned contradictory data.
    #[error("a source returned contradictory data")]
    Corrupt,
}

impl WriteUserError {
    /// Nothing is written; the call is safe to repeat.
    pub(crate) const NOT_DONE: Self = Self::Unavailable {
        retry_after: None,
        pending: None,
    };

    /// Whether the same request may succeed later, so that its idempotency key is freed.
    #[must_use]
    pub const fn may_be_repeated(&self) -> bool {
        matches!(
            self,
            Self::Busy { .. } | Self::Unavailable { .. } | Self::MailNotConfigured | Self::Corrupt
        )
    }
}

impl From<UserWriteError> for WriteUserError {
    fn from(error: UserWriteError) -> Self {
        match error {
            UserWriteError::NoSuchUser => Self::NoSuchUser,
            UserWriteError::EmailTaken {
                state: None | Some(UserState::Unverified),
            } => Self::AwaitsVerification,
            UserWriteError::EmailTaken { state: Some(_) } => Self::EmailTaken,
            UserWriteError::IdTaken => Self::IdTaken,
            UserWriteError::Changed => Self::Changed,
            UserWriteError::Unstorable { field, problem } => Self::Unstorable { field, problem },
            UserWriteError::Source(error) => store_error(&error),
        }
    }
}

impl From<HasherError> for WriteUserError {
    fn from(error: HasherError) -> Self {
        match error {
            HasherError::Busy { retry_after } => Self::Busy { retry_after },
            // It was logged with the tenant.
            HasherError::MissingSecret { .. } => Self::NOT_DONE,
            HasherError::Failed => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a password could not be checked or hashed"
                );
                Self::NOT_DONE
            }
        }
    }
}

/// The error of a write that our store did not answer; logged here, once.
pub(crate) fn store_error(error: &SourceError) -> WriteUserError {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        source.name = SUBSCRIBE,
        "not written"
    );
    match error.kind {
        SourceErrorKind::Corrupt => WriteUserError::Corrupt,
        SourceErrorKind::OutcomeUnknown => WriteUserError::Unavailable {
            retry_after: None,
            pending: Some(SUBSCRIBE),
        },
        SourceErrorKind::RateLimited { retry_after } => WriteUserError::Unavailable {
            retry_after,
            pending: None,
        },
        SourceErrorKind::Unavailable
        | SourceErrorKind::Refused
        | SourceErrorKind::Misconfigured
        | SourceErrorKind::TooBroad => WriteUserError::NOT_DONE,
    }
}

/// The error of a read of the provider that a write needs first; logged here, once. Nothing is written.
pub(crate) fn provider_read_error(error: &SourceError, provider: SourceName) -> WriteUserError {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        source.name = provider,
        "no answer"
    );
    let retry_after = match error.kind {
        SourceErrorKind::RateLimited { retry_after } => retry_after,
        _ => None,
    };
    WriteUserError::Unavailable {
        retry_after,
        pending: None,
    }
}

/// What a remote Users API, in place of our store, does not do.
pub(crate) fn refused_by_remote_store() -> SourceError {
    SourceError::new("remote store", SourceErrorKind::Refused)
}

/// The error of a step that the remote API has not done.
pub(crate) fn remote_store_error(error: WriteError) -> UserWriteError {
    match error {
        WriteError::AlreadyExists => UserWriteError::EmailTaken {
            state: Some(UserState::Standard),
        },
        WriteError::AwaitsVerification => UserWriteError::EmailTaken { state: None },
        WriteError::IdTaken => UserWriteError::IdTaken,
        WriteError::Changed => UserWriteError::Changed,
        WriteError::NoSuchUser => UserWriteError::NoSuchUser,
        WriteError::Refused { .. } => refused_by_remote_store().into(),
        WriteError::Source(error) => error.into(),
    }
}
