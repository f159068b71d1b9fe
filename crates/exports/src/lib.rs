//! Writes registrations as files: the format of `masthead import`, CSV, Auth0's bulk import, SCIM and LDIF.
//!
//! [`ExportWriter`] writes one file, registration by registration, and counts what its format has no place for.

mod auth0;
mod csv_table;
mod error;
mod ldif;
mod left_out;
mod masthead;
mod options;
mod password_hash;
mod scim;
mod times;
mod writer;

pub use error::WriteError;
pub use masthead::write_masthead_line;
pub use options::{ExportFormat, WriterOptions};
pub use writer::ExportWriter;
