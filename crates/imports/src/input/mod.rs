//! The bytes of a file: what is compressed is expanded within bounds, archives are split into members, and text becomes UTF-8.

mod bounded;
mod decode;
mod gzip;
mod members;
mod peek;
mod zip;
mod zstd;

use std::io::{self, Read};

pub(crate) use decode::decode;
pub(crate) use members::{Member, Members};
pub(crate) use peek::peek;

use crate::{error::OpenFileError, options::ReadOptions};

/// Bytes that may be read in another thread.
pub(crate) type ByteStream = Box<dyn Read + Send>;

/// Expands all of a compressed file and forgets it, so that one that is cut off or damaged is refused before a row of it is
/// imported. A file that is not compressed is not read.
///
/// # Errors
/// The file cannot be read, is cut off, damaged, or expands too far.
pub fn check_compression(input: Box<dyn Read + Send>, options: &ReadOptions) -> Result<(), OpenFileError> {
    let mut members = Members::open(input, options)?;
    while members.is_compressed() {
        let Some(mut member) = members.next()? else {
            return Ok(());
        };
        io::copy(&mut member.stream, &mut io::sink())?;
    }
    Ok(())
}
