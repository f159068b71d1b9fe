//! From a legacy request to what the use cases are asked.

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    order::{Direction, Order, SortColumn},
    query::{CountMode, DEFAULT_PAGE_SIZE, Position, UserFilter, UserQuery},
    tenant::Tenant,
};
use masthead_ports::sealing::Sealing;

use crate::parameters::request::{email_by_form, email_contains, opened_crid, opened_email, path_id};

use super::{
    given::{Given, Invalid},
    parameters::{Call, Parameter},
    systems::AuthSystem,
};

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Type 0.
    ProviderAndStore,
    /// Type 1.
    ProviderOnly,
    /// Type 2.
    StoreOnly,
}

/// What is asked.
#[derive(Debug)]
pub(super) enum Wanted {
    /// One user.
    ById(CustomerRegistrationId),
    /// A page of users.
    List(UserQuery),
    /// Users of a system that the tenant has none of.
    Nobody,
}

impl Side {
    /// The side of this type.
    fn of(number: &str) -> Option<Self> {
        match number {
            "0" => Some(Self::ProviderAndStore),
            "1" => Some(Self::ProviderOnly),
            "2" => Some(Self::StoreOnly),
            _ => None,
        }
    }

    /// The side of a type in the path.
    pub(super) fn of_segment(segment: &str) -> Result<Self, Invalid> {
        Self::of(segment).ok_or(Invalid::PathType)
    }

    /// The side that `Type` and `LookupInUserProvider` name together.
    fn given(given: &Given<'_>) -> Result<Self, Invalid> {
        let by_type = given.choice(Parameter::Type).and_then(Self::of);
        let look_up = given.flag(Parameter::LookupInUserProvider);
        match (by_type, look_up) {
            (Some(Self::StoreOnly), Some(true)) | (Some(Self::ProviderAndStore | Self::ProviderOnly), Some(false)) => {
                Err(Invalid::Contradiction)
            }
            (Some(side), _) => Ok(side),
            (None, Some(false)) => Ok(Self::StoreOnly),
            (None, Some(true) | None) => Ok(Self::ProviderAndStore),
        }
    }
}

/// What a list request asks for; `side` is the path's, where it has one.
pub(super) fn list(
    given: &Given<'_>,
    call: Call,
    side: Option<Side>,
    tenant: &Tenant,
    sealing: &dyn Sealing,
) -> Result<(Side, Wanted), Invalid> {
    let side = side.map_or_else(|| Side::given(given), Ok)?;
    let filter = filter(given, call, tenant, sealing)?;
    let own = AuthSystem::of(&tenant.settings);
    if given.number(Parameter::AuthSystemId).is_some_and(|id| id != own.id) {
        return Ok((side, Wanted::Nobody));
    }
    let per_page = given
        .number(Parameter::UsersPerPage)
        .and_then(|number| u16::try_from(number).ok())
        .unwrap_or(DEFAULT_PAGE_SIZE);
    let page = given.number(Parameter::PageNumber).unwrap_or(1);
    let query = UserQuery {
        filter,
        order: order(given),
        position: Position::Offset(u64::from(page.saturating_sub(1)) * u64::from(per_page)),
        size: per_page,
        count: CountMode::Exact,
    };
    Ok((side, Wanted::List(query)))
}

/// Whom a path names.
pub(super) fn one(crid: &str, side: &str) -> Result<(Side, Wanted), Invalid> {
    Ok((Side::of_segment(side)?, Wanted::ById(path_id(crid)?)))
}

fn filter(given: &Given<'_>, call: Call, tenant: &Tenant, sealing: &dyn Sealing) -> Result<UserFilter, Invalid> {
    let mut filter = UserFilter {
        only_active: given.flag(Parameter::OnlyActive).unwrap_or(false),
        ..UserFilter::default()
    };
    if let Some(text) = given.text(Parameter::Email) {
        filter.emails.push(if call == Call::ByType {
            email_by_form(text)?
        } else {
            email_contains(text)?
        });
    }
    if let Some(sealed) = given.text(Parameter::EncryptedEmail) {
        filter.emails.push(opened_email(sealed, tenant, sealing)?);
    }
    if let Some(sealed) = given.text(Parameter::EncryptedCustomerRegistrationId) {
        filter.crids.push(opened_crid(sealed, tenant, sealing)?);
    }
    Ok(filter)
}

fn order(given: &Given<'_>) -> Order {
    let column = match given.choice(Parameter::SortBy) {
        Some("FirstName") => SortColumn::FirstName,
        Some("LastName") => SortColumn::LastName,
        Some("DateRegistered") => SortColumn::DateRegistered,
        Some("ChangeDate") => SortColumn::ChangeDate,
        Some("CustomerRegistrationId") => SortColumn::CustomerRegistrationId,
        _ => SortColumn::Email,
    };
    let direction = match given.choice(Parameter::SortOrder) {
        Some("desc" | "1") => Direction::Descending,
        _ => Direction::Ascending,
    };
    Order { column, direction }
}
