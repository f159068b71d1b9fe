//! Examples for the documents, written by the code that writes the responses.

use std::time::Duration;

use masthead_domain::{
    account::Account, answer::User, customer_registration_id::CustomerRegistrationId, email::Email, metadata::Metadata,
    query::Total, state::UserState, tenant::TenantId,
};
use masthead_orchestrator::{
    ReadError,
    writes::{SignInError, ValidLink, WriteUserError},
};
use masthead_ports::{
    accounts::UserFacingMessage,
    sealing::{Purpose, SealError, Sealing},
    tokens::TokenError,
};
use serde_json::value::RawValue;
use time::macros::datetime;

use super::node::{DocNode, object};
use crate::{
    auth::error::{AuthError, HeaderError},
    http::{error::RequestError, request::RequestId},
    v4::{
        code::Code,
        envelope::{EnvelopeShape, V4Envelope, V4Meta},
        error::V4Error,
        fields::FieldSelection,
        operation::V4Operation,
        parameters::{error::ParameterError, table},
        view::{USER_BYTES, UserView, UsersView, V4ViewContext, ViewOptions},
        write_error::WriteRefusal,
        writes::{
            answer::{IdsView, LinkView, ResetView, SignedInView},
            idempotency::OTHER_CONTENT,
        },
    },
};

/// JSON of a response.
pub(super) type JsonResult = serde_json::Result<Vec<u8>>;

/// The fields of an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExampleFields {
    All,
    Few,
}

/// Seals every text alike.
struct ExampleSealing;

impl Sealing for ExampleSealing {
    fn seal(&self, _: &TenantId, _: Purpose<'_>, _: &str) -> String {
        EXAMPLE_SEALED.to_owned()
    }

    fn open(&self, _: &TenantId, _: Purpose<'_>, _: &str) -> Result<String, SealError> {
        Err(SealError)
    }
}

pub(super) const EXAMPLE_SEALED: &str = "qv5S0m9fZ2l2ZW4tYnktdXM=";

/// The text of the request id of the examples.
pub(super) const EXAMPLE_REQUEST_ID: &str = "b1946ac9-2492-4d23-9a1c-6d2f1b0c7e55";

/// The request id of the examples.
pub(super) fn request_id() -> RequestId {
    RequestId::new(EXAMPLE_REQUEST_ID).unwrap_or_else(|| RequestId::from_number(1))
}

/// The answer of Get By Id.
pub(super) fn user_answer(fields: ExampleFields) -> JsonResult {
    with_view(fields, |context, user| {
        let data = UserView { context, user };
        V4Envelope::for_success(Code::S200_01, EnvelopeShape::default(), None, data).to_json(USER_BYTES)
    })
}

/// The answer of a list.
pub(super) fn list_answer(fields: ExampleFields) -> JsonResult {
    with_view(fields, |context, user| {
        let users = std::slice::from_ref(user);
        let meta = V4Meta::for_list(Some(Total::Exact(23)), None, Some(EXAMPLE_SEALED.to_owned()));
        let data = UsersView { context, users };
        V4Envelope::for_success(Code::S200_02, EnvelopeShape::default(), Some(meta), data).to_json(USER_BYTES)
    })
}

/// The answer of a call that has nothing to show.
pub(super) fn done_answer(code: Code) -> JsonResult {
    V4Envelope::for_success(code, EnvelopeShape::default(), None, ()).to_json(256)
}

/// The answer with both ids of a user.
pub(super) fn ids_answer(code: Code) -> JsonResult {
    with_view(ExampleFields::All, |context, user| {
        let data = IdsView {
            sealing: context.sealing,
            tenant: context.tenant,
            crid: &user.account.crid,
            ticket: None,
        };
        V4Envelope::for_success(code, EnvelopeShape::default(), None, data).to_json(512)
    })
}

/// The answer of an update.
pub(super) fn updated_answer() -> JsonResult {
    with_view(ExampleFields::All, |context, user| {
        let data = UserView { context, user };
        V4Envelope::for_success(Code::S200_05, EnvelopeShape::default(), None, data).to_json(USER_BYTES)
    })
}

/// The answer of a sign-in.
pub(super) fn signed_in_answer() -> JsonResult {
    with_view(ExampleFields::All, |context, user| {
        let data = SignedInView { context, user };
        V4Envelope::for_success(Code::S200_06, EnvelopeShape::default(), None, data).to_json(USER_BYTES)
    })
}

/// The answer of a call that mails a link.
pub(super) fn event_answer() -> JsonResult {
    let data = ResetView("hJ8yq0vYkq3mW9cJm1rT0pXn4sVb2dLfG7uKeQzAxRw");
    V4Envelope::for_success(Code::S200_08, EnvelopeShape::default(), None, data).to_json(256)
}

/// The answer of a link that can be used.
pub(super) fn link_answer() -> JsonResult {
    let link = ValidLink {
        event_id: 4711,
        expires_at: datetime!(2026-03-01 13:00 UTC),
    };
    V4Envelope::for_success(Code::S200_09, EnvelopeShape::default(), None, LinkView(&link)).to_json(256)
}

/// The response with this code; `None` for a success.
pub(super) fn error_answer(code: Code) -> Option<JsonResult> {
    let error = error_with(code)?;
    Some(V4Envelope::for_error(&error, EnvelopeShape::default()).to_json(256))
}

/// An error with this code.
fn error_with(code: Code) -> Option<V4Error> {
    let page_size = table::TABLE.iter().find(|row| row.spec.name == "pageSize")?.spec;
    let errors = [
        AuthError::from(HeaderError::Missing("X-ClientCode")).into(),
        V4Error::Parameter(
            V4Operation::ListUsers,
            ParameterError::BadForm(page_size.name, page_size.kind),
        ),
        V4Error::Read(V4Operation::ListUsers, ReadError::TooDeep { limit: 100_000 }),
        AuthError::Token(TokenError::Expired).into(),
        AuthError::NotGranted.into(),
        V4Error::Read(V4Operation::GetUser, ReadError::NoSuchUser { completeness: None }),
        RequestError::MethodNotAllowed.into(),
        RequestError::BodyTooLarge(65_536).into(),
        RequestError::ContentType.into(),
        RequestError::Internal.into(),
        V4Error::Read(V4Operation::GetUser, ReadError::Corrupt),
        V4Error::Read(V4Operation::ListUsers, ReadError::Corrupt),
        RequestError::Unavailable.into(),
    ];
    let errors = errors.into_iter().chain(write_errors().into_iter().map(V4Error::from));
    errors.into_iter().find(|error: &V4Error| error.code() == code)
}

/// An error of the writes for each of their codes.
fn write_errors() -> Vec<WriteRefusal> {
    let message = UserFacingMessage::new("Password is too weak");
    let writes = [
        WriteUserError::EmailTaken,
        WriteUserError::AwaitsVerification,
        WriteUserError::IdTaken,
        WriteUserError::Changed,
        WriteUserError::Refused(message),
        WriteUserError::WrongCode,
        WriteUserError::UnknownEmail,
        WriteUserError::AlreadyVerified,
        WriteUserError::LinkInvalid,
        WriteUserError::MailNotConfigured,
    ];
    let sign_ins = [
        SignInError::Incorrect,
        SignInError::Unverified,
        SignInError::Lite,
        SignInError::Refused {
            reason: "second_factor_needed",
        },
        SignInError::Blocked,
        SignInError::TooManyAttempts {
            retry_after: Duration::from_mins(15),
        },
    ];
    let writes = writes.iter().map(|error| WriteRefusal::of(error, Code::E400_22));
    let all = writes.chain(sign_ins.into_iter().map(WriteRefusal::from));
    all.chain([WriteRefusal::new(Code::E422, OTHER_CONTENT)]).collect()
}

fn with_view(fields: ExampleFields, render: impl FnOnce(V4ViewContext<'_>, &User) -> JsonResult) -> JsonResult {
    let fields = match fields {
        ExampleFields::All => Some(FieldSelection::default()),
        ExampleFields::Few => FieldSelection::parse("customerRegistrationId,email,state,metadata.city"),
    };
    let options = ViewOptions {
        fields: fields.unwrap_or_default(),
        explain: false,
    };
    let answer = with_example_user(|sealing, tenant, user| {
        let context = V4ViewContext {
            sealing,
            tenant,
            options: &options,
        };
        render(context, user)
    });
    answer.unwrap_or_else(|| Ok(Vec::new()))
}

/// Renders the example user; `None` when it is not a valid user, which a test would show.
pub(super) fn with_example_user<T>(render: impl FnOnce(&dyn Sealing, &TenantId, &User) -> T) -> Option<T> {
    let metadata = [("city", "Oslo"), ("title", "Dr"), ("favouriteSection", "sport")];
    let metadata = Metadata::new(metadata.map(|(key, value)| (key.to_owned(), value.to_owned()))).ok()?;
    let account = Account {
        email: Some(Email::parse("ann@example.com").ok()?),
        first_name: "Ann".into(),
        last_name: "Lee".into(),
        verified: Some(true),
        metadata,
        ..Account::new(CustomerRegistrationId::parse("2937").ok()?)
    };
    let user = User {
        account,
        state: UserState::Standard,
        provenance: Vec::new(),
    };
    let tenant = TenantId::parse("north/daily/herald").ok()?;
    Some(render(&ExampleSealing, &tenant, &user))
}

/// An example of the OpenAPI document.
pub(super) fn example(json: JsonResult) -> DocNode {
    let text = json.ok().and_then(|json| String::from_utf8(json).ok());
    let raw = text.and_then(|text| RawValue::from_string(text).ok());
    object! {"value": DocNode::Raw(raw.unwrap_or_else(|| RawValue::NULL.to_owned()))}
}

/// JSON with indentation, for the page.
pub(super) fn indent(json: JsonResult) -> String {
    let mut indented = Vec::new();
    let json = json.unwrap_or_default();
    let mut reader = serde_json::Deserializer::from_slice(&json);
    // The input is valid JSON.
    let _ = serde_transcode::transcode(&mut reader, &mut serde_json::Serializer::pretty(&mut indented));
    String::from_utf8(indented).unwrap_or_default()
}
