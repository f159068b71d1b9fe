//! Lists of users, from the registrations or from the mirror.

mod all_matches;
mod budget;
mod column_samples;
mod condition;
mod direct;
mod execution;
mod gathering;
mod limits;
mod needle;
mod pg_search;
mod sort_order;
mod sql;
mod statement;
#[cfg(test)]
mod statement_tests;
mod steps;
mod table;

pub(crate) use all_matches::push_all_matches;
#[cfg(test)]
pub(crate) use column_samples::COLUMN_SAMPLES;
pub(crate) use execution::SearchRows;
pub(crate) use limits::matches_no_key;
pub(crate) use pg_search::{PgSearch, corrupt};
#[cfg(test)]
pub(crate) use statement_tests::statements;
pub(crate) use table::Table;
