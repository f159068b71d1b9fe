//! The rows of an answer that cannot become accounts, and the log entry about them.

use std::fmt::Display;

use masthead_domain::customer_registration_id::CustomerRegistrationId;
use masthead_ports::source::{CallContext, SourceName};

/// The most user ids in one log entry.
const MOST_NAMED: usize = 20;

/// The rows of one answer that cannot become accounts.
#[derive(Debug, Default)]
pub struct SkippedRows {
    /// The user's id, or `None` where it is unreadable.
    ids: Vec<Option<CustomerRegistrationId>>,
    first_reason: Option<String>,
}

impl SkippedRows {
    /// Adds a row with a reason that contains no data of the row.
    pub fn add(&mut self, id: Option<CustomerRegistrationId>, reason: impl Display) {
        self.ids.push(id);
        self.first_reason.get_or_insert_with(|| reason.to_string());
    }

    /// Adds a number of unreadable rows.
    pub fn add_unreadable(&mut self, rows: usize) {
        for _ in 0..rows {
            self.add(None, "a row cannot be read");
        }
    }

    /// Whether any row was skipped.
    #[must_use]
    pub const fn any(&self) -> bool {
        !self.ids.is_empty()
    }

    /// Logs the number of skipped rows, the first ids and the first reason.
    pub fn log(&self, source: SourceName, cx: &CallContext, operation: &'static str) {
        let Some(reason) = &self.first_reason else { return };
        let named: Vec<&str> = self
            .ids
            .iter()
            .flatten()
            .take(MOST_NAMED)
            .map(CustomerRegistrationId::as_str)
            .collect();
        tracing::warn!(
            source.name = source,
            operation,
            tenant = %cx.tenant.id,
            rows = self.ids.len(),
            users = named.join(" "),
            flaw = %reason,
            "rows of an answer are left out"
        );
    }

    /// The ids, for a step of a scan.
    #[must_use]
    pub fn into_ids(self) -> Vec<Option<CustomerRegistrationId>> {
        self.ids
    }
}
