//! Recognises a file by its beginning, and opens the reader of its rows.

mod binary;
mod csv;
mod json;
mod seen;

use std::{collections::VecDeque, io, sync::Arc};

use crate::{
    error::OpenFileError,
    input::{ByteStream, peek},
    mapping::{Layout, Mapping},
    options::{FormatChoice, ReadOptions},
    row::RowContent,
    rows::{LdifRows, NumberedRow, RowReader},
};

/// How much of a file is looked at.
const HEAD_BYTES: usize = 64 * 1024;

/// How many rows are looked at: the first may be broken, or lack fields that others have.
const LOOKED_AT: usize = 16;

/// The mappings that a file may have.
pub(crate) struct Candidates {
    mappings: Vec<Arc<Mapping>>,
    /// The only form that is expected.
    layout: Option<Layout>,
}

/// A file whose rows can be read.
pub(crate) struct OpenRows {
    pub(crate) mapping: Arc<Mapping>,
    pub(crate) rows: Box<dyn RowReader>,
    /// Rows that were read to recognise the file.
    pub(crate) pending: VecDeque<NumberedRow>,
    /// Each text cell begins with an apostrophe that is not part of its value.
    pub(crate) has_apostrophes: bool,
}

impl Candidates {
    pub(crate) fn new(options: &ReadOptions) -> Result<Self, OpenFileError> {
        let generic = [("csv", Layout::Csv), ("ndjson", Layout::Ndjson), ("json", Layout::Json)];
        let named = match &options.format {
            FormatChoice::Auto => None,
            FormatChoice::Named(name) => Some(name),
        };
        let layout = named.and_then(|name| generic.iter().find(|(known, _)| **known == **name));
        let layout = layout.map(|(_, layout)| *layout);
        let mappings = match (named, &options.mapping) {
            (None, Some(mapping)) => vec![Arc::clone(mapping)],
            (Some(_), Some(mapping)) if layout.is_some() => vec![Arc::clone(mapping)],
            (Some(name), Some(mapping)) if **name == *mapping.name() => vec![Arc::clone(mapping)],
            (Some(name), None) if layout.is_some() => return Err(OpenFileError::NeedsMapping(name.clone())),
            (None, None) => crate::mapping::all_shipped().to_vec(),
            (Some(name), _) => {
                let known = crate::mapping::all_shipped()
                    .iter()
                    .find(|mapping| mapping.name() == &**name);
                let names = || Mapping::names().collect::<Vec<_>>().join(", ").into();
                vec![Arc::clone(
                    known.ok_or_else(|| OpenFileError::UnknownFormat(name.clone(), names()))?,
                )]
            }
        };
        Ok(Self { mappings, layout })
    }

    /// Only this mapping: of the members of an archive the first decides.
    pub(crate) fn only(&self, mapping: &Arc<Mapping>) -> Self {
        Self {
            mappings: vec![Arc::clone(mapping)],
            layout: self.layout,
        }
    }

    /// Those whose files have this form.
    fn with_layout(&self, layout: Layout) -> impl Iterator<Item = &Arc<Mapping>> {
        let is_expected = self.layout.is_none_or(|expected| expected == layout);
        let mappings = self.mappings.iter().filter(move |_| is_expected);
        mappings.filter(move |mapping| mapping.layouts().contains(&layout))
    }

    /// The only candidate.
    fn single(&self) -> Option<&Arc<Mapping>> {
        match self.mappings.as_slice() {
            [single] => Some(single),
            _ => None,
        }
    }

    /// Why none of them fits.
    fn none_fits(&self, seen: String) -> OpenFileError {
        match self.single() {
            None => OpenFileError::Unrecognised { seen: seen.into() },
            Some(single) => wrong_format(single, self.layout, seen),
        }
    }
}

fn wrong_format(mapping: &Mapping, layout: Option<Layout>, seen: String) -> OpenFileError {
    let layouts = match layout {
        Some(layout) => layout.to_string(),
        None => mapping
            .layouts()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" or "),
    };
    let expected = match mapping.has_signature() {
        true => format!("{layouts} with {}", mapping.signature()),
        false => layouts,
    };
    OpenFileError::WrongFormat {
        format: mapping.name().into(),
        seen: seen.into(),
        expected: expected.into(),
    }
}

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
        _ => csv::open(file, candidates),
    }
}

/// A file whose beginning is known.
struct File<'h> {
    head: &'h [u8],
    stream: ByteStream,
    max_row_bytes: usize,
}

struct NoRows;

impl RowReader for NoRows {
    fn next_row(&mut self) -> io::Result<Option<NumberedRow>> {
        Ok(None)
    }
}

impl OpenRows {
    fn new(mapping: &Arc<Mapping>, rows: Box<dyn RowReader>) -> Self {
        Self {
            mapping: Arc::clone(mapping),
            rows,
            pending: VecDeque::new(),
            has_apostrophes: false,
        }
    }
}

/// The first rows.
fn look_at(rows: &mut dyn RowReader) -> io::Result<VecDeque<NumberedRow>> {
    let mut pending = VecDeque::new();
    while pending.len() < LOOKED_AT {
        match rows.next_row()? {
            Some(row) => pending.push_back(row),
            None => break,
        }
    }
    Ok(pending)
}

/// The names of the fields of rows.
fn field_names(rows: &VecDeque<NumberedRow>) -> Vec<Box<str>> {
    let mut names: Vec<Box<str>> = Vec::new();
    for (_, content) in rows {
        let RowContent::Json(text) = content else { continue };
        if let Ok(crate::json::Json::Object(members)) = crate::json::Json::parse(text) {
            for (name, _) in members {
                if !names.iter().any(|known| **known == *name) {
                    names.push(name.into());
                }
            }
        }
    }
    names
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
