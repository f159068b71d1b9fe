//! Going through every user of a provider, step by step, over days and restarts if need be.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use masthead_domain::{account::Account, customer_registration_id::CustomerRegistrationId, tenant::Tenant};
use time::OffsetDateTime;

use crate::source::{CallContext, SourceError, SourceName};

/// Which users a walk is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanExtent {
    /// All of them.
    Everything,
    /// Those who were made or changed at this moment or later. A walk looks a little further back than that, as far as its
    /// provider's search may lag; whoever is gone is not among them.
    ChangedSince(OffsetDateTime),
}

/// Where a walk goes on: a text of the walk's own, without personal data or secrets, fit to be kept over restarts.
#[derive(Clone, PartialEq, Eq)]
pub struct ScanCursor(Box<str>);

impl ScanCursor {
    /// The longest place, in bytes; a provider's own cursor may be part of it.
    pub const MAX_BYTES: usize = 4 * 1024;

    /// Takes the text of a place; `None` when it is empty, too long, or holds a control character, which no store keeps.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let good = (1..=Self::MAX_BYTES).contains(&text.len()) && !text.chars().any(char::is_control);
        good.then(|| Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ScanCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A provider's cursor is for the provider alone.
        f.debug_struct("Place").finish_non_exhaustive()
    }
}

/// What one step of a walk has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanPage {
    /// The accounts, each once, as they are now or were within the provider's lag. Other steps may show them again.
    pub accounts: Vec<Account>,
    /// Where it goes on; `None` after the last step.
    pub next: Option<ScanCursor>,
    /// How many different accounts the whole walk comes to, as the provider says at this step. A run that was shown fewer is
    /// not whole, so a walk leaves out a number that its accounts cannot be held against.
    pub expected: Option<u64>,
    /// The provider has users here whom it does not show: the walk goes on behind them, and proves nobody absent.
    pub truncated: bool,
    /// Somebody may be missing from the step whom the provider has: a user of whom no account can be made, or one who
    /// slipped over the edge of a page. Such a walk shows who is there, and not that nobody else is.
    pub gaps: bool,
    /// The rows of the step of which no account can be made: the user's id, or `None` where not even that can be read.
    /// Where there are any, the step has gaps. The provider has such a user: one whose id is here is not missing.
    pub left_out: Vec<Option<CustomerRegistrationId>>,
}

/// The users of a tenant's provider, in an order of the walk's own.
///
/// Whoever is there from a walk's first step to its last is in one of the steps, unless a step was truncated, or the
/// provider knows no order in which users who come and go do not push others over the edge of a page (each adapter says).
#[async_trait]
pub trait UserScan: Send + Sync {
    /// The name by which answers and metrics call the provider.
    fn name(&self) -> SourceName;

    /// Whether it can tell who was changed. Where it cannot, every walk is about [`ScanExtent::Everything`], whatever is asked.
    fn can_list_changes(&self) -> bool;

    /// Makes one step from a place, or the first one. It makes one call as a rule, and a few at most.
    ///
    /// A place that is none of this walk's, such as one of a provider that the tenant had before, is taken as the beginning.
    async fn fetch_page(
        &self,
        cx: &CallContext,
        scope: ScanExtent,
        from: Option<&ScanCursor>,
    ) -> Result<ScanPage, SourceError>;
}

/// Gives each tenant the walk through its provider.
pub trait UserScans: Send + Sync {
    /// The walk through this tenant's provider; `None` when its flow names none, or one that cannot be walked.
    fn for_tenant(&self, tenant: &Arc<Tenant>) -> Option<Arc<dyn UserScan>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_bounded_and_can_be_kept() {
        assert_eq!(ScanCursor::parse("{\"page\":2}").unwrap().as_str(), "{\"page\":2}");
        for bad in [String::new(), "a\0b".to_owned(), "a".repeat(ScanCursor::MAX_BYTES + 1)] {
            assert_eq!(ScanCursor::parse(&bad), None);
        }
        assert_eq!(
            format!("{:?}", ScanCursor::parse("secret-cursor").unwrap()),
            "Place { .. }"
        );
    }
}
