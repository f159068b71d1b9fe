//! How an outbound call fails, and what the caller of a source can do about it.

use masthead_ports::source::{SourceError, SourceErrorKind};
use thiserror::Error;

/// Whether a call changes something at the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// It only reads; asking twice does no harm.
    Read,
    /// It writes: an answer that does not come leaves the outcome open.
    Write,
}

/// The reason of a failure. Its text is fixed: no address, body or secret is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum TransportError {
    /// The request's address is not one that we call: no host, a user name in it, another scheme.
    #[error("the address is not usable")]
    BadAddress,
    /// Plain http is not allowed to this address.
    #[error("plain http is not allowed")]
    PlainHttp,
    /// The name leads to an address that is not public.
    #[error("the address is not public")]
    PrivateAddress,
    /// The name has no address.
    #[error("the name cannot be resolved")]
    Resolve,
    /// Nobody took the connection.
    #[error("no connection")]
    Connect,
    /// The connection was not made in time.
    #[error("no connection in time")]
    ConnectTimeout,
    /// The TLS handshake failed, mostly for the certificate.
    #[error("no tls session")]
    Tls,
    /// The connection ended or spoke no HTTP before the answer was whole.
    #[error("the connection broke")]
    Broken,
    /// The deadline, or the time that one call may take, passed.
    #[error("no answer in time")]
    Timeout,
    /// The answer stopped arriving.
    #[error("the answer stalled")]
    Stalled,
    /// The answer is larger than what is taken, as it came or inflated.
    #[error("the answer is too large")]
    TooLarge,
    /// The answer's content encoding is unknown or broken.
    #[error("the answer cannot be decoded")]
    Encoding,
    /// The answer is not labelled as JSON.
    #[error("the answer is not json")]
    NotJson,
    /// The answer is no JSON of the expected form.
    #[error("the answer is not of the expected form")]
    BadJson,
    /// Our own task ended before its time, as when the process shuts down.
    #[error("the call was abandoned")]
    AbandonedError,
}

impl TransportError {
    /// The word for logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadAddress => "bad_address",
            Self::PlainHttp => "plain_http",
            Self::PrivateAddress => "private_address",
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::ConnectTimeout => "connect_timeout",
            Self::Tls => "tls",
            Self::Broken => "broken",
            Self::Timeout => "timeout",
            Self::Stalled => "stalled",
            Self::TooLarge => "too_large",
            Self::Encoding => "encoding",
            Self::NotJson => "not_json",
            Self::BadJson => "bad_json",
            Self::AbandonedError => "abandoned",
        }
    }
}

/// A call that gave no usable answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[error("{class}")]
pub struct HttpError {
    /// Why.
    pub class: TransportError,
    /// Whether the request may have reached the other side: a connection was there to send it on.
    pub sent: bool,
}

impl HttpError {
    /// A failure before anything left us.
    #[must_use]
    pub const fn unsent(class: TransportError) -> Self {
        Self { class, sent: false }
    }

    /// A failure after the request may have left us.
    #[must_use]
    pub const fn sent(class: TransportError) -> Self {
        Self { class, sent: true }
    }

    /// What the caller can do about it: a write that may have arrived is [`SourceErrorKind::OutcomeUnknown`].
    #[must_use]
    pub const fn kind(self, effect: Effect) -> SourceErrorKind {
        if self.sent && matches!(effect, Effect::Write) {
            return SourceErrorKind::OutcomeUnknown;
        }
        match self.class {
            TransportError::BadAddress | TransportError::PlainHttp | TransportError::PrivateAddress => {
                SourceErrorKind::Misconfigured
            }
            TransportError::Resolve
            | TransportError::Connect
            | TransportError::ConnectTimeout
            | TransportError::Tls
            | TransportError::Broken
            | TransportError::Timeout
            | TransportError::Stalled
            | TransportError::TooLarge
            | TransportError::Encoding
            | TransportError::NotJson
            | TransportError::BadJson
            | TransportError::AbandonedError => SourceErrorKind::Unavailable,
        }
    }

    /// Whether the other side did answer, with a body that is not taken: then it is not down.
    #[must_use]
    pub const fn is_of_an_answer(self) -> bool {
        matches!(self.class, TransportError::TooLarge | TransportError::Encoding)
    }

    /// The failure as a source's error, with itself as the cause.
    #[must_use]
    pub fn into_error(self, operation: &'static str, effect: Effect) -> SourceError {
        SourceError::because(operation, self.kind(effect), self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sent_write_has_unknown_outcome() {
        let broken = HttpError::sent(TransportError::Broken);
        assert_eq!(broken.kind(Effect::Write), SourceErrorKind::OutcomeUnknown);
        assert_eq!(broken.kind(Effect::Read), SourceErrorKind::Unavailable);
        let refused = HttpError::unsent(TransportError::Connect);
        assert_eq!(refused.kind(Effect::Write), SourceErrorKind::Unavailable);
        let private = HttpError::unsent(TransportError::PrivateAddress);
        assert_eq!(private.kind(Effect::Read), SourceErrorKind::Misconfigured);
    }
}
