//! The rows of erasures, with their receipts as JSON.

use std::borrow::Cow;

use masthead_domain::tenant::{PoolId, TenantId};
use masthead_ports::{
    erasure::{ErasureId, ErasureOutcome, Receipt, ReceiptLine},
    keyed_hash::KeyedHash,
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::error::PgWriteError;
use crate::row::RowError;

/// A row as it is read; the columns of [`erasure_columns`].
pub(super) struct ErasureRow {
    pub(super) id: i64,
    pub(super) pool: i64,
    pub(super) requested_at: OffsetDateTime,
    pub(super) finished_at: Option<OffsetDateTime>,
    pub(super) tenant: String,
    pub(super) request_id: String,
    pub(super) source_system: String,
    pub(super) hashes: Vec<Vec<u8>>,
    pub(super) attempt_keys: Vec<Vec<u8>>,
    pub(super) numbers: Vec<i64>,
    pub(super) receipt: String,
}

/// A line of a receipt; the time in microseconds since 1970.
#[derive(Serialize, Deserialize)]
struct LineJson<'a> {
    source: Cow<'a, str>,
    outcome: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    #[serde(default, skip_serializing_if = "str::is_empty")]
    note: Cow<'a, str>,
    at: i64,
}

/// The lines as JSON.
pub(super) fn to_json(lines: &[ReceiptLine]) -> String {
    let lines: Vec<LineJson<'_>> = lines
        .iter()
        .map(|line| LineJson {
            source: line.source.as_ref().into(),
            outcome: line.outcome.name().into(),
            count: line.count,
            note: line.note.as_ref().into(),
            at: i64::try_from(line.at.unix_timestamp_nanos() / 1000).unwrap_or_default(),
        })
        .collect();
    // Texts and numbers always have a JSON form.
    serde_json::to_string(&lines).unwrap_or_else(|_| "[]".to_owned())
}

fn parse(json: &str) -> Option<Vec<ReceiptLine>> {
    let lines: Vec<LineJson<'_>> = serde_json::from_str(json).ok()?;
    let line = |line: LineJson<'_>| {
        let outcome = ErasureOutcome::ALL
            .into_iter()
            .find(|known| known.name() == line.outcome)?;
        Some(ReceiptLine {
            source: line.source.into_owned().into(),
            outcome,
            count: line.count,
            note: line.note.into_owned().into(),
            at: OffsetDateTime::from_unix_timestamp_nanos(i128::from(line.at) * 1000).ok()?,
        })
    };
    lines.into_iter().map(line).collect()
}

impl ErasureRow {
    pub(super) fn into_receipt(self) -> Result<Receipt, PgWriteError> {
        let corrupt = |column| RowError::Column { column };
        Ok(Receipt {
            id: ErasureId(self.id),
            pool: PoolId(self.pool),
            tenant: TenantId::parse(&self.tenant).map_err(|_| corrupt("tenant"))?,
            requested_at: self.requested_at,
            finished_at: self.finished_at,
            request_id: self.request_id.into(),
            source_system: self.source_system.into(),
            hashes: self.hashes.iter().filter_map(|hash| keyed_hash(hash)).collect(),
            lines: parse(&self.receipt).ok_or(corrupt("receipt"))?,
        })
    }
}

pub(super) fn keyed_hash(bytes: &[u8]) -> Option<KeyedHash> {
    bytes.try_into().ok().map(KeyedHash)
}

/// The lines with what was done now in the place of what waited; what was done before is counted together.
pub(super) fn replace(lines: &mut Vec<ReceiptLine>, done: Vec<ReceiptLine>) {
    for new in done {
        match lines.iter_mut().find(|line| line.source == new.source) {
            Some(line) => {
                let count = match (line.count, new.count) {
                    (Some(before), Some(now)) => Some(before + now),
                    (before, now) => now.or(before),
                };
                let outcome = count.map_or(new.outcome, ErasureOutcome::of_count);
                *line = ReceiptLine { count, outcome, ..new };
            }
            None => lines.push(new),
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn receipt_lines_round_trip() {
        let at = datetime!(2026-11-29 12:00:00.000_007 UTC);
        let mut lines = vec![
            ReceiptLine::of_count("registrations", 1, at),
            ReceiptLine::new("events", ErasureOutcome::Waiting, "soon", at),
        ];
        assert_eq!(parse(&to_json(&lines)).unwrap(), lines);
        replace(&mut lines, vec![ReceiptLine::of_count("events", 2, at)]);
        replace(&mut lines, vec![ReceiptLine::of_count("events", 0, at)]);
        assert_eq!(lines[1], ReceiptLine::of_count("events", 2, at));
        assert!(parse(r#"[{"source":"a","outcome":"b","at":1}]"#).is_none());
    }
}
