//! The table of the fields of bodies, and the values of one body; the reader, the OpenAPI document and docs/api.md are made of
//! it (contract §3).

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId, email::Email, return_url::MAX_RETURN_URL_BYTES,
    user_change::MAX_NAME_BYTES,
};
use masthead_ports::passwords::PlainPassword;
use time::OffsetDateTime;

use super::{
    body::FieldRow,
    kind::{FieldKind, FieldSpec},
    operation::WriteOperation::{
        self, Authenticate, Create, FinishReset, SendCode, SetEmail, SetPassword, StartReset, Update, ValidateReset,
        Verify,
    },
    problem::Problems,
    value::MetadataPairs,
};
use crate::v4::{
    code::ContractOrigin::{Extension, Published},
    parameters::table::MAX_TOKEN_BYTES,
};

/// The longest login name, in bytes.
pub(crate) const MAX_LOGIN_BYTES: usize = 320;
/// The longest code or link value that is looked at, in bytes.
pub(crate) const MAX_SECRET_BYTES: usize = 512;

/// The fields of one body; `None` is one that is not given, or refused.
#[derive(Default)]
pub(crate) struct WriteFields {
    pub(super) email: Option<Email>,
    pub(super) password: Option<PlainPassword>,
    pub(super) first_name: Option<Box<str>>,
    pub(super) last_name: Option<Box<str>>,
    pub(super) metadata: Option<MetadataPairs>,
    pub(super) ignore_provider: Option<bool>,
    pub(super) return_url: Option<Box<str>>,
    pub(super) verify_email: Option<bool>,
    pub(super) customer_registration_id: Option<CustomerRegistrationId>,
    pub(super) encrypted_customer_registration_id: Option<Box<str>>,
    pub(super) verified: Option<bool>,
    pub(super) last_logout_date: Option<OffsetDateTime>,
    pub(super) remove_last_logout_date: Option<bool>,
    pub(super) blocked: Option<bool>,
    pub(super) login_name: Option<Box<str>>,
    pub(super) token: Option<Box<str>>,
    pub(super) encrypted_event_id: Option<Box<str>>,
    pub(super) verification_code: Option<Box<str>>,
}

impl WriteFields {
    /// The address of a new account; `None` where it is not given, or refused.
    pub(super) fn new_email(&self, problems: &mut Problems) -> Option<Email> {
        new_email(self.email.as_ref(), "email", problems)
    }
}

/// The address of a field, if a new account may have it; otherwise a problem of that field.
pub(crate) fn new_email(given: Option<&Email>, field: &'static str, problems: &mut Problems) -> Option<Email> {
    let parsed = Email::parse_new(given?.as_str());
    parsed.map_err(|error| problems.field(field, error.to_string())).ok()
}

/// A row of the table.
pub(crate) type WriteFieldRow = FieldRow<WriteFields, WriteOperation>;

/// The table, in the order of the documents.
#[rustfmt::skip]
pub(crate) static TABLE: &[WriteFieldRow] = &[
    WriteFieldRow { calls: &[Create, SetEmail, Verify, SendCode], required: &[Create, SetEmail, Verify, SendCode], set: |to, value, problems| value.put_email(&mut to.email, problems),
        spec: FieldSpec { name: "email", alias: None, kind: FieldKind::Email, origin: Published, example: "\"ann@example.com\"",
            meaning: "the address of the user" } },
    WriteFieldRow { calls: &[Authenticate, StartReset], required: &[StartReset], set: |to, value, problems| value.put_text(&mut to.login_name, problems),
        spec: FieldSpec { name: "loginName", alias: None, kind: FieldKind::Text { max_bytes: MAX_LOGIN_BYTES }, origin: Published, example: "\"ann@example.com\"",
            meaning: "the address of the user, as it was typed" } },
    WriteFieldRow { calls: &[ValidateReset, FinishReset], required: &[ValidateReset, FinishReset], set: |to, value, problems| value.put_text(&mut to.encrypted_event_id, problems),
        spec: FieldSpec { name: "encryptedEventId", alias: None, kind: FieldKind::Text { max_bytes: MAX_SECRET_BYTES }, origin: Published, example: "\"hJ8yq0vYkq3mW9cJm1rT0pXn4sVb2dLfG7uKeQzAxRw\"",
            meaning: "the value of the link that was mailed" } },
    WriteFieldRow { calls: &[Create, SetPassword, Authenticate, FinishReset], required: &[SetPassword, FinishReset], set: |to, value, problems| value.put_password(&mut to.password, problems),
        spec: FieldSpec { name: "password", alias: None, kind: FieldKind::Password, origin: Published, example: "\"correct horse battery\"",
            meaning: "the password, taken as it is: nothing is trimmed; a user that is created without one sets it by a link, which is mailed where `returnUrl` is given" } },
    WriteFieldRow { calls: &[Authenticate], required: &[], set: |to, value, problems| value.put_text(&mut to.token, problems),
        spec: FieldSpec { name: "token", alias: None, kind: FieldKind::Text { max_bytes: MAX_TOKEN_BYTES }, origin: Published, example: "\"eyJhbGciOiJSUzI1NiJ9.e30.c2ln\"",
            meaning: "in place of `loginName` and `password`: a token of the user from the issuer that the tenant's settings `Token.Issuer`, `Token.JwksUrl` and `Token.Audience` name" } },
    WriteFieldRow { calls: &[Verify], required: &[Verify], set: |to, value, problems| value.put_text(&mut to.verification_code, problems),
        spec: FieldSpec { name: "verificationCode", alias: None, kind: FieldKind::Text { max_bytes: MAX_SECRET_BYTES }, origin: Published, example: "\"2CF772\"",
            meaning: "the code that was mailed" } },
    WriteFieldRow { calls: &[Create, Update], required: &[], set: |to, value, problems| value.put_text(&mut to.first_name, problems),
        spec: FieldSpec { name: "firstName", alias: None, kind: FieldKind::Name { max_bytes: MAX_NAME_BYTES }, origin: Published, example: "\"Ann\"",
            meaning: "the first name; empty for none" } },
    WriteFieldRow { calls: &[Create, Update], required: &[], set: |to, value, problems| value.put_text(&mut to.last_name, problems),
        spec: FieldSpec { name: "lastName", alias: None, kind: FieldKind::Name { max_bytes: MAX_NAME_BYTES }, origin: Published, example: "\"Lee\"",
            meaning: "the last name; empty for none" } },
    WriteFieldRow { calls: &[Create], required: &[], set: |to, value, problems| value.put_metadata(&mut to.metadata, false, problems),
        spec: FieldSpec { name: "metadata", alias: None, kind: FieldKind::Metadata { removable: false }, origin: Published, example: "{\"city\":\"Oslo\"}",
            meaning: "the metadata; numbers and booleans are taken as their JSON text" } },
    WriteFieldRow { calls: &[Update], required: &[], set: |to, value, problems| value.put_metadata(&mut to.metadata, true, problems),
        spec: FieldSpec { name: "metadata", alias: None, kind: FieldKind::Metadata { removable: true }, origin: Published, example: "{\"city\":\"Bergen\",\"title\":null}",
            meaning: "metadata to change, key by key: other keys stay as they are, `null` removes one" } },
    WriteFieldRow { calls: &[Create, Update], required: &[], set: |to, value, problems| value.put_flag(&mut to.ignore_provider, problems),
        spec: FieldSpec { name: "ignoreProvider", alias: None, kind: FieldKind::Flag, origin: Published, example: "false",
            meaning: "`true` writes only the Subscribe registration; otherwise a tenant's provider is written too, first" } },
    WriteFieldRow { calls: &[Create, StartReset, SendCode], required: &[], set: |to, value, problems| value.put_text(&mut to.return_url, problems),
        spec: FieldSpec { name: "returnUrl", alias: None, kind: FieldKind::Text { max_bytes: MAX_RETURN_URL_BYTES }, origin: Published, example: "\"https://herald.example/account\"",
            meaning: "where the link in the mail leads: an address that the tenant's setting `Users.ReturnUrls` allows" } },
    WriteFieldRow { calls: &[Create], required: &[], set: |to, value, problems| value.put_flag(&mut to.verify_email, problems),
        spec: FieldSpec { name: "verifyEmail", alias: None, kind: FieldKind::Flag, origin: Published, example: "false",
            meaning: "`true` creates nothing until the address is verified by the code that is mailed" } },
    WriteFieldRow { calls: &[Create], required: &[], set: |to, value, problems| value.put_id(&mut to.customer_registration_id, problems),
        spec: FieldSpec { name: "customerRegistrationId", alias: None, kind: FieldKind::Id, origin: Published, example: "\"2937\"",
            meaning: "the id of the user: one that is free, or for a tenant with a provider that of the provider's account, which is then linked" } },
    WriteFieldRow { calls: &[Create], required: &[], set: |to, value, problems| value.put_text(&mut to.encrypted_customer_registration_id, problems),
        spec: FieldSpec { name: "encryptedCustomerRegistrationId", alias: None, kind: FieldKind::Sealed, origin: Published, example: "\"qv5S0m9fZ2l2ZW4tYnktdXM=\"",
            meaning: "the same id, encrypted" } },
    WriteFieldRow { calls: &[Update], required: &[], set: |to, value, problems| value.put_flag(&mut to.verified, problems),
        spec: FieldSpec { name: "verified", alias: None, kind: FieldKind::Flag, origin: Published, example: "true",
            meaning: "whether the address counts as verified" } },
    WriteFieldRow { calls: &[Update], required: &[], set: |to, value, problems| value.put_time(&mut to.last_logout_date, problems),
        spec: FieldSpec { name: "lastLogoutDate", alias: None, kind: FieldKind::Time, origin: Published, example: "\"2026-03-01T12:00:00Z\"",
            meaning: "when the user last logged out" } },
    WriteFieldRow { calls: &[Update], required: &[], set: |to, value, problems| value.put_flag(&mut to.remove_last_logout_date, problems),
        spec: FieldSpec { name: "removeLastLogoutDate", alias: None, kind: FieldKind::Flag, origin: Published, example: "false",
            meaning: "`true` removes that moment" } },
    WriteFieldRow { calls: &[Update], required: &[], set: |to, value, problems| value.put_flag(&mut to.blocked, problems),
        spec: FieldSpec { name: "blocked", alias: None, kind: FieldKind::Flag, origin: Extension, example: "false",
            meaning: "whether sign-in is refused; shown as `metadata.blocked`" } },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v4::writes::{body::read_fields, problem::Problems};

    #[test]
    fn every_example_is_a_valid_value() {
        for row in TABLE {
            for call in row.calls {
                let body = format!("{{\"{}\":{}}}", row.spec.name, row.spec.example);
                let mut problems = Problems::default();
                read_fields(body.as_bytes(), TABLE, call, false, &mut problems);
                let own = problems.texts().find(|text| text.starts_with(row.spec.name));
                assert_eq!(own, None, "{call:?}");
            }
        }
    }

    #[test]
    fn required_fields_are_taken() {
        for row in TABLE {
            assert!(
                row.required.iter().all(|call| row.calls.contains(call)),
                "{}",
                row.spec.name
            );
            assert!(!row.calls.is_empty());
        }
    }
}
