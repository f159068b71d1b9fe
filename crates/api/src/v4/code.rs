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

/// Makes [`Code`] of the rows of the table: the code, its status, its text, its origin and its meaning.
macro_rules! codes {
    ($($code:ident => $status:ident, $text:literal, $origin:ident, $meaning:literal;)*) => {
        /// A code of the contract, described by [`Code::entry`]. `S` is a success, `E` an error.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Code {
            $($code),*
        }

        impl Code {
            /// Every code, in the order of the table.
            pub(crate) const ALL: &[Self] = &[$(Self::$code),*];

            /// The row of this code.
            pub(crate) const fn entry(self) -> CodeEntry {
                match self {
                    $(Self::$code => CodeEntry {
                        status: StatusCode::$status,
                        name: concat!("UsersOrchestrator_", stringify!($code)),
                        text: $text,
                        origin: ContractOrigin::$origin,
                        meaning: $meaning,
                    }),*
                }
            }
        }
    };
}

codes! {
    S200_01 => OK, "Get by id completed.", Extension, "the user is in `data`";
    S200_02 => OK, "Get completed.", Published, "the page of users is in `data`, which may be empty";
    S200_08 => OK, "Start ForgotPassword completed.", Published, "reserved for the calls that write";
    S200_11 => OK, "Update password completed.", Published, "reserved for the calls that write";
    S200_12 => OK, "Update Email completed.", Published, "reserved for the calls that write";
    E400 => BAD_REQUEST, "Bad Request", Published, "the request is not valid HTTP: its request line, a header field, its target (a raw `#`) or its `Host` (exactly one)";
    E400_00 => BAD_REQUEST, "Invalid InputModel - {Message}", Published, "a header is missing or malformed, or a parameter of Get By Id is refused; the text names it";
    E400_02 => BAD_REQUEST, "Invalid InputModel - {Message}", Published, "a parameter of the list, a cursor, a body or an encrypted value is refused; the text names it";
    E400_07 => BAD_REQUEST, "The email is still awaiting verification.", Published, "reserved for the calls that write";
    E400_08 => BAD_REQUEST, "The email is already in use by another user", Published, "reserved for the calls that write";
    E400_14 => BAD_REQUEST, "The email is not registered.", Published, "reserved for the calls that write";
    E400_15 => BAD_REQUEST, "The verification code is invalid.", Published, "reserved for the calls that write";
    E400_16 => BAD_REQUEST, "Email is already verified.", Published, "reserved for the calls that write";
    E400_22 => BAD_REQUEST, "There was an error trying to update the user.", Published, "reserved for the calls that write";
    E400_90 => BAD_REQUEST, "The search cannot be answered - {Message}", Extension, "the search is too broad for the time it may take, or too deep for page numbers; the same request will fail again";
    E401 => UNAUTHORIZED, "Unauthorized - {Message}", Extension, "the token or the source system is refused";
    E403 => FORBIDDEN, "Forbidden - the token does not grant this call for this tenant", Extension, "scope or tenant is not granted, or there is no such tenant";
    E404 => NOT_FOUND, "Not Found - {Message}", Extension, "there is no such user, and every source that was queried confirmed it; or there is no such path";
    E405 => METHOD_NOT_ALLOWED, "Method Not Allowed", Extension, "the path has other methods; see the `Allow` header";
    E408 => REQUEST_TIMEOUT, "Request Timeout", Extension, "the body did not arrive in time; the connection is closed";
    E409 => CONFLICT, "Conflict", Extension, "reserved for the calls that write";
    E413 => PAYLOAD_TOO_LARGE, "Content Too Large - {Message}", Extension, "the body is larger than the limit";
    E414 => URI_TOO_LONG, "URI Too Long - use POST /v4/Users/Search", Extension, "path and query are longer than the limit";
    E415 => UNSUPPORTED_MEDIA_TYPE, "Unsupported Media Type - {Message}", Extension, "the body is not declared as JSON, or has a `Content-Encoding`";
    E429 => TOO_MANY_REQUESTS, "Too Many Requests", Extension, "retry after `Retry-After` seconds";
    E431 => REQUEST_HEADER_FIELDS_TOO_LARGE, "Request Header Fields Too Large", Extension, "the headers are larger than the limit";
    E500 => INTERNAL_SERVER_ERROR, "Internal Server Error", Published, "an error of the server; report the `X-RequestId`";
    E500_01 => INTERNAL_SERVER_ERROR, "There was a problem during the GetById workflow.", Published, "a source returned inconsistent data";
    E500_02 => INTERNAL_SERVER_ERROR, "There was a problem during the Get workflow.", Published, "a source returned inconsistent data";
    E501 => NOT_IMPLEMENTED, "Not Implemented", Extension, "the request has a `Transfer-Encoding` other than `chunked`";
    E503 => SERVICE_UNAVAILABLE, "Service Unavailable - a source that should know did not answer", Extension, "the answer is unknown for now; retry after `Retry-After` seconds";
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_start_with_their_status() {
        for code in Code::ALL {
            assert_eq!(format!("{code:?}")[1..4], *code.entry().status.as_str());
        }
    }
}
