//! One row of a file, before it is mapped.

use std::fmt;

use serde_json::Value;

use crate::rejection::RejectedRow;

/// One row of a file: a line of JSON, a record of a CSV or LDIF file, or an entry of a JSON list.
pub struct RawRow {
    /// The line where it begins, from 1; in a JSON list the number of the entry, from 1.
    pub line: u64,
    /// The row as JSON, also of CSV (header to cell) and LDIF (attribute to list of values); or why this row cannot be read,
    /// while the rows after it can.
    pub content: Result<Value, RejectedRow>,
}

impl fmt::Debug for RawRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawRow")
            .field("line", &self.line)
            .finish_non_exhaustive()
    }
}
