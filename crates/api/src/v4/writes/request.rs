//! Turns a body, a path and a query into the request of a use case, with every mistake in one refusal.

use std::collections::HashMap;

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId, email::Email, metadata::Metadata, tenant::Tenant,
    user_change::UserChange,
};
use masthead_orchestrator::writes::{CreateRequest, DeleteRequest, EraseRequest};
use masthead_ports::{passwords::PlainPassword, sealing::Sealing};

use super::{
    body::read_fields,
    fields::{TABLE, WriteFields},
    operation::WriteOperation,
    problem::Problems,
    value::MetadataPairs,
};
use crate::{
    http::percent::{Plus, decode, query_pairs},
    v4::{
        code::Code,
        parameters::conditions::{open_id, parse_path_id},
        write_error::WriteRefusal,
    },
};

/// A request for a use case.
pub(super) enum WriteRequest {
    Create(Box<CreateRequest>),
    Update(Box<UpdateOfUser>),
    SetPassword(CustomerRegistrationId, PlainPassword),
    SetEmail(CustomerRegistrationId, Email),
    Authenticate(Box<str>, PlainPassword),
    AuthenticateByToken(Box<str>),
    StartReset(Box<str>, Option<Box<str>>),
    ValidateReset(Box<str>),
    FinishReset(Box<str>, PlainPassword),
    Verify(Email, Box<str>),
    SendCode(Email, Option<Box<str>>),
    Delete(DeleteRequest),
    /// Deletes at once.
    Erase(EraseRequest),
}

/// A change of one user.
pub(super) struct UpdateOfUser {
    pub(super) crid: CustomerRegistrationId,
    pub(super) change: UserChange,
    pub(super) ignore_provider: bool,
}

/// What a request is made of.
pub(super) struct WriteInput<'a> {
    pub(super) operation: WriteOperation,
    /// The id in the path, still encoded; `""` for a call without one.
    pub(super) path_id: &'a str,
    pub(super) query: &'a str,
    pub(super) body: &'a [u8],
}

impl WriteInput<'_> {
    /// The request, or a refusal with every mistake.
    pub(super) fn parse(&self, tenant: &Tenant, sealing: &dyn Sealing) -> Result<WriteRequest, WriteRefusal> {
        let ignore_unknown = tenant.settings.ignore_unknown_parameters;
        let mut problems = Problems::default();
        let crid = match self.operation {
            WriteOperation::Update
            | WriteOperation::SetPassword
            | WriteOperation::SetEmail
            | WriteOperation::Delete => match parse_path_id(self.path_id) {
                Ok(crid) => Some(crid),
                Err(error) => {
                    problems.body(error.to_string());
                    None
                }
            },
            _ => None,
        };
        let flags = Flags::parse(self.query, self.operation, ignore_unknown, &mut problems);
        let fields = if self.operation.has_body() {
            read_fields(self.body, TABLE, &self.operation, ignore_unknown, &mut problems)
        } else {
            WriteFields::default()
        };
        if let Some(url) = &fields.return_url
            && let Err(error) = tenant.settings.return_urls.check(url)
        {
            problems.field("returnUrl", error.to_string());
        }
        let request = self.request(crid, fields, flags, tenant, sealing, &mut problems);
        match request.filter(|_| problems.is_empty()) {
            Some(request) => Ok(request),
            None if problems.are_sealed() => Err(WriteRefusal::new(Code::E400_02, problems.to_string())),
            None => Err(WriteRefusal::new(Code::E400_00, problems.to_string())),
        }
    }

    /// The request; `None` where something is missing or refused, which is among the problems then.
    fn request(
        &self,
        crid: Option<CustomerRegistrationId>,
        fields: WriteFields,
        flags: Flags,
        tenant: &Tenant,
        sealing: &dyn Sealing,
        problems: &mut Problems,
    ) -> Option<WriteRequest> {
        Some(match self.operation {
            WriteOperation::Create => {
                let crid = id_of(&fields, tenant, sealing, problems);
                WriteRequest::Create(Box::new(CreateRequest {
                    email: fields.new_email(problems)?,
                    password: fields.password,
                    first_name: fields.first_name.unwrap_or_default(),
                    last_name: fields.last_name.unwrap_or_default(),
                    metadata: new_metadata(fields.metadata.unwrap_or_default()),
                    crid,
                    ignore_provider: fields.ignore_provider.unwrap_or_default(),
                    return_url: fields.return_url,
                    verify_email: fields.verify_email.unwrap_or_default(),
                }))
            }
            WriteOperation::Update => {
                let ignore_provider = fields.ignore_provider.unwrap_or_default();
                let change = change(fields, problems);
                if change.is_empty() && problems.is_empty() {
                    problems.body("no field to change is given");
                }
                WriteRequest::Update(Box::new(UpdateOfUser {
                    crid: crid?,
                    change,
                    ignore_provider,
                }))
            }
            WriteOperation::SetPassword => WriteRequest::SetPassword(crid?, fields.password?),
            WriteOperation::SetEmail => WriteRequest::SetEmail(crid?, fields.new_email(problems)?),
            WriteOperation::Authenticate => credentials(fields, problems)?,
            WriteOperation::StartReset => WriteRequest::StartReset(fields.login_name?, fields.return_url),
            WriteOperation::ValidateReset => WriteRequest::ValidateReset(fields.encrypted_event_id?),
            WriteOperation::FinishReset => WriteRequest::FinishReset(fields.encrypted_event_id?, fields.password?),
            WriteOperation::Verify => WriteRequest::Verify(fields.email?, fields.verification_code?),
            WriteOperation::SendCode => WriteRequest::SendCode(fields.email?, fields.return_url),
            WriteOperation::Delete if flags.purge => WriteRequest::Erase(EraseRequest {
                key: crid?.into(),
                ignore_provider: flags.ignore_provider,
            }),
            WriteOperation::Delete => WriteRequest::Delete(DeleteRequest {
                crid: crid?,
                ignore_provider: flags.ignore_provider,
            }),
        })
    }
}

/// The id that a new user is given, in the clear or sealed.
fn id_of(
    fields: &WriteFields,
    tenant: &Tenant,
    sealing: &dyn Sealing,
    problems: &mut Problems,
) -> Option<CustomerRegistrationId> {
    const SEALED: &str = "encryptedCustomerRegistrationId";
    let Some(sealed) = &fields.encrypted_customer_registration_id else {
        return fields.customer_registration_id.clone();
    };
    match open_id(sealed, tenant, sealing) {
        Err(_) => {
            problems.sealed(SEALED);
            None
        }
        Ok(opened)
            if fields
                .customer_registration_id
                .as_ref()
                .is_some_and(|given| *given != opened) =>
        {
            problems.field(SEALED, "is another id than customerRegistrationId");
            None
        }
        Ok(opened) => Some(opened),
    }
}

/// The metadata of a new user: keys are checked, and none is removed.
pub(crate) fn new_metadata(pairs: MetadataPairs) -> Metadata {
    let given = pairs.into_iter().filter_map(|(key, value)| Some((key, value?)));
    Metadata::from_valid(given.map(|(key, value)| (String::from(key), String::from(value))))
}

/// A login name and a password, or a token alone.
fn credentials(fields: WriteFields, problems: &mut Problems) -> Option<WriteRequest> {
    match (fields.token, fields.login_name, fields.password) {
        (Some(token), None, None) => Some(WriteRequest::AuthenticateByToken(token)),
        (Some(_), _, _) => {
            problems.field("token", "must not be given beside loginName or password");
            None
        }
        (None, Some(login), Some(password)) => Some(WriteRequest::Authenticate(login, password)),
        (None, login, password) => {
            if problems.is_empty() {
                for (name, is_missing) in [("loginName", login.is_none()), ("password", password.is_none())] {
                    if is_missing {
                        problems.field(name, "is missing");
                    }
                }
            }
            None
        }
    }
}

fn change(fields: WriteFields, problems: &mut Problems) -> UserChange {
    let removes_logout = fields.remove_last_logout_date == Some(true);
    let last_logout_at = match (fields.last_logout_date, removes_logout) {
        (Some(_), true) => {
            problems.field("removeLastLogoutDate", "must not be true beside lastLogoutDate");
            None
        }
        (Some(at), false) => Some(Some(at)),
        (None, true) => Some(None),
        (None, false) => None,
    };
    UserChange {
        first_name: fields.first_name,
        last_name: fields.last_name,
        metadata: fields.metadata.unwrap_or_default(),
        verified: fields.verified,
        last_logout_at,
        blocked: fields.blocked,
    }
}

/// The parameters in the URL of a deletion; other calls take none.
#[derive(Debug, Clone, Copy)]
struct Flags {
    ignore_provider: bool,
    purge: bool,
}

impl Flags {
    fn parse(query: &str, operation: WriteOperation, ignore_unknown: bool, problems: &mut Problems) -> Self {
        let mut given: HashMap<&'static str, bool> = HashMap::new();
        for (raw_name, raw_value) in query_pairs(query) {
            let Some(name) = decode(raw_name, Plus::Blank) else {
                problems.body("a name in the query is not percent-encoded UTF-8");
                continue;
            };
            let known = ["ignoreProvider", "purge"].into_iter();
            let known = known.filter(|_| operation == WriteOperation::Delete);
            let Some(known) = { known }.find(|known| known.eq_ignore_ascii_case(&name)) else {
                if !ignore_unknown {
                    problems.field(&*name, "is not a parameter of this call");
                }
                continue;
            };
            let value = decode(raw_value, Plus::Blank).unwrap_or_default().to_ascii_lowercase();
            let flag = match &*value {
                "true" => true,
                "false" => false,
                _ => {
                    problems.field(known, "must be true or false");
                    continue;
                }
            };
            if given.insert(known, flag).is_some() {
                problems.field(known, "is given more than once");
            }
        }
        let flag = |name| given.get(name).copied().unwrap_or_default();
        Self {
            ignore_provider: flag("ignoreProvider"),
            purge: flag("purge"),
        }
    }
}
