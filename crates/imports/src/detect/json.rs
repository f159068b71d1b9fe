//! JSON: a document with a list, NDJSON, or documents one after another.

use std::sync::Arc;

use super::{Candidates, File, OpenRows, field_names, look_at, seen, wrong_format};
use crate::{
    error::OpenFileError,
    mapping::{Layout, Mapping, all_shipped},
    rows::{JsonListRows, ListPath, NdjsonRows, Outline, RowReader, outline},
};

pub(super) fn open(file: File<'_>, candidates: &Candidates) -> Result<OpenRows, OpenFileError> {
    let outline = outline(file.head);
    let with_lists: Vec<_> = candidates.with_layout(Layout::Json).collect();
    let inside: Vec<_> = with_lists
        .iter()
        .filter(|mapping| has_list(mapping, &outline))
        .copied()
        .collect();
    if !inside.is_empty() {
        return open_document(file, candidates, &inside);
    }
    if outline.is_array {
        let is_root = |mapping: &&&Arc<Mapping>| lists(mapping).iter().any(ListPath::is_root);
        let fitting: Vec<_> = with_lists.iter().filter(is_root).copied().collect();
        let rows = JsonListRows::new(file.stream, vec![ListPath::parse("")], file.max_row_bytes);
        return choose(Box::new(rows), candidates, &fitting, "a JSON array");
    }
    let fitting: Vec<_> = candidates.with_layout(Layout::Ndjson).collect();
    if let ([], Some(single)) = (fitting.as_slice(), candidates.single()) {
        let names = seen::names(outline.members.iter().map(|(name, _)| &**name));
        let what = format!("a JSON object with the members {names}");
        return Err(wrong_format(single, candidates.layout, what));
    }
    if outline.is_lines {
        let rows = NdjsonRows::new(file.stream, file.max_row_bytes);
        return choose(Box::new(rows), candidates, &fitting, "NDJSON");
    }
    let rows = JsonListRows::new(file.stream, Vec::new(), file.max_row_bytes);
    choose(Box::new(rows), candidates, &fitting, "JSON objects")
}

/// NDJSON whose first lines are broken: a candidate is known to have it.
pub(super) fn open_lines(file: File<'_>, candidates: &Candidates) -> Result<OpenRows, OpenFileError> {
    let fitting: Vec<_> = candidates.with_layout(Layout::Ndjson).collect();
    let rows = NdjsonRows::new(file.stream, file.max_row_bytes);
    choose(Box::new(rows), candidates, &fitting, "NDJSON")
}

fn lists(mapping: &Mapping) -> Vec<ListPath> {
    mapping.lists().map(ListPath::parse).collect()
}

/// Whether the list of a mapping is inside of the document.
fn has_list(mapping: &Mapping, outline: &Outline) -> bool {
    let has = |key: &str, is_list: bool| {
        let named = outline.members.iter().find(|(name, _)| **name == *key);
        named.is_some_and(|(_, is_array)| *is_array || !is_list)
    };
    mapping.document_keys().any(|key| has(key, false))
        || lists(mapping)
            .iter()
            .filter_map(|list| {
                list.first_key(outline.is_array)
                    .map(|key| (key, list.is_direct(outline.is_array)))
            })
            .any(|(key, is_direct)| has(key, is_direct))
}

fn open_document(
    file: File<'_>,
    candidates: &Candidates,
    fitting: &[&Arc<Mapping>],
) -> Result<OpenRows, OpenFileError> {
    let mut paths: Vec<ListPath> = Vec::new();
    for list in fitting.iter().flat_map(|mapping| lists(mapping)) {
        if !list.is_root() && !paths.contains(&list) {
            paths.push(list);
        }
    }
    let mut rows = JsonListRows::new(file.stream, paths, file.max_row_bytes);
    if !rows.find_list()? {
        let lists: Vec<&str> = fitting
            .iter()
            .flat_map(|mapping| mapping.lists())
            .filter(|list| !list.is_empty())
            .collect();
        let hint = fitting.iter().find_map(|mapping| mapping.without_list());
        return Err(OpenFileError::NoList {
            lists: lists.join(", ").into(),
            hint: hint.map_or_else(String::new, |hint| format!("; {hint}")).into(),
        });
    }
    choose(Box::new(rows), candidates, fitting, "a JSON document")
}

/// The mapping that the first rows have the fields of.
fn choose(
    mut rows: Box<dyn RowReader>,
    candidates: &Candidates,
    fitting: &[&Arc<Mapping>],
    what: &str,
) -> Result<OpenRows, OpenFileError> {
    let pending = look_at(&mut *rows)?;
    let names = field_names(&pending);
    let has = |name: &str| names.iter().any(|known| **known == *name);
    let description = || {
        if names.is_empty() {
            return format!("{what} without a JSON object among the first rows");
        }
        format!(
            "{what} with the fields {}",
            seen::names(names.iter().map(|name| &**name))
        )
    };
    let mapping = match (candidates.single(), fitting) {
        (None, _) => {
            let found = fitting.iter().find(|mapping| mapping.fits(has));
            *found.ok_or_else(|| candidates.none_fits(description()))?
        }
        (Some(_), []) => return Err(candidates.none_fits(description())),
        (Some(single), _) => {
            if !names.is_empty() && single.has_signature() && !single.fits(has) {
                check_other(single, candidates, &description(), has)?;
            }
            single
        }
    };
    Ok(OpenRows {
        pending,
        ..OpenRows::new(mapping, rows)
    })
}

/// A file without the fields of the named format is refused if it has those of another, or no id.
fn check_other(
    single: &Arc<Mapping>,
    candidates: &Candidates,
    description: &str,
    has: impl Fn(&str) -> bool + Copy,
) -> Result<(), OpenFileError> {
    if let Some(other) = all_shipped().iter().find(|mapping| mapping.fits(has)) {
        let seen = format!("{description}, as files of {} have", other.name());
        return Err(wrong_format(single, candidates.layout, seen));
    }
    let first_key = |path: &str| path.split(['.', '[']).next().is_some_and(has);
    if single.id_paths().any(|path| has(path) || first_key(path)) {
        Ok(())
    } else {
        Err(wrong_format(single, candidates.layout, description.to_owned()))
    }
}
