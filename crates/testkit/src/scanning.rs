//! A whole scan, as a sync makes it.

use std::collections::BTreeSet;

use masthead_domain::account::Account;
use masthead_ports::{
    scan::{ScanCursor, ScanExtent, UserScan},
    source::SourceError,
};

use crate::source_client::{SourceClient, ids};

/// More pages than any test has.
const MAX_PAGES: usize = 10_000;

/// The result of a whole scan.
#[derive(Debug, Default)]
pub struct ScannedUsers {
    /// The accounts, possibly repeated.
    pub accounts: Vec<Account>,
    /// The number of pages.
    pub steps: usize,
    /// Whether any page was truncated.
    pub truncated: bool,
    /// Whether any page had gaps.
    pub gaps: bool,
    /// The highest expected number of users: a run with fewer is incomplete.
    pub expected: Option<u64>,
}

impl ScannedUsers {
    /// The ids of the accounts.
    #[must_use]
    pub fn ids(&self) -> BTreeSet<String> {
        ids(&self.accounts).into_iter().collect()
    }
}

/// Fetches all pages for the tenant of this client, and calls `between` after each page. The cursor is stored as text, as by
/// a sync.
///
/// # Errors
/// The first error of a page.
///
/// # Panics
/// The scan does not end.
pub async fn scan_all(
    client: &impl SourceClient,
    scan: &dyn UserScan,
    extent: ScanExtent,
    mut between: impl FnMut(usize) + Send,
) -> Result<ScannedUsers, SourceError> {
    let mut scanned = ScannedUsers::default();
    let mut cursor: Option<ScanCursor> = None;
    while scanned.steps < MAX_PAGES {
        let stored = cursor.and_then(|cursor| ScanCursor::parse(cursor.as_str()));
        let page = scan.fetch_page(&client.cx(), extent, stored.as_ref()).await?;
        scanned.steps += 1;
        scanned.truncated |= page.truncated;
        scanned.gaps |= page.gaps;
        scanned.expected = scanned.expected.max(page.expected);
        scanned.accounts.extend(page.accounts);
        between(scanned.steps);
        cursor = page.next;
        if cursor.is_none() {
            return Ok(scanned);
        }
    }
    panic!("the scan does not end")
}
