//! The legacy calls that write.

use masthead_domain::access::Scope;

use crate::v4::writes::operation::WriteOperation;

/// A legacy call that writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LegacyWrite {
    /// `POST /User`
    Create,
    /// `POST /User/Passwordless`
    CreatePasswordless,
    /// `PUT /User/{crid}`
    Update,
    /// `POST /Authenticate`
    Authenticate,
    /// `POST /AuthenticateByToken`
    AuthenticateByToken,
    /// `POST /ForgotPassword`
    ForgotPassword,
    /// `POST /User/VerifyEmail`
    VerifyEmail,
    /// `POST /VerifyEmail/Resend`
    ResendCode,
}

/// The paths of the calls that have one of their own.
pub(crate) const PATHS: [(&str, LegacyWrite); 4] = [
    ("/Authenticate", LegacyWrite::Authenticate),
    ("/AuthenticateByToken", LegacyWrite::AuthenticateByToken),
    ("/ForgotPassword", LegacyWrite::ForgotPassword),
    ("/VerifyEmail/Resend", LegacyWrite::ResendCode),
];

/// The calls below `/User` that a name selects.
pub(crate) const NAMES: [(&str, LegacyWrite); 2] = [
    ("Passwordless", LegacyWrite::CreatePasswordless),
    ("VerifyEmail", LegacyWrite::VerifyEmail),
];

impl LegacyWrite {
    /// The call of v4 that does the same.
    pub(crate) const fn in_v4(self) -> WriteOperation {
        match self {
            Self::Create | Self::CreatePasswordless => WriteOperation::Create,
            Self::Update => WriteOperation::Update,
            Self::Authenticate | Self::AuthenticateByToken => WriteOperation::Authenticate,
            Self::ForgotPassword => WriteOperation::StartReset,
            Self::VerifyEmail => WriteOperation::Verify,
            Self::ResendCode => WriteOperation::SendCode,
        }
    }

    /// The scopes of which a caller needs one: those of the same call in v4.
    pub(crate) const fn scopes(self) -> &'static [Scope] {
        self.in_v4().scopes()
    }
}
