//! The errors of the Users API, and their formats in v4 and legacy.

use serde_json::{Value, json};

use crate::http::response::{StubResponse, reason_phrase};

/// Why a call is not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UsersApiError {
    status: u16,
    /// What follows `UsersOrchestrator_` in the code of v4.
    code: String,
    text: String,
    retry_after: Option<i64>,
}

/// The code of an invalid or unknown parameter.
const INVALID_INPUT: &str = "E400_02";

impl UsersApiError {
    /// An error with this status and its usual code and text.
    pub(super) fn new(status: u16) -> Self {
        Self {
            status,
            code: format!("E{status}"),
            text: reason_phrase(status).to_owned(),
            retry_after: None,
        }
    }

    pub(super) fn with_text(self, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { text, ..self }
    }

    pub(super) fn with_code(self, code: &str) -> Self {
        let code = code.to_owned();
        Self { code, ..self }
    }

    /// A parameter is invalid or unknown.
    pub(super) fn invalid_input(why: impl AsRef<str>) -> Self {
        let text = format!("Invalid InputModel - {}", why.as_ref());
        Self::new(400).with_code(INVALID_INPUT).with_text(text)
    }

    pub(super) fn missing_header(header: &str) -> Self {
        let text = format!("{header} is missing.");
        Self::new(400).with_code("E400_00").with_text(text)
    }

    /// The page is beyond the reach of page numbers.
    pub(super) fn page_too_deep() -> Self {
        let text = "pageNumber does not reach so deep; use cursor";
        Self::new(400).with_code("E400_90").with_text(text)
    }

    /// The quota is used up for this many seconds.
    pub(super) fn too_many_requests(retry_after: i64) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::new(429)
        }
    }

    /// Whether the call or one of its parameters is not supported.
    pub(super) fn is_unsupported(&self) -> bool {
        self.code == INVALID_INPUT || matches!(self.status, 404 | 405)
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    #[cfg(test)]
    pub(super) fn status(&self) -> u16 {
        self.status
    }

    pub(super) fn to_v4_response(&self) -> StubResponse {
        let code = format!("UsersOrchestrator_{}", self.code);
        let message = json!({"code": code, "text": self.text, "type": "Error"});
        let body = json!({"message": message, "meta": null, "data": null});
        StubResponse::json(self.status, &body).with_retry_after(self.retry_after)
    }

    /// Invalid input comes with a 200.
    pub(super) fn to_legacy_response(&self) -> StubResponse {
        if self.code == INVALID_INPUT {
            return to_business_error(&self.text);
        }
        StubResponse::json(self.status, &json!({"error": self.text})).with_retry_after(self.retry_after)
    }
}

/// An error of the legacy API that comes with a 200.
pub(super) fn to_business_error(text: &str) -> StubResponse {
    let error = json!({"Message": text, "Code": "1", "Type": {"Id": 0, "Code": "Validation"}, "ErrorSource": null});
    legacy_envelope(&json!([error]), &Value::Null)
}

/// The envelope of every legacy response with a 200.
pub(super) fn legacy_envelope(errors: &Value, result: &Value) -> StubResponse {
    let body = json!({"Code": 200, "Errors": errors, "Result": result, "SessionId": "sandbox", "RequestId": "sandbox"});
    StubResponse::json(200, &body)
}
