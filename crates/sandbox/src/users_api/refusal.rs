//! What is refused, and how each of the two APIs words it.

use serde_json::{Value, json};

use crate::server::reply::{Reply, reason};

/// Why a call is not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    status: u16,
    /// What follows `UsersOrchestrator_` in the code of v4.
    code: String,
    text: String,
    wait: Option<i64>,
}

impl Refusal {
    /// A refusal of this status, under its usual name.
    pub(super) fn of(status: u16) -> Self {
        Self {
            status,
            code: format!("E{status}"),
            text: reason(status).to_owned(),
            wait: None,
        }
    }

    /// The same in these words.
    pub(super) fn saying(self, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..self
        }
    }

    /// A parameter is wrong.
    pub(super) fn input(why: impl AsRef<str>) -> Self {
        Self::of(400)
            .coded("E400_02")
            .saying(format!("Invalid InputModel - {}", why.as_ref()))
    }

    /// A header is missing.
    pub(super) fn missing(header: &str) -> Self {
        Self::of(400).coded("E400_00").saying(format!("{header} is missing."))
    }

    /// The page lies too deep for page numbers.
    pub(super) fn too_deep() -> Self {
        Self::of(400)
            .coded("E400_90")
            .saying("pageNumber does not reach so deep; use cursor")
    }

    /// Too many calls; again after so many seconds.
    pub(super) fn too_many(wait: i64) -> Self {
        Self {
            wait: Some(wait),
            ..Self::of(429)
        }
    }

    fn coded(self, code: &str) -> Self {
        Self {
            code: code.to_owned(),
            ..self
        }
    }

    #[cfg(test)]
    pub(super) fn status(&self) -> u16 {
        self.status
    }

    /// As v4 words it.
    pub(super) fn in_v4(&self) -> Reply {
        let code = format!("UsersOrchestrator_{}", self.code);
        let message = json!({"code": code, "text": self.text, "type": "Error"});
        self.sent(self.status, &json!({"message": message, "meta": null, "data": null}))
    }

    /// As the legacy API words it: what is wrong with the question comes with a 200.
    pub(super) fn in_legacy(&self) -> Reply {
        if self.code == "E400_02" {
            return business_error(&self.text);
        }
        self.sent(self.status, &json!({"error": self.text}))
    }

    fn sent(&self, status: u16, body: &Value) -> Reply {
        let reply = Reply::json(status, body);
        match self.wait {
            Some(seconds) => reply.with("retry-after", seconds),
            None => reply,
        }
    }
}

/// An error of the legacy API that comes with a 200.
pub(super) fn business_error(text: &str) -> Reply {
    let error = json!({"Message": text, "Code": "1", "Type": {"Id": 0, "Code": "Validation"}, "ErrorSource": null});
    Reply::json(
        200,
        &json!({"Code": 200, "Errors": [error], "Result": null, "SessionId": "sandbox", "RequestId": "sandbox"}),
    )
}
