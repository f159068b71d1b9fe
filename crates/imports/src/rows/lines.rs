//! Lines of bounded length.

use std::io;

use super::buffer::Buffer;
use crate::input::ByteStream;

pub(super) struct Lines {
    buffer: Buffer,
    max_bytes: usize,
    /// The number of the line that was read last, from 1.
    number: u64,
    line: Vec<u8>,
}

/// A line without its end.
pub(super) struct Line<'a> {
    pub(super) number: u64,
    pub(super) bytes: &'a [u8],
    /// The rest was longer than allowed and is passed over.
    pub(super) is_cut: bool,
}

impl Lines {
    pub(super) fn new(stream: ByteStream, max_bytes: usize) -> Self {
        Self {
            buffer: Buffer::new(stream),
            max_bytes,
            number: 0,
            line: Vec::new(),
        }
    }

    /// The next line; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        let mut is_cut = false;
        let mut has_begun = false;
        loop {
            let bytes = self.buffer.fill()?;
            if bytes.is_empty() {
                if !has_begun {
                    return Ok(None);
                }
                break;
            }
            has_begun = true;
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let part = &bytes[..end.unwrap_or(bytes.len())];
            let room = self.max_bytes - self.line.len();
            is_cut |= part.len() > room;
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            let consumed = part.len() + usize::from(end.is_some());
            self.buffer.consume(consumed);
            if end.is_some() {
                break;
            }
        }
        self.number += 1;
        if self.line.last() == Some(&b'\r') && !is_cut {
            self.line.pop();
        }
        Ok(Some(Line {
            number: self.number,
            bytes: &self.line,
            is_cut,
        }))
    }

    /// How long a line may be.
    pub(super) const fn max_bytes(&self) -> usize {
        self.max_bytes
    }
}
