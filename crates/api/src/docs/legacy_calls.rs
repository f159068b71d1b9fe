//! The legacy operations in the documents: one row each, and the errors that they share.

use crate::{
    auth::error::SEVERAL_GROUPS,
    legacy::{
        error::{INVALID_AUTHORIZATION, INVALID_SOURCE_SYSTEM, NO_REQUEST, TOO_MANY_REQUESTS, WENT_WRONG},
        operation::LegacyOperation,
        parameters::{LegacyParameterRow, TABLE},
    },
};

/// One operation.
#[derive(Debug)]
pub(super) struct LegacyOperationDoc {
    pub(super) operation: LegacyOperation,
    /// The path in OpenAPI notation.
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) meaning: &'static str,
    /// Path and query of an example.
    pub(super) example: &'static str,
    /// Its successor in v4.
    pub(super) in_v4: &'static str,
}

impl LegacyOperationDoc {
    /// Its rows of the table.
    pub(super) fn parameters(&self) -> impl Iterator<Item = &'static LegacyParameterRow> {
        let operation = self.operation;
        TABLE.iter().filter(move |row| row.operations.contains(&operation))
    }
}

/// The operations, in the order of the documents.
pub(super) static OPERATIONS: [LegacyOperationDoc; 5] = [
    LegacyOperationDoc {
        operation: LegacyOperation::List,
        path: "/User",
        id: "legacyGetUsers",
        title: "Get users",
        meaning: "The users whose address contains a text, a page at a time; each name may have the prefix `request.`. Without \
                  `email`, but with another parameter, all users.",
        example: "/User?request.email=ann&request.onlyActive=true",
        in_v4: "`GET /v4/Users?email=…&emailMatch=contains`",
    },
    LegacyOperationDoc {
        operation: LegacyOperation::ByType,
        path: "/User/{type}",
        id: "legacyGetUsersByEmail",
        title: "Get users by e-mail address and type",
        meaning: "The users with an address, of the sources that the type selects. One segment after `/User` is a type, \
                  never an id.",
        example: "/User/0?email=ann@example.com",
        in_v4: "`GET /v4/Users?email=…`",
    },
    LegacyOperationDoc {
        operation: LegacyOperation::ById,
        path: "/User/{customerRegistrationId}/{type}",
        id: "legacyGetUserById",
        title: "Get a user by id and type",
        meaning: "The user with this id, percent-encoded in the path; no such user is an empty list. The id `Encrypted`, \
                  in any case, cannot be requested here.",
        example: "/User/2937/0",
        in_v4: "`GET /v4/Users/{customerRegistrationId}`, whose miss is 404",
    },
    LegacyOperationDoc {
        operation: LegacyOperation::EncryptedEmail,
        path: "/User/Encrypted",
        id: "legacyGetUsersByEncryptedEmail",
        title: "Get users by encrypted e-mail address",
        meaning: "The users with exactly the encrypted address.",
        example: "/User/Encrypted?encryptedEmail=qv5S0m9fZ2l2ZW4tYnktdXM=",
        in_v4: "`GET /v4/Users?encryptedEmail=…`",
    },
    LegacyOperationDoc {
        operation: LegacyOperation::EncryptedId,
        path: "/User/Encrypted/{type}",
        id: "legacyGetUserByEncryptedId",
        title: "Get a user by encrypted id and type",
        meaning: "The user with exactly the encrypted id.",
        example: "/User/Encrypted/2?encryptedCustomerRegistrationId=qv5S0m9fZ2l2ZW4tYnktdXM=",
        in_v4: "`GET /v4/Users?encryptedCustomerRegistrationId=…`",
    },
];

/// An infrastructure error.
#[derive(Debug, Clone, Copy)]
pub(super) struct LegacyErrorDoc {
    pub(super) status: &'static str,
    pub(super) text: &'static str,
    pub(super) when: &'static str,
    pub(super) in_v4: &'static str,
}

/// The infrastructure errors, `{"error":"…"}` each.
#[rustfmt::skip]
pub(super) const ERRORS: [LegacyErrorDoc; 8] = [
    LegacyErrorDoc { status: "400", text: "Authorization is missing.", when: "a required header is missing or blank: this text for each", in_v4: "400 `E400_00`" },
    LegacyErrorDoc { status: "400", text: "X-SourceSystem is missing.", when: "the same", in_v4: "400 `E400_00`" },
    LegacyErrorDoc { status: "400", text: SEVERAL_GROUPS, when: "the client group is required only then (extension)", in_v4: "400 `E400_00`: v4 always requires it" },
    LegacyErrorDoc { status: "400", text: NO_REQUEST, when: "a call other than by id without any parameter", in_v4: "no such error: without a filter v4 lists all users" },
    LegacyErrorDoc { status: "401", text: INVALID_AUTHORIZATION, when: "the token is refused, or does not grant this tenant, or there is no such tenant", in_v4: "401 `E401` for the token, 403 `E403` for the tenant" },
    LegacyErrorDoc { status: "401", text: INVALID_SOURCE_SYSTEM, when: "the tenant does not know the source system, or it is not printable ASCII of 1 to 64 characters", in_v4: "401 `E401`, or 400 `E400_00` where it is not printable" },
    LegacyErrorDoc { status: "429", text: TOO_MANY_REQUESTS, when: "the caller, its address or the tenant has reached a limit of requests or rows a minute; with `Retry-After`", in_v4: "429 `E429`" },
    LegacyErrorDoc { status: "500", text: WENT_WRONG, when: "a source that should know did not answer, so the answer is unknown; with `Retry-After`", in_v4: "503 `E503`" },
];
