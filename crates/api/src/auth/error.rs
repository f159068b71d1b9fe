//! Why a caller is refused.

use std::borrow::Cow;

use http::StatusCode;
use masthead_ports::{rate_limit::RateExceeded, tokens::TokenError};

/// A header that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaderError {
    /// Absent or blank.
    Missing(&'static str),
    /// Sent more than once.
    Repeated(&'static str),
    /// Not of the form of a code.
    NotACode(&'static str),
    /// Not 1 to 64 printable ASCII characters.
    NotPrintable(&'static str),
    /// `X-ClientGroupCode` and its alias differ.
    AliasDiffers,
    /// The client group is absent, and the token grants more than one.
    SeveralGroups,
}

/// The text of [`HeaderError::SeveralGroups`].
pub(crate) const SEVERAL_GROUPS: &str =
    "X-ClientGroupCode is missing: the token grants several tenants with this X-ClientCode and X-PaperCode.";

/// Why a caller is refused.
#[derive(Debug)]
pub(crate) enum AuthError {
    /// A header cannot be used.
    Header(HeaderError),
    /// The `Authorization` header is not `bearer` and a token.
    NotBearer,
    /// The token is refused.
    Token(TokenError),
    /// The tenant does not accept this source system.
    UnknownSourceSystem,
    /// The token is bound to other source systems.
    SourceSystemNotGranted,
    /// Scope or tenant is not granted, or the tenant does not exist.
    NotGranted,
    /// A limit of requests or rows a minute is reached.
    RateLimited(RateExceeded),
    /// The tenants cannot be looked up now.
    TenantsUnavailable,
}

impl HeaderError {
    /// The text for the client.
    pub(crate) fn detail(self) -> Cow<'static, str> {
        match self {
            Self::Missing(name) => format!("{name} is missing.").into(),
            Self::Repeated(name) => format!("{name} is given more than once.").into(),
            Self::NotACode(name) => format!("{name} must be 1 to 64 letters, digits, '-', '_' or '.'.").into(),
            Self::NotPrintable(name) => format!("{name} must be 1 to 64 printable ASCII characters.").into(),
            Self::AliasDiffers => "X-MediaGroupCode differs from X-ClientGroupCode.".into(),
            Self::SeveralGroups => SEVERAL_GROUPS.into(),
        }
    }
}

impl AuthError {
    /// The text for the client; `""` where the code is enough.
    pub(crate) fn detail(&self) -> Cow<'static, str> {
        match self {
            Self::Header(error) => error.detail(),
            Self::NotBearer => "the Authorization header is not `bearer` and a token".into(),
            Self::Token(error) => error.to_string().into(),
            Self::UnknownSourceSystem => "the tenant does not know this X-SourceSystem".into(),
            Self::SourceSystemNotGranted => "the token does not grant this X-SourceSystem".into(),
            Self::NotGranted | Self::RateLimited(_) | Self::TenantsUnavailable => "".into(),
        }
    }

    /// The status and the reason of the event of a refused call; `None` for other errors.
    pub(crate) fn refusal(&self) -> Option<(StatusCode, Cow<'static, str>)> {
        match self {
            Self::Header(_)
            | Self::TenantsUnavailable
            | Self::Token(TokenError::KeysUnavailable | TokenError::RulesUnavailable) => None,
            Self::NotBearer | Self::Token(_) | Self::UnknownSourceSystem | Self::SourceSystemNotGranted => {
                Some((StatusCode::UNAUTHORIZED, self.detail()))
            }
            Self::NotGranted => Some((StatusCode::FORBIDDEN, "the scope or the tenant is not granted".into())),
            Self::RateLimited(_) => Some((StatusCode::TOO_MANY_REQUESTS, "a limit is reached".into())),
        }
    }
}

impl From<HeaderError> for AuthError {
    fn from(error: HeaderError) -> Self {
        Self::Header(error)
    }
}
