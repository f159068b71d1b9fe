//! Open cursors: a query's matches, handed out batch by batch.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use time::{Duration, OffsetDateTime};

use super::Query;
use crate::gigya::refusal::Refusal;

/// How long a cursor waits for the next call.
const PATIENCE: Duration = Duration::seconds(300);

#[derive(Debug)]
struct Cursor {
    query: Query,
    matches: Vec<Arc<Value>>,
    batch: usize,
    /// Where the batch began that was handed out last: it may be asked for again.
    last: usize,
    /// Where the next one begins.
    next: usize,
    touched: OffsetDateTime,
}

/// One batch, and the name of the next when there is one.
#[derive(Debug)]
pub(in crate::gigya) struct Batch {
    pub(in crate::gigya) rows: Vec<Value>,
    pub(in crate::gigya) total: usize,
    pub(in crate::gigya) next: Option<String>,
}

#[derive(Debug, Default)]
pub(in crate::gigya) struct Cursors {
    open: HashMap<u64, Cursor>,
    made: u64,
}

impl Cursors {
    /// Opens a cursor and hands out its first batch.
    pub(in crate::gigya) fn open(
        &mut self,
        query: Query,
        matches: Vec<Arc<Value>>,
        batch: usize,
        now: OffsetDateTime,
    ) -> Batch {
        self.open.retain(|_, cursor| now - cursor.touched <= PATIENCE);
        self.made += 1;
        let cursor = Cursor {
            query,
            matches,
            batch,
            last: 0,
            next: batch,
            touched: now,
        };
        let first = batch_of(self.made, &cursor, 0);
        if first.next.is_some() {
            self.open.insert(self.made, cursor);
        }
        first
    }

    /// Hands out the batch of this name: the next one, or the last one once more.
    pub(in crate::gigya) fn next(&mut self, name: &str, overlaps: bool, now: OffsetDateTime) -> Result<Batch, Refusal> {
        let gone = || Refusal::invalid("cursorId", "unknown or expired");
        let (number, at) = unnamed(name).ok_or_else(gone)?;
        let cursor = self.open.get_mut(&number).ok_or_else(gone)?;
        if now - cursor.touched > PATIENCE || (at != cursor.next && at != cursor.last) {
            return Err(gone());
        }
        cursor.touched = now;
        cursor.last = at;
        cursor.next = at + cursor.batch;
        let mut batch = batch_of(number, cursor, at);
        if overlaps && let (Some(first), Some(before)) = (batch.rows.first_mut(), at.checked_sub(1)) {
            *first = cursor.query.shown(&cursor.matches[before]);
        }
        Ok(batch)
    }
}

fn batch_of(number: u64, cursor: &Cursor, at: usize) -> Batch {
    let end = cursor.matches.len().min(at + cursor.batch);
    let rows = cursor.matches[at.min(end)..end]
        .iter()
        .map(|account| cursor.query.shown(account));
    Batch {
        rows: rows.collect(),
        total: cursor.matches.len(),
        next: (end < cursor.matches.len()).then(|| format!("sandbox_{number:x}_{end:x}")),
    }
}

fn unnamed(name: &str) -> Option<(u64, usize)> {
    let (number, at) = name.strip_prefix("sandbox_")?.split_once('_')?;
    Some((
        u64::from_str_radix(number, 16).ok()?,
        usize::from_str_radix(at, 16).ok()?,
    ))
}
