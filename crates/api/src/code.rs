//! The code table: every answer's HTTP status, published code and text, in one place (contract §2.6).

use http::StatusCode;

/// Whose code it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Printed in the vendor's public pages.
    Published,
    /// Our addition.
    Ours,
}

/// A code of the contract. `S` is a success, `E` an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the table in `Code::entry` says what each one is")]
pub enum Code {
    S200_01,
    S200_02,
    S200_08,
    S200_11,
    S200_12,
    E400,
    E400_00,
    E400_02,
    E400_07,
    E400_08,
    E400_14,
    E400_15,
    E400_16,
    E400_22,
    E400_90,
    E401,
    E403,
    E404,
    E405,
    E408,
    E409,
    E413,
    E414,
    E415,
    E429,
    E431,
    E500,
    E500_01,
    E500_02,
    E501,
    E503,
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The HTTP status.
    pub status: StatusCode,
    /// The code as it is answered.
    pub name: &'static str,
    /// The text; what stands in for [`PLACEHOLDER`] is told case by case.
    pub text: &'static str,
    /// Whose it is.
    pub origin: Origin,
    /// What it means to the caller.
    pub meaning: &'static str,
}

/// Where a text takes in what is particular to the case.
pub const PLACEHOLDER: &str = "{Message}";

impl Code {
    /// Every code, in the order of the table.
    pub const ALL: [Self; 31] = [
        Self::S200_01,
        Self::S200_02,
        Self::S200_08,
        Self::S200_11,
        Self::S200_12,
        Self::E400,
        Self::E400_00,
        Self::E400_02,
        Self::E400_07,
        Self::E400_08,
        Self::E400_14,
        Self::E400_15,
        Self::E400_16,
        Self::E400_22,
        Self::E400_90,
        Self::E401,
        Self::E403,
        Self::E404,
        Self::E405,
        Self::E408,
        Self::E409,
        Self::E413,
        Self::E414,
        Self::E415,
        Self::E429,
        Self::E431,
        Self::E500,
        Self::E500_01,
        Self::E500_02,
        Self::E501,
        Self::E503,
    ];

    /// The row of this code.
    #[must_use]
    #[rustfmt::skip]
    pub const fn entry(self) -> Entry {
        use Origin::{Ours, Published};
        match self {
            Self::S200_01 => row(StatusCode::OK, "UsersOrchestrator_S200_01", "Get by id completed.", Ours, "the user is in `data`"),
            Self::S200_02 => row(StatusCode::OK, "UsersOrchestrator_S200_02", "Get completed.", Published, "the page of users is in `data`, which may be empty"),
            Self::S200_08 => row(StatusCode::OK, "UsersOrchestrator_S200_08", "Start ForgotPassword completed.", Published, "reserved for the calls that write"),
            Self::S200_11 => row(StatusCode::OK, "UsersOrchestrator_S200_11", "Update password completed.", Published, "reserved for the calls that write"),
            Self::S200_12 => row(StatusCode::OK, "UsersOrchestrator_S200_12", "Update Email completed.", Published, "reserved for the calls that write"),
            Self::E400 => row(StatusCode::BAD_REQUEST, "UsersOrchestrator_E400", "Bad Request", Published, "the request is not valid HTTP: its request line, a header field, its target (a raw `#`) or its `Host` (exactly one)"),
            Self::E400_00 => row(StatusCode::BAD_REQUEST, "UsersOrchestrator_E400_00", "Invalid InputModel - {Message}", Published, "a header is missing or malformed, or a parameter of Get By Id is refused; the text names it"),
            Self::E400_02 => row(StatusCode::BAD_REQUEST, "UsersOrchestrator_E400_02", "Invalid InputModel - {Message}", Published, "a parameter of the list, a cursor, a body or an encrypted value is refused; the text names it"),
            Self::E400_07 => row(StatusCode::BAD_REQUEST, "UsersOrchestrator_E400_07", "The email is still awaiting verification.", Published, "reserved for the calls that write"),
            Self::E400_08 => row(StatusCode::BAD_REQUEST, "UsersOrchestrator_E400_08", "The email is already in use by another user", Published, "reserved for the calls that write"),
            Self::E400_14 => row(StatusCode::BAD_REQUEST, "UsersOrchestrator_E400_14", "The email is not registered.", Published, "reserved for the calls that write"),
            Self::E400_15 => row(StatusCode::BAD_REQUEST, "UsersOrchestrator_E400_15", "The verification code is invalid.", Published, "reserved for the calls that write"),
            Self::E400_16 => row(StatusCode::BAD_REQUEST, "UsersOrchestrator_E400_16", "Email is already verified.", Published, "reserved for the calls that write"),
            Self::E400_22 => row(StatusCode::BAD_REQUEST, "UsersOrchestrator_E400_22", "There was an error trying to update the user.", Published, "reserved for the calls that write"),
            Self::E400_90 => row(StatusCode::BAD_REQUEST, "UsersOrchestrator_E400_90", "The search cannot be answered - {Message}", Ours, "the search is too broad for the time it may take, or too deep for page numbers; the same request again fares no better"),
            Self::E401 => row(StatusCode::UNAUTHORIZED, "UsersOrchestrator_E401", "Unauthorized - {Message}", Ours, "the token or the source system is refused"),
            Self::E403 => row(StatusCode::FORBIDDEN, "UsersOrchestrator_E403", "Forbidden - the token does not grant this call for this tenant", Ours, "scope or tenant is not granted, or there is no such tenant"),
            Self::E404 => row(StatusCode::NOT_FOUND, "UsersOrchestrator_E404", "Not Found - {Message}", Ours, "there is no such user, and every source asked said so; or there is no such address"),
            Self::E405 => row(StatusCode::METHOD_NOT_ALLOWED, "UsersOrchestrator_E405", "Method Not Allowed", Ours, "the address takes other methods; see the `Allow` header"),
            Self::E408 => row(StatusCode::REQUEST_TIMEOUT, "UsersOrchestrator_E408", "Request Timeout", Ours, "the body did not arrive in time; the connection is closed"),
            Self::E409 => row(StatusCode::CONFLICT, "UsersOrchestrator_E409", "Conflict", Ours, "reserved for the calls that write"),
            Self::E413 => row(StatusCode::PAYLOAD_TOO_LARGE, "UsersOrchestrator_E413", "Content Too Large - {Message}", Ours, "the body is larger than is taken"),
            Self::E414 => row(StatusCode::URI_TOO_LONG, "UsersOrchestrator_E414", "URI Too Long - use POST /v4/Users/Search", Ours, "path and query are longer than is taken"),
            Self::E415 => row(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UsersOrchestrator_E415", "Unsupported Media Type - {Message}", Ours, "the body is not declared as JSON, or has a `Content-Encoding`"),
            Self::E429 => row(StatusCode::TOO_MANY_REQUESTS, "UsersOrchestrator_E429", "Too Many Requests", Ours, "come back after `Retry-After` seconds"),
            Self::E431 => row(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "UsersOrchestrator_E431", "Request Header Fields Too Large", Ours, "the headers are larger than is taken"),
            Self::E500 => row(StatusCode::INTERNAL_SERVER_ERROR, "UsersOrchestrator_E500", "Internal Server Error", Published, "our mistake; tell us the `X-RequestId`"),
            Self::E500_01 => row(StatusCode::INTERNAL_SERVER_ERROR, "UsersOrchestrator_E500_01", "There was a problem during the GetById workflow.", Published, "a source answered with something that cannot be true"),
            Self::E500_02 => row(StatusCode::INTERNAL_SERVER_ERROR, "UsersOrchestrator_E500_02", "There was a problem during the Get workflow.", Published, "a source answered with something that cannot be true"),
            Self::E501 => row(StatusCode::NOT_IMPLEMENTED, "UsersOrchestrator_E501", "Not Implemented", Ours, "the request has a `Transfer-Encoding` other than `chunked`"),
            Self::E503 => row(StatusCode::SERVICE_UNAVAILABLE, "UsersOrchestrator_E503", "Service Unavailable - a source that should know did not answer", Ours, "nobody can tell right now; come back after `Retry-After` seconds"),
        }
    }
}

const fn row(
    status: StatusCode,
    name: &'static str,
    text: &'static str,
    origin: Origin,
    meaning: &'static str,
) -> Entry {
    Entry {
        status,
        name,
        text,
        origin,
        meaning,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_named_once_after_its_status() {
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.entry().name).collect();
        for code in Code::ALL {
            let entry = code.entry();
            assert!(entry.name.ends_with(&format!("{code:?}")), "{code:?}");
            assert_eq!(format!("{code:?}")[1..4], *entry.status.as_str());
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
    }
}
