//! Rejects duplicate addresses in pools whose addresses are unique.

use std::collections::HashMap;

use super::error::{ImportLineError, ImportStopError};
use crate::{database::Transaction, record::RegistrationRecord};

/// Rejects the first line whose address another line of the batch or a registration of the pool has.
pub(super) async fn refuse_taken_addresses(
    transaction: &mut Transaction,
    pool: i64,
    records: &[(u64, RegistrationRecord<'_>)],
) -> Result<(), ImportStopError> {
    let mut lines = HashMap::with_capacity(records.len());
    let taken = |line| ImportStopError::Line {
        line,
        problem: ImportLineError::EmailTaken,
    };
    for (line, record) in records
        .iter()
        .filter(|(_, record)| !record.computed.keys.email.is_empty())
    {
        if lines.insert(record.computed.keys.email.to_string(), *line).is_some() {
            return Err(taken(*line));
        }
    }
    let keys: Vec<String> = lines.keys().cloned().collect();
    let used = sqlx::query_scalar!(
        r#"SELECT r.email_key AS "email_key!" FROM unnest($2::text[]) AS k (email_key)
           CROSS JOIN LATERAL (SELECT r.email_key FROM registrations AS r
              WHERE r.pool = $1 AND r.email_key = k.email_key AND r.deleted_at IS NULL OFFSET 0) AS r"#,
        pool,
        &keys,
    )
    .fetch_all(transaction)
    .await?;
    match used.iter().filter_map(|key| lines.get(key)).min() {
        Some(line) => Err(taken(*line)),
        None => Ok(()),
    }
}
