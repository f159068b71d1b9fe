//! A file of users: what is read of it, row by row.

use std::sync::Arc;

use crate::{
    detect::{Candidates, OpenRows, open_rows},
    error::{OpenFileError, ReadFileError},
    input::{Member, Members, decode},
    mapping::Mapping,
    options::ReadOptions,
    row::{RawRow, RowContent},
};

/// Ends of the names of files in an archive that have rows; others are passed over.
const DATA_NAMES: [&str; 10] = [
    ".csv", ".tsv", ".txt", ".json", ".ndjson", ".jsonl", ".ldif", ".ldf", ".gz", ".zst",
];

/// A file that is open for reading. It takes memory for one row and some buffers, however long the file is; a `.zst` file takes the
/// window that it was made with besides, at most 128 MiB.
pub struct ImportFile {
    members: Members,
    candidates: Candidates,
    encoding: Option<Box<str>>,
    max_row_bytes: usize,
    open: OpenRows,
    /// The name of the current member, or of the file.
    member: Option<Arc<str>>,
    passed_over: Vec<Box<str>>,
    has_ended: bool,
}

impl ImportFile {
    /// Opens a file: sees through compression, decodes the text, and recognises the format.
    ///
    /// # Errors
    /// The file is not of a known or of the expected format; the error states what was seen and what was expected.
    pub fn open(input: Box<dyn std::io::Read + Send>, options: &ReadOptions) -> Result<Self, OpenFileError> {
        let candidates = Candidates::new(options)?;
        let mut members = Members::open(input, options)?;
        let encoding = options.encoding.clone();
        let mut passed_over = Vec::new();
        let mut without_list = None;
        let (open, name) = loop {
            let Some(first) = next_member(&mut members, &mut passed_over)? else {
                return Err(without_list.unwrap_or_else(|| no_rows(&members, &passed_over)));
            };
            let opened = decode(first.stream, encoding.as_deref())
                .and_then(|stream| open_rows(stream, &candidates, options.max_row_bytes));
            match opened {
                Err(reason) if members.is_archive() && is_without_rows(&reason) => {
                    passed_over.extend(first.name.as_deref().map(Box::from));
                    if matches!(reason, OpenFileError::NoList { .. }) {
                        without_list.get_or_insert(reason);
                    }
                }
                opened => break (opened?, first.name),
            }
        };
        Ok(Self {
            candidates: candidates.only(&open.mapping),
            members,
            encoding,
            max_row_bytes: options.max_row_bytes,
            open,
            member: name.or_else(|| options.name.as_deref().map(Arc::from)),
            passed_over,
            has_ended: false,
        })
    }

    /// The next row; `None` at the end of the file.
    ///
    /// # Errors
    /// The rest cannot be read: it is cut off, damaged, or expands too far. Rows that cannot be read are no error.
    pub fn next_row(&mut self) -> Result<Option<RawRow>, ReadFileError> {
        if self.has_ended {
            return Ok(None);
        }
        let next = self.read_row();
        self.has_ended = !matches!(next, Ok(Some(_)));
        next
    }

    fn read_row(&mut self) -> Result<Option<RawRow>, ReadFileError> {
        loop {
            let row = match self.open.pending.pop_front() {
                Some(row) => Some(row),
                None => self.open.rows.next_row()?,
            };
            if let Some((line, mut content)) = row {
                if let (Some(is_guarded), RowContent::Cells(_, cells)) = (self.open.is_guarded, &mut content) {
                    *cells = cells.without_apostrophes(is_guarded);
                }
                return Ok(Some(RawRow {
                    line,
                    member: self.member.clone(),
                    content,
                }));
            }
            if !self.open_next_member()? {
                return Ok(None);
            }
        }
    }

    /// Opens the next member of an archive, which must be of the same format; `false` behind the last.
    fn open_next_member(&mut self) -> Result<bool, ReadFileError> {
        while let Some(member) = next_member(&mut self.members, &mut self.passed_over)? {
            let opened = decode(member.stream, self.encoding.as_deref())
                .and_then(|stream| open_rows(stream, &self.candidates, self.max_row_bytes));
            let name = member.name.as_deref().unwrap_or_default();
            match opened {
                Ok(open) => {
                    self.open = open;
                    self.member = member.name;
                    return Ok(true);
                }
                Err(reason) if is_without_rows(&reason) => self.passed_over.push(name.into()),
                Err(reason) => {
                    return Err(ReadFileError::Member {
                        member: name.into(),
                        reason: Box::new(reason),
                    });
                }
            }
        }
        Ok(false)
    }

    /// How its rows are mapped.
    #[must_use]
    pub fn mapping(&self) -> Arc<Mapping> {
        Arc::clone(&self.open.mapping)
    }

    /// Members of the archive that were passed over so far: their names are not those of data, or they have no rows, as the file of
    /// a realm beside those of its users.
    #[must_use]
    pub fn passed_over(&self) -> &[Box<str>] {
        &self.passed_over
    }
}

/// Whether a member of an archive may be so beside those with rows.
const fn is_without_rows(reason: &OpenFileError) -> bool {
    matches!(reason, OpenFileError::Empty | OpenFileError::NoList { .. })
}

/// Why a file without a member that has rows is refused.
fn no_rows(members: &Members, passed_over: &[Box<str>]) -> OpenFileError {
    let is_office = passed_over.iter().any(|name| **name == *"[Content_Types].xml");
    let seen = match (is_office, members.is_archive()) {
        (true, _) => "an Office document: save it as CSV",
        (_, true) => "an archive without a file of rows",
        (_, false) => return OpenFileError::Empty,
    };
    OpenFileError::Binary { seen }
}

/// The next member that may have rows.
fn next_member(members: &mut Members, passed_over: &mut Vec<Box<str>>) -> std::io::Result<Option<Member>> {
    while let Some(member) = members.next()? {
        match &member.name {
            Some(name) if !is_data(name) => passed_over.push((**name).into()),
            _ => return Ok(Some(member)),
        }
    }
    Ok(None)
}

fn is_data(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    let lower = file.to_ascii_lowercase();
    !name.starts_with("__MACOSX/") && !file.starts_with('.') && DATA_NAMES.iter().any(|end| lower.ends_with(end))
}
