//! One row of a file, before it is mapped.

use std::{borrow::Cow, fmt, sync::Arc};

use serde_json::value::{RawValue, to_raw_value};

use crate::{
    json::{Json, JsonError},
    rejection::{RejectCode, RejectedRow},
};

/// One row of a file: a line of JSON, a record of a CSV or LDIF file, or an entry of a JSON list. It is parsed when it is mapped,
/// so that the thread which reads the file does little else.
pub struct RawRow {
    /// The line where it begins, from 1; in a JSON list the number of the entry, from 1.
    pub line: u64,
    /// The name of the file in an archive that has the row.
    pub member: Option<Arc<str>>,
    pub(crate) content: RowContent,
}

pub(crate) enum RowContent {
    /// The text of a JSON value.
    Json(Box<str>),
    /// A record of a CSV file; the cells of columns without a name are left out.
    Cells(Arc<[Box<str>]>, Cells),
    /// A record of an LDIF file: names and values of its attributes, in their order.
    Attributes(Vec<(Box<str>, Box<str>)>),
    /// Why the row cannot be read, and what of it can be shown.
    Unreadable(RejectedRow, Box<str>),
}

/// The cells of a record in one text.
pub(crate) struct Cells {
    pub(crate) text: Box<str>,
    /// Where each cell ends.
    pub(crate) ends: Box<[u32]>,
}

impl Cells {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let end = *end as usize;
            let cell = &self.text[start..end];
            start = end;
            cell
        })
    }

    /// The cells, those which are guarded by an apostrophe without it.
    pub(crate) fn without_apostrophes(&self, is_guarded: fn(&str) -> bool) -> Self {
        let mut text = String::with_capacity(self.text.len());
        let end = |cell: &str| {
            text.push_str(if is_guarded(cell) { &cell[1..] } else { cell });
            u32::try_from(text.len()).unwrap_or(u32::MAX)
        };
        let ends = self.iter().map(end).collect();
        let text = text.into();
        Self { text, ends }
    }
}

impl RawRow {
    /// How many bytes of memory its text takes, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match &self.content {
            RowContent::Json(text) | RowContent::Unreadable(_, text) => text.len(),
            RowContent::Cells(_, cells) => cells.text.len() + size_of_val(&*cells.ends),
            RowContent::Attributes(attributes) => attributes.iter().map(|(name, value)| name.len() + value.len()).sum(),
        }
    }

    /// Why the row cannot be read; `None` if it can, though mapping may reject it.
    #[must_use]
    pub const fn unreadable(&self) -> Option<&RejectedRow> {
        match &self.content {
            RowContent::Unreadable(reason, _) => Some(reason),
            _ => None,
        }
    }

    /// The row for the file of rejected rows: its JSON, with all digits of numbers, or a text if it is none.
    #[must_use]
    pub fn original(&self) -> Box<RawValue> {
        let as_text = |text: &str| to_raw_value(text).unwrap_or_default();
        let compact = |json: &Json<'_>| RawValue::from_string(json.to_string()).unwrap_or_default();
        match &self.content {
            RowContent::Json(text) => Json::parse(text).map_or_else(|_| as_text(text), |json| compact(&json)),
            RowContent::Unreadable(_, text) => as_text(text),
            _ => self.parse().map_or_else(|_| Box::default(), |json| compact(&json)),
        }
    }

    /// The text or the digits of a field.
    #[must_use]
    pub fn text(&self, field: &str) -> Option<Box<str>> {
        self.parse().ok()?.get(field)?.text().map(Into::into)
    }

    /// The row as a JSON object.
    pub(crate) fn parse(&self) -> Result<Json<'_>, RejectedRow> {
        match &self.content {
            RowContent::Unreadable(reason, _) => Err(reason.clone()),
            RowContent::Json(text) => match Json::parse(text) {
                Ok(object @ Json::Object(_)) => Ok(object),
                Ok(_) => Err(malformed("not a JSON object")),
                Err(JsonError::Broken) => Err(malformed("the JSON is broken")),
                Err(JsonError::TooDeep) => Err(malformed("the JSON is nested too deeply")),
            },
            RowContent::Cells(columns, cells) => {
                let named = columns.iter().zip(cells.iter()).filter(|(name, _)| !name.is_empty());
                let members = named.map(|(name, cell)| (Cow::Borrowed(&**name), Json::Text(Cow::Borrowed(cell))));
                Ok(Json::Object(members.collect()))
            }
            RowContent::Attributes(attributes) => Ok(Json::Object(group(attributes))),
        }
    }
}

/// Each attribute with the list of its values.
fn group(attributes: &[(Box<str>, Box<str>)]) -> Vec<(Cow<'_, str>, Json<'_>)> {
    let mut members: Vec<(Cow<'_, str>, Json<'_>)> = Vec::new();
    for (name, value) in attributes {
        let value = Json::Text(Cow::Borrowed(&**value));
        let known = members.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name));
        if let Some((_, Json::List(values))) = known {
            values.push(value);
        } else {
            members.push((Cow::Borrowed(&**name), Json::List(vec![value])));
        }
    }
    members
}

/// A row that is not of its format.
pub(crate) fn malformed(reason: impl Into<Box<str>>) -> RejectedRow {
    RejectedRow {
        field: None,
        code: RejectCode::Malformed,
        reason: reason.into(),
    }
}

impl fmt::Debug for RawRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawRow")
            .field("line", &self.line)
            .finish_non_exhaustive()
    }
}
