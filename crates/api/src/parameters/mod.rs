//! The parameters of the reads: one table, two ways in (a query string, a JSON body), one meaning.

mod given;
mod invalid;
mod json;
mod query;
mod request;
pub(crate) mod table;

pub(crate) use given::Given;
pub(crate) use invalid::InvalidParameter;
pub(crate) use json::of_json;
pub(crate) use query::of_query;
pub(crate) use request::{lookup, search};
