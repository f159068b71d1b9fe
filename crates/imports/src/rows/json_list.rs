//! The entries of lists in a JSON document, or JSON documents one after another.

use std::io;

use super::{
    NOT_TEXT, NumberedRow, RowReader,
    list_path::ListPath,
    scanner::{Entry, JsonScanner},
    too_long, unreadable,
};
use crate::{input::ByteStream, row::RowContent};

pub(crate) struct JsonListRows {
    scanner: JsonScanner,
    entry: Vec<u8>,
}

impl JsonListRows {
    /// The entries of the lists at these paths; without paths each document is an entry.
    pub(crate) fn new(stream: ByteStream, paths: Vec<ListPath>, max_row_bytes: usize) -> Self {
        Self {
            scanner: JsonScanner::new(stream, paths.into(), max_row_bytes),
            entry: Vec::new(),
        }
    }

    /// Reads until a list begins; `false` if there is none.
    pub(crate) fn find_list(&mut self) -> io::Result<bool> {
        self.scanner.find_list()
    }
}

impl RowReader for JsonListRows {
    fn next_row(&mut self) -> io::Result<Option<NumberedRow>> {
        let content = match self.scanner.next_entry(&mut self.entry)? {
            None => return Ok(None),
            Some(Entry::Cut) => too_long(&self.entry, self.scanner.max_bytes()),
            Some(Entry::Whole) => match str::from_utf8(&self.entry) {
                Ok(text) => RowContent::Json(text.into()),
                Err(_) => unreadable(NOT_TEXT, &self.entry),
            },
        };
        Ok(Some((self.scanner.entries(), content)))
    }
}
