//! Examples for the documents, written by the code that writes the answers.

use masthead_domain::{
    account::Account, answer::User, customer_registration_id::CustomerRegistrationId, email::Email, metadata::Metadata,
    query::Total, state::UserState, tenant::TenantId,
};
use masthead_orchestrator::ReadError;
use masthead_ports::{
    sealing::{Purpose, SealError, Sealing},
    tokens::TokenError,
};

use crate::{
    code::Code,
    envelope::{Envelope, Meta, Shape},
    error::{ApiError, Call, HeaderFault},
    fields::Fields,
    json::WriteJson,
    parameters::{
        InvalidParameter,
        table::{Parameter, TABLE},
    },
    view::{USER_BYTES, UserView, UsersView, ViewOptions, Viewer},
};

/// What the examples show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Every field.
    Whole,
    /// A few fields.
    Sparse,
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

const EXAMPLE_SEALED: &str = "qv5S0m9fZ2l2ZW4tYnktdXM=";

/// The answer of Get By Id.
pub(crate) fn one(shown: Shown, pretty: bool) -> String {
    with_user(shown, |viewer, user| {
        let data = UserView { viewer, user };
        text(
            &Envelope::of_success(Code::S200_01, Shape::default(), None, data),
            pretty,
        )
    })
}

/// The answer of a list.
pub(crate) fn list(shown: Shown, pretty: bool) -> String {
    with_user(shown, |viewer, user| {
        let users = std::slice::from_ref(user);
        let meta = Meta::of_list(Some(Total::Exact(23)), None, Some(EXAMPLE_SEALED.to_owned()));
        let data = UsersView { viewer, users };
        text(
            &Envelope::of_success(Code::S200_02, Shape::default(), Some(meta), data),
            pretty,
        )
    })
}

/// The answer with this code; `None` for a success.
pub(crate) fn error(code: Code, pretty: bool) -> Option<String> {
    let refusal = error_with(code)?.refusal();
    Some(text(&Envelope::of_refusal(&refusal, Shape::default()), pretty))
}

/// An error that is told with this code, of those that the reads have.
fn error_with(code: Code) -> Option<ApiError> {
    let page_size = || InvalidParameter::BadForm(&TABLE[Parameter::PageSize as usize]);
    let errors = [
        ApiError::Header(HeaderFault::Missing("X-ClientCode")),
        ApiError::Parameter(Call::List, page_size()),
        ApiError::Read(Call::List, ReadError::TooDeep { limit: 100_000 }),
        ApiError::Token(TokenError::Expired),
        ApiError::NotGranted,
        ApiError::Read(Call::ById, ReadError::NoSuchUser { completeness: None }),
        ApiError::Method,
        ApiError::BodyTooLarge(65_536),
        ApiError::ContentType,
        ApiError::Internal,
        ApiError::Read(Call::ById, ReadError::Corrupt),
        ApiError::Read(Call::List, ReadError::Corrupt),
        ApiError::Unavailable,
    ];
    let told_so = |error: &ApiError| error.code() == code;
    errors.into_iter().find(told_so)
}

/// Shows an invented user; nothing when the invention is refused, which a test would tell.
fn with_user(shown: Shown, show: impl FnOnce(Viewer<'_>, &User) -> String) -> String {
    let Some((tenant, user)) = invented() else {
        return String::new();
    };
    let fields = match shown {
        Shown::Whole => Some(Fields::default()),
        Shown::Sparse => Fields::parse("customerRegistrationId,email,state,metadata.city"),
    };
    let options = ViewOptions {
        fields: fields.unwrap_or_default(),
        explain: false,
    };
    let viewer = Viewer {
        sealing: &ExampleSealing,
        tenant: &tenant,
        options: &options,
    };
    show(viewer, &user)
}

/// Shows the invented user to another writer, with what seals every text alike; `None` as above.
pub(crate) fn with_invented<T>(show: impl FnOnce(&dyn Sealing, &TenantId, &User) -> T) -> Option<T> {
    invented().map(|(tenant, user)| show(&ExampleSealing, &tenant, &user))
}

fn invented() -> Option<(TenantId, User)> {
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
    Some((TenantId::parse("north/daily/herald").ok()?, user))
}

fn text(envelope: &Envelope<'_, impl WriteJson>, pretty: bool) -> String {
    let written = envelope.written(USER_BYTES).unwrap_or_default();
    let written = if pretty { indented(&written) } else { written };
    String::from_utf8(written).unwrap_or_default()
}

fn indented(json: &[u8]) -> Vec<u8> {
    let mut indented = Vec::new();
    let mut reader = serde_json::Deserializer::from_slice(json);
    // What one serializer wrote, another reads; nothing is there to fail.
    let _ = serde_transcode::transcode(&mut reader, &mut serde_json::Serializer::pretty(&mut indented));
    indented
}
