//! How all users are gone through, though no search shows more than its first thousand (`providers.md` §1.3).
//!
//! A scan requests the oldest users from a moment on, and next from the last moment of that page. So it never pages
//! deep, users created or changed meanwhile are never skipped, and it can be resumed at any time. Only users of the
//! same millisecond need a second page.

use masthead_ports::scan::ScanCursor;
use masthead_provider_kit::wire::milliseconds;
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::management::CAP;

/// Where the first window begins when it has to be narrow: no user is older than Auth0 (2013).
const OLDEST: i64 = 1_356_998_400_000;

/// The narrowest window, in milliseconds; a search that is too slow even for that is for an operator to look at.
const NARROWEST: i64 = 1_000;

/// A page within a window of users, in the order of their moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScanWindow {
    /// Where the window begins, in UNIX milliseconds; `None` has no beginning.
    from: Option<i64>,
    /// How many milliseconds the window has; `None` has no end.
    span: Option<i64>,
    /// The page, from 0 on.
    pub(crate) page: u64,
    /// How many users a page has; `None` means the configured length.
    pub(crate) per_page: Option<u64>,
    /// How many users came before the window.
    before: u64,
}

/// The parts of a page that decide the next position.
#[derive(Debug, Clone)]
pub(crate) struct ShownPage {
    /// The moments of the different users, in UNIX milliseconds, in any order; users without one are left out.
    pub(crate) moments: Vec<i64>,
    /// How many users a page has at most.
    pub(crate) limit: u64,
    pub(crate) length: u64,
    pub(crate) total: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NextWindow {
    /// The next page; `None` after the last.
    pub(crate) next: Option<ScanWindow>,
    /// How many users there are from the first window to the end of this one.
    pub(crate) expected: u64,
    /// As many users share one moment as any search shows, or more.
    pub(crate) truncated: bool,
}

impl ScanWindow {
    /// The first page of the users from a moment on; of all, without one.
    pub(crate) fn from(moment: Option<OffsetDateTime>) -> Self {
        Self {
            from: moment.map(milliseconds),
            ..Self::default()
        }
    }

    /// Parses a position; `None` when it is invalid.
    pub(crate) fn read(place: &ScanCursor) -> Option<Self> {
        serde_json::from_str(place.as_str()).ok()
    }

    pub(crate) fn to_place(self) -> Option<ScanCursor> {
        ScanCursor::parse(&serde_json::to_string(&self).ok()?)
    }

    /// The window: not before the first moment, before the second.
    pub(crate) fn window(&self) -> (Option<OffsetDateTime>, Option<OffsetDateTime>) {
        (self.from.and_then(moment), self.end().and_then(moment))
    }

    fn end(&self) -> Option<i64> {
        Some(self.from?.saturating_add(self.span?))
    }

    /// Half of this window, for a search that took too long; `None` when it is as narrow as can be.
    pub(crate) fn narrowed(&self, now: OffsetDateTime) -> Option<Self> {
        let from = self.from.unwrap_or(OLDEST);
        let span = self.span.unwrap_or_else(|| milliseconds(now).saturating_sub(from)) / 2;
        (span >= NARROWEST).then_some(Self {
            from: Some(from),
            span: Some(span),
            page: 0,
            ..*self
        })
    }

    pub(crate) fn followed(&self, shown: &ShownPage, now: OffsetDateTime) -> NextWindow {
        let before_page = self.page * shown.limit;
        let expected = self.before + shown.total;
        let way = |next| NextWindow {
            next,
            expected,
            truncated: false,
        };
        // An empty page before the end: the total includes users that Auth0 does not list.
        if before_page + shown.length >= shown.total || shown.length == 0 {
            return way(self.next_window(before_page + shown.length, now));
        }
        let newest = shown.moments.iter().copied().max();
        if let Some(newest) = newest.filter(|newest| self.from.is_none_or(|from| *newest > from)) {
            let older = shown.moments.iter().filter(|moment| **moment < newest).count() as u64;
            return way(Some(self.moved_to(newest, self.end(), before_page + older)));
        }
        if (self.page + 2) * shown.limit <= CAP {
            return way(Some(Self {
                page: self.page + 1,
                per_page: Some(shown.limit),
                ..*self
            }));
        }
        // A thousand users of one millisecond, or without a moment: more may exist, so the scan continues behind them
        // and reports a gap.
        let behind = self.from.map(|from| from.saturating_add(1));
        NextWindow {
            truncated: true,
            ..way(behind.map(|from| self.moved_to(from, self.end(), before_page + shown.length)))
        }
    }

    /// The window behind this one, twice as wide; `None` when this one reached the present.
    fn next_window(&self, users: u64, now: OffsetDateTime) -> Option<Self> {
        let end = self.end().filter(|end| *end <= milliseconds(now))?;
        let span = self.span?.saturating_mul(2);
        Some(self.moved_to(end, Some(end.saturating_add(span)), users))
    }

    fn moved_to(&self, from: i64, end: Option<i64>, users: u64) -> Self {
        Self {
            from: Some(from),
            span: end.map(|end| end.saturating_sub(from).max(1)),
            page: 0,
            per_page: None,
            before: self.before + users,
        }
    }
}

fn moment(milliseconds: i64) -> Option<OffsetDateTime> {
    let moment = OffsetDateTime::UNIX_EPOCH.checked_add(Duration::milliseconds(milliseconds))?;
    // What a query can write.
    (0..=9999).contains(&moment.year()).then_some(moment)
}

#[cfg(test)]
mod tests;
