//! Open search cursors: the matches of a query, returned batch by batch.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use time::{Duration, OffsetDateTime};

use super::error::GigyaCallError;
use super::query::{GigyaQuery, GigyaRows};

/// How long a cursor waits for the next call.
const LIFETIME: Duration = Duration::seconds(300);

#[derive(Debug)]
struct SearchCursor {
    query: GigyaQuery,
    matches: Vec<Arc<Value>>,
    batch: usize,
    /// Where the last batch began: it may be requested again.
    last: usize,
    /// Where the next one begins.
    next: usize,
    touched: OffsetDateTime,
}

/// One batch, and the name of the next one, if any.
pub(super) type CursorBatch = (GigyaRows, Option<String>);

#[derive(Debug, Default)]
pub(super) struct SearchCursors {
    open: HashMap<u64, SearchCursor>,
    last_number: u64,
}

impl SearchCursors {
    /// Opens a cursor and returns its first batch.
    pub(super) fn open(
        &mut self,
        query: GigyaQuery,
        matches: Vec<Arc<Value>>,
        batch: usize,
        now: OffsetDateTime,
    ) -> CursorBatch {
        self.open.retain(|_, cursor| now - cursor.touched <= LIFETIME);
        self.last_number += 1;
        let cursor = SearchCursor {
            query,
            matches,
            batch,
            last: 0,
            next: batch,
            touched: now,
        };
        let first = cursor.batch_at(self.last_number, 0);
        if first.1.is_some() {
            self.open.insert(self.last_number, cursor);
        }
        first
    }

    /// Returns the batch with this name: the next one, or the last one again.
    pub(super) fn next(
        &mut self,
        name: &str,
        overlapping: bool,
        now: OffsetDateTime,
    ) -> Result<CursorBatch, GigyaCallError> {
        let gone = || GigyaCallError::invalid("cursorId", "unknown or expired");
        let (number, at) = parse_name(name).ok_or_else(gone)?;
        let cursor = self.open.get_mut(&number).ok_or_else(gone)?;
        if now - cursor.touched > LIFETIME || (at != cursor.next && at != cursor.last) {
            return Err(gone());
        }
        cursor.touched = now;
        cursor.last = at;
        cursor.next = at + cursor.batch;
        let (mut rows, next) = cursor.batch_at(number, at);
        if overlapping && let (Some(first), Some(before)) = (rows.rows.first_mut(), at.checked_sub(1)) {
            *first = cursor.query.show(&cursor.matches[before]);
        }
        Ok((rows, next))
    }
}

impl SearchCursor {
    fn batch_at(&self, number: u64, at: usize) -> CursorBatch {
        let total = self.matches.len();
        let end = total.min(at + self.batch);
        let rows = self.matches[at.min(end)..end].iter();
        let rows = rows.map(|account| self.query.show(account)).collect();
        let next = (end < total).then(|| format!("sandbox_{number:x}_{end:x}"));
        (GigyaRows { rows, total }, next)
    }
}

fn parse_name(name: &str) -> Option<(u64, usize)> {
    let (number, at) = name.strip_prefix("sandbox_")?.split_once('_')?;
    let number = u64::from_str_radix(number, 16).ok()?;
    Some((number, usize::from_str_radix(at, 16).ok()?))
}
