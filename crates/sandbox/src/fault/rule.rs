//! One fault, and the calls that it applies to.

use serde::{Deserialize, Serialize};

use crate::http::request::WireRequest;

/// One way in which a call fails. In JSON the kind is in `fault`, e.g. `{"fault":"status","status":503}`.
///
/// A fault that changes the response lets the call take effect first (a write is done, its response is lost); one that
/// replaces the response (`Status`, `ErrorCode`, `Html`, `Silence`, `ResetBeforeCall` and the floods) does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "fault",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Fault {
    /// The response is right and late. Adds up with other faults.
    Latency {
        /// The delay in milliseconds.
        ms: u64,
    },
    /// The request is read and never answered.
    Silence,
    /// This status, with the body that the provider (or the proxy in front of it) sends with it.
    Status {
        /// The HTTP status.
        status: u16,
        /// Sent as `retry-after`, in seconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<u64>,
        /// Sent as `x-ratelimit-reset`: this many seconds from now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reset_in: Option<u64>,
        /// A body that replaces the usual one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<String>,
    },
    /// An error in the provider's own format: Gigya's `errorCode` or a generic provider's failure inside a 200, or a
    /// business error of the legacy Users API. Auth0 and v4 have no such format and send this number as the status.
    ErrorCode {
        /// The provider's number of the error.
        code: u64,
    },
    /// The request is read, and the connection is reset; the call is not carried out.
    ResetBeforeCall,
    /// The call is carried out and never answered.
    SilenceAfterCall,
    /// The call is carried out, and a proxy answers with this status and its own page.
    StatusAfterCall {
        /// The HTTP status, such as 502.
        status: u16,
    },
    /// The connection is reset before the first byte of the response.
    ResetBeforeHeaders,
    /// The connection is reset in the middle of the response headers.
    ResetInHeaders,
    /// The connection is reset in the middle of the response body.
    ResetMidBody,
    /// A well-framed response whose JSON stops in the middle.
    TruncatedJson,
    /// A page of HTML with status 200, as a captive portal or a proxy sends.
    Html,
    /// The right JSON, labelled `text/plain`.
    WrongContentType,
    /// The right JSON after a byte order mark.
    Bom,
    /// Nested arrays.
    Nested {
        /// The depth; 10,000 by default.
        #[serde(default = "ten_thousand")]
        depth: u64,
    },
    /// A body of this many bytes, generated while it is sent.
    Huge {
        /// The length; 200 MB by default.
        #[serde(default = "two_hundred_megabytes")]
        bytes: u64,
    },
    /// A small body that decompresses to this many bytes, generated while it is sent.
    GzipBomb {
        /// The decompressed length; 200 MB by default.
        #[serde(default = "two_hundred_megabytes")]
        bytes: u64,
    },
    /// The right response, one byte at a time.
    Drip {
        /// The pause before each byte, in milliseconds; a second by default.
        #[serde(default = "one_second")]
        interval_ms: u64,
        /// Whether the headers are slow as well.
        #[serde(default)]
        headers: bool,
    },
    /// A chunked body that never ends.
    EndlessChunks {
        /// The pause before each chunk, in milliseconds; none by default.
        #[serde(default)]
        interval_ms: u64,
    },
    /// The right format with another user.
    OtherUser,
    /// The right list in another order.
    Shuffled,
    /// The right list without its first entry.
    Missing,
    /// The right list with its first entry twice.
    Duplicated,
    /// The right response in which each occurrence of a text is replaced.
    Replaced {
        /// The text as it would be sent.
        text: String,
        /// The replacement; it need not be JSON.
        with: String,
    },
}

impl Fault {
    /// Whether the call is not carried out, because the response is made up.
    pub(crate) const fn replaces_response(&self) -> bool {
        matches!(
            self,
            Self::Silence
                | Self::ResetBeforeCall
                | Self::Status { .. }
                | Self::ErrorCode { .. }
                | Self::Html
                | Self::Nested { .. }
                | Self::Huge { .. }
                | Self::GzipBomb { .. }
                | Self::EndlessChunks { .. }
        )
    }

    /// Whether the response is well formed and reports wrong users.
    pub(crate) const fn spoils_users(&self) -> bool {
        matches!(
            self,
            Self::OtherUser | Self::Shuffled | Self::Missing | Self::Duplicated
        )
    }

    /// Whether the client receives a status.
    pub(crate) const fn sends_status(&self) -> bool {
        !matches!(
            self,
            Self::Silence
                | Self::SilenceAfterCall
                | Self::ResetBeforeCall
                | Self::ResetBeforeHeaders
                | Self::ResetInHeaders
        )
    }
}

const fn ten_thousand() -> u64 {
    10_000
}

const fn one_second() -> u64 {
    1_000
}

const fn two_hundred_megabytes() -> u64 {
    200_000_000
}

/// A fault, and the calls that it applies to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FaultRule {
    /// The fault.
    #[serde(flatten)]
    pub fault: Fault,
    /// Only calls whose path as sent begins with this, or equals it when it ends in `$`; all by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Only calls of this method; all by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The number of calls; unlimited by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// The share of matching calls, spread evenly and predictably: 50 is every second one, beginning with the second.
    /// All by default.
    #[serde(default = "hundred_percent", skip_serializing_if = "is_hundred_percent")]
    pub percent: u8,
}

const fn hundred_percent() -> u8 {
    100
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde requires")]
const fn is_hundred_percent(percent: &u8) -> bool {
    *percent >= 100
}

impl From<Fault> for FaultRule {
    fn from(fault: Fault) -> Self {
        Self {
            fault,
            path: None,
            method: None,
            times: None,
            percent: 100,
        }
    }
}

impl FaultRule {
    /// Applies only to calls whose path as sent begins with this, or equals it when it ends in `$`.
    #[must_use]
    pub fn on(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Applies only to calls of this method.
    #[must_use]
    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.method = Some(method.into());
        self
    }

    /// Ends after this many calls.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Applies to this share of the matching calls.
    #[must_use]
    pub fn percent(mut self, percent: u8) -> Self {
        self.percent = percent.min(100);
        self
    }

    pub(crate) fn matches(&self, request: &WireRequest) -> bool {
        let has_path = |wanted: &str| match wanted.strip_suffix('$') {
            Some(whole) => request.path() == whole,
            None => request.path().starts_with(wanted),
        };
        self.times != Some(0)
            && self.path.as_deref().is_none_or(has_path)
            && self
                .method
                .as_deref()
                .is_none_or(|method| method.eq_ignore_ascii_case(&request.method))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn json_rules_have_defaults() {
        let rule: FaultRule = from_value(json!({"fault": "huge", "path": "/api"})).unwrap();
        assert_eq!(rule, FaultRule::from(Fault::Huge { bytes: 200_000_000 }).on("/api"));
        let rule: FaultRule = from_value(json!({"fault": "status", "status": 503, "retryAfter": 2})).unwrap();
        let status = Fault::Status {
            status: 503,
            retry_after: Some(2),
            reset_in: None,
            body: None,
        };
        assert_eq!(rule.fault, status);
        assert!(from_value::<FaultRule>(json!({"fault": "rain"})).is_err());
    }
}
