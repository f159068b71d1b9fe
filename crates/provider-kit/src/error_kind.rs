//! Maps failed calls and statuses to the error kinds of a source.

use masthead_http_client::{HttpError, HttpReply, TransportError};
use masthead_ports::source::{SourceError, SourceErrorKind};
use time::OffsetDateTime;

/// Whether a call changes data at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// It only reads; repeating it is harmless.
    Read,
    /// It writes: without a reply its outcome is unknown.
    Write,
}

/// The kind of a failed call: a write that may have been sent is [`SourceErrorKind::OutcomeUnknown`].
#[must_use]
pub const fn kind_of_error(error: HttpError, effect: Effect) -> SourceErrorKind {
    if error.sent && matches!(effect, Effect::Write) {
        return SourceErrorKind::OutcomeUnknown;
    }
    match error.cause {
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
        | TransportError::Abandoned => SourceErrorKind::Unavailable,
    }
}

/// The failed call as a source's error, with the HTTP error as its cause.
#[must_use]
pub fn source_error(error: HttpError, operation: &'static str, effect: Effect) -> SourceError {
    SourceError::with_cause(operation, kind_of_error(error, effect), error)
}

/// What a status means that the adapter does not interpret itself; `None` for 2xx.
///
/// Redirects are not followed. A 401 or 403 concerns Masthead's credentials, never the user.
#[must_use]
pub fn kind_of_status(reply: &HttpReply, effect: Effect, now: OffsetDateTime) -> Option<SourceErrorKind> {
    match reply.status.as_u16() {
        200..=299 => None,
        401 | 403 | 407 => Some(SourceErrorKind::Misconfigured),
        429 => Some(SourceErrorKind::RateLimited {
            retry_after: reply.retry_after(now),
        }),
        // Refused before it was begun: not supported, or overloaded with a time to come back.
        501 => Some(SourceErrorKind::Unavailable),
        503 if reply.retry_after(now).is_some() => Some(SourceErrorKind::Unavailable),
        // Gateways answer with any of these when they lose the connection behind them, after the request was sent there;
        // a redirect may follow a write that was done (RFC 9110 §15.4.4).
        300..=399 | 500..=599 if effect == Effect::Write => Some(SourceErrorKind::OutcomeUnknown),
        300..=399 | 408 | 425 | 500..=599 => Some(SourceErrorKind::Unavailable),
        _ => Some(SourceErrorKind::Refused),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};

    use super::*;

    fn reply(status: u16) -> HttpReply {
        HttpReply {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    #[test]
    fn sent_write_has_unknown_outcome() {
        let broken = HttpError::sent(TransportError::Broken);
        assert_eq!(kind_of_error(broken, Effect::Write), SourceErrorKind::OutcomeUnknown);
        assert_eq!(kind_of_error(broken, Effect::Read), SourceErrorKind::Unavailable);
        let refused = HttpError::unsent(TransportError::Connect);
        assert_eq!(kind_of_error(refused, Effect::Write), SourceErrorKind::Unavailable);
        let private = HttpError::unsent(TransportError::PrivateAddress);
        assert_eq!(kind_of_error(private, Effect::Read), SourceErrorKind::Misconfigured);
    }

    #[test]
    fn status_maps_to_error_kind() {
        use SourceErrorKind::{Misconfigured, OutcomeUnknown, RateLimited, Refused, Unavailable};
        let now = OffsetDateTime::UNIX_EPOCH;
        for (status, read, write) in [
            (200, None, None),
            (204, None, None),
            (302, Some(Unavailable), Some(OutcomeUnknown)),
            (400, Some(Refused), Some(Refused)),
            (401, Some(Misconfigured), Some(Misconfigured)),
            (403, Some(Misconfigured), Some(Misconfigured)),
            (404, Some(Refused), Some(Refused)),
            (500, Some(Unavailable), Some(OutcomeUnknown)),
            (502, Some(Unavailable), Some(OutcomeUnknown)),
            (501, Some(Unavailable), Some(Unavailable)),
            (503, Some(Unavailable), Some(OutcomeUnknown)),
            (524, Some(Unavailable), Some(OutcomeUnknown)),
        ] {
            let reply = reply(status);
            assert_eq!(kind_of_status(&reply, Effect::Read, now), read, "{status}");
            assert_eq!(kind_of_status(&reply, Effect::Write, now), write, "{status}");
        }
        let mut overloaded = reply(503);
        overloaded.headers.insert("retry-after", "7".parse().unwrap());
        assert_eq!(kind_of_status(&overloaded, Effect::Write, now), Some(Unavailable));
        let mut limited = reply(429);
        limited.headers.insert("retry-after", "7".parse().unwrap());
        let retry_after = Some(Duration::from_secs(7));
        assert_eq!(
            kind_of_status(&limited, Effect::Write, now),
            Some(RateLimited { retry_after })
        );
    }
}
