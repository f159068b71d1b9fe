//! Lines whose fields have fixed widths, or are separated and escaped by single characters without quotes, which the crate
//! csv-core cannot read: it takes escapes within quotes only.

use std::{io, sync::Arc};

use super::{NOT_TEXT, NumberedRow, RowReader, lines::Lines, too_long, unreadable};
use crate::{
    input::ByteStream,
    row::{Cells, RowContent},
};

/// How a line is split into fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Delimiters {
    /// A separator, and a character that makes the next one part of the value, also a separator or the end of the line.
    Escaped { separator: char, escape: char },
    /// Widths in characters; blanks around a value are left out.
    Widths(Box<[usize]>),
}

impl Delimiters {
    /// The values of a line.
    pub(crate) fn split(&self, line: &str) -> Vec<String> {
        match self {
            Self::Escaped { separator, escape } => {
                let mut values = vec![String::new()];
                let mut chars = line.chars();
                while let Some(char) = chars.next() {
                    if char == *separator {
                        values.push(String::new());
                    } else if let Some(value) = values.last_mut() {
                        value.extend(if char == *escape { chars.next() } else { Some(char) });
                    }
                }
                values
            }
            Self::Widths(widths) => {
                let mut chars = line.chars();
                let value = |width: &usize| chars.by_ref().take(*width).collect::<String>();
                let values = widths.iter().map(value);
                values.map(|value| value.trim().to_owned()).collect()
            }
        }
    }

    /// Whether the line goes on: its end is escaped.
    fn goes_on(&self, line: &str) -> bool {
        match self {
            Self::Escaped { escape, .. } => line.chars().rev().take_while(|char| char == escape).count() % 2 == 1,
            Self::Widths(_) => false,
        }
    }
}

pub(crate) struct DelimitedRows {
    lines: Lines,
    delimiters: Delimiters,
    columns: Arc<[Box<str>]>,
    /// How many lines are passed over.
    skip: usize,
}

impl DelimitedRows {
    /// The rows behind the first `skip` lines.
    pub(crate) fn new(
        stream: ByteStream,
        delimiters: Delimiters,
        columns: Arc<[Box<str>]>,
        skip: usize,
        max_row_bytes: usize,
    ) -> Self {
        Self {
            lines: Lines::new(stream, max_row_bytes),
            delimiters,
            columns,
            skip,
        }
    }

    fn content(&self, line: &str) -> RowContent {
        let mut values = self.delimiters.split(line);
        while values.len() > self.columns.len() && values.last().is_some_and(String::is_empty) {
            values.pop();
        }
        if values.len() != self.columns.len() {
            let (cells, expected) = (values.len(), self.columns.len());
            return unreadable(format!("{cells} cells; expected: {expected}"), line.as_bytes());
        }
        let mut text = String::with_capacity(line.len());
        let end = |value: &String| {
            text.push_str(value);
            u32::try_from(text.len()).unwrap_or(u32::MAX)
        };
        let ends = values.iter().map(end).collect();
        let text = text.into();
        RowContent::Cells(Arc::clone(&self.columns), Cells { text, ends })
    }
}

impl RowReader for DelimitedRows {
    fn next_row(&mut self) -> io::Result<Option<NumberedRow>> {
        let max_bytes = self.lines.max_bytes();
        let mut whole = String::new();
        let mut first = None;
        while let Some(line) = self.lines.next()? {
            if self.skip > 0 {
                self.skip -= 1;
                continue;
            }
            let number = *first.get_or_insert(line.number);
            if line.is_cut || whole.len() + line.bytes.len() > max_bytes {
                return Ok(Some((number, too_long(line.bytes, max_bytes))));
            }
            let Ok(text) = str::from_utf8(line.bytes) else {
                return Ok(Some((number, unreadable(NOT_TEXT, line.bytes))));
            };
            if text.is_empty() && whole.is_empty() {
                first = None;
                continue;
            }
            whole.push_str(text);
            if !self.delimiters.goes_on(text) {
                return Ok(Some((number, self.content(&whole))));
            }
            whole.push('\n');
        }
        // The end of the file ends a line that would go on.
        Ok(first.map(|number| (number, self.content(&whole))))
    }
}
