//! The filter of an export: the conditions of lists in a query string, without order, pages and fields.

use std::fmt;

use masthead_domain::{query::UserFilter, tenant::Tenant};
use masthead_ports::sealing::Sealing;

use super::{error::ParameterError, table::V4Parameters};
use crate::v4::operation::V4Operation;

/// Reads the filter of a request.
pub(crate) fn filter_from_query(
    query: &str,
    tenant: &Tenant,
    sealing: &dyn Sealing,
    ignore_unknown: bool,
) -> Result<UserFilter, ParameterError> {
    let parameters = V4Parameters::from_query(query, V4Operation::ExportUsers, ignore_unknown)?;
    parameters.into_filter(None, tenant, sealing)
}

/// A query string that is no filter of an export; the text names the parameter and repeats no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportFilterError(String);

impl fmt::Display for ExportFilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ExportFilterError {}

/// Reads the filter of an export, as `GET /v4/Users/Export` does.
///
/// # Errors
/// A parameter is unknown or invalid, or a sealed value does not open.
pub fn parse_export_filter(
    query: &str,
    tenant: &Tenant,
    sealing: &dyn Sealing,
) -> Result<UserFilter, ExportFilterError> {
    let filter = filter_from_query(query.trim_start_matches('?'), tenant, sealing, false);
    filter.map_err(|error| ExportFilterError(error.to_string()))
}
