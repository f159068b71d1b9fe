//! Tenants with a provider, checked against the program: real sockets, a real Postgres, and a sandbox for each provider.

mod alarms;
mod client;
mod described;
mod each;
mod exporting;
mod exporting_known;
mod legacy;
mod matrix;
mod not_whole;
mod one_record;
mod server;
mod setting_up;
mod sharing;
mod switching;
mod syncing;
mod writing;
