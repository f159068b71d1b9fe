//! The code table: HTTP status, published code and text of every response (contract §2.6).

use std::borrow::Cow;

use http::StatusCode;

/// Where a code or a parameter comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContractOrigin {
    /// The vendor's public pages.
    Published,
    /// Added by this server.
    Extension,
}

/// A code of the contract, described by [`Code::entry`]. `S` is a success, `E` an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
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
#[derive(Debug, Clone, Copy)]
pub(crate) struct CodeEntry {
    /// The HTTP status.
    pub(crate) status: StatusCode,
    /// The published code.
    pub(crate) name: &'static str,
    /// The text, perhaps with [`PLACEHOLDER`].
    text: &'static str,
    pub(crate) origin: ContractOrigin,
    /// What it means to the client.
    pub(crate) meaning: &'static str,
}

/// The part of a text that depends on the case.
const PLACEHOLDER: &str = "{Message}";

impl Code {
    /// Every code, in the order of the table.
    pub(crate) const ALL: [Self; 31] = [
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
    #[rustfmt::skip]
    pub(crate) const fn entry(self) -> CodeEntry {
        use ContractOrigin::{Extension, Published};
        match self {
            Self::S200_01 => row(StatusCode::OK, "UsersOrchestrator_S200_01", "Get by id completed.", Extension, "the user is in `data`"),
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
            Self::E400_90 => row(StatusCode::BAD_REQUEST, "UsersOrchestrator_E400_90", "The search cannot be answered - {Message}", Extension, "the search is too broad for the time it may take, or too deep for page numbers; the same request will fail again"),
            Self::E401 => row(StatusCode::UNAUTHORIZED, "UsersOrchestrator_E401", "Unauthorized - {Message}", Extension, "the token or the source system is refused"),
            Self::E403 => row(StatusCode::FORBIDDEN, "UsersOrchestrator_E403", "Forbidden - the token does not grant this call for this tenant", Extension, "scope or tenant is not granted, or there is no such tenant"),
            Self::E404 => row(StatusCode::NOT_FOUND, "UsersOrchestrator_E404", "Not Found - {Message}", Extension, "there is no such user, and every source that was queried confirmed it; or there is no such address"),
            Self::E405 => row(StatusCode::METHOD_NOT_ALLOWED, "UsersOrchestrator_E405", "Method Not Allowed", Extension, "the address has other methods; see the `Allow` header"),
            Self::E408 => row(StatusCode::REQUEST_TIMEOUT, "UsersOrchestrator_E408", "Request Timeout", Extension, "the body did not arrive in time; the connection is closed"),
            Self::E409 => row(StatusCode::CONFLICT, "UsersOrchestrator_E409", "Conflict", Extension, "reserved for the calls that write"),
            Self::E413 => row(StatusCode::PAYLOAD_TOO_LARGE, "UsersOrchestrator_E413", "Content Too Large - {Message}", Extension, "the body is larger than the limit"),
            Self::E414 => row(StatusCode::URI_TOO_LONG, "UsersOrchestrator_E414", "URI Too Long - use POST /v4/Users/Search", Extension, "path and query are longer than the limit"),
            Self::E415 => row(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UsersOrchestrator_E415", "Unsupported Media Type - {Message}", Extension, "the body is not declared as JSON, or has a `Content-Encoding`"),
            Self::E429 => row(StatusCode::TOO_MANY_REQUESTS, "UsersOrchestrator_E429", "Too Many Requests", Extension, "retry after `Retry-After` seconds"),
            Self::E431 => row(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "UsersOrchestrator_E431", "Request Header Fields Too Large", Extension, "the headers are larger than the limit"),
            Self::E500 => row(StatusCode::INTERNAL_SERVER_ERROR, "UsersOrchestrator_E500", "Internal Server Error", Published, "an error of the server; report the `X-RequestId`"),
            Self::E500_01 => row(StatusCode::INTERNAL_SERVER_ERROR, "UsersOrchestrator_E500_01", "There was a problem during the GetById workflow.", Published, "a source returned inconsistent data"),
            Self::E500_02 => row(StatusCode::INTERNAL_SERVER_ERROR, "UsersOrchestrator_E500_02", "There was a problem during the Get workflow.", Published, "a source returned inconsistent data"),
            Self::E501 => row(StatusCode::NOT_IMPLEMENTED, "UsersOrchestrator_E501", "Not Implemented", Extension, "the request has a `Transfer-Encoding` other than `chunked`"),
            Self::E503 => row(StatusCode::SERVICE_UNAVAILABLE, "UsersOrchestrator_E503", "Service Unavailable - a source that should know did not answer", Extension, "the answer is unknown for now; retry after `Retry-After` seconds"),
        }
    }
}

impl CodeEntry {
    /// The text with its placeholder, as documented.
    pub(crate) const fn template(&self) -> &'static str {
        self.text
    }

    /// The text with `detail` in the place of the placeholder, if it has one.
    pub(crate) fn message(&self, detail: &str) -> Cow<'static, str> {
        match self.text.split_once(PLACEHOLDER) {
            Some((before, after)) => [before, detail, after].concat().into(),
            None => self.text.into(),
        }
    }
}

const fn row(
    status: StatusCode,
    name: &'static str,
    text: &'static str,
    origin: ContractOrigin,
    meaning: &'static str,
) -> CodeEntry {
    CodeEntry {
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
    fn codes_are_unique_and_named_after_their_status() {
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
