//! Classifies error replies (`providers.md` §1.5). Of a body only known codes are logged.

use masthead_ports::source::SourceErrorKind;
use masthead_provider_kit::{HttpError, HttpReply, ReplyError, TransportError};

use crate::wire::Auth0ErrorBody;

/// The error codes that the Management API documents for requests that it will not take.
const OUR_FAULT: [&str; 5] = [
    "invalid_uri",
    "invalid_query_string",
    "invalid_paging",
    "invalid_body",
    "inexistent_user",
];

/// The error of a reply, if it is in the Management API's envelope and repeats the reply's own status.
pub(crate) fn envelope(reply: &HttpReply) -> Option<Auth0ErrorBody> {
    reply
        .json::<Auth0ErrorBody>()
        .ok()
        .filter(|refused| refused.status_code == reply.status.as_u16())
}

/// What a reply to a call means whose status has no meaning of its own there.
pub(crate) fn refusal(operation: &'static str, reply: &HttpReply) -> ReplyError {
    let refused = envelope(reply);
    let contains_message = |text: &str| {
        let message = refused.as_ref().and_then(|refused| refused.message.as_deref());
        message.is_some_and(|message| message.to_ascii_lowercase().contains(text))
    };
    match reply.status.as_u16() {
        // A search that took longer than two seconds; the same one again would take as long.
        503 if contains_message("query exceeded the timeout") => ReplyError::For(SourceErrorKind::TooBroad),
        // The API is not at the configured URL.
        404 | 405 if refused.is_some() => ReplyError::For(SourceErrorKind::Misconfigured),
        // Not from the API: a proxy's page, or another version of it.
        200..=299 | 404 | 405 => ReplyError::Unreadable(HttpError::sent(TransportError::NotJson)),
        400 | 402 | 406..=428 | 430..=499 => {
            let code = refused.as_ref().and_then(|refused| refused.error_code.as_deref());
            let code = OUR_FAULT.into_iter().find(|known| code == Some(known));
            tracing::error!(
                source.name = "Auth0",
                operation,
                status = reply.status.as_u16(),
                code = code.unwrap_or("other"),
                "auth0 will not take our request"
            );
            ReplyError::For(SourceErrorKind::Refused)
        }
        _ => ReplyError::ByStatus,
    }
}
