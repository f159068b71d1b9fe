//! Reading all users of a provider page by page, over days and restarts if necessary.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use masthead_domain::{account::Account, customer_registration_id::CustomerRegistrationId, tenant::Tenant};
use time::OffsetDateTime;

use crate::source::{CallContext, SourceError, SourceName};

/// Which users a scan covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanExtent {
    /// All users.
    Everything,
    /// Users created or changed at this time or later. The scan starts earlier by the lag of the provider's search. Deleted
    /// users are not found.
    ChangedSince(OffsetDateTime),
}

/// Where a scan continues: an opaque text without personal data or secrets, which survives restarts.
#[derive(Clone, PartialEq, Eq)]
pub struct ScanCursor(Box<str>);

impl ScanCursor {
    /// The maximum length, in bytes; a cursor of the provider may be a part of it.
    pub const MAX_BYTES: usize = 4 * 1024;

    /// Takes the text of a cursor; `None` when it is empty, too long, or contains a control character.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_valid = (1..=Self::MAX_BYTES).contains(&text.len()) && !text.chars().any(char::is_control);
        is_valid.then(|| Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ScanCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A cursor of the provider must not be logged.
        f.debug_struct("ScanCursor").finish_non_exhaustive()
    }
}

/// One page of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanPage {
    /// The accounts, each once, as they are now or were within the provider's lag. Other pages may repeat them.
    pub accounts: Vec<Account>,
    /// Where the scan continues; `None` after the last page.
    pub next: Option<ScanCursor>,
    /// The number of accounts of the whole scan, as the provider reports it with this page. A run with fewer accounts is
    /// incomplete, so a scan omits a number that does not count its accounts.
    pub expected: Option<u64>,
    /// The provider has users here that it does not return: the scan continues after them, and proves no user absent.
    pub truncated: bool,
    /// The page may lack users that the provider has: a row from which no account can be built, or a user moved past the
    /// edge of a page. Such a scan proves no user absent.
    pub gaps: bool,
    /// The rows from which no account can be built: the user's id, or `None` where it cannot be read. A page with such rows
    /// has gaps. Users whose id is here are not missing.
    pub left_out: Vec<Option<CustomerRegistrationId>>,
}

/// Reads the users of a tenant's provider, in an order of the adapter's choice.
///
/// Every user that exists from the first page of a scan to the last is in one of its pages, unless a page was truncated, or
/// the provider has no stable order (each adapter documents that).
#[async_trait]
pub trait UserScan: Send + Sync {
    /// The name in answers and metrics.
    fn name(&self) -> SourceName;

    /// Whether it can list only changed users. If not, every scan covers [`ScanExtent::Everything`].
    fn can_list_changes(&self) -> bool;

    /// Fetches the page at a cursor, or the first one; usually with one call.
    ///
    /// A cursor of another scan, such as one of the tenant's previous provider, starts from the beginning.
    async fn fetch_page(
        &self,
        cx: &CallContext,
        extent: ScanExtent,
        from: Option<&ScanCursor>,
    ) -> Result<ScanPage, SourceError>;
}

/// Creates the scan of each tenant's provider.
pub trait UserScans: Send + Sync {
    /// The scan of this tenant's provider; `None` when its flow names none, or one that cannot be scanned.
    fn for_tenant(&self, tenant: &Arc<Tenant>) -> Option<Arc<dyn UserScan>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_is_bounded_and_redacted() {
        assert_eq!(ScanCursor::parse("{\"page\":2}").unwrap().as_str(), "{\"page\":2}");
        for bad in [String::new(), "a\0b".to_owned(), "a".repeat(ScanCursor::MAX_BYTES + 1)] {
            assert_eq!(ScanCursor::parse(&bad), None);
        }
        assert_eq!(
            format!("{:?}", ScanCursor::parse("secret-cursor").unwrap()),
            "ScanCursor { .. }"
        );
    }
}
