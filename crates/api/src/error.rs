//! Why a request is refused, and the one match that makes status, code and text of it.

use std::{borrow::Cow, time::Duration};

use masthead_domain::answer::Completeness;
use masthead_orchestrator::ReadError;
use masthead_ports::tokens::TokenError;

use crate::{code::Code, parameters::InvalidParameter};

/// The reads, where they differ in their codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// `GET /v4/Users/{crid}`
    ById,
    /// `GET /v4/Users` and `POST /v4/Users/Search`
    List,
}

/// A header that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaderFault {
    /// Not given, or blank.
    Missing(&'static str),
    /// Given more than once.
    Repeated(&'static str),
    /// Not of the form of a code.
    NoCode(&'static str),
    /// Not a name of printable ASCII.
    NoName(&'static str),
    /// Two spellings of one header that differ.
    AliasDiffers,
    /// The legacy API does without the client group only where there is one to choose from.
    SeveralGroups,
}

/// What a caller without client group is told where it takes one.
pub(crate) const SEVERAL_GROUPS: &str =
    "X-ClientGroupCode is missing: the token grants several tenants with this X-ClientCode and X-PaperCode.";

/// Everything that ends a request without its answer.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// A header.
    Header(HeaderFault),
    /// The `Authorization` header is not `bearer` and a token.
    NotBearer,
    /// The token.
    Token(TokenError),
    /// The tenant does not know the source system.
    SourceSystem,
    /// Scope or tenant not granted, or no such tenant.
    NotGranted,
    /// A parameter, wherever it stood.
    Parameter(Call, InvalidParameter),
    /// The request is not valid HTTP.
    BadRequest,
    /// The body is not declared as JSON.
    ContentType,
    /// The body has a content coding.
    ContentEncoding,
    /// The body is larger than so many bytes.
    BodyTooLarge(usize),
    /// The body did not arrive.
    BodyCut,
    /// The body did not arrive in time.
    BodyTimeout,
    /// The request needs what the server does not have.
    NotImplemented,
    /// The use case.
    Read(Call, ReadError),
    /// Somebody we depend on did not answer in time.
    Unavailable,
    /// No such address.
    NoRoute,
    /// The address takes other methods.
    Method,
    /// Path and query are too long.
    UriTooLong,
    /// The headers are too large.
    HeadersTooLarge,
    /// A bug.
    Internal,
}

/// What [`ApiError`] comes down to.
pub(crate) struct Refusal {
    /// The code.
    pub(crate) code: Code,
    /// What stands in the text's placeholder; `""` where it has none.
    pub(crate) what: Cow<'static, str>,
    /// When coming back makes sense, when it is known.
    pub(crate) retry_after: Option<Duration>,
    /// What the sources said.
    pub(crate) completeness: Option<Completeness>,
}

impl ApiError {
    /// Whether the by-id switch of a tenant (400 in place of 404) concerns this error.
    pub(crate) const fn is_missing_user(&self) -> bool {
        matches!(self, Self::Read(_, ReadError::NoSuchUser { .. }))
    }

    /// The code.
    pub(crate) const fn code(&self) -> Code {
        match self {
            Self::Header(_) | Self::Parameter(Call::ById, _) => Code::E400_00,
            Self::Parameter(Call::List, _) | Self::BodyCut => Code::E400_02,
            Self::NotBearer | Self::SourceSystem => Code::E401,
            Self::Token(error) => match error {
                TokenError::KeysUnavailable => Code::E503,
                TokenError::Malformed
                | TokenError::BadSignature
                | TokenError::Expired
                | TokenError::NotYetValid
                | TokenError::WrongIssuer
                | TokenError::WrongAudience
                | TokenError::NotAccessToken
                | TokenError::LongLived
                | TokenError::BadClaims => Code::E401,
            },
            Self::NotGranted => Code::E403,
            Self::BadRequest => Code::E400,
            Self::ContentType | Self::ContentEncoding => Code::E415,
            Self::BodyTimeout => Code::E408,
            Self::NotImplemented => Code::E501,
            Self::BodyTooLarge(_) => Code::E413,
            Self::Read(call, error) => match (call, error) {
                (_, ReadError::NoSuchUser { .. }) => Code::E404,
                (_, ReadError::Unavailable { .. }) => Code::E503,
                (_, ReadError::TooBroad | ReadError::TooDeep { .. }) => Code::E400_90,
                (Call::ById, ReadError::Corrupt) => Code::E500_01,
                (Call::List, ReadError::Corrupt) => Code::E500_02,
            },
            Self::Unavailable => Code::E503,
            Self::NoRoute => Code::E404,
            Self::Method => Code::E405,
            Self::UriTooLong => Code::E414,
            Self::HeadersTooLarge => Code::E431,
            Self::Internal => Code::E500,
        }
    }

    /// Code, what the text takes in, and advice.
    pub(crate) fn refusal(self) -> Refusal {
        Refusal {
            code: self.code(),
            what: self.what(),
            retry_after: match &self {
                Self::Read(_, ReadError::Unavailable { retry_after, .. }) => *retry_after,
                _ => None,
            },
            completeness: match self {
                Self::Read(_, ReadError::NoSuchUser { completeness } | ReadError::Unavailable { completeness, .. }) => {
                    completeness
                }
                _ => None,
            },
        }
    }

    /// What stands in the text's placeholder; `""` where it has none.
    pub(crate) fn what(&self) -> Cow<'static, str> {
        match self {
            Self::Header(fault) => fault.text().into(),
            Self::NotBearer => "the Authorization header is not `bearer` and a token".into(),
            Self::Token(error) => error.to_string().into(),
            Self::SourceSystem => "the tenant does not know this X-SourceSystem".into(),
            Self::Parameter(_, invalid) => invalid.to_string().into(),
            Self::ContentType => "the Content-Type must be application/json".into(),
            Self::ContentEncoding => "a Content-Encoding is not supported".into(),
            Self::BodyTooLarge(limit) => format!("the body may have {limit} bytes").into(),
            Self::BodyCut => "the body did not arrive whole".into(),
            Self::Read(_, ReadError::NoSuchUser { .. }) => "there is no such user".into(),
            Self::Read(_, ReadError::TooBroad) => "it takes longer than it may; narrow it".into(),
            Self::Read(_, ReadError::TooDeep { limit }) => {
                format!("pageNumber reaches {limit} rows deep; use cursor to go on").into()
            }
            Self::NoRoute => "there is no such address".into(),
            Self::Read(_, ReadError::Unavailable { .. } | ReadError::Corrupt)
            | Self::NotGranted
            | Self::Unavailable
            | Self::Method
            | Self::BadRequest
            | Self::BodyTimeout
            | Self::NotImplemented
            | Self::UriTooLong
            | Self::HeadersTooLarge
            | Self::Internal => "".into(),
        }
    }
}

impl HeaderFault {
    pub(crate) fn text(self) -> String {
        match self {
            Self::Missing(name) => format!("{name} is missing."),
            Self::Repeated(name) => format!("{name} is given more than once."),
            Self::NoCode(name) => format!("{name} must be 1 to 64 letters, digits, '-', '_' or '.'."),
            Self::NoName(name) => format!("{name} must be 1 to 64 printable ASCII characters."),
            Self::AliasDiffers => "X-MediaGroupCode differs from X-ClientGroupCode.".to_owned(),
            Self::SeveralGroups => SEVERAL_GROUPS.to_owned(),
        }
    }
}
