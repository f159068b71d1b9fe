//! The answer table: what a read returns for the findings of two sources about one user (contract `answers.md`).

use crate::query::OnProviderFailure;

/// The result of one source for one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Finding {
    /// It has the user now.
    Found,
    /// It could not be reached; it had the user when it last answered.
    Stale,
    /// It confirmed, by its documented signal, that it has no such user.
    Absent,
    /// It gave no usable answer, and no earlier answer is known.
    Unknown,
}

/// What the caller receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReadOutcome {
    /// The user, complete and current.
    Complete,
    /// The user, as far as known.
    Partial,
    /// Every queried source confirmed that there is no such user.
    NoSuchUser,
    /// A source that may have the user did not answer.
    Unavailable,
}

impl Finding {
    /// Whether the source answered now.
    #[must_use]
    pub const fn is_live(self) -> bool {
        match self {
            Self::Found | Self::Absent => true,
            Self::Stale | Self::Unknown => false,
        }
    }
}

/// The answer table for a request to the provider and the store.
#[must_use]
pub const fn decide(provider: Finding, store: Finding, on_failure: OnProviderFailure) -> ReadOutcome {
    use Finding::{Absent, Found, Stale, Unknown};

    if matches!(on_failure, OnProviderFailure::Fail) && !(provider.is_live() && store.is_live()) {
        return ReadOutcome::Unavailable;
    }
    match (provider, store) {
        (Found | Absent, Found) | (Found, Absent) => ReadOutcome::Complete,
        (Found, Stale | Unknown) | (Stale, Found | Stale | Absent) | (Absent, Stale) | (Unknown, Found | Stale) => {
            ReadOutcome::Partial
        }
        (Absent, Absent) => ReadOutcome::NoSuchUser,
        (Stale | Absent, Unknown) | (Unknown, Absent | Unknown) => ReadOutcome::Unavailable,
    }
}

/// The answer table for a request to the store alone.
#[must_use]
pub const fn decide_store_only(store: Finding) -> ReadOutcome {
    match store {
        Finding::Found => ReadOutcome::Complete,
        Finding::Stale => ReadOutcome::Partial,
        Finding::Absent => ReadOutcome::NoSuchUser,
        Finding::Unknown => ReadOutcome::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::{Finding::*, OnProviderFailure::*, ReadOutcome::*, *};

    #[test]
    fn decisions_match_published_table() {
        // Columns: store found, absent, unknown; rows as published.
        let rows = [
            (Found, [Complete, Complete, Partial]),
            (Stale, [Partial, Partial, Unavailable]),
            (Absent, [Complete, NoSuchUser, Unavailable]),
            (Unknown, [Partial, Unavailable, Unavailable]),
        ];
        for (provider, cells) in rows {
            for (store, cell) in [Found, Absent, Unknown].into_iter().zip(cells) {
                assert_eq!(decide(provider, store, Degrade), cell, "{provider:?} × {store:?}");
                let live = provider.is_live() && store.is_live();
                let strict = if live { cell } else { Unavailable };
                assert_eq!(decide(provider, store, Fail), strict, "{provider:?} × {store:?}, fail");
            }
        }
    }

    #[test]
    fn unavailable_source_is_never_absent() {
        let all = [Found, Stale, Absent, Unknown];
        for (provider, store) in all.into_iter().flat_map(|p| all.map(|s| (p, s))) {
            for mode in [Degrade, Fail] {
                if decide(provider, store, mode) == NoSuchUser {
                    assert_eq!((provider, store), (Absent, Absent));
                }
                if decide(provider, store, mode) == Complete {
                    assert!(provider.is_live() && store.is_live());
                }
            }
        }
    }
}
