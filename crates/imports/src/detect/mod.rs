//! Recognises a file by its beginning, and opens the reader of its rows.

mod binary;
mod csv;
mod json;
mod open;
mod seen;

use std::{collections::VecDeque, io, sync::Arc};

pub(crate) use open::open_rows;
pub use seen::is_field_name;

use crate::{
    error::OpenFileError,
    input::ByteStream,
    mapping::{Layout, Mapping},
    options::{FormatChoice, ReadOptions},
    row::RowContent,
    rows::{NumberedRow, RowReader},
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
    /// Which cells begin with an apostrophe that is not part of their value.
    pub(crate) is_guarded: Option<fn(&str) -> bool>,
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
            (Some(name), Some(mapping)) => {
                let (format, mapping) = (name.clone(), mapping.name().into());
                return Err(OpenFileError::TwoMappings { format, mapping });
            }
            (Some(name), None) if layout.is_some() => return Err(OpenFileError::NeedsMapping(name.clone())),
            (None, None) => crate::mapping::all_shipped().to_vec(),
            (Some(name), None) => {
                let known = crate::mapping::all_shipped()
                    .iter()
                    .find(|mapping| mapping.name() == &**name);
                let shipped = || Mapping::names().collect::<Vec<_>>().join(", ").into();
                vec![Arc::clone(
                    known.ok_or_else(|| OpenFileError::UnknownFormat(name.clone(), shipped()))?,
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
    let expected = if mapping.has_signature() {
        format!("{layouts} with {}", mapping.signature())
    } else {
        layouts
    };
    OpenFileError::WrongFormat {
        format: mapping.name().into(),
        seen: seen.into(),
        expected: expected.into(),
    }
}

/// A file whose beginning is known.
struct File<'h> {
    head: &'h [u8],
    stream: ByteStream,
    max_row_bytes: usize,
}

impl OpenRows {
    fn new(mapping: &Arc<Mapping>, rows: Box<dyn RowReader>) -> Self {
        Self {
            mapping: Arc::clone(mapping),
            rows,
            pending: VecDeque::new(),
            is_guarded: None,
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
