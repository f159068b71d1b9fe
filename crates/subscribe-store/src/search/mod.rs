//! Lists of users, from the registrations or from the mirror.

mod budget;
mod condition;
mod count;
mod gather;
mod index_scan;
mod limits;
mod pg_search;
mod sql;
mod statement;
mod table;

pub(crate) use limits::matches_no_key;
pub(crate) use pg_search::{PgSearch, SearchRows, corrupt};
#[cfg(test)]
pub(crate) use statement::tests::statements;
pub(crate) use table::Table;
