//! Registrations, tenants and events on Postgres; the only package that names sqlx.
//!
//! [`Store::open`] gives the parts; each implements a port of `masthead-ports`. Tables and indexes are in `migrations/`,
//! their reasons in `docs/adr/0010` and after.

mod admin;
mod bulk;
mod connect;
mod copy;
mod database;
mod directory;
mod event_rows;
mod import;
mod lookup;
mod options;
mod pairs;
mod question;
mod read_events;
mod readiness;
mod record;
mod registrations;
mod remembered;
mod repairs;
mod row;
pub mod schema;
mod search;
mod sqlstate;
mod store;
mod stored_keys;
mod synchronise;
mod tenants;
mod tokens;
mod workspace_admin;
mod workspaces;

pub use admin::{Admin, AdminError, TenantRow};
pub use bulk::PgBulkLookups;
pub use connect::PoolerError;
pub use directory::PgDirectory;
pub use import::{ImportError, ImportOrigin, ImportStop, Imported, Importer, Problem};
pub use options::{OpenError, StoreOptions};
pub use read_events::PgReadEvents;
pub use readiness::PgReadiness;
pub use record::{InvalidField, MAX_NAME_BYTES, NewRegistration};
pub use registrations::PgRegistrations;
pub use repairs::{Merged, Moved, RepairError, Repairs, Split, Suspects};
pub use schema::SchemaError;
pub use store::Store;
pub use stored_keys::KeysMade;
pub use tenants::PgTenants;
pub use workspace_admin::{KeyRow, WorkspaceChange, WorkspaceRow};
pub use workspaces::PgWorkspaces;
