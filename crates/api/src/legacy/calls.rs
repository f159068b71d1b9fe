//! The legacy calls, one row each, and the errors that they share: for OpenAPI and `docs/migration.md`.

use crate::error::SEVERAL_GROUPS;

use super::{
    answer::{INVALID_AUTHORIZATION, INVALID_SOURCE_SYSTEM, NO_REQUEST, WENT_WRONG},
    parameters::{Call, Spec, TABLE},
};

/// One call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallSpec {
    pub(super) call: Call,
    /// The path as OpenAPI writes it.
    pub(crate) path: &'static str,
    pub(super) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) meaning: &'static str,
    /// Path and query of an example.
    pub(crate) example: &'static str,
    /// The call of v4 that takes its place.
    pub(super) in_v4: &'static str,
}

impl CallSpec {
    /// The rows of the table that it takes.
    pub(super) fn parameters(&self) -> impl Iterator<Item = &'static Spec> {
        let call = self.call;
        TABLE.iter().filter(move |spec| spec.calls.contains(&call))
    }
}

/// The calls, in the order in which they are printed.
pub(crate) const CALLS: [CallSpec; 5] = [
    CallSpec {
        call: Call::List,
        path: "/User",
        id: "legacyGetUsers",
        title: "Get users",
        meaning: "The users whose address holds a text, a page at a time; `request.` may stand before each name. Without \
                  `email`, but with another parameter, all users.",
        example: "/User?request.email=ann&request.onlyActive=true",
        in_v4: "`GET /v4/Users?email=…&emailMatch=contains`",
    },
    CallSpec {
        call: Call::ByType,
        path: "/User/{type}",
        id: "legacyGetUsersByEmail",
        title: "Get users by e-mail address and type",
        meaning: "The users with an address, of the sources that the type names. One segment after `/User` is a type, \
                  never an id.",
        example: "/User/0?email=ann@example.com",
        in_v4: "`GET /v4/Users?email=…`",
    },
    CallSpec {
        call: Call::ById,
        path: "/User/{customerRegistrationId}/{type}",
        id: "legacyGetUserById",
        title: "Get a user by id and type",
        meaning: "The user with this id, percent-encoded in the path; none is an empty list. An id that reads `Encrypted`, \
                  in any case, cannot be asked for here.",
        example: "/User/2937/0",
        in_v4: "`GET /v4/Users/{customerRegistrationId}`, whose miss is 404",
    },
    CallSpec {
        call: Call::EncryptedEmail,
        path: "/User/Encrypted",
        id: "legacyGetUsersByEncryptedEmail",
        title: "Get users by encrypted e-mail address",
        meaning: "The users with exactly the address that the text stands for.",
        example: "/User/Encrypted?encryptedEmail=qv5S0m9fZ2l2ZW4tYnktdXM=",
        in_v4: "`GET /v4/Users?encryptedEmail=…`",
    },
    CallSpec {
        call: Call::EncryptedId,
        path: "/User/Encrypted/{type}",
        id: "legacyGetUserByEncryptedId",
        title: "Get a user by encrypted id and type",
        meaning: "The user with exactly the id that the text stands for.",
        example: "/User/Encrypted/2?encryptedCustomerRegistrationId=qv5S0m9fZ2l2ZW4tYnktdXM=",
        in_v4: "`GET /v4/Users?encryptedCustomerRegistrationId=…`",
    },
];

/// An infrastructure error.
#[derive(Debug, Clone, Copy)]
pub(super) struct ErrorSpec {
    pub(super) status: &'static str,
    pub(super) text: &'static str,
    pub(super) when: &'static str,
    pub(super) in_v4: &'static str,
}

const fn error(status: &'static str, text: &'static str, when: &'static str, in_v4: &'static str) -> ErrorSpec {
    ErrorSpec {
        status,
        text,
        when,
        in_v4,
    }
}

/// The infrastructure errors, `{"error":"…"}` each.
pub(super) const ERRORS: [ErrorSpec; 7] = [
    error(
        "400",
        "Authorization is missing.",
        "a required header is missing or blank: this text for each",
        "400 `E400_00`",
    ),
    error("400", "X-SourceSystem is missing.", "the same", "400 `E400_00`"),
    error(
        "400",
        SEVERAL_GROUPS,
        "only then is the client group needed (ours)",
        "400 `E400_00`: v4 needs it always",
    ),
    error(
        "400",
        NO_REQUEST,
        "a call other than by id without any parameter",
        "no such error: without a filter v4 lists all users",
    ),
    error(
        "401",
        INVALID_AUTHORIZATION,
        "the token is refused, or does not grant this tenant, or there is no such tenant",
        "401 `E401` for the token, 403 `E403` for the tenant",
    ),
    error(
        "401",
        INVALID_SOURCE_SYSTEM,
        "the tenant does not know the source system, or it is no name",
        "401 `E401`, or 400 `E400_00` where it is no name",
    ),
    error(
        "500",
        WENT_WRONG,
        "a source that should know did not answer, so nobody can tell; with `Retry-After`",
        "503 `E503`",
    ),
];
