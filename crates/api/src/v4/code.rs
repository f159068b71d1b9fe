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
    S200_03 => OK, "Create completed.", Extension, "the user exists; both ids are in `data`";
    S200_04 => OK, "Create pending.", Extension, "nothing is created until the address is verified by the code that is mailed";
    S200_05 => OK, "Update completed.", Extension, "the user as it is now is in `data`; null, with `meta.complete` false, where it cannot be read";
    S200_06 => OK, "Authentication completed.", Extension, "the password or the token is that of the user in `data.user`";
    S200_07 => OK, "Verification completed.", Extension, "the address is verified; both ids are in `data`";
    S200_08 => OK, "Start ForgotPassword completed.", Published, "a link is mailed if a user has this address; the answer is the same if none has";
    S200_09 => OK, "Validate ForgotPassword completed.", Extension, "the link can be used until `data.expiresAt`";
    S200_10 => OK, "Finish ForgotPassword completed.", Extension, "the password is set; this link and all others of the user have ended";
    S200_11 => OK, "Update password completed.", Published, "the password is set; all links of the user to set one have ended";
    S200_12 => OK, "Update Email completed.", Published, "the address is changed";
    S200_13 => OK, "Send VerificationCode completed.", Extension, "a code is mailed if the address awaits verification; the answer is the same if it does not";
    S200_14 => OK, "Delete completed.", Extension, "the user is absent from every read from now on; with `purge` the receipt of the erasure is in `data`";
    S200_15 => OK, "Get events completed.", Extension, "the page of events of the audit log is in `data`, the latest first; it may be empty";
    S200_16 => OK, "Get report completed.", Extension, "what each source holds about the person is in `data`; `meta.complete` is false where a source did not answer";
    E400 => BAD_REQUEST, "Bad Request", Published, "the request is not valid HTTP: its request line, a header field, its target (a raw `#`) or its `Host` (exactly one)";
    E400_00 => BAD_REQUEST, "Invalid InputModel - {Message}", Published, "a header is missing or malformed, or a parameter of Get By Id or a field of a write is refused; the text names each mistake";
    E400_02 => BAD_REQUEST, "Invalid InputModel - {Message}", Published, "a parameter of the list, a cursor, a body or an encrypted value is refused; the text names it";
    E400_07 => BAD_REQUEST, "The email is still awaiting verification.", Published, "a user or a pending registration with this address waits for its verification";
    E400_08 => BAD_REQUEST, "The email is already in use by another user", Published, "another user has the address";
    E400_14 => BAD_REQUEST, "The email is not registered.", Published, "neither a user nor a pending registration has the address";
    E400_15 => BAD_REQUEST, "The verification code is invalid.", Published, "the code is wrong or has ended, or was tried five times: a new one must be sent";
    E400_16 => BAD_REQUEST, "Email is already verified.", Published, "the address needs no verification";
    E400_17 => BAD_REQUEST, "The link is invalid.", Extension, "the link to set a password is unknown, used, ended or expired";
    E400_22 => BAD_REQUEST, "There was an error trying to update the user. {Message}", Published, "a side refuses the update; the reason follows where the provider gives one";
    E400_90 => BAD_REQUEST, "The search cannot be answered - {Message}", Extension, "the search is too broad for the time it may take, or too deep for page numbers; the same request will fail again";
    E401 => UNAUTHORIZED, "Unauthorized - {Message}", Extension, "the token or the source system is refused";
    E401_01 => UNAUTHORIZED, "The login name or password is incorrect.", Extension, "no user has this login name and password; which of them is wrong is not reported";
    E403 => FORBIDDEN, "Forbidden - {Message}", Extension, "scope or tenant is not granted, or there is no such tenant";
    E403_01 => FORBIDDEN, "The email is not verified.", Extension, "the password is right, and the address must be verified first";
    E403_02 => FORBIDDEN, "The user has no password.", Extension, "the user's state is `Lite`: it sets its first password by a link";
    E403_03 => FORBIDDEN, "The provider refuses the sign-in - {Message}", Extension, "the provider needs more than a password or locks the account for a while: locked_out, second_factor_needed, password_change_needed, challenge_needed, registration_incomplete or denied";
    E403_04 => FORBIDDEN, "The user is blocked.", Extension, "the user may not sign in";
    E404 => NOT_FOUND, "Not Found - {Message}", Extension, "there is no such user, and every source that was queried confirmed it; or there is no such path";
    E405 => METHOD_NOT_ALLOWED, "Method Not Allowed", Extension, "the path has other methods; see the `Allow` header";
    E408 => REQUEST_TIMEOUT, "Request Timeout", Extension, "the body did not arrive in time; the connection is closed";
    E409 => CONFLICT, "Conflict - {Message}", Extension, "the given id is in use, or the earlier request with this `Idempotency-Key` is still running: retry after `Retry-After` seconds";
    E412 => PRECONDITION_FAILED, "Precondition Failed", Extension, "the user has changed since the `ETag` of `If-Match` was read; read it again";
    E413 => PAYLOAD_TOO_LARGE, "Content Too Large - {Message}", Extension, "the body is larger than the limit";
    E414 => URI_TOO_LONG, "URI Too Long - use POST /v4/Users/Search", Extension, "path and query are longer than the limit";
    E415 => UNSUPPORTED_MEDIA_TYPE, "Unsupported Media Type - {Message}", Extension, "the body is not declared as JSON, or has a `Content-Encoding`";
    E422 => UNPROCESSABLE_ENTITY, "Unprocessable Content - {Message}", Extension, "the `Idempotency-Key` was used for a request with another content";
    E429 => TOO_MANY_REQUESTS, "Too Many Requests", Extension, "too many sign-ins failed, or the caller, its address or the tenant has reached a limit of requests or rows a minute, which `RateLimit` names, or as many exports run as may at once; retry after `Retry-After` seconds";
    E431 => REQUEST_HEADER_FIELDS_TOO_LARGE, "Request Header Fields Too Large", Extension, "the headers are larger than the limit";
    E500 => INTERNAL_SERVER_ERROR, "Internal Server Error", Published, "an error of the server; report the `X-RequestId`";
    E500_01 => INTERNAL_SERVER_ERROR, "There was a problem during the GetById workflow.", Published, "a source returned inconsistent data";
    E500_02 => INTERNAL_SERVER_ERROR, "There was a problem during the Get workflow.", Published, "a source returned inconsistent data";
    E501 => NOT_IMPLEMENTED, "Not Implemented", Extension, "the request has a `Transfer-Encoding` other than `chunked`";
    E503 => SERVICE_UNAVAILABLE, "Service Unavailable - a source that should know did not answer", Extension, "the answer is unknown for now; retry after `Retry-After` seconds; where `meta.pending` names a side, the write may have happened and is settled later";
    E503_01 => SERVICE_UNAVAILABLE, "Service Unavailable - the server has no `smtp` settings and cannot send mail", Extension, "the call sends mail; nothing is written";
}

impl CodeEntry {
    /// The text with its placeholder, as documented.
    pub(crate) const fn template(&self) -> &'static str {
        self.text
    }

    /// The text with `detail` in the place of the placeholder, if it has one.
    pub(crate) fn message(&self, detail: &str) -> Cow<'static, str> {
        match self.text.split_once(PLACEHOLDER) {
            Some((before, after)) => [before, detail, after].concat().trim_end().to_owned().into(),
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
