//! Gigya's envelope: every answer has it, and a refusal comes in it with HTTP status 200.
//!
//! Texts are word for word where a public reply shows them (400002, 400093, 403005, 403010, 403042, 403048); the others
//! follow the error list's names. Nobody may rely on more than the code, and on `errorDetails` for 403005.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::clock::timestamp;
use crate::server::reply::{Reply, reason};

/// Why a call is not carried out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refusal {
    pub(super) code: u64,
    details: String,
    /// Further members of the answer.
    more: Map<String, Value>,
}

pub(super) type Outcome = Result<Map<String, Value>, Refusal>;

impl Refusal {
    pub(super) fn new(code: u64, details: impl Into<String>) -> Self {
        Self {
            code,
            details: details.into(),
            more: Map::new(),
        }
    }

    /// A code whose message says it all.
    pub(super) fn plain(code: u64) -> Self {
        Self::new(code, message(code))
    }

    pub(super) fn missing(parameter: &str) -> Self {
        Self::new(400_002, format!("Missing required parameter: {parameter}"))
    }

    pub(super) fn invalid(parameter: &str, why: &str) -> Self {
        Self::new(400_006, format!("Invalid parameter value: {parameter}: {why}"))
    }

    /// 403005 as it says that there is no such account; with other details it is about the caller's credentials.
    pub(super) fn unknown_user() -> Self {
        Self::new(403_005, "Unknown user")
    }

    /// 400009 with one reason a field.
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

/// Puts an outcome into the envelope; the HTTP status is 200 unless the caller asked for others.
pub(super) fn reply(outcome: Outcome, call: u64, http_codes: bool, now: OffsetDateTime) -> Reply {
    let (code, mut body) = match outcome {
        Ok(members) => (0, members),
        Err(refusal) => {
            let mut members = refusal.more;
            members.insert("errorDetails".into(), refusal.details.into());
            members.insert("errorMessage".into(), message(refusal.code).into());
            (refusal.code, members)
        }
    };
    let status = status(code);
    for (name, value) in [
        (
            "callId",
            Value::from(format!("{:032x}", u128::from(call) << 64 | 0x5a4d_b0c5)),
        ),
        ("errorCode", code.into()),
        ("apiVersion", 2.into()),
        ("statusCode", status.into()),
        ("statusReason", phrase(status).into()),
        ("time", timestamp(now).into()),
    ] {
        body.insert(name.into(), value);
    }
    Reply::json(if http_codes { status } else { 200 }, &Value::Object(body))
}

/// An error code begins with the HTTP status it stands for.
pub(super) fn status(code: u64) -> u16 {
    match code {
        0 => 200,
        _ => u16::try_from(code / 1000)
            .ok()
            .filter(|status| (200..600).contains(status))
            .unwrap_or(500),
    }
}

fn phrase(status: u16) -> &'static str {
    match status {
        206 => "Partial Content",
        301 => "Moved Permanently",
        other => reason(other),
    }
}

/// The code that stands for an HTTP status, when a fault demands only a status; `None` where the edge answers.
pub(super) const fn code_for(status: u16) -> Option<u64> {
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
        400_096 => "Not supported",
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
        403_043 => "Login identifier exists",
        403_047 => "LoginID does not exist",
        403_048 => "Api Rate limit exceeded",
        403_120 => "Account temporarily locked out",
        404_000 => "Not found",
        404_003 => "UID not found",
        405_001 => "Invalid API method",
        409_030 => "Too many requests for same user",
        500_001 => "General Server Error",
        500_002 => "Server login error",
        500_028 => "Database error",
        504_001 | 504_002 => "Timeout",
        _ => "Error",
    }
}
