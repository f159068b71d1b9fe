//! The bytes of a file: what is compressed is expanded within bounds, archives are split into members, and text becomes UTF-8.

mod bounded;
mod check;
mod decode;
mod gzip;
mod members;
mod peek;
mod zip;
mod zstd;

use std::io::Read;

pub use check::check_compression;
pub(crate) use decode::decode;
pub(crate) use members::{Member, Members};
pub(crate) use peek::peek;

/// Bytes that may be read in another thread.
pub(crate) type ByteStream = Box<dyn Read + Send>;
