//! Recognises decoded text by its first bytes.

use std::io;

use super::{Candidates, File, HEAD_BYTES, LOOKED_AT, OpenRows, binary, csv, json};
use crate::{
    error::OpenFileError,
    input::{ByteStream, peek},
    mapping::Layout,
    rows::{LdifRows, NumberedRow, RowReader},
};

/// Recognises decoded text.
pub(crate) fn open_rows(
    stream: ByteStream,
    candidates: &Candidates,
    max_row_bytes: usize,
) -> Result<OpenRows, OpenFileError> {
    let (head, stream) = peek(stream, HEAD_BYTES)?;
    if let Some(seen) = binary::seen(&head) {
        return Err(OpenFileError::Binary { seen });
    }
    let text = head.trim_ascii_start();
    let file = File {
        head: &head,
        stream,
        max_row_bytes,
    };
    match text.first() {
        None if head.len() < HEAD_BYTES => match candidates.single() {
            Some(mapping) => Ok(OpenRows::new(mapping, Box::new(NoRows))),
            None => Err(OpenFileError::Empty),
        },
        Some(b'[' | b'{') => json::open(file, candidates),
        _ if is_ldif(text) => {
            let mapping = candidates.with_layout(Layout::Ldif).next();
            let mapping = mapping.ok_or_else(|| candidates.none_fits("LDIF".to_owned()))?;
            Ok(OpenRows::new(
                mapping,
                Box::new(LdifRows::new(file.stream, max_row_bytes)),
            ))
        }
        _ if candidates.single().is_some()
            && has_object_line(text)
            && candidates.with_layout(Layout::Ndjson).next().is_some() =>
        {
            json::open_lines(file, candidates)
        }
        _ => csv::open(file, candidates),
    }
}

/// Whether one of the first lines is the beginning of a JSON object: lines before it may be broken.
fn has_object_line(text: &[u8]) -> bool {
    let mut lines = text
        .split(|byte| *byte == b'\n')
        .take(LOOKED_AT)
        .map(<[u8]>::trim_ascii);
    lines.any(|line| line.starts_with(b"{\""))
}

struct NoRows;

impl RowReader for NoRows {
    fn next_row(&mut self) -> io::Result<Option<NumberedRow>> {
        Ok(None)
    }
}

/// `dn:` at the beginning of a line, or the version of the format, behind comments and blank lines.
fn is_ldif(text: &[u8]) -> bool {
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let first = lines
        .into_iter()
        .find(|line| !line.is_empty() && !line.starts_with(b"#"));
    let Some(first) = first.map(<[u8]>::to_ascii_lowercase) else {
        return false;
    };
    // Templates of Entra begin with `version:v1.0`.
    let version = first.strip_prefix(b"version:").map(<[u8]>::trim_ascii);
    let is_version = version.is_some_and(|number| !number.is_empty() && number.iter().all(u8::is_ascii_digit));
    first.starts_with(b"dn:") || is_version
}
