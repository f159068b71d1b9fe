//! CSV (RFC 4180) with any separator. The crate csv-core splits it: the crate csv on top of it has no bound on the length of a
//! row, and a quote that is not closed would take the rest of the file into memory.

use std::{
    io::{self, Cursor},
    sync::Arc,
};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::{NOT_TEXT, NumberedRow, RowReader, buffer::Buffer, too_long, unreadable};
use crate::{
    input::ByteStream,
    row::{Cells, RowContent},
};

/// The most cells of a row.
const MAX_CELLS: usize = 4096;

/// How cells are separated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CsvDialect {
    pub(crate) separator: u8,
    /// Whether `"` begins a quoted cell.
    pub(crate) quoting: bool,
}

pub(crate) struct CsvRows {
    records: Records,
    columns: Arc<[Box<str>]>,
    /// How many records are passed over.
    skip: usize,
    /// Rows may have fewer cells than there are columns.
    is_flexible: bool,
}

impl CsvRows {
    /// The rows behind the first `skip` records.
    pub(crate) fn new(
        stream: ByteStream,
        dialect: CsvDialect,
        columns: Arc<[Box<str>]>,
        (skip, is_flexible): (usize, bool),
        max_row_bytes: usize,
    ) -> Self {
        Self {
            records: Records::new(stream, dialect, max_row_bytes),
            columns,
            skip,
            is_flexible,
        }
    }
}

impl RowReader for CsvRows {
    fn next_row(&mut self) -> io::Result<Option<NumberedRow>> {
        while self.skip > 0 {
            self.skip -= 1;
            self.records.next()?;
        }
        let Some(line) = self.records.next()? else {
            return Ok(None);
        };
        Ok(Some((line, self.records.content(&self.columns, self.is_flexible))))
    }
}

/// The cells of one record of a file that begins so, counted from 0.
pub(crate) fn split_header(head: &[u8], dialect: CsvDialect, number: usize) -> Option<Vec<String>> {
    let mut records = Records::new(Box::new(Cursor::new(head.to_vec())), dialect, head.len() + 1);
    for _ in 0..=number {
        records.next().ok()??;
    }
    let mut start = 0;
    let cells = records.ends[..records.cells].iter().map(|end| {
        let cell = records.output.get(start..*end).unwrap_or_default();
        start = *end;
        String::from_utf8_lossy(cell).into_owned()
    });
    Some(cells.collect())
}

/// The records of a file, one at a time.
struct Records {
    buffer: Buffer,
    reader: Reader,
    separator: u8,
    max_bytes: usize,
    /// The number of the current line, from 1.
    line: u64,
    output: Vec<u8>,
    /// How much of the output is of the record.
    length: usize,
    ends: Vec<usize>,
    cells: usize,
    is_cut: bool,
}

impl Records {
    fn new(stream: ByteStream, dialect: CsvDialect, max_bytes: usize) -> Self {
        let reader = ReaderBuilder::new()
            .delimiter(dialect.separator)
            .quoting(dialect.quoting)
            .build();
        Self {
            buffer: Buffer::new(stream),
            reader,
            separator: dialect.separator,
            max_bytes,
            line: 1,
            output: vec![0; 4096.min(max_bytes.max(1))],
            length: 0,
            ends: vec![0; 64],
            cells: 0,
            is_cut: false,
        }
    }

    /// Reads a record, and returns the line where it begins; `None` at the end. Blank lines are passed over.
    fn next(&mut self) -> io::Result<Option<u64>> {
        self.pass_over_line_ends()?;
        (self.length, self.cells, self.is_cut) = (0, 0, false);
        let line = self.line;
        loop {
            let input = self.buffer.fill()?;
            let (output, ends) = (&mut self.output[self.length..], &mut self.ends[self.cells..]);
            let (result, read, written, ended) = self.reader.read_record(input, output, ends);
            self.line += input[..read].iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
            self.buffer.consume(read);
            self.length += written;
            self.cells += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if self.output.len() < self.max_bytes => {
                    let longer = (2 * self.output.len()).min(self.max_bytes);
                    self.output.resize(longer, 0);
                }
                ReadRecordResult::OutputEndsFull if self.ends.len() < MAX_CELLS => {
                    self.ends.resize(2 * self.ends.len(), 0);
                }
                // The rest of a record that is too long goes to the second half of the output: what is shown stays.
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    self.is_cut = true;
                    (self.length, self.cells) = (self.output.len() / 2, 0);
                }
                ReadRecordResult::Record => return Ok(Some(line)),
                ReadRecordResult::End => return Ok(None),
            }
        }
    }

    /// The second byte of a CRLF, which the reader leaves for the next record, and blank lines.
    fn pass_over_line_ends(&mut self) -> io::Result<()> {
        loop {
            let bytes = self.buffer.fill()?;
            let count = bytes.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
            self.line += bytes[..count].iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
            let goes_on = count > 0 && count == bytes.len();
            self.buffer.consume(count);
            if !goes_on {
                return Ok(());
            }
        }
    }

    fn content(&self, columns: &Arc<[Box<str>]>, is_flexible: bool) -> RowContent {
        if self.is_cut {
            return too_long(&self.output, self.max_bytes);
        }
        let (bytes, ends) = (&self.output[..self.length], &self.ends[..self.cells]);
        let Ok(text) = str::from_utf8(bytes) else {
            return unreadable(NOT_TEXT, &self.joined());
        };
        // Two halves of a character in two cells are a whole one in the output.
        if !ends.iter().all(|end| text.is_char_boundary(*end)) {
            return unreadable(NOT_TEXT, &self.joined());
        }
        let known = ends.get(columns.len().wrapping_sub(1)).copied().unwrap_or(self.length);
        let has_extra = ends.len() > columns.len() && known < self.length;
        if has_extra || (ends.len() < columns.len() && !is_flexible) {
            let (cells, expected) = (ends.len(), columns.len());
            return unreadable(format!("{cells} cells; expected: {expected}"), &self.joined());
        }
        let ends = ends.iter().map(|end| u32::try_from(*end).unwrap_or(u32::MAX));
        let cells = Cells {
            text: text.into(),
            ends: ends.collect(),
        };
        RowContent::Cells(Arc::clone(columns), cells)
    }

    /// The record with its separators, for showing it.
    fn joined(&self) -> Vec<u8> {
        let mut joined = Vec::with_capacity(self.length + self.cells);
        let mut start = 0;
        for end in &self.ends[..self.cells] {
            if start > 0 || !joined.is_empty() {
                joined.push(self.separator);
            }
            joined.extend_from_slice(&self.output[start..*end]);
            start = *end;
        }
        joined
    }
}
