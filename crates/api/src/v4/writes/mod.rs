//! The v4 calls that write: a table of fields, one reader of bodies, and handlers over the use cases (contract `writes.md`).

pub(crate) mod answer;
pub(crate) mod body;
pub(crate) mod fields;
pub(crate) mod handlers;
pub(crate) mod idempotency;
mod json_object;
pub(crate) mod kind;
pub(crate) mod operation;
pub(crate) mod problem;
pub(crate) mod request;
mod run;
pub(crate) mod value;
