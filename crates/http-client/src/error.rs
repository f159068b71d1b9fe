//! Why an outbound call fails.

use thiserror::Error;

/// The cause of a failed call. Its text is fixed: it contains no address, body or secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum TransportError {
    /// The URI is not callable: no host, user information, or another scheme.
    #[error("the address is not usable")]
    BadAddress,
    /// Plain http is not allowed to this address.
    #[error("plain http is not allowed")]
    PlainHttp,
    /// The name resolves to a non-public address.
    #[error("the address is not public")]
    PrivateAddress,
    /// The name has no address.
    #[error("the name cannot be resolved")]
    Resolve,
    /// The connection was refused.
    #[error("no connection")]
    Connect,
    /// The connection was not established in time.
    #[error("no connection in time")]
    ConnectTimeout,
    /// The TLS handshake failed, usually because of the certificate.
    #[error("no tls session")]
    Tls,
    /// The connection closed, or violated HTTP, before the reply was complete.
    #[error("the connection broke")]
    Broken,
    /// The deadline, or the time limit of one call, passed.
    #[error("no answer in time")]
    Timeout,
    /// The body stopped arriving.
    #[error("the answer stalled")]
    Stalled,
    /// The body exceeds the limit, as received or decompressed.
    #[error("the answer is too large")]
    TooLarge,
    /// The content encoding is unknown or broken.
    #[error("the answer cannot be decoded")]
    Encoding,
    /// The content type is not JSON.
    #[error("the answer is not json")]
    NotJson,
    /// The body is not JSON of the expected form.
    #[error("the answer is not of the expected form")]
    BadJson,
    /// The task of the call ended early, as during shutdown.
    #[error("the call was abandoned")]
    Abandoned,
}

impl TransportError {
    /// The label for logs and metrics.
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
            Self::Abandoned => "abandoned",
        }
    }
}

/// A call without a usable reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[error("{cause}")]
pub struct HttpError {
    /// Why.
    pub cause: TransportError,
    /// Whether the request may have reached the server: a connection existed.
    pub sent: bool,
}

impl HttpError {
    /// An error before anything was sent.
    #[must_use]
    pub const fn unsent(cause: TransportError) -> Self {
        Self { cause, sent: false }
    }

    /// An error after the request may have been sent.
    #[must_use]
    pub const fn sent(cause: TransportError) -> Self {
        Self { cause, sent: true }
    }

    /// Whether the server replied, with a body that is refused: then it is not down.
    #[must_use]
    pub const fn is_of_a_reply(self) -> bool {
        matches!(self.cause, TransportError::TooLarge | TransportError::Encoding)
    }
}
