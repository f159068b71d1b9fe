//! The parameters of the v4 reads: one table, read from a query string or a JSON body, turned into requests of the use
//! cases. The legacy API shares the kinds of values and the conditions.

pub(crate) mod conditions;
pub(crate) mod error;
pub(crate) mod export_filter;
pub(crate) mod json;
pub(crate) mod kind;
pub(crate) mod query;
pub(crate) mod request;
pub(crate) mod table;
pub(crate) mod value;
