//! How a v4 API answers a write, and what its refusals mean (contract `writes.md` §3).

use http::{StatusCode, header};
use masthead_ports::accounts::{UserFacingMessage, WriteError};
use masthead_provider_kit::{HttpReply, redacted};
use serde::Deserialize;
use serde_json::Value;

use crate::{error::RemoteAnswerError, object::StrictObject, v4::MessageType};

/// The envelope of an answer.
#[derive(Deserialize)]
struct WriteEnvelope {
    message: StrictObject<WriteMessage>,
    #[serde(default)]
    meta: Value,
    #[serde(default)]
    data: Value,
}

#[derive(Deserialize)]
struct WriteMessage {
    code: String,
    #[serde(default)]
    text: String,
    #[serde(rename = "type")]
    kind: MessageType,
}

redacted!(WriteEnvelope, WriteMessage);

/// A refusal by its code.
pub(crate) struct V4Refusal {
    pub(crate) status: u16,
    /// What follows `UsersOrchestrator_`.
    pub(crate) code: Box<str>,
    pub(crate) text: String,
    pub(crate) meta: Value,
    /// It names a time to repeat the call at.
    pub(crate) is_for_a_while: bool,
}

/// The data of a completed write, or its refusal.
pub(crate) fn read(reply: &HttpReply) -> Result<Result<Value, V4Refusal>, RemoteAnswerError> {
    let status = reply.status.as_u16();
    let StrictObject(envelope) = match reply.json::<StrictObject<WriteEnvelope>>() {
        Ok(envelope) => envelope,
        Err(failure) if reply.status.is_success() => return Err(failure.into()),
        Err(_) if matches!(reply.status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) => {
            return Err(RemoteAnswerError::NoSuchPath(status));
        }
        Err(_) => return Err(RemoteAnswerError::Status(status)),
    };
    if envelope.meta.get("pending").is_some_and(|pending| !pending.is_null()) {
        return Err(RemoteAnswerError::Pending);
    }
    let message = envelope.message.0;
    if reply.status == StatusCode::OK && message.kind.is_success() {
        let is_incomplete = envelope.meta.get("complete") == Some(&Value::Bool(false));
        return if is_incomplete {
            Err(RemoteAnswerError::Incomplete)
        } else {
            Ok(Ok(envelope.data))
        };
    }
    if reply.status.is_success() {
        return Err(RemoteAnswerError::Shape);
    }
    let code = message.code.strip_prefix("UsersOrchestrator_").unwrap_or(&message.code);
    Ok(Err(V4Refusal {
        status,
        code: code.into(),
        text: message.text,
        meta: envelope.meta,
        is_for_a_while: reply.headers.contains_key(header::RETRY_AFTER),
    }))
}

impl V4Refusal {
    /// What a refused write means. `E404` may be about the user or about a wrong path: the caller looks the user up.
    pub(crate) fn write_error(&self) -> Result<WriteError, RemoteAnswerError> {
        Ok(match (self.status, &*self.code) {
            (400, "E400_07") => WriteError::AwaitsVerification,
            (400, "E400_08") => WriteError::AlreadyExists,
            // The first request with the same idempotency key is still running.
            (409, "E409") if self.is_for_a_while => return Err(RemoteAnswerError::Pending),
            (409, "E409") => WriteError::IdTaken,
            (412, "E412") => WriteError::Changed,
            (400 | 404, "E404") => WriteError::NoSuchUser,
            (400, "E400_00" | "E400_02" | "E400_22") => WriteError::Refused {
                message: UserFacingMessage::new(&self.text),
            },
            (400, _) => return Err(RemoteAnswerError::Refused),
            (404 | 405, _) => return Err(RemoteAnswerError::NoSuchPath(self.status)),
            (status, _) => return Err(RemoteAnswerError::Status(status)),
        })
    }
}
