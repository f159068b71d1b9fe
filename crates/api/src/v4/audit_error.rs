//! Why a parameter of the audit log is refused.

use std::borrow::Cow;

/// Why a parameter is refused. It never contains a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AuditParameterError {
    Unknown,
    Repeated(&'static str),
    BadForm(&'static str),
    NoSubject,
    NoSince,
    BadCursor,
}

impl AuditParameterError {
    /// The text for the client.
    pub(crate) fn detail(self) -> Cow<'static, str> {
        match self {
            Self::Unknown => "a parameter is not one of user, caller, kind, since, until, limit and cursor".into(),
            Self::Repeated(name) => format!("{name} is given more than once").into(),
            Self::BadForm(name) => format!("{name} cannot be understood").into(),
            Self::NoSubject => "exactly one of user, caller and kind must be given".into(),
            Self::NoSince => "since must be given".into(),
            Self::BadCursor => "cursor does not belong to this request".into(),
        }
    }
}
