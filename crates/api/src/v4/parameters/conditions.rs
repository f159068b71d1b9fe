//! The conditions of a filter, made of checked texts: addresses, ids and sealed values, for v4 and the legacy API.

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    email::{EmailFragment, EmailKey},
    query::EmailFilter,
    tenant::Tenant,
};
use masthead_ports::sealing::{Purpose, Sealing};

use super::{
    error::{EchoedName, ParameterError},
    kind::MAX_SEALED_BYTES,
};
use crate::http::percent::{Plus, decode};

/// Parses the id in a segment of a path.
pub(crate) fn parse_path_id(segment: &str) -> Result<CustomerRegistrationId, ParameterError> {
    decode(segment, Plus::Literal)
        .and_then(|text| CustomerRegistrationId::parse(&text).ok())
        .ok_or(ParameterError::PathId)
}

/// Matches exactly this address.
pub(super) fn email_equals(text: &str) -> Result<EmailFilter, ParameterError> {
    let key = EmailKey::parse_lenient(text).map_err(|_| empty("email"))?;
    Ok(EmailFilter::Exact(key))
}

/// Matches addresses that start with this text.
pub(super) fn email_starts_with(text: &str) -> Result<EmailFilter, ParameterError> {
    needle(text).map(EmailFilter::Prefix)
}

/// Matches addresses that contain this text: the rule of the legacy API.
pub(crate) fn email_contains(text: &str) -> Result<EmailFilter, ParameterError> {
    needle(text).map(EmailFilter::Contains)
}

/// Matches a complete address exactly, and anything else by *contains*: the rule of v4.
pub(crate) fn email_by_form(text: &str) -> Result<EmailFilter, ParameterError> {
    EmailKey::parse(text).map_or_else(|_| email_contains(text), |key| Ok(EmailFilter::Exact(key)))
}

/// A normalised text that is empty would match every user, so it counts as absent.
fn needle(text: &str) -> Result<EmailFragment, ParameterError> {
    let needle = EmailFragment::from_text(text);
    if needle.as_str().is_empty() {
        Err(empty("email"))
    } else {
        Ok(needle)
    }
}

/// The error of a parameter that is given without a value.
pub(super) const fn empty(name: &'static str) -> ParameterError {
    ParameterError::Empty(EchoedName::known(name))
}

/// Opens a sealed address, which then matches exactly.
pub(crate) fn open_email(sealed: &str, tenant: &Tenant, sealing: &dyn Sealing) -> Result<EmailFilter, ParameterError> {
    let error = ParameterError::CannotOpen("encryptedEmail");
    let key = open(sealed, Purpose::Email, tenant, sealing).and_then(|text| EmailKey::parse_lenient(&text).ok());
    key.map(EmailFilter::Exact).ok_or(error)
}

/// Opens a sealed id.
pub(crate) fn open_id(
    sealed: &str,
    tenant: &Tenant,
    sealing: &dyn Sealing,
) -> Result<CustomerRegistrationId, ParameterError> {
    let error = ParameterError::CannotOpen("encryptedCustomerRegistrationId");
    let text = open(sealed, Purpose::CustomerRegistrationId, tenant, sealing);
    text.and_then(|text| CustomerRegistrationId::parse(&text).ok())
        .ok_or(error)
}

fn open(sealed: &str, purpose: Purpose<'_>, tenant: &Tenant, sealing: &dyn Sealing) -> Option<String> {
    if sealed.len() > MAX_SEALED_BYTES {
        return None;
    }
    sealing.open(&tenant.id, purpose, sealed).ok()
}
