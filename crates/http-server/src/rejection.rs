//! Why the server rejects a request.

/// Why the server rejects a request; the handler writes the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// The request is not valid HTTP: 400.
    BadRequest,
    /// The body has a content coding: 415 (RFC 9110 §15.5.16).
    ContentEncoding,
    /// The request has an unknown transfer coding: 501 (RFC 9112 §6.1).
    TransferEncoding,
    /// Path and query are too long: 414.
    UriTooLong,
    /// The headers are too large: 431.
    HeadersTooLarge,
}
