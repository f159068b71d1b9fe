//! NDJSON: a JSON object on each line. Blank lines are passed over.

use std::io;

use super::{NOT_TEXT, NumberedRow, RowReader, lines::Lines, too_long, unreadable};
use crate::{input::ByteStream, row::RowContent};

pub(crate) struct NdjsonRows(Lines);

impl NdjsonRows {
    pub(crate) fn new(stream: ByteStream, max_row_bytes: usize) -> Self {
        Self(Lines::new(stream, max_row_bytes))
    }
}

impl RowReader for NdjsonRows {
    fn next_row(&mut self) -> io::Result<Option<NumberedRow>> {
        let max_bytes = self.0.max_bytes();
        while let Some(line) = self.0.next()? {
            let content = if line.is_cut {
                too_long(line.bytes, max_bytes)
            } else {
                match str::from_utf8(line.bytes) {
                    Ok(text) if text.trim().is_empty() => continue,
                    Ok(text) => RowContent::Json(text.into()),
                    Err(_) => unreadable(NOT_TEXT, line.bytes),
                }
            };
            return Ok(Some((line.number, content)));
        }
        Ok(None)
    }
}
