//! The v4 calls that write in the documents: one row each, and their OpenAPI operations.

use serde_json::value::RawValue;

use super::{
    examples::{self, JsonResult},
    node::{DocNode, list, object, reference, schema_ref},
    report_operation,
    schema::for_field,
    v4_operations::{CODES_OF_ALL, NamedExample, id_parameter, required_headers, responses},
};
use crate::v4::{
    code::Code,
    writes::{
        fields::{TABLE, WriteFieldRow},
        operation::WriteOperation,
    },
};

/// One call that writes.
#[derive(Debug)]
pub(super) struct WriteOperationDoc {
    pub(super) operation: WriteOperation,
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) meaning: &'static str,
    /// Its short title.
    pub(super) label: &'static str,
    /// The name of the schema of its body.
    pub(super) body: Option<&'static str>,
    /// The fields of the example of its body.
    pub(super) example: &'static [&'static str],
    /// The name of the schema of its successful answer.
    answer: &'static str,
    /// Examples of this answer, the one for the page first.
    pub(super) examples: &'static [NamedExample],
    codes: &'static [Code],
}

/// The codes of every call with a body.
const CODES_OF_BODIES: [Code; 2] = [Code::E413, Code::E415];
/// The codes of every call that keeps its answer.
const CODES_OF_KEYS: [Code; 2] = [Code::E409, Code::E422];

/// The calls, in the order of the documents.
pub(super) static OPERATIONS: &[WriteOperationDoc] = &[
    WriteOperationDoc {
        operation: WriteOperation::Create,
        path: "/v4/Users",
        id: "createUser",
        title: "Create a user",
        meaning: "Creates a user at the tenant's provider, if it has one, and in the store. With `verifyEmail` nothing is \
                  created until the address is verified by the code that is mailed. Without a password the user sets one by \
                  a link, which is mailed where `returnUrl` is given, and answered as `data.urlPasswordChangeTicket` to \
                  callers with the scope `users:tickets`.",
        label: "Create",
        body: Some("CreateUser"),
        example: &["email", "password", "firstName", "lastName", "metadata"],
        answer: "IdsAnswer",
        examples: &[
            ("created", || examples::ids_answer(Code::S200_03)),
            ("pending", || examples::done_answer(Code::S200_04)),
        ],
        codes: &[
            Code::S200_03,
            Code::S200_04,
            Code::E400_02,
            Code::E400_07,
            Code::E400_08,
            Code::E503_01,
        ],
    },
    WriteOperationDoc {
        operation: WriteOperation::Update,
        path: "/v4/Users/{customerRegistrationId}",
        id: "updateUser",
        title: "Update a user",
        meaning: "Changes the fields that are given, and answers the user as Get By Id does. With `If-Match` and the `ETag` of \
                  such an answer (without `fields` and `explain`, and with the same `ignoreProvider`) a user that has changed \
                  since is 412; without it the last write of each field wins.",
        label: "Update",
        body: Some("UpdateUser"),
        example: &["lastName", "metadata", "verified"],
        answer: "UpdatedAnswer",
        examples: &[("updated", || examples::updated_answer())],
        codes: &[Code::S200_05, Code::E400_22, Code::E404, Code::E412],
    },
    WriteOperationDoc {
        operation: WriteOperation::SetPassword,
        path: "/v4/Users/{customerRegistrationId}/Password",
        id: "setPassword",
        title: "Set a password",
        meaning: "Sets the password of a user. All links of the user to set one end.",
        label: "Password",
        body: Some("SetPassword"),
        example: &["password"],
        answer: "DoneAnswer",
        examples: &[("done", || examples::done_answer(Code::S200_11))],
        codes: &[Code::S200_11, Code::E404],
    },
    WriteOperationDoc {
        operation: WriteOperation::SetEmail,
        path: "/v4/Users/{customerRegistrationId}/Email",
        id: "setEmail",
        title: "Change an address",
        meaning: "Changes the address of a user. The old address gets a notice where the server can send mail.",
        label: "Address",
        body: Some("SetEmail"),
        example: &["email"],
        answer: "DoneAnswer",
        examples: &[("done", || examples::done_answer(Code::S200_12))],
        codes: &[Code::S200_12, Code::E400_08, Code::E404],
    },
    WriteOperationDoc {
        operation: WriteOperation::Delete,
        path: "/v4/Users/{customerRegistrationId}",
        id: "deleteUser",
        title: "Delete a user",
        meaning: "Deletes a user: it is absent from every read at once, and removed after the days of the tenant's setting \
                  `Retention.DeletedDays`. With `purge` the person is erased: what is stored about it goes at once, from the provider \
                  too where its API allows that, and `data` is the receipt of what each source answered. Repeated, it is answered \
                  with the same receipt; `meta.pending` is there while a part goes on.",
        label: "Delete",
        body: None,
        example: &[],
        answer: "DeletedAnswer",
        examples: &[
            ("done", || examples::done_answer(Code::S200_14)),
            ("erased", report_operation::erased_answer),
        ],
        codes: &[Code::S200_14, Code::E404],
    },
    WriteOperationDoc {
        operation: WriteOperation::Authenticate,
        path: "/v4/Users/Authentication",
        id: "authenticateUser",
        title: "Sign a user in",
        meaning: "Checks a password: by the tenant's provider, if it has one, otherwise by the stored hash. After ten failures \
                  of an account in 15 minutes, or a hundred of an address, further ones are 429. An `Idempotency-Key` has no \
                  effect: each sign-in is decided anew. With `token` in place of a password its issuer decides; one that is refused is `E400_02`.",
        label: "Sign in",
        body: Some("Authenticate"),
        example: &["loginName", "password"],
        answer: "SignedInAnswer",
        examples: &[("signedIn", || examples::signed_in_answer())],
        codes: &[
            Code::S200_06,
            Code::E400_02,
            Code::E401_01,
            Code::E403_01,
            Code::E403_02,
            Code::E403_03,
            Code::E403_04,
            Code::E429,
        ],
    },
    WriteOperationDoc {
        operation: WriteOperation::StartReset,
        path: "/v4/Users/ForgotPassword",
        id: "startForgotPassword",
        title: "Mail a link to set a password",
        meaning: "Mails a link to the user with this address, if there is one; the answer is the same if there is none. \
                  `data.encryptedEventId` opens nothing, unless the caller has the scope `users:tickets`: then it is the value \
                  of the link.",
        label: "Forgot password",
        body: Some("StartForgotPassword"),
        example: &["loginName", "returnUrl"],
        answer: "EventAnswer",
        examples: &[("started", || examples::event_answer())],
        codes: &[Code::S200_08, Code::E503_01],
    },
    WriteOperationDoc {
        operation: WriteOperation::ValidateReset,
        path: "/v4/Users/ForgotPassword/Validate",
        id: "validateForgotPassword",
        title: "Check a link to set a password",
        meaning: "Checks that a link can be used; it stays usable.",
        label: "Check a link",
        body: Some("ValidateForgotPassword"),
        example: &["encryptedEventId"],
        answer: "LinkAnswer",
        examples: &[("valid", || examples::link_answer())],
        codes: &[Code::S200_09, Code::E400_17],
    },
    WriteOperationDoc {
        operation: WriteOperation::FinishReset,
        path: "/v4/Users/ForgotPassword/Finish",
        id: "finishForgotPassword",
        title: "Set a password by a link",
        meaning: "Sets a password by a link, once. All other links of the user end.",
        label: "Use a link",
        body: Some("FinishForgotPassword"),
        example: &["encryptedEventId", "password"],
        answer: "DoneAnswer",
        examples: &[("done", || examples::done_answer(Code::S200_10))],
        codes: &[Code::S200_10, Code::E400_17],
    },
    WriteOperationDoc {
        operation: WriteOperation::Verify,
        path: "/v4/Users/Verification",
        id: "verifyEmail",
        title: "Verify an address",
        meaning: "Creates the pending registration of an address, or marks the address of a user as verified, if the code is \
                  the one that was mailed. Five wrong tries end a code.",
        label: "Verify",
        body: Some("VerifyEmail"),
        example: &["email", "verificationCode"],
        answer: "IdsAnswer",
        examples: &[("verified", || examples::ids_answer(Code::S200_07))],
        codes: &[
            Code::S200_07,
            Code::E400_07,
            Code::E400_08,
            Code::E400_14,
            Code::E400_15,
            Code::E400_16,
        ],
    },
    WriteOperationDoc {
        operation: WriteOperation::SendCode,
        path: "/v4/Users/VerificationCode",
        id: "sendVerificationCode",
        title: "Mail a new code",
        meaning: "Mails a new code, which ends the old one: one a minute, ten a day. The answer is the same for every address.",
        label: "New code",
        body: Some("SendVerificationCode"),
        example: &["email", "returnUrl"],
        answer: "DoneAnswer",
        examples: &[("done", || examples::done_answer(Code::S200_13))],
        codes: &[Code::S200_13, Code::E503_01],
    },
];

impl WriteOperationDoc {
    /// Its method.
    pub(super) fn method(&self) -> String {
        self.operation.method().to_string()
    }

    /// Its rows of the table.
    pub(super) fn fields(&self) -> impl Iterator<Item = &'static WriteFieldRow> {
        let operation = self.operation;
        TABLE.iter().filter(move |row| row.calls.contains(&operation))
    }

    /// The codes of its responses, the successes first.
    pub(super) fn codes(&self) -> impl Iterator<Item = Code> {
        let has = |code: &Code| {
            self.codes.contains(code)
                || CODES_OF_ALL.contains(code)
                || (self.body.is_some() && CODES_OF_BODIES.contains(code))
                || (self.operation.keeps_answer() && CODES_OF_KEYS.contains(code))
        };
        Code::ALL.iter().copied().filter(has)
    }

    /// The scopes of which a caller needs one.
    pub(super) fn scopes(&self) -> String {
        let names = self
            .operation
            .scopes()
            .iter()
            .map(|scope| format!("`{}`", scope.name()));
        names.collect::<Vec<_>>().join(" or ")
    }

    /// The JSON of the example of its body.
    pub(super) fn body_example(&self) -> String {
        let fields = self.example.iter().filter_map(|name| {
            let row = self.fields().find(|row| row.spec.name == *name)?;
            Some(format!("\"{name}\":{}", row.spec.example))
        });
        format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
    }

    /// An example on the command line.
    pub(super) fn curl(&self) -> String {
        let path = self.path.replace("{customerRegistrationId}", "2937");
        let body = match self.body {
            Some(_) => format!(
                "     -H 'Content-Type: application/json' \\\n     -d '{}' \\\n",
                self.body_example()
            ),
            None => String::new(),
        };
        format!(
            "curl -X {} -H \"Authorization: bearer $TOKEN\" -H 'X-SourceSystem: CRM' \\\n     -H 'X-ClientGroupCode: north' -H \
             'X-ClientCode: daily' -H 'X-PaperCode: herald' \\\n{body}     \"$URL{path}\"",
            self.method()
        )
    }
}

/// The operations, each with its path and its method in lower case.
pub(super) fn operations() -> impl Iterator<Item = (&'static str, String, DocNode)> {
    OPERATIONS
        .iter()
        .map(|doc| (doc.path, doc.method().to_ascii_lowercase(), operation(doc)))
}

fn operation(doc: &WriteOperationDoc) -> DocNode {
    let operation = object! {
        "tags": list!["Users"],
        "operationId": doc.id,
        "summary": doc.title,
        "description": format!("{} Scope: {}.", doc.meaning, doc.scopes()),
        "parameters": parameters(doc),
    };
    let operation = match doc.body {
        Some(schema) => operation.with("requestBody", request_body(doc, schema)),
        None => operation,
    };
    operation.with("responses", responses(doc.codes(), doc.answer, doc.examples))
}

fn parameters(doc: &WriteOperationDoc) -> Vec<DocNode> {
    let mut parameters = required_headers();
    if doc.operation.keeps_answer() {
        parameters.push(reference("parameters", "Idempotency-Key"));
    }
    if doc.operation == WriteOperation::Update {
        parameters.push(object! {
            "name": "If-Match",
            "in": "header",
            "description": "the `ETag` of the user as it was read",
            "schema": object! {"type": "string"},
        });
    }
    if doc.path.contains("{customerRegistrationId}") {
        parameters.push(id_parameter("2937"));
    }
    if doc.operation == WriteOperation::Delete {
        let flags = [
            ("ignoreProvider", "`true` deletes only the Subscribe registration"),
            ("purge", "`true` erases the person; needs the scope `users:erase`"),
        ];
        parameters.extend(flags.map(|(name, meaning)| {
            object! {
                "name": name,
                "in": "query",
                "description": format!("{meaning}; false when not given"),
                "schema": object! {"type": "boolean"},
            }
        }));
    }
    parameters
}

fn request_body(doc: &WriteOperationDoc, schema: &'static str) -> DocNode {
    // The examples of the table are valid JSON.
    let example = RawValue::from_string(doc.body_example()).unwrap_or_else(|_| RawValue::NULL.to_owned());
    object! {
        "required": true,
        "content": object! {
            "application/json": object! {"schema": schema_ref(schema), "example": DocNode::Raw(example)},
        },
    }
}

/// The schemas of the bodies, by name.
pub(super) fn body_schemas() -> impl Iterator<Item = (&'static str, DocNode)> {
    OPERATIONS.iter().filter_map(|doc| Some((doc.body?, body_schema(doc))))
}

fn body_schema(doc: &WriteOperationDoc) -> DocNode {
    let properties = doc.fields().map(|row| {
        (
            row.spec.name,
            for_field(row.spec.kind).with("description", row.spec.meaning),
        )
    });
    let required = doc.fields().filter(|row| row.required.contains(&doc.operation));
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

/// An example answer, for the page.
pub(super) fn first_example(doc: &WriteOperationDoc) -> JsonResult {
    doc.examples.first().map_or_else(|| Ok(Vec::new()), |(_, json)| json())
}
