//! CSV: the separator, the header, and files without one.

use std::sync::Arc;

use super::{Candidates, File, LOOKED_AT, OpenRows, is_field_name, look_at, seen, wrong_format};
use crate::{
    error::OpenFileError,
    mapping::{Apostrophes, CsvToml, Layout, Mapping, all_shipped},
    row::RowContent,
    rows::{CsvDialect, CsvRows, DelimitedRows, Delimiters, NumberedRow, RowReader, split_header},
    time_text::{TimeText, parse_time},
};

pub(super) fn open(file: File<'_>, candidates: &Candidates) -> Result<OpenRows, OpenFileError> {
    let fitting: Vec<_> = candidates.with_layout(Layout::Csv).collect();
    match (candidates.single(), fitting.as_slice()) {
        (Some(_), []) => Err(candidates.none_fits(First::read(file.head, &CsvToml::default()).description())),
        (Some(single), _) => {
            let first = First::read(file.head, single.csv());
            check_single(single, candidates, &first)?;
            open_as(single, file, &first)
        }
        (None, _) => {
            let recognised = fitting.into_iter().find_map(|mapping| {
                let first = First::read(file.head, mapping.csv());
                first.is_of(mapping).then_some((mapping, first))
            });
            match recognised {
                Some((mapping, first)) => open_as(mapping, file, &first),
                None => Err(candidates.none_fits(First::read(file.head, &CsvToml::default()).description())),
            }
        }
    }
}

/// The first record of a file, as a mapping would read it.
struct First {
    separator: char,
    /// The header, or the first row.
    cells: Vec<String>,
    /// How many records come before the first row.
    skip: usize,
}

impl First {
    /// Reads the header. Without one it is the first row that has the shape of the mapping: those before it may be broken.
    fn read(head: &[u8], csv: &CsvToml) -> Self {
        let first = Self::read_record(head, csv, 0);
        if csv.header || csv.booleans.is_empty() || first.has_shape_of(csv) {
            return first;
        }
        let mut others = (1..LOOKED_AT).map(|number| Self::read_record(head, csv, number));
        others.find(|row| row.has_shape_of(csv)).unwrap_or(first)
    }

    fn read_record(head: &[u8], csv: &CsvToml, number: usize) -> Self {
        let skips_line = csv
            .skip_line
            .as_ref()
            .is_some_and(|start| head.starts_with(start.as_bytes()));
        let before = usize::from(skips_line);
        let mut lines = head.split(|byte| *byte == b'\n');
        let line = lines.by_ref().skip(before).find(|line| !line.trim_ascii().is_empty());
        let line = String::from_utf8_lossy(line.unwrap_or_default());
        let line = line.trim_end_matches('\r');
        let separator = csv.separator.unwrap_or_else(|| find_separator(line));
        let cells = match delimiters(csv, separator) {
            Some(delimiters) => delimiters.split(line),
            None => split_header(head, dialect(csv, separator), before + number).unwrap_or_default(),
        };
        Self {
            separator,
            cells: cells.into_iter().map(|cell| cell.trim().to_owned()).collect(),
            skip: before + usize::from(csv.header),
        }
    }

    fn has(&self, name: &str) -> bool {
        self.cells.iter().any(|cell| cell == name)
    }

    /// Whether a file that begins so is of this mapping.
    fn is_of(&self, mapping: &Mapping) -> bool {
        if mapping.csv().header {
            mapping.fits(|name| self.has(name))
        } else {
            !mapping.csv().booleans.is_empty() && self.has_shape_of(mapping.csv())
        }
    }

    /// Whether the first row can be one of a file without a header.
    fn has_shape_of(&self, csv: &CsvToml) -> bool {
        let is_boolean = |column: &String| {
            let at = csv.columns.iter().position(|known| known == column);
            at.and_then(|at| self.cells.get(at))
                .is_some_and(|cell| cell == "true" || cell == "false")
        };
        self.cells.len() <= csv.columns.len() + 1 && csv.booleans.iter().all(is_boolean)
    }

    /// What it looks like, without values: a first row that may be no header is counted only.
    fn description(&self) -> String {
        let is_header = self.cells.iter().all(|cell| cell.is_empty() || is_field_name(cell));
        match (is_header, self.cells.len()) {
            (true, 2..) => format!(
                "CSV with the columns {}",
                seen::names(self.cells.iter().map(String::as_str))
            ),
            (_, 1) => "text that is neither JSON nor LDIF, in one column".to_owned(),
            (_, columns) => format!("CSV of {columns} columns, whose first row is no header"),
        }
    }
}

/// The most frequent of the usual separators outside of quotes.
fn find_separator(line: &str) -> char {
    let mut counts = [(',', 0), (';', 0), ('\t', 0)];
    let mut is_quoted = false;
    for char in line.chars() {
        if char == '"' {
            is_quoted = !is_quoted;
        } else if let (false, Some((_, count))) = (is_quoted, counts.iter_mut().find(|(known, _)| *known == char)) {
            *count += 1;
        }
    }
    // Of equal counts the first.
    counts
        .iter()
        .rev()
        .max_by_key(|(_, count)| *count)
        .map_or(',', |(char, _)| *char)
}

fn dialect(csv: &CsvToml, separator: char) -> CsvDialect {
    CsvDialect {
        separator: u8::try_from(separator).unwrap_or(b','),
        quoting: csv.quotes,
    }
}

/// `None` where the crate csv-core splits the lines.
fn delimiters(csv: &CsvToml, separator: char) -> Option<Delimiters> {
    match (csv.escape, csv.widths.as_slice()) {
        (None, []) => None,
        (_, widths @ [_, ..]) => Some(Delimiters::Widths(widths.into())),
        (Some(escape), _) => Some(Delimiters::Escaped { separator, escape }),
    }
}

fn check_single(single: &Arc<Mapping>, candidates: &Candidates, first: &First) -> Result<(), OpenFileError> {
    let csv = single.csv();
    if !csv.header {
        let is_right = csv.booleans.is_empty() || first.has_shape_of(csv);
        return if is_right {
            Ok(())
        } else {
            Err(wrong_format(single, candidates.layout, first.description()))
        };
    }
    let expected: Vec<&str> = single.id_paths().collect();
    if expected.iter().any(|path| first.has(path)) {
        return Ok(());
    }
    let is_own = !all_shipped().iter().any(|shipped| Arc::ptr_eq(shipped, single));
    let is_other =
        |mapping: &&Arc<Mapping>| !is_own && mapping.layouts().contains(&Layout::Csv) && first.is_of(mapping);
    match all_shipped().iter().find(is_other) {
        Some(other) => {
            let seen = format!("{}, as files of {} have", first.description(), other.name());
            Err(wrong_format(single, candidates.layout, seen))
        }
        None => Err(OpenFileError::MissingColumn {
            seen: first.description().into(),
            expected: expected.join(", ").into(),
        }),
    }
}

fn open_as(mapping: &Arc<Mapping>, file: File<'_>, first: &First) -> Result<OpenRows, OpenFileError> {
    let csv = mapping.csv();
    // Columns that the mapping names replace a header.
    let names = if csv.columns.is_empty() {
        &first.cells
    } else {
        &csv.columns
    };
    let columns: Arc<[Box<str>]> = names.iter().map(|name| Box::from(name.as_str())).collect();
    for (at, name) in columns.iter().enumerate() {
        if !name.is_empty() && columns[..at].contains(name) {
            return Err(OpenFileError::DuplicateColumn(seen::names([&**name]).into()));
        }
    }
    let max = file.max_row_bytes;
    let mut rows: Box<dyn RowReader> = if let Some(delimiters) = delimiters(csv, first.separator) {
        Box::new(DelimitedRows::new(file.stream, delimiters, columns, first.skip, max))
    } else {
        let dialect = dialect(csv, first.separator);
        Box::new(CsvRows::new(
            file.stream,
            dialect,
            columns,
            (first.skip, csv.flexible),
            max,
        ))
    };
    let pending = look_at(&mut *rows)?;
    let is_guarded: Option<fn(&str) -> bool> = match csv.apostrophes {
        Some(Apostrophes::Texts) if all_have_apostrophes(pending.iter()) => Some(|cell| cell.starts_with('\'')),
        Some(Apostrophes::Formulas) => Some(is_guarded_formula),
        _ => None,
    };
    Ok(OpenRows {
        pending,
        is_guarded,
        ..OpenRows::new(mapping, rows)
    })
}

/// Whether a spreadsheet would take the cell for a formula, but for the apostrophes at its beginning.
fn is_guarded_formula(cell: &str) -> bool {
    cell.starts_with('\'')
        && cell
            .trim_start_matches('\'')
            .starts_with(['=', '+', '-', '@', '\t', '\r'])
}

/// Whether every text cell begins with an apostrophe. Numbers, truth values and times are written without one.
fn all_have_apostrophes<'r>(rows: impl Iterator<Item = &'r NumberedRow>) -> bool {
    let cells = rows.flat_map(|(_, content)| match content {
        RowContent::Cells(_, cells) => cells.iter().collect::<Vec<_>>(),
        _ => Vec::new(),
    });
    let is_text = |cell: &&str| {
        let is_plain = cell.parse::<f64>().is_ok() || ["true", "false"].contains(cell);
        !cell.is_empty() && !is_plain && !matches!(parse_time(cell), TimeText::Moment(_))
    };
    let mut texts = cells.filter(is_text).peekable();
    texts.peek().is_some() && texts.all(|cell| cell.starts_with('\''))
}
