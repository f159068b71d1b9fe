//! Why a write is refused: one row for each error of the use cases.

use std::{borrow::Cow, time::Duration};

use masthead_orchestrator::writes::{SignInError, WriteUserError};
use masthead_ports::source::SourceName;

use super::code::Code;

/// The answer to a write that is refused, or cannot be reported as done.
#[derive(Debug)]
pub(crate) struct WriteRefusal {
    pub(crate) code: Code,
    /// The part of the text that depends on the case; `""` where the code has none.
    pub(crate) detail: Cow<'static, str>,
    /// When a repetition may succeed, where that is known.
    pub(crate) retry_after: Option<Duration>,
    /// The side that may have been written, or will be.
    pub(crate) pending: Option<SourceName>,
    /// Nothing is written, and the same request may succeed later.
    pub(crate) may_be_repeated: bool,
}

impl WriteRefusal {
    /// A refusal by a rule of the API itself.
    pub(crate) fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            detail: detail.into(),
            retry_after: None,
            pending: None,
            may_be_repeated: false,
        }
    }

    /// The refusal of this error; `refused` is the code of a call whose values the provider refuses.
    pub(crate) fn of(error: &WriteUserError, refused: Code) -> Self {
        let row = |code, detail: &'static str| Self::new(code, detail);
        let refusal = match error {
            WriteUserError::ReturnUrl(reason) => Self::new(Code::E400_00, format!("returnUrl: {reason}")),
            WriteUserError::MissingReturnUrl => row(
                Code::E400_00,
                "returnUrl: is missing, and the tenant has none in Users.ReturnUrls",
            ),
            WriteUserError::UnknownProviderAccount => row(
                Code::E400_00,
                "customerRegistrationId: must name an account of the tenant's provider",
            ),
            WriteUserError::MissingSetting(setting) => Self::new(
                Code::E400_00,
                format!("the tenant's setting {} does not allow this call", setting.0),
            ),
            WriteUserError::MailNotConfigured => row(Code::E503_01, ""),
            WriteUserError::NoSuchUser => row(Code::E404, "there is no such user"),
            WriteUserError::EmailTaken => row(Code::E400_08, ""),
            WriteUserError::AwaitsVerification => row(Code::E400_07, ""),
            WriteUserError::IdTaken => row(Code::E409, "the id is in use"),
            WriteUserError::Changed => row(Code::E412, ""),
            WriteUserError::Unstorable { field, problem } => Self::new(Code::E400_00, format!("{field}: {problem}")),
            WriteUserError::NoProviderAccount => row(
                refused,
                "the provider has no account of this user; with ignoreProvider an update writes the registration alone, and a delete ends it",
            ),
            WriteUserError::Refused(Some(message)) => Self::new(refused, message.as_str().to_owned()),
            WriteUserError::Refused(None) => row(refused, "the provider refuses the values"),
            WriteUserError::WrongCode => row(Code::E400_15, ""),
            WriteUserError::UnknownEmail => row(Code::E400_14, ""),
            WriteUserError::AlreadyVerified => row(Code::E400_16, ""),
            WriteUserError::LinkInvalid => row(Code::E400_17, ""),
            WriteUserError::Busy { retry_after } => Self {
                retry_after: Some(*retry_after),
                ..row(Code::E503, "")
            },
            WriteUserError::Unavailable { retry_after, pending } => Self {
                retry_after: *retry_after,
                pending: *pending,
                ..row(Code::E503, "")
            },
            WriteUserError::Corrupt => row(Code::E500, ""),
        };
        Self {
            may_be_repeated: error.may_be_repeated() && refusal.pending.is_none(),
            ..refusal
        }
    }
}

impl From<SignInError> for WriteRefusal {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Incorrect => Self::new(Code::E401_01, ""),
            SignInError::Unverified => Self::new(Code::E403_01, ""),
            SignInError::Lite => Self::new(Code::E403_02, ""),
            SignInError::Refused { reason } => Self::new(Code::E403_03, reason),
            SignInError::Blocked => Self::new(Code::E403_04, ""),
            SignInError::TooManyAttempts { retry_after } => Self {
                retry_after: Some(retry_after),
                ..Self::new(Code::E429, "")
            },
            SignInError::Failed(error) => Self::of(&error, Code::E400_00),
        }
    }
}
