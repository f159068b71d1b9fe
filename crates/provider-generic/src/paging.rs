//! How lists are cut into pages, and when there are no more.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{answer_error::GenericAnswerError, operation::ParamValue, pointer::Pointer};

/// How the pages of a list are requested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListPaging {
    pub(crate) style: PagingStyle,
    /// The most users of a page; the provider may return fewer.
    pub(crate) size: u64,
    pub(crate) size_name: Option<Box<str>>,
}

/// The parameter that selects the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PagingStyle {
    None,
    /// Its number, from `first` on.
    Page {
        name: Box<str>,
        first: u64,
    },
    /// How many users are before it.
    Offset {
        name: Box<str>,
    },
    /// Taken from the page before.
    Cursor {
        name: Box<str>,
        next: Pointer,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PagePosition {
    pub(crate) pages: u64,
    /// Users on the pages before, each once a page: a page that has one twice is no reason to leap over another.
    pub(crate) rows: u64,
    cursor: Option<String>,
}

impl PagePosition {
    /// Whether the next page is requested with a cursor of the page before.
    pub(crate) const fn has_cursor(&self) -> bool {
        self.cursor.is_some()
    }
}

impl ListPaging {
    pub(crate) fn params(&self, place: &PagePosition) -> Vec<(String, ParamValue)> {
        let at = match &self.style {
            PagingStyle::None => return Vec::new(),
            PagingStyle::Page { name, first } => Some((name.to_string(), ParamValue::Number(first + place.pages))),
            PagingStyle::Offset { name } => Some((name.to_string(), ParamValue::Number(place.rows))),
            PagingStyle::Cursor { name, .. } => place
                .cursor
                .clone()
                .map(|cursor| (name.to_string(), ParamValue::TextTemplate(cursor))),
        };
        let size = self
            .size_name
            .as_ref()
            .map(|name| (name.to_string(), ParamValue::Number(self.size)));
        at.into_iter().chain(size).collect()
    }

    /// Advances past a page with so many users, some of them duplicates; returns whether another page follows.
    ///
    /// Without a total or cursor, a page that is not full is the last.
    pub(crate) fn turn(
        &self,
        place: &mut PagePosition,
        rows: u64,
        doubles: u64,
        total: Option<u64>,
        next: Option<String>,
    ) -> Result<bool, GenericAnswerError> {
        place.pages += 1;
        place.rows += rows - doubles.min(rows);
        match &self.style {
            PagingStyle::None => Ok(false),
            PagingStyle::Page { .. } | PagingStyle::Offset { .. } => {
                Ok(rows > 0 && total.map_or(rows >= self.size, |total| place.rows < total))
            }
            PagingStyle::Cursor { .. } => {
                if next.is_some() && next == place.cursor {
                    return Err(GenericAnswerError::Contradiction);
                }
                place.cursor = next;
                Ok(place.cursor.is_some())
            }
        }
    }

    /// The cursor of the next page, if the answer has one.
    pub(crate) fn next(&self, body: &Value) -> Option<String> {
        let PagingStyle::Cursor { next, .. } = &self.style else {
            return None;
        };
        match next.find(body)? {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paging(style: PagingStyle) -> ListPaging {
        ListPaging {
            style,
            size: 50,
            size_name: Some("limit".into()),
        }
    }

    #[test]
    fn offsets_count_users_pages_count_up() {
        let offset = paging(PagingStyle::Offset { name: "offset".into() });
        let mut place = PagePosition::default();
        // The provider cuts pages to 20.
        assert_eq!(offset.turn(&mut place, 20, 0, Some(45), None), Ok(true));
        let limit = ("limit".to_owned(), ParamValue::Number(50));
        assert_eq!(
            offset.params(&place),
            [("offset".to_owned(), ParamValue::Number(20)), limit.clone()]
        );
        let page = paging(PagingStyle::Page {
            name: "page".into(),
            first: 1,
        });
        assert_eq!(page.params(&place), [("page".to_owned(), ParamValue::Number(2)), limit]);
        assert_eq!(offset.turn(&mut place, 21, 1, Some(45), None), Ok(true));
        assert_eq!(offset.turn(&mut place, 5, 0, Some(45), None), Ok(false));
    }

    #[test]
    fn short_page_is_last_without_total() {
        let offset = paging(PagingStyle::Offset { name: "offset".into() });
        assert_eq!(offset.turn(&mut PagePosition::default(), 50, 0, None, None), Ok(true));
        assert_eq!(offset.turn(&mut PagePosition::default(), 49, 0, None, None), Ok(false));
        assert_eq!(
            offset.turn(&mut PagePosition::default(), 0, 0, Some(9), None),
            Ok(false)
        );
    }

    #[test]
    fn repeated_cursor_is_refused() {
        let next = Pointer::parse("/next").unwrap();
        let cursor = paging(PagingStyle::Cursor {
            name: "after".into(),
            next,
        });
        let mut place = PagePosition::default();
        assert_eq!(cursor.params(&place).len(), 1);
        assert_eq!(cursor.turn(&mut place, 0, 0, None, Some("a".into())), Ok(true));
        assert_eq!(
            cursor.turn(&mut place, 9, 0, None, Some("a".into())),
            Err(GenericAnswerError::Contradiction)
        );
        assert_eq!(cursor.turn(&mut place, 9, 0, None, None), Ok(false));
        assert_eq!(cursor.next(&serde_json::json!({"next": ""})), None);
        assert_eq!(cursor.next(&serde_json::json!({"next": 7})).as_deref(), Some("7"));
    }
}
