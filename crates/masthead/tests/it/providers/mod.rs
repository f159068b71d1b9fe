//! Tenants with a provider, checked against the program: real sockets, a real Postgres, and a sandbox for each provider.

mod alarms;
pub(crate) mod client;
mod described;
mod each;
mod exporting;
mod exporting_known;
mod legacy;
mod not_whole;
mod scarce_budget;
mod secrets;
pub(crate) mod server;
mod setting_up;
mod syncing;
mod writing;
