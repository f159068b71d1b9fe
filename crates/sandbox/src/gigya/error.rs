//! Gigya's response envelope: every response has it, and an error comes in it with HTTP status 200.
//!
//! Texts are exact where a public response shows them (400002, 400093, 403005, 403010, 403042, 403048); the others follow
//! the names of the error list. Only the code is reliable, and `errorDetails` of 403005.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::clock::format_timestamp;
use crate::http::response::{StubResponse, reason_phrase};
use crate::stub::log_unsupported;

/// The real one is believed to send this content type; no document confirms it.
const CONTENT_TYPE: &str = "text/javascript; charset=utf-8";

/// Why a call is not carried out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct GigyaCallError {
    pub(super) code: u64,
    details: String,
    /// Further members of the response.
    more: Map<String, Value>,
}

pub(super) type GigyaResult = Result<Map<String, Value>, GigyaCallError>;

impl GigyaCallError {
    pub(super) fn new(code: u64, details: impl Into<String>) -> Self {
        Self {
            code,
            details: details.into(),
            more: Map::new(),
        }
    }

    /// An error whose details are the message of its code.
    pub(super) fn from_code(code: u64) -> Self {
        Self::new(code, message(code))
    }

    pub(super) fn missing(parameter: &str) -> Self {
        Self::new(400_002, format!("Missing required parameter: {parameter}"))
    }

    pub(super) fn invalid(parameter: &str, why: &str) -> Self {
        Self::new(400_006, format!("Invalid parameter value: {parameter}: {why}"))
    }

    /// Refuses a parameter, value or query that the sandbox does not support, and logs it.
    pub(super) fn unsupported(parameter: &str, what: &str) -> Self {
        log_unsupported("gigya", &format!("{parameter}: {what}"));
        Self::invalid(parameter, what)
    }

    /// 403005 for an account that does not exist; with other details it is about the caller's credentials.
    pub(super) fn unknown_user() -> Self {
        Self::new(403_005, "Unknown user")
    }

    pub(super) fn wrong_credentials() -> Self {
        Self::new(403_042, "invalid loginID or password")
    }

    /// 400009 with one reason per field.
    pub(super) fn validation(errors: &[(u64, &str, &str)]) -> Self {
        let list = errors
            .iter()
            .map(|(code, field, text)| json!({"errorCode": code, "fieldName": field, "message": text}));
        Self::new(400_009, "Schema validation failed").with("validationErrors", Value::Array(list.collect()))
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }
}

/// Puts a result into the envelope, with HTTP status 200.
pub(super) fn to_response(result: GigyaResult, call: u64, now: OffsetDateTime) -> StubResponse {
    let (code, mut body) = match result {
        Ok(members) => (0, members),
        Err(error) => {
            let mut members = error.more;
            members.insert("errorDetails".into(), error.details.into());
            members.insert("errorMessage".into(), message(error.code).into());
            (error.code, members)
        }
    };
    let status = status_for_code(code);
    let call_id = format!("{:032x}", u128::from(call) << 64 | 0x5a4d_b0c5);
    let envelope = json!({
        "callId": call_id, "errorCode": code, "apiVersion": 2, "statusCode": status,
        "statusReason": reason_phrase(status), "time": format_timestamp(now),
    });
    body.extend(envelope.as_object().cloned().unwrap_or_default());
    StubResponse::json(200, &Value::Object(body))
        .with("content-type", CONTENT_TYPE)
        .with("cache-control", "private")
}

/// An error code begins with an HTTP status.
fn status_for_code(code: u64) -> u16 {
    let status = u16::try_from(code / 1000)
        .ok()
        .filter(|status| (200..600).contains(status));
    if code == 0 { 200 } else { status.unwrap_or(500) }
}

/// The code for an injected HTTP status; `None` where the proxy in front of Gigya responds.
pub(super) const fn code_for_status(status: u16) -> Option<u64> {
    match status {
        400 => Some(400_006),
        401 => Some(403_010),
        403 => Some(403_007),
        404 => Some(404_000),
        409 => Some(409_030),
        429 => Some(403_048),
        500 => Some(500_001),
        _ => None,
    }
}

const fn message(code: u64) -> &'static str {
    match code {
        206_001 => "Account Pending Registration",
        206_002 => "Account Pending Verification",
        301_001 => "Invalid data center",
        400_001 => "Invalid request format",
        400_002 => "Missing required parameter",
        400_003 => "Unique identifier exists",
        400_006 => "Invalid parameter value",
        400_009 => "Validation error",
        400_093 => "Invalid ApiKey parameter",
        403_002 => "Request has expired",
        403_003 => "Invalid request signature",
        403_004 => "Duplicate nonce",
        403_005 => "Unauthorized user",
        403_006 => "Sensitive data sent over HTTP",
        403_007 => "Permission denied",
        403_010 => "Invalid Secret",
        403_036 => "Unauthorized partner",
        403_041 => "Account disabled",
        403_042 => "Invalid LoginID",
        403_047 => "LoginID does not exist",
        403_048 => "Api Rate limit exceeded",
        404_000 => "Not found",
        405_001 => "Invalid API method",
        409_030 => "Too many requests for same user",
        500_001 => "General Server Error",
        _ => "Error",
    }
}
