//! Reads the files of other systems as users: formats, compression, encodings, and the mapping file of each vendor.
//!
//! A file is read in one thread ([`ImportFile`], [`RawRow`]); rows are mapped by any number of threads ([`Mapping::map`], with an
//! [`ImportedUser`] or a [`RejectedRow`] for each).

mod context;
mod detect;
mod error;
mod file;
mod input;
mod json;
mod mapping;
mod options;
mod rejection;
mod row;
mod rows;
mod time_text;
mod user;

pub use context::{BlockedPolicy, MapContext};
pub use detect::is_field_name;
pub use error::{CompressionError, Container, JsonDocumentError, OpenFileError, ReadFileError};
pub use file::ImportFile;
pub use input::check_compression;
pub use mapping::{Mapping, MappingFileError};
pub use options::{FormatChoice, ReadOptions};
pub use rejection::{RejectCode, RejectedRow};
pub use row::RawRow;
pub use user::{ImportedUser, RowNotes, UnusableHash};
