//! LDIF (RFC 2849): records of attributes, folded lines, base64. Values that are given by URL are never fetched.

use std::io;

use base64::prelude::{BASE64_STANDARD, Engine};

use super::{NOT_TEXT, NumberedRow, RowReader, lines::Lines, too_long, unreadable};
use crate::{input::ByteStream, row::RowContent};

pub(crate) struct LdifRows {
    lines: Lines,
    max_bytes: usize,
}

impl LdifRows {
    pub(crate) fn new(stream: ByteStream, max_row_bytes: usize) -> Self {
        Self {
            lines: Lines::new(stream, max_row_bytes),
            max_bytes: max_row_bytes,
        }
    }

    /// The unfolded lines of the next record, with the number of its first.
    fn next_record(&mut self) -> io::Result<Option<Record>> {
        let mut record = Record::default();
        let mut length = 0;
        while let Some(line) = self.lines.next()? {
            if line.bytes.is_empty() {
                if record.first.is_some() {
                    break;
                }
                // A comment of its own, and blank lines before a record.
                record = Record::default();
                continue;
            }
            length += line.bytes.len();
            if line.is_cut || length > self.max_bytes {
                record.is_cut = true;
            }
            let is_comment = line.bytes.starts_with(b"#");
            if !is_comment && !is_version(line.bytes) && !line.bytes.starts_with(b" ") {
                record.first.get_or_insert(line.number);
            }
            if record.is_cut {
                continue;
            }
            match (line.bytes.strip_prefix(b" "), record.lines.last_mut()) {
                (Some(rest), Some(folded)) => folded.extend_from_slice(rest),
                _ => record.lines.push(line.bytes.to_owned()),
            }
        }
        Ok(record.first.is_some().then_some(record))
    }
}

#[derive(Default)]
struct Record {
    /// The number of its first line that is no comment.
    first: Option<u64>,
    lines: Vec<Vec<u8>>,
    is_cut: bool,
}

impl RowReader for LdifRows {
    fn next_row(&mut self) -> io::Result<Option<NumberedRow>> {
        while let Some(mut record) = self.next_record()? {
            let line = record.first.unwrap_or_default();
            record.lines.retain(|line| !line.starts_with(b"#"));
            record.lines.retain(|line| !is_version(line));
            if record.is_cut {
                return Ok(Some((line, too_long(&record.lines.join(&b'\n'), self.max_bytes))));
            }
            if !record.lines.is_empty() {
                return Ok(Some((line, content(&record.lines))));
            }
        }
        Ok(None)
    }
}

/// Whether it is the line of the format's version, which belongs to no record.
fn is_version(line: &[u8]) -> bool {
    line.get(..8)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"version:"))
}

fn content(lines: &[Vec<u8>]) -> RowContent {
    let all = || lines.join(&b'\n');
    let mut attributes = Vec::with_capacity(lines.len());
    for line in lines {
        let Ok(line) = str::from_utf8(line) else {
            return unreadable(NOT_TEXT, &all());
        };
        match attribute(line) {
            Ok((name, _)) if name.eq_ignore_ascii_case("control") => {}
            Ok((name, value)) if name.eq_ignore_ascii_case("changetype") && &*value != "add" => {
                return unreadable("a change of an entry, no entry", &all());
            }
            Ok(attribute) => attributes.push(attribute),
            Err(reason) => return unreadable(reason, &all()),
        }
    }
    if attributes
        .first()
        .is_some_and(|(name, _)| name.eq_ignore_ascii_case("dn"))
    {
        RowContent::Attributes(attributes)
    } else {
        unreadable("the record does not begin with dn", &all())
    }
}

/// The name and value of a line. The names of values that are no text end in `;binary`, those of values by URL in `:<`.
fn attribute(line: &str) -> Result<(Box<str>, Box<str>), &'static str> {
    let (name, value) = line.split_once(':').ok_or("a line without a colon")?;
    if let Some(encoded) = value.strip_prefix(':') {
        let bytes = BASE64_STANDARD.decode(encoded.trim()).map_err(|_| "invalid base64")?;
        return Ok(match String::from_utf8(bytes) {
            Ok(text) => (name.into(), text.into()),
            Err(_) => (format!("{name};binary").into(), encoded.trim().into()),
        });
    }
    if let Some(url) = value.strip_prefix('<') {
        return Ok((format!("{name}:<").into(), url.trim_start_matches(' ').into()));
    }
    Ok((name.into(), value.trim_start_matches(' ').into()))
}
