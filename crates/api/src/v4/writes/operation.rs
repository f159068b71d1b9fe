//! The v4 calls that write: who may make them, and what they take.

use http::Method;
use masthead_domain::access::Scope;

use crate::v4::code::Code;

/// A call that writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriteOperation {
    /// `POST /v4/Users`
    Create,
    /// `PUT /v4/Users/{crid}`
    Update,
    /// `PATCH /v4/Users/{crid}/Password`
    SetPassword,
    /// `PATCH /v4/Users/{crid}/Email`
    SetEmail,
    /// `POST /v4/Users/Authentication`
    Authenticate,
    /// `POST /v4/Users/ForgotPassword`
    StartReset,
    /// `POST /v4/Users/ForgotPassword/Validate`
    ValidateReset,
    /// `POST /v4/Users/ForgotPassword/Finish`
    FinishReset,
    /// `POST /v4/Users/Verification`
    Verify,
    /// `POST /v4/Users/VerificationCode`
    SendCode,
    /// `DELETE /v4/Users/{crid}`
    Delete,
}

/// The calls of a login page, which need not be able to change users.
const LOGIN_PAGE: &[Scope] = &[Scope::UsersAuthenticate, Scope::UsersWrite];

impl WriteOperation {
    /// Its method.
    pub(crate) const fn method(self) -> Method {
        match self {
            Self::Create
            | Self::Authenticate
            | Self::StartReset
            | Self::ValidateReset
            | Self::FinishReset
            | Self::Verify
            | Self::SendCode => Method::POST,
            Self::Update => Method::PUT,
            Self::SetPassword | Self::SetEmail => Method::PATCH,
            Self::Delete => Method::DELETE,
        }
    }

    /// The scopes of which a caller needs one.
    pub(crate) const fn scopes(self) -> &'static [Scope] {
        match self {
            Self::Create | Self::Update | Self::SetPassword | Self::SetEmail | Self::Delete => &[Scope::UsersWrite],
            Self::Authenticate
            | Self::StartReset
            | Self::ValidateReset
            | Self::FinishReset
            | Self::Verify
            | Self::SendCode => LOGIN_PAGE,
        }
    }

    /// Whether it takes a body.
    pub(crate) fn has_body(self) -> bool {
        self.method() != Method::DELETE
    }

    /// Whether its answer is kept by `Idempotency-Key`. A sign-in is decided anew each time: a kept answer would outlive a
    /// changed password and a block. The validation of a link changes nothing.
    pub(crate) const fn keeps_answer(self) -> bool {
        match self {
            Self::Create
            | Self::Update
            | Self::SetPassword
            | Self::SetEmail
            | Self::StartReset
            | Self::FinishReset
            | Self::Verify
            | Self::SendCode => true,
            Self::Authenticate | Self::ValidateReset | Self::Delete => false,
        }
    }

    /// The code of values that the provider refuses.
    pub(crate) const fn refused_code(self) -> Code {
        match self {
            Self::Update => Code::E400_22,
            _ => Code::E400_00,
        }
    }
}
