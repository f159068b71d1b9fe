//! Going all the way through a source, as the sync does.

use std::collections::BTreeSet;

use masthead_domain::account::Account;
use masthead_ports::{
    scan::{ScanCursor, ScanExtent, UserScan},
    source::SourceError,
};

use crate::source_client::{SourceClient, ids};

/// More steps than any walk of a test has.
const ENDLESS: usize = 10_000;

/// What a whole walk has shown.
#[derive(Debug, Default)]
pub struct ScannedUsers {
    /// The accounts, as often as they were shown.
    pub accounts: Vec<Account>,
    /// How many steps it took.
    pub steps: usize,
    /// Whether any step said that there is more than it can show.
    pub truncated: bool,
    /// Whether any step said that it may have lost somebody.
    pub gaps: bool,
    /// The most that a step says there are: a run that is shown fewer is not whole.
    pub expected: Option<u64>,
}

impl ScannedUsers {
    /// The ids that were shown.
    #[must_use]
    pub fn ids(&self) -> BTreeSet<String> {
        ids(&self.accounts).into_iter().collect()
    }
}

/// Goes all the way for this tenant, letting `between` happen after each step; the place is kept as text, as a sync keeps it.
///
/// # Errors
/// The first of a step.
///
/// # Panics
/// When the walk has no end.
pub async fn scan_all(
    world: &impl SourceClient,
    walk: &dyn UserScan,
    scope: ScanExtent,
    mut between: impl FnMut(usize) + Send,
) -> Result<ScannedUsers, SourceError> {
    let mut walked = ScannedUsers::default();
    let mut place: Option<ScanCursor> = None;
    while walked.steps < ENDLESS {
        let kept = place.and_then(|place| ScanCursor::parse(place.as_str()));
        let step = walk.fetch_page(&world.cx(), scope, kept.as_ref()).await?;
        walked.steps += 1;
        walked.truncated |= step.truncated;
        walked.gaps |= step.gaps;
        walked.expected = walked.expected.max(step.expected);
        walked.accounts.extend(step.accounts);
        between(walked.steps);
        place = step.next;
        if place.is_none() {
            return Ok(walked);
        }
    }
    panic!("the walk has no end")
}
