//! A warning for each slow statement: its name and how long it took, never its text.

use std::time::{Duration, Instant};

/// From here on a statement is slow.
const SLOW: Duration = Duration::from_secs(1);

/// Keywords before the name of a table.
const BEFORE_TABLE: &[&str] = &["FROM", "INTO", "UPDATE", "JOIN", "TABLE", "COPY"];

/// Measures a statement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StatementTimer(Instant);

impl StatementTimer {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Warns if the statement took long.
    pub(crate) fn stop(self, name: impl FnOnce() -> String) {
        let took = self.0.elapsed();
        if took >= SLOW {
            warn(&name(), took);
        }
    }
}

fn warn(statement: &str, took: Duration) {
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    tracing::warn!(statement, duration_ms, "slow statement");
}

/// The verb of a statement and the first table that it names: `update idempotency_keys`.
pub(crate) fn name_of(sql: &str) -> String {
    let mut words = sql.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '$');
    let mut words = words.by_ref().filter(|word| !word.is_empty());
    let first = words.next().unwrap_or("empty").to_ascii_lowercase();
    let mut words = words.skip_while(|word| !BEFORE_TABLE.contains(word));
    let is_table = |word: &&str| word.starts_with(|c: char| c.is_ascii_lowercase());
    let table = match first.as_str() {
        "update" | "copy" => sql.split_whitespace().nth(1),
        _ => words.nth(1),
    };
    match table.filter(is_table) {
        Some(table) => format!("{first} {table}"),
        None => first,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statement_is_named_by_verb_and_table() {
        for (sql, name) in [
            (
                "UPDATE idempotency_keys SET written = true WHERE id = $1",
                "update idempotency_keys",
            ),
            ("INSERT INTO mail_outbox (pool) SELECT $1", "insert mail_outbox"),
            ("SELECT id FROM registrations WHERE crid = $2", "select registrations"),
            ("DELETE FROM write_intents WHERE id = $2", "delete write_intents"),
            ("COPY events (pool) FROM STDIN (FORMAT binary)", "copy events"),
            (
                "WITH gone AS (DELETE FROM tombstones WHERE pool = $1)",
                "with tombstones",
            ),
            ("SELECT 1", "select"),
            ("SELECT n FROM (SELECT $1::bigint) AS q", "select"),
            ("", "empty"),
        ] {
            assert_eq!(name_of(sql), name, "{sql}");
        }
    }
}
