//! The readers: each splits text into rows of bounded length.

mod buffer;
mod csv;
mod delimited;
mod json_list;
mod ldif;
mod lines;
mod list_path;
mod ndjson;
mod outline;
mod scanner;
mod value_end;

use std::io;

pub(crate) use csv::{CsvDialect, CsvRows, split_header};
pub(crate) use delimited::{DelimitedRows, Delimiters};
pub(crate) use json_list::JsonListRows;
pub(crate) use ldif::LdifRows;
pub(crate) use list_path::ListPath;
pub(crate) use ndjson::NdjsonRows;
pub(crate) use outline::{Outline, outline};

use crate::{
    rejection::{RejectCode, RejectedRow},
    row::{RowContent, malformed},
};

/// A row and its line, or the number of its entry.
pub(crate) type NumberedRow = (u64, RowContent);

/// A reader of rows.
pub(crate) trait RowReader: Send {
    /// The next row; `None` at the end.
    fn next_row(&mut self) -> io::Result<Option<NumberedRow>>;
}

/// How much of a row that is too long is shown.
const SHOWN_BYTES: usize = 1024;

fn too_long(start: &[u8], max_bytes: usize) -> RowContent {
    let shown = &start[..start.len().min(SHOWN_BYTES)];
    let reason = RejectedRow {
        field: None,
        code: RejectCode::TooLong,
        reason: format!("longer than {max_bytes} bytes").into(),
    };
    RowContent::Unreadable(reason, String::from_utf8_lossy(shown).into())
}

fn unreadable(reason: impl Into<Box<str>>, row: &[u8]) -> RowContent {
    RowContent::Unreadable(malformed(reason), String::from_utf8_lossy(row).into())
}

/// Why a row of invalid bytes is rejected.
const NOT_TEXT: &str = "bytes that are not valid in the file's encoding";
