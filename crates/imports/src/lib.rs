//! Reads the files of other systems as users: formats, compression, encodings, and the mapping file of each vendor.
//!
//! A file is read in one thread ([`RawRow`]); rows are mapped by any number of threads ([`ImportedUser`] or [`RejectedRow`]).

mod rejection;
mod row;
mod user;

pub use rejection::{RejectCode, RejectedRow};
pub use row::RawRow;
pub use user::{ImportedUser, RowNotes, UnusableHash};
