//! How a provider reports success, failure and absence: by status, by a code in its answer, or by a member that only
//! failures have.

use masthead_ports::source::SourceErrorKind;
use masthead_provider_kit::HttpReply;
use serde_json::Value;
use time::OffsetDateTime;

use crate::{answer_error::GenericAnswerError, pointer::Pointer};

/// How answers are read before anything in them is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GenericEnvelope {
    /// Where each answer reports success or failure.
    pub(crate) status: Option<Pointer>,
    /// What stands there when all is well.
    pub(crate) ok: Vec<Box<str>>,
    /// Members that only failures have.
    pub(crate) errors: Vec<Pointer>,
    /// Where a failure has its code, if not at the place of the status.
    pub(crate) code: Option<Pointer>,
    /// HTTP statuses that mean absence, when no codes are configured for it.
    pub(crate) not_found_statuses: Vec<u16>,
    /// Codes that mean absence; when configured, nothing else does.
    pub(crate) not_found_codes: Vec<Box<str>>,
    /// Whether an answer without a body may mean absence.
    pub(crate) not_found_bare: bool,
    pub(crate) retry_statuses: Vec<u16>,
    pub(crate) retry_codes: Vec<Box<str>>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum OpenedEnvelope {
    Answer(Value),
    Absent,
}

impl GenericEnvelope {
    /// Opens a reply. Nothing but the configured signal is absence.
    pub(crate) fn open(&self, reply: &HttpReply, now: OffsetDateTime) -> Result<OpenedEnvelope, GenericAnswerError> {
        let status = reply.status.as_u16();
        match status {
            200..=299 => {
                let body: Value = reply.json()?;
                if self.is_failure(&body)? || self.is_not_found_code(&body) {
                    return self.failure(&body, reply, now);
                }
                Ok(OpenedEnvelope::Answer(body))
            }
            401 | 403 | 407 | 429 => Err(GenericAnswerError::Status(status)),
            _ if self.reports_absence(reply) => Ok(OpenedEnvelope::Absent),
            _ if self.retry_statuses.contains(&status) => Err(GenericAnswerError::TryLater(status)),
            404 | 405 | 410 => {
                // A proxy's page is no evidence about the path.
                reply.json::<Value>()?;
                Err(GenericAnswerError::NoSuchPath(status))
            }
            _ => Err(GenericAnswerError::Status(status)),
        }
    }

    /// Opens the reply to a write, which may have no body where success is a status.
    pub(crate) fn open_write(
        &self,
        reply: &HttpReply,
        now: OffsetDateTime,
    ) -> Result<OpenedEnvelope, GenericAnswerError> {
        if reply.status.is_success() && reply.body.is_empty() && self.status.is_none() {
            return Ok(OpenedEnvelope::Answer(Value::Null));
        }
        self.open(reply, now)
    }

    fn is_failure(&self, body: &Value) -> Result<bool, GenericAnswerError> {
        if let Some(pointer) = &self.status {
            let code = pointer.find(body).and_then(word).ok_or(GenericAnswerError::NotThere {
                setting: "Envelope.Status",
                expected: "a status",
            })?;
            if !self.ok.iter().any(|ok| **ok == *code) {
                return Ok(true);
            }
        }
        Ok(self.has_error(body))
    }

    fn has_error(&self, body: &Value) -> bool {
        let is_set = |pointer: &Pointer| match pointer.find(body) {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::String(text)) => !text.is_empty(),
            Some(_) => true,
        };
        self.errors.iter().any(is_set)
    }

    /// The codes of a reply to a write: the one in its body, and a status that is no success.
    pub(crate) fn codes(&self, reply: &HttpReply) -> Vec<String> {
        let body = reply.json::<Value>().ok().and_then(|body| self.code(&body));
        let status = (!reply.status.is_success()).then(|| reply.status.as_u16().to_string());
        body.into_iter().chain(status).collect()
    }

    fn code(&self, body: &Value) -> Option<String> {
        let pointer = self.code.as_ref().or(self.status.as_ref())?;
        pointer.find(body).and_then(word)
    }

    /// Whether an error reply means absence. It must be JSON that looks like the provider's own, so that a proxy's page
    /// or another service's answer never counts.
    fn reports_absence(&self, reply: &HttpReply) -> bool {
        let status = reply.status.as_u16();
        if !(400..=499).contains(&status) {
            return false;
        }
        if self.not_found_codes.is_empty() && !self.not_found_statuses.contains(&status) {
            return false;
        }
        if reply.body.is_empty() {
            return self.not_found_bare && self.not_found_codes.is_empty();
        }
        let Ok(body @ Value::Object(_)) = reply.json::<Value>() else {
            return false;
        };
        if !self.not_found_codes.is_empty() {
            return self.is_not_found_code(&body);
        }
        let has_status = self.status.as_ref().is_none_or(|pointer| pointer.find(&body).is_some());
        has_status && (self.errors.is_empty() || self.has_error(&body))
    }

    fn is_not_found_code(&self, body: &Value) -> bool {
        self.code(body)
            .is_some_and(|code| self.not_found_codes.iter().any(|known| **known == *code))
    }

    /// A failure inside a 2xx.
    fn failure(
        &self,
        body: &Value,
        reply: &HttpReply,
        now: OffsetDateTime,
    ) -> Result<OpenedEnvelope, GenericAnswerError> {
        if self.is_not_found_code(body) {
            return Ok(OpenedEnvelope::Absent);
        }
        let code = self.code(body);
        let later = code
            .as_ref()
            .is_some_and(|code| self.retry_codes.iter().any(|known| **known == **code));
        // A code of three digits is read like an HTTP status.
        let number = code.and_then(|code| code.parse::<u16>().ok().filter(|n| (100..=599).contains(n)));
        let kind = match number {
            Some(429) => SourceErrorKind::RateLimited {
                retry_after: reply.retry_after(now),
            },
            _ if later => SourceErrorKind::Unavailable,
            Some(401 | 403 | 404 | 405) => SourceErrorKind::Misconfigured,
            Some(408 | 500..=599) => SourceErrorKind::Unavailable,
            // Its meaning is unknown; counted as an outage, a few odd requests would open the breaker for all.
            _ => SourceErrorKind::Refused,
        };
        Err(GenericAnswerError::Failed { kind, code: number })
    }
}

/// A code as it is compared: numbers and texts alike.
fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests;
