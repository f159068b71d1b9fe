//! The legacy calls that write: bodies and results as published, over the use cases of v4 (contract `writes.md` §5).

pub(crate) mod fields;
pub(crate) mod handlers;
pub(crate) mod operation;
mod request;
mod result;
