//! Looking at the beginning of a stream.

use std::io::{self, Cursor, Read};

use super::ByteStream;

/// The first bytes, up to `most`, and the whole stream.
pub(crate) fn peek(mut stream: ByteStream, most: usize) -> io::Result<(Vec<u8>, ByteStream)> {
    let mut head = Vec::new();
    stream.by_ref().take(most as u64).read_to_end(&mut head)?;
    let whole = Cursor::new(head.clone()).chain(stream);
    Ok((head, Box::new(whole)))
}
