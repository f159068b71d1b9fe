//! Whether a compressed file is whole, before it is used.

use std::io::{self, Read};

use super::members::Members;
use crate::{error::OpenFileError, options::ReadOptions};

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
