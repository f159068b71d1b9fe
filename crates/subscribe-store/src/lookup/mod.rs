//! Exact look-ups by id and by address: look-ups that wait at the same time share one statement, across tenants.
//!
//! A batch holds what was queued during the last batch and in the same turn of the runtime. There is no timer, so a single
//! look-up is not delayed. Reasons and measurements: `docs/adr/0011-coalesced-look-ups.md`.

mod key;
mod postgres;
mod queue;
mod service;
mod spread;
mod statement;
#[cfg(test)]
mod tests;
mod worker;

pub(crate) use postgres::PgLookups;
pub(crate) use service::{LookupLimits, Lookups};
pub(crate) use spread::SpreadLookups;
#[cfg(test)]
pub(crate) use statement::{BY_EITHER, BY_EMAIL, BY_ID};
