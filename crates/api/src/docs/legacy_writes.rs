//! The legacy calls that write in the documents: one row each, and their OpenAPI operations.

use serde_json::{Value, json, value::RawValue};

use super::{
    examples::{self, example},
    legacy_operations::{error_responses, shared_headers},
    node::{DocNode, list, object, schema_ref},
    response::{response, with_server_responses},
    schema::for_field,
    v4_operations::id_parameter,
};
use crate::{
    legacy::{
        envelope::{BusinessError, envelope_json},
        writes::{
            fields::{LegacyFieldRow, TABLE, metadata_key},
            operation::LegacyWrite,
        },
    },
    v4::code::Code,
};

/// One legacy call that writes.
#[derive(Debug)]
pub(super) struct LegacyWriteDoc {
    pub(super) call: LegacyWrite,
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) meaning: &'static str,
    /// The name of the schema of its body.
    pub(super) body: &'static str,
    /// The fields of the example of its body.
    example: &'static [&'static str],
    /// Its `Result`.
    result: fn() -> Value,
    /// Its successor in v4.
    pub(super) in_v4: &'static str,
}

fn created() -> Value {
    json!({
        "CustomerRegistrationId": "2937",
        "EncryptedCustomerRegistrationId": examples::EXAMPLE_SEALED,
        "Mg2RegistrationId": 2937,
        "RegistrationVerificationId": null,
        "Tokens": null,
    })
}

fn authenticated() -> Value {
    json!({
        "Authenticated": true,
        "CookieContent": [],
        "CustomerRegistrationId": "2937",
        "EncryptedCustomerRegistrationId": examples::EXAMPLE_SEALED,
    })
}

/// The calls, in the order of the documents.
pub(super) static OPERATIONS: [LegacyWriteDoc; 8] = [
    LegacyWriteDoc {
        call: LegacyWrite::Create,
        path: "/User",
        id: "legacyCreateUser",
        title: "Create a user",
        meaning: "Creates a user; with `VerifyEmail` nothing until the address is verified: then every id is null.",
        body: "LegacyCreateUser",
        example: &[
            "Email",
            "CreationMode",
            "VerifyEmail",
            "Password",
            "FirstName",
            "IsOkToEmail",
        ],
        result: created,
        in_v4: "`POST /v4/Users`",
    },
    LegacyWriteDoc {
        call: LegacyWrite::CreatePasswordless,
        path: "/User/Passwordless",
        id: "legacyCreatePasswordlessUser",
        title: "Create a user without a password",
        meaning: "The same without a password; a link to set one is mailed where `ReturnUrl` is given.",
        body: "LegacyCreatePasswordlessUser",
        example: &["Email", "FirstName"],
        result: created,
        in_v4: "`POST /v4/Users` without `password`",
    },
    LegacyWriteDoc {
        call: LegacyWrite::Update,
        path: "/User/{customerRegistrationId}",
        id: "legacyUpdateUser",
        title: "Update a user",
        meaning: "Changes address, password and profile, in this order; the first that is refused ends the call.",
        body: "LegacyUpdateUser",
        example: &["FirstName", "Gender"],
        result: || json!({"CustomerRegistrationId": "2937", "Updated": true}),
        in_v4: "`PUT /v4/Users/{customerRegistrationId}`, `PATCH …/Email` and `PATCH …/Password`",
    },
    LegacyWriteDoc {
        call: LegacyWrite::Authenticate,
        path: "/Authenticate",
        id: "legacyAuthenticate",
        title: "Sign a user in",
        meaning: "Checks a password.",
        body: "LegacyAuthenticate",
        example: &["LoginName", "Password"],
        result: authenticated,
        in_v4: "`POST /v4/Users/Authentication`",
    },
    LegacyWriteDoc {
        call: LegacyWrite::AuthenticateByToken,
        path: "/AuthenticateByToken",
        id: "legacyAuthenticateByToken",
        title: "Sign a user in by a token",
        meaning: "Verifies a token of the user, whose subject is its id.",
        body: "LegacyAuthenticateByToken",
        example: &["Token"],
        result: authenticated,
        in_v4: "`POST /v4/Users/Authentication` with `token`",
    },
    LegacyWriteDoc {
        call: LegacyWrite::ForgotPassword,
        path: "/ForgotPassword",
        id: "legacyForgotPassword",
        title: "Mail a link to set a password",
        meaning: "Mails a link if a user has the address; the answer is the same if none has.",
        body: "LegacyForgotPassword",
        example: &["LoginName"],
        result: || json!({"PasswordResetLinkSent": true}),
        in_v4: "`POST /v4/Users/ForgotPassword`",
    },
    LegacyWriteDoc {
        call: LegacyWrite::VerifyEmail,
        path: "/User/VerifyEmail",
        id: "legacyVerifyEmail",
        title: "Verify an address",
        meaning: "Creates the pending registration of an address, or marks the address of a user as verified.",
        body: "LegacyVerifyEmail",
        example: &["Email", "VerificationCode"],
        result: || {
            json!({
                "CustomerRegistrationId": "2937",
                "EncryptedCustomerRegistrationId": examples::EXAMPLE_SEALED,
            })
        },
        in_v4: "`POST /v4/Users/Verification`",
    },
    LegacyWriteDoc {
        call: LegacyWrite::ResendCode,
        path: "/VerifyEmail/Resend",
        id: "legacyResendCode",
        title: "Mail a new code",
        meaning: "Mails a new code; the answer is the same for every address.",
        body: "LegacyResendCode",
        example: &["Email"],
        result: || json!({"Done": "true"}),
        in_v4: "`POST /v4/Users/VerificationCode`",
    },
];

impl LegacyWriteDoc {
    /// Its method.
    pub(super) const fn method(&self) -> &'static str {
        match self.call {
            LegacyWrite::Update => "PUT",
            _ => "POST",
        }
    }

    /// Its rows of the table.
    pub(super) fn fields(&self) -> impl Iterator<Item = &'static LegacyFieldRow> {
        let call = self.call;
        TABLE.iter().filter(move |row| row.calls.contains(&call))
    }

    fn body_example(&self) -> String {
        let fields = self.fields().filter(|row| self.example.contains(&row.spec.name));
        let fields = fields.map(|row| format!("\"{}\":{}", row.spec.name, row.spec.example));
        format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
    }
}

/// What a field is in v4.
pub(super) fn in_v4(row: &LegacyFieldRow) -> String {
    match (metadata_key(row.spec.name), row.spec.name) {
        (Some(key), _) => format!("metadata.{key}"),
        (None, "PhoneAc" | "PhoneEx" | "PhoneExt") => "metadata.phoneNumber".to_owned(),
        (None, "CreationMode") => "ignoreProvider".to_owned(),
        (None, name) => name[..1].to_ascii_lowercase() + &name[1..],
    }
}

/// The operations, each with its path and its method in lower case.
pub(super) fn operations() -> impl Iterator<Item = (&'static str, String, DocNode)> {
    OPERATIONS
        .iter()
        .map(|doc| (doc.path, doc.method().to_ascii_lowercase(), operation(doc)))
}

fn operation(doc: &LegacyWriteDoc) -> DocNode {
    let mut parameters = shared_headers();
    if doc.path.contains("{customerRegistrationId}") {
        parameters.push(id_parameter("2937"));
    }
    // The examples of the table are valid JSON.
    let body = RawValue::from_string(doc.body_example()).unwrap_or_else(|_| RawValue::NULL.to_owned());
    let done = envelope_json(&[], Some((doc.result)()), &examples::request_id(), 512);
    let refusal = BusinessError::new(Code::E400_00, "Email: must be a complete e-mail address");
    let refused = envelope_json(&[refusal], None::<()>, &examples::request_id(), 512);
    let answered = response(
        "the result, or `Errors` with every reason of a refusal",
        [],
        "LegacyWriteAnswer",
        [("done", example(done)), ("refused", example(refused))],
    );
    let of_bodies = [
        ("413", "the body is larger than 128 KiB (RFC 9110 §15.5.14)"),
        (
            "415",
            "the body is not declared as `application/json` (RFC 9110 §15.5.16)",
        ),
    ];
    let none: [(&str, DocNode); 0] = [];
    let of_bodies =
        of_bodies.map(|(status, cause)| (status.to_owned(), response(cause, [], "LegacyError", none.clone())));
    let responses = [("200".to_owned(), answered)]
        .into_iter()
        .chain(error_responses())
        .chain(of_bodies);
    object! {
        "tags": list!["Legacy"],
        "operationId": doc.id,
        "summary": doc.title,
        "description": format!("{} In its place: {}.", doc.meaning, doc.in_v4),
        "deprecated": true,
        "parameters": parameters,
        "requestBody": object! {
            "required": true,
            "content": object! {
                "application/json": object! {"schema": schema_ref(doc.body), "example": DocNode::Raw(body)},
            },
        },
        "responses": with_server_responses(responses, "LegacyError"),
    }
}

/// The schemas of bodies and results, by name.
pub(super) fn schemas() -> impl Iterator<Item = (&'static str, DocNode)> {
    let bodies = OPERATIONS.iter().map(|doc| (doc.body, body_schema(doc)));
    bodies.chain([("LegacyWriteAnswer", answer())])
}

fn body_schema(doc: &LegacyWriteDoc) -> DocNode {
    let properties = doc.fields().map(|row| {
        let description = format!("`{}` in v4; {}", in_v4(row), row.spec.meaning);
        (row.spec.name, for_field(row.spec.kind).with("description", description))
    });
    let required = doc.fields().filter(|row| row.required.contains(&doc.call));
    let required: Vec<DocNode> = required.map(|row| DocNode::from(row.spec.name)).collect();
    let schema = object! {
        "type": "object",
        "description": "Names in any case; a field that is null counts as not given.",
        "properties": DocNode::object(properties),
        "additionalProperties": false,
    };
    if required.is_empty() {
        schema.with("minProperties", 1_u32)
    } else {
        schema.with("required", required)
    }
}

fn answer() -> DocNode {
    let text = || object! {"type": "string"};
    object! {
        "type": "object",
        "required": list!["Code", "Errors", "Result", "SessionId", "RequestId"],
        "properties": object! {
            "Code": object! {"type": "integer", "enum": list![200_u32]},
            "Errors": object! {"type": "array", "items": schema_ref("LegacyBusinessError")},
            "Result": object! {
                "type": list!["object", "null"],
                "description": "what was written; null where the request is refused",
            },
            "SessionId": text(),
            "RequestId": text(),
        },
    }
}
