//! Reads the v4 parameters of a query string.

use std::borrow::Cow;

use super::{
    error::{EchoedName, ParameterError},
    table::{NameMatch, V4Parameters, find},
    value::ParameterValue,
};
use crate::{
    http::percent::{Plus, decode, query_pairs},
    v4::operation::V4Operation,
};

impl<'a> V4Parameters<'a> {
    /// Reads a query string.
    ///
    /// Names and values are percent-encoded UTF-8, decoded once; a `+` is a blank, as in forms, except in an e-mail address.
    pub(crate) fn from_query(
        query: &'a str,
        operation: V4Operation,
        ignore_unknown: bool,
    ) -> Result<Self, ParameterError> {
        let mut parameters = Self::default();
        for (raw_name, raw_value) in query_pairs(query) {
            let Some(name) = decode_name(raw_name, ignore_unknown)? else {
                continue;
            };
            match find(&name, operation) {
                NameMatch::Known(row) => {
                    let value = ParameterValue::from_encoded(&row.spec, raw_value)?;
                    (row.set)(&mut parameters, value)?;
                }
                NameMatch::Metadata(key) => {
                    let value = decode(raw_value, Plus::Blank)
                        .ok_or_else(|| ParameterError::BadEncoding(EchoedName::from(&*name)))?;
                    parameters.add_metadata(key, &value)?;
                }
                NameMatch::Deprecated(name, successor) => return Err(ParameterError::Deprecated(name, successor)),
                NameMatch::Unknown if ignore_unknown => {}
                NameMatch::Unknown => return Err(ParameterError::Unknown(EchoedName::from(&*name))),
            }
        }
        Ok(parameters)
    }
}

/// Decodes the name of a parameter; `None` where it cannot be decoded and unknown parameters are ignored.
pub(crate) fn decode_name(raw: &str, ignore_unknown: bool) -> Result<Option<Cow<'_, str>>, ParameterError> {
    match decode(raw, Plus::Blank) {
        Some(name) => Ok(Some(name)),
        None if ignore_unknown => Ok(None),
        None => Err(ParameterError::BadEncoding(raw.into())),
    }
}

/// Whether a query string has a parameter of lists. The address of one user is then the list of that user, with the path's
/// id among its filters (contract §3.1).
pub(crate) fn has_list_parameter(query: &str) -> bool {
    query_pairs(query)
        .filter_map(|(raw_name, _)| decode(raw_name, Plus::Blank))
        .any(|name| match find(&name, V4Operation::ListUsers) {
            NameMatch::Known(row) => !row.by_id,
            NameMatch::Metadata(_) => true,
            NameMatch::Deprecated(..) | NameMatch::Unknown => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_parameters_are_those_that_by_id_lacks() {
        for list in [
            "pageSize=1",
            "x=1&PAGENUMBER",
            "email=",
            "metadata.city=Oslo",
            "%65mail=a",
            "customerRegistrationId=7",
        ] {
            assert!(has_list_parameter(list), "{list}");
        }
        for one in [
            "",
            "&",
            "ignoreProvider=true&fields=email&explain=1&onProviderFailure=fail",
            "Type=1",
            "colour=pageSize",
            "metadata=city",
            "%zz=1",
        ] {
            assert!(!has_list_parameter(one), "{one}");
        }
    }
}
