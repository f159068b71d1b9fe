//! Where a page of the remote API begins, and the mark that encodes it.

use masthead_domain::{order::ListCursor, query::Position};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but RFC 3986's unreserved characters.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Where a page begins, in the remote API's terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PageStart<'a> {
    Offset(u64),
    /// At this cursor of the remote API.
    Cursor(&'a str),
}

/// How a mark begins that holds a cursor, and one that holds a number of users.
const CURSOR: &str = "c:";
const OFFSET: &str = "o:";

impl<'a> PageStart<'a> {
    /// The start of this position; `None` where the remote API cannot express it.
    pub(crate) fn from_position(position: &'a Position) -> Option<Self> {
        match position {
            Position::Offset(offset) => Some(Self::Offset(*offset)),
            Position::After(ListCursor::Key(_)) => None,
            Position::After(ListCursor::Opaque(mark)) => match mark.strip_prefix(CURSOR) {
                Some(cursor) => Some(Self::Cursor(cursor)),
                None => mark.strip_prefix(OFFSET)?.parse().ok().map(Self::Offset),
            },
        }
    }

    /// The mark that leads back to it.
    pub(crate) fn mark(self) -> Box<str> {
        match self {
            Self::Offset(offset) => format!("{OFFSET}{offset}").into(),
            Self::Cursor(cursor) => format!("{CURSOR}{cursor}").into(),
        }
    }
}

/// The number, from 1, of the page of this size that begins after so many users; `None` where none begins there.
pub(crate) fn page_number(offset: u64, size: u16) -> Option<u64> {
    let size = u64::from(size.max(1));
    offset.is_multiple_of(size).then(|| offset / size + 1)
}

/// A text as a part of a path or a query.
pub(crate) fn escaped(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

#[cfg(test)]
mod tests {
    use masthead_domain::order::SortKey;

    use super::*;

    #[test]
    fn mark_restores_its_position() {
        for goes in [
            PageStart::Offset(0),
            PageStart::Offset(2_000),
            PageStart::Cursor(""),
            PageStart::Cursor("o:7:é="),
        ] {
            let position = Position::After(ListCursor::Opaque(goes.mark()));
            assert_eq!(PageStart::from_position(&position), Some(goes));
        }
    }

    #[test]
    fn foreign_mark_is_none() {
        for text in ["", "o:", "o:-1", "o:x", "p:1", "c", "7"] {
            assert_eq!(
                PageStart::from_position(&Position::After(ListCursor::Opaque(text.into()))),
                None,
                "{text:?}"
            );
        }
        let account = masthead_testkit::accounts::account("1", "a@example.org", "", "");
        let key = SortKey::for_account(&account, masthead_domain::order::SortColumn::Email, false);
        assert_eq!(PageStart::from_position(&Position::After(key.into())), None);
    }

    #[test]
    fn page_number_needs_page_start() {
        assert_eq!(page_number(0, 10), Some(1));
        assert_eq!(page_number(20, 10), Some(3));
        assert_eq!(page_number(15, 10), None);
    }
}
