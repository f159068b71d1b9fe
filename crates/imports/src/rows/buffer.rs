//! A buffer over a stream: slices of what was read.

use std::io::{self, Read};

use crate::input::ByteStream;

const BUFFER_BYTES: usize = 64 * 1024;

pub(super) struct Buffer {
    stream: ByteStream,
    bytes: Box<[u8]>,
    unread: std::ops::Range<usize>,
}

impl Buffer {
    pub(super) fn new(stream: ByteStream) -> Self {
        Self {
            stream,
            bytes: vec![0; BUFFER_BYTES].into(),
            unread: 0..0,
        }
    }

    /// What is read and not consumed; empty at the end of the stream only.
    pub(super) fn fill(&mut self) -> io::Result<&[u8]> {
        while self.unread.is_empty() {
            match self.stream.read(&mut self.bytes) {
                Ok(0) => return Ok(&[]),
                Ok(read) => self.unread = 0..read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(&self.bytes[self.unread.clone()])
    }

    pub(super) fn consume(&mut self, count: usize) {
        self.unread.start += count;
    }
}
