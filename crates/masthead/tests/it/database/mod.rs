//! The database as the documentation sets it up, backs it up and upgrades it.

mod backup;
mod newer_schema;
mod roles;
