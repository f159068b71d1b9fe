//! The parameters of the reads: one table, two ways in (a query string, a JSON body), one meaning.

pub(crate) mod given;
pub(crate) mod invalid;
mod json;
pub(crate) mod kind;
pub(crate) mod query;
pub(crate) mod request;
pub(crate) mod table;

pub(crate) use given::Given;
pub(crate) use invalid::InvalidParameter;
pub(crate) use json::of_json;
pub(crate) use query::{names_a_list, of_query};
pub(crate) use request::{lookup, search};
