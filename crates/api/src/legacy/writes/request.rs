//! Turns a legacy body into requests of the use cases, with every mistake in one answer.

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId, email::Email, tenant::Tenant, user_change::UserChange,
};
use masthead_orchestrator::writes::CreateRequest;
use masthead_ports::passwords::PlainPassword;

use super::{
    fields::{LegacyWriteFields, TABLE},
    operation::LegacyWrite,
};
use crate::{
    legacy::error::LegacyError,
    v4::{
        parameters::conditions::parse_path_id,
        writes::{
            body::read_fields, fields::new_email, problem::Problems, request::new_metadata, value::MetadataPairs,
        },
    },
};

/// What a legacy call writes.
pub(super) enum LegacyWriteRequest {
    Create(Box<CreateRequest>),
    Update(Box<LegacyUpdate>),
    Authenticate(Box<str>, PlainPassword),
    AuthenticateByToken(Box<str>),
    ForgotPassword(Box<str>, Option<Box<str>>),
    VerifyEmail(Email, Box<str>),
    ResendCode(Email, Option<Box<str>>),
}

/// A change of one user, which may be three writes: address, password and profile.
pub(super) struct LegacyUpdate {
    pub(super) crid: CustomerRegistrationId,
    pub(super) email: Option<Email>,
    pub(super) password: Option<PlainPassword>,
    pub(super) change: UserChange,
    pub(super) ignore_provider: bool,
}

/// The request of a body; `path_id` is the id in the path, still encoded.
pub(super) fn parse(
    call: LegacyWrite,
    path_id: &str,
    body: &[u8],
    tenant: &Tenant,
) -> Result<LegacyWriteRequest, LegacyError> {
    if matches!(body.trim_ascii(), b"" | b"null") {
        return Err(LegacyError::NoParameters);
    }
    let mut problems = Problems::default();
    let ignore_unknown = tenant.settings.ignore_unknown_parameters;
    let fields = read_fields(body, TABLE, &call, ignore_unknown, &mut problems);
    if let Some(url) = &fields.return_url
        && let Err(error) = tenant.settings.return_urls.check(url)
    {
        problems.field("ReturnUrl", error.to_string());
    }
    let request = request(call, path_id, fields, tenant, &mut problems);
    match request.filter(|_| problems.is_empty()) {
        Some(request) => Ok(request),
        None => Err(LegacyError::Fields(problems)),
    }
}

/// The request; `None` where something is missing or refused, which is among the problems then.
fn request(
    call: LegacyWrite,
    path_id: &str,
    mut fields: LegacyWriteFields,
    tenant: &Tenant,
    problems: &mut Problems,
) -> Option<LegacyWriteRequest> {
    let ignore_provider = fields.creation_mode == Some(2);
    let metadata = metadata(&mut fields);
    Some(match call {
        LegacyWrite::Create | LegacyWrite::CreatePasswordless => LegacyWriteRequest::Create(Box::new(CreateRequest {
            email: new_email(fields.email.as_ref(), "Email", problems)?,
            password: fields.password,
            first_name: fields.first_name.unwrap_or_default(),
            last_name: fields.last_name.unwrap_or_default(),
            metadata: new_metadata(metadata),
            crid: fields.customer_registration_id,
            ignore_provider,
            return_url: fields.return_url,
            verify_email: fields.verify_email.unwrap_or_default(),
        })),
        LegacyWrite::Update => {
            let changes_credentials = fields.email.is_some() || fields.password.is_some();
            if ignore_provider && changes_credentials && tenant.settings.is_federated() {
                problems.field("CreationMode", "must not be 2 beside Email or Password");
            }
            let change = UserChange {
                first_name: fields.first_name,
                last_name: fields.last_name,
                metadata,
                ..UserChange::default()
            };
            if change.is_empty() && !changes_credentials && problems.is_empty() {
                problems.body("no field to change is given");
            }
            let crid = match parse_path_id(path_id) {
                Ok(crid) => crid,
                Err(error) => {
                    problems.body(error.to_string());
                    return None;
                }
            };
            LegacyWriteRequest::Update(Box::new(LegacyUpdate {
                crid,
                email: match &fields.email {
                    None => None,
                    given => Some(new_email(given.as_ref(), "Email", problems)?),
                },
                password: fields.password,
                change,
                ignore_provider,
            }))
        }
        LegacyWrite::Authenticate => LegacyWriteRequest::Authenticate(fields.login_name?, fields.password?),
        LegacyWrite::AuthenticateByToken => LegacyWriteRequest::AuthenticateByToken(fields.token?),
        LegacyWrite::ForgotPassword => LegacyWriteRequest::ForgotPassword(fields.login_name?, fields.return_url),
        LegacyWrite::VerifyEmail => LegacyWriteRequest::VerifyEmail(fields.email?, fields.verification_code?),
        LegacyWrite::ResendCode => LegacyWriteRequest::ResendCode(fields.email?, fields.return_url),
    })
}

/// The metadata of a body, with the parts of the phone number joined.
fn metadata(fields: &mut LegacyWriteFields) -> MetadataPairs {
    let mut metadata = std::mem::take(&mut fields.metadata);
    let parts: Vec<&str> = fields.phone.iter().flatten().map(|part| &**part).collect();
    if !parts.is_empty() {
        let number = parts
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join("-");
        metadata.push(("phoneNumber".into(), Some(number.into())));
    }
    metadata
}
