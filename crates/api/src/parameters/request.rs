//! From checked parameters to what the use cases are asked.

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    email::{EmailFragment, EmailKey},
    flow::Sources,
    order::{Direction, Order, SortColumn},
    query::{
        CountMode, DEFAULT_PAGE_SIZE, EmailFilter, NamePrefix, OnProviderFailure, Position, UserFilter, UserQuery,
    },
    tenant::Tenant,
};
use masthead_orchestrator::{LookupRequest, SearchRequest};
use masthead_ports::sealing::{Purpose, Sealing};

use crate::{cursor, fields::Fields, view::ViewOptions};

use super::{
    given::Given,
    invalid::InvalidParameter,
    query::{Plus, decoded},
    table::{MAX_SEALED_BYTES, Parameter, TABLE},
};

/// What a list request asks for, and how it is shown; `path` is the address of a list that names one user.
pub(crate) fn search(
    given: Given<'_>,
    path: Option<&str>,
    tenant: &Tenant,
    sealing: &dyn Sealing,
) -> Result<(SearchRequest, ViewOptions), InvalidParameter> {
    let options = view_options(&given)?;
    let ignore_provider = given.flag(Parameter::IgnoreProvider).unwrap_or(false);
    let on_provider_failure = on_provider_failure(&given);
    let order = order(&given);
    let size = given
        .number(Parameter::PageSize)
        .and_then(|size| u16::try_from(size).ok())
        .unwrap_or(DEFAULT_PAGE_SIZE);
    let count = match given.choice(Parameter::Count) {
        Some("estimate") => CountMode::Estimate,
        Some("none") => CountMode::None,
        _ => CountMode::Exact,
    };
    let page_number = given.number(Parameter::PageNumber);
    let cursor = given.text(Parameter::Cursor).map(str::to_owned);
    let in_path = path.map(id_of_path).transpose()?;
    let filter = filter(given, in_path, tenant, sealing)?;
    let position = match (cursor, page_number) {
        // The first page is what is meant without a number: a client that always sends it contradicts nothing.
        (Some(_), Some(2..)) => return Err(InvalidParameter::CursorAndPageNumber),
        (Some(cursor), _) => {
            let sources = Sources::for_request(tenant.settings.user_provider, ignore_provider);
            let place = Some(cursor)
                .filter(|cursor| cursor.len() <= MAX_SEALED_BYTES)
                .and_then(|cursor| cursor::open(sealing, tenant, (&filter, order, sources), &cursor));
            Position::After(place.ok_or(InvalidParameter::ForeignCursor)?)
        }
        (None, page_number) => {
            Position::Offset(u64::from(page_number.unwrap_or(1).saturating_sub(1)) * u64::from(size))
        }
    };
    let query = UserQuery {
        filter,
        order,
        position,
        size,
        count,
    };
    let request = SearchRequest {
        query,
        ignore_provider,
        on_provider_failure,
    };
    Ok((request, options))
}

/// Whom a by-id request asks for: the last segment of the path, decoded once.
pub(crate) fn lookup(path: &str, given: &Given<'_>) -> Result<(LookupRequest, ViewOptions), InvalidParameter> {
    let request = LookupRequest {
        crid: id_of_path(path)?,
        ignore_provider: given.flag(Parameter::IgnoreProvider).unwrap_or(false),
        on_provider_failure: on_provider_failure(given),
    };
    Ok((request, view_options(given)?))
}

/// The id that the last segment of a path stands for.
fn id_of_path(path: &str) -> Result<CustomerRegistrationId, InvalidParameter> {
    let path = path.strip_suffix('/').unwrap_or(path);
    path_id(path.rsplit('/').next().unwrap_or_default())
}

/// The id that a segment of a path stands for.
pub(crate) fn path_id(segment: &str) -> Result<CustomerRegistrationId, InvalidParameter> {
    decoded(segment, Plus::Kept)
        .and_then(|text| CustomerRegistrationId::parse(&text).ok())
        .ok_or(InvalidParameter::PathId)
}

fn view_options(given: &Given<'_>) -> Result<ViewOptions, InvalidParameter> {
    let fields = match given.text(Parameter::Fields) {
        Some(text) => Fields::parse(text).ok_or(InvalidParameter::NoField)?,
        None => Fields::default(),
    };
    Ok(ViewOptions {
        fields,
        explain: given.flag(Parameter::Explain).unwrap_or(false),
    })
}

fn on_provider_failure(given: &Given<'_>) -> OnProviderFailure {
    match given.choice(Parameter::OnProviderFailure) {
        Some("fail") => OnProviderFailure::Fail,
        _ => OnProviderFailure::Degrade,
    }
}

fn order(given: &Given<'_>) -> Order {
    let column = given
        .number(Parameter::OrderBy)
        .and_then(|number| u8::try_from(number).ok())
        .and_then(SortColumn::from_number);
    Order {
        column: column.unwrap_or(Order::default().column),
        direction: match given.number(Parameter::OrderByType) {
            Some(1) => Direction::Descending,
            _ => Direction::Ascending,
        },
    }
}

fn filter(
    given: Given<'_>,
    in_path: Option<CustomerRegistrationId>,
    tenant: &Tenant,
    sealing: &dyn Sealing,
) -> Result<UserFilter, InvalidParameter> {
    let mut filter = UserFilter {
        first_name: name_prefix(&given, Parameter::FirstName)?,
        last_name: name_prefix(&given, Parameter::LastName)?,
        ..UserFilter::default()
    };
    filter.emails.extend(email(&given, tenant)?);
    if let Some(sealed) = given.text(Parameter::EncryptedEmail) {
        filter.emails.push(opened_email(sealed, tenant, sealing)?);
    }
    filter.crids.extend(in_path);
    if let Some(id) = given.text(Parameter::CustomerRegistrationId) {
        filter
            .crids
            .push(CustomerRegistrationId::parse(id).map_err(|_| InvalidParameter::BadCrid)?);
    }
    if let Some(sealed) = given.text(Parameter::EncryptedCustomerRegistrationId) {
        filter.crids.push(opened_crid(sealed, tenant, sealing)?);
    }
    // One id named twice is one condition, and so one list for its cursors.
    filter.crids.dedup();
    filter.metadata = given.into_metadata();
    Ok(filter)
}

/// The condition on `email`: as `emailMatch` says, else by the tenant's switch, else exact for a complete address.
fn email(given: &Given<'_>, tenant: &Tenant) -> Result<Option<EmailFilter>, InvalidParameter> {
    let chosen = given.choice(Parameter::EmailMatch);
    let Some(text) = given.text(Parameter::Email) else {
        return match chosen {
            Some(_) => Err(InvalidParameter::EmailMatchAlone),
            None => Ok(None),
        };
    };
    let filter = match chosen {
        Some("exact") => EmailFilter::Exact(EmailKey::parse_lenient(text).map_err(|_| empty_email())?),
        Some("prefix") => EmailFilter::Prefix(needle(text)?),
        Some(_) => email_contains(text)?,
        None if tenant.settings.email_contains => email_contains(text)?,
        None => email_by_form(text)?,
    };
    Ok(Some(filter))
}

/// The rule of v4: a complete address matches exactly, anything else by *contains*.
pub(crate) fn email_by_form(text: &str) -> Result<EmailFilter, InvalidParameter> {
    EmailKey::parse(text).map_or_else(|_| email_contains(text), |key| Ok(EmailFilter::Exact(key)))
}

/// The rule of the legacy API: any text matches by *contains*.
pub(crate) fn email_contains(text: &str) -> Result<EmailFilter, InvalidParameter> {
    needle(text).map(EmailFilter::Contains)
}

/// The text as it is looked for; one of which nothing is left would match everybody, so it counts as empty.
fn needle(text: &str) -> Result<EmailFragment, InvalidParameter> {
    let needle = EmailFragment::from_text(text);
    if needle.as_str().is_empty() {
        Err(empty_email())
    } else {
        Ok(needle)
    }
}

/// What is wrong with an address that is short enough and holds no NUL, but cannot be looked for.
fn empty_email() -> InvalidParameter {
    InvalidParameter::Empty((&TABLE[Parameter::Email as usize]).into())
}

/// The beginning of a name; one that folds to nothing would match everybody, so it counts as empty.
fn name_prefix(given: &Given<'_>, name: Parameter) -> Result<Option<NamePrefix>, InvalidParameter> {
    let prefix = given.text(name).map(NamePrefix::from_text);
    match &prefix {
        Some(prefix) if prefix.as_str().is_empty() => Err(InvalidParameter::Empty((&TABLE[name as usize]).into())),
        _ => Ok(prefix),
    }
}

/// The address that an encrypted one stands for, which then matches exactly.
pub(crate) fn opened_email(
    sealed: &str,
    tenant: &Tenant,
    sealing: &dyn Sealing,
) -> Result<EmailFilter, InvalidParameter> {
    let name = Parameter::EncryptedEmail;
    let text = opened(sealed, name, Purpose::Email, tenant, sealing)?;
    let key = EmailKey::parse_lenient(&text).map_err(|_| cannot_be_opened(name))?;
    Ok(EmailFilter::Exact(key))
}

/// The id that an encrypted one stands for.
pub(crate) fn opened_crid(
    sealed: &str,
    tenant: &Tenant,
    sealing: &dyn Sealing,
) -> Result<CustomerRegistrationId, InvalidParameter> {
    let name = Parameter::EncryptedCustomerRegistrationId;
    let id = opened(sealed, name, Purpose::CustomerRegistrationId, tenant, sealing)?;
    CustomerRegistrationId::parse(&id).map_err(|_| cannot_be_opened(name))
}

fn opened(
    sealed: &str,
    name: Parameter,
    purpose: Purpose<'_>,
    tenant: &Tenant,
    sealing: &dyn Sealing,
) -> Result<String, InvalidParameter> {
    if sealed.len() > MAX_SEALED_BYTES {
        return Err(cannot_be_opened(name));
    }
    sealing
        .open(&tenant.id, purpose, sealed)
        .map_err(|_| cannot_be_opened(name))
}

const fn cannot_be_opened(name: Parameter) -> InvalidParameter {
    InvalidParameter::CannotBeOpened(TABLE[name as usize].name)
}
