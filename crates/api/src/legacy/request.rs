//! Parses the path and query of a legacy request into the sources to read and a lookup or a list query.

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    order::Order,
    query::{CountMode, DEFAULT_PAGE_SIZE, Position, UserFilter, UserQuery},
    tenant::Tenant,
};
use masthead_ports::sealing::Sealing;

use super::{
    error::{LegacyError, LegacyParameterError},
    operation::LegacyPath,
    parameters::{LegacyParameters, LegacySources, TYPE_WORDS, TYPES},
    systems::AuthSystem,
};
use crate::v4::parameters::conditions::{email_by_form, email_contains, open_email, open_id, parse_path_id};

/// The read that a legacy request describes.
#[derive(Debug)]
pub(super) enum LegacyRead {
    /// One user.
    User(CustomerRegistrationId),
    /// A page of users.
    List(UserQuery),
    /// Nothing: the tenant has no users of the requested system.
    Empty,
}

/// Parses path and query; parameters that the tenant's settings ignore are skipped.
pub(super) fn parse_request(
    path: LegacyPath<'_>,
    query: &str,
    tenant: &Tenant,
    sealing: &dyn Sealing,
) -> Result<(LegacySources, LegacyRead), LegacyError> {
    let ignore_unknown = tenant.settings.ignore_unknown_parameters;
    let parameters = LegacyParameters::from_query(query, path.operation(), ignore_unknown)?;
    let sources = match path {
        LegacyPath::ById { id, kind } => {
            let sources = parse_path_type(kind)?;
            let id = parse_path_id(id).map_err(LegacyParameterError::from)?;
            return Ok((sources, LegacyRead::User(id)));
        }
        LegacyPath::ByType { kind } | LegacyPath::EncryptedId { kind } => Some(kind),
        LegacyPath::List | LegacyPath::EncryptedEmail => None,
    };
    let parameters = parameters.ok_or(LegacyError::NoParameters)?;
    let sources = sources.map_or_else(|| parameters.sources(), parse_path_type)?;
    let filter = parameters.filter(path, tenant, sealing)?;
    let tenant_system = AuthSystem::from(&tenant.settings);
    if parameters.auth_system_id.is_some_and(|id| id != tenant_system.id) {
        return Ok((sources, LegacyRead::Empty));
    }
    Ok((sources, LegacyRead::List(parameters.query(filter))))
}

fn parse_path_type(segment: &str) -> Result<LegacySources, LegacyParameterError> {
    let known = TYPES.iter().find(|(word, _)| *word == segment);
    known
        .map(|(_, sources)| *sources)
        .ok_or(LegacyParameterError::PathType(&TYPE_WORDS))
}

impl LegacyParameters<'_> {
    /// The sources that `Type` and `LookupInUserProvider` select together.
    fn sources(&self) -> Result<LegacySources, LegacyParameterError> {
        use LegacySources::{ProviderAndStore, ProviderOnly, StoreOnly};
        match (self.sources, self.lookup_in_user_provider) {
            (Some(StoreOnly), Some(true)) | (Some(ProviderAndStore | ProviderOnly), Some(false)) => {
                Err(LegacyParameterError::Contradiction)
            }
            (Some(sources), _) => Ok(sources),
            (None, Some(false)) => Ok(StoreOnly),
            (None, Some(true) | None) => Ok(ProviderAndStore),
        }
    }

    fn filter(
        &self,
        path: LegacyPath<'_>,
        tenant: &Tenant,
        sealing: &dyn Sealing,
    ) -> Result<UserFilter, LegacyParameterError> {
        let mut filter = UserFilter {
            only_active: self.only_active.unwrap_or_default(),
            ..UserFilter::default()
        };
        if let Some(text) = &self.email {
            filter.emails.push(match path {
                LegacyPath::ByType { .. } => email_by_form(text)?,
                _ => email_contains(text)?,
            });
        }
        if let Some(sealed) = &self.encrypted_email {
            filter.emails.push(open_email(sealed, tenant, sealing)?);
        }
        if let Some(sealed) = &self.encrypted_customer_registration_id {
            filter.crids.push(open_id(sealed, tenant, sealing)?);
        }
        Ok(filter)
    }

    fn query(&self, filter: UserFilter) -> UserQuery {
        let size = self.users_per_page.unwrap_or(DEFAULT_PAGE_SIZE);
        let page = self.page_number.unwrap_or(1);
        UserQuery {
            filter,
            order: Order {
                column: self.sort_by.unwrap_or(Order::default().column),
                direction: self.sort_order.unwrap_or_default(),
            },
            position: Position::Offset(u64::from(page.saturating_sub(1)) * u64::from(size)),
            size,
            count: CountMode::Exact,
        }
    }
}
