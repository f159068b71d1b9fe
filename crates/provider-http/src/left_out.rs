//! Which rows of an answer are left out of what is made of it, and telling of them.

use std::fmt::Display;

use masthead_domain::crid::Crid;
use masthead_ports::source::{CallContext, SourceName};

/// How many users the log names of one answer.
const MOST_NAMED: usize = 20;

/// The rows of one answer of which no account can be made.
#[derive(Debug, Default)]
pub struct SkippedRows {
    /// The user's id, or `None` where not even that can be read.
    ids: Vec<Option<Crid>>,
    first_reason: Option<String>,
}

impl SkippedRows {
    /// Adds a row, with what is wrong with it in words that repeat nothing of it.
    pub fn add(&mut self, id: Option<Crid>, reason: impl Display) {
        self.ids.push(id);
        self.first_reason.get_or_insert_with(|| reason.to_string());
    }

    /// Adds so many rows that cannot be read at all.
    pub fn add_unreadable(&mut self, rows: usize) {
        for _ in 0..rows {
            self.add(None, "a row cannot be read");
        }
    }

    /// Whether any row is left out.
    #[must_use]
    pub const fn any(&self) -> bool {
        !self.ids.is_empty()
    }

    /// Logs, once, how many rows are left out, the ids of the first few, and what is wrong with the first of all.
    pub fn log(&self, source: SourceName, cx: &CallContext, operation: &'static str) {
        let Some(reason) = &self.first_reason else { return };
        let named: Vec<&str> = self.ids.iter().flatten().take(MOST_NAMED).map(Crid::as_str).collect();
        tracing::warn!(
            source.name = source,
            operation,
            tenant = %cx.tenant.id,
            rows = self.ids.len(),
            users = named.join(" "),
            reason = %reason,
            "rows of an answer are left out"
        );
    }

    /// The ids, for a [`Step`](masthead_ports::walk::Step).
    #[must_use]
    pub fn into_ids(self) -> Vec<Option<Crid>> {
        self.ids
    }
}
