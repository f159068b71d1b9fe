//! The answer table: what two sources' findings of one user come to (contract `answers.md`).

use crate::query::OnProviderFailure;

/// How one source answered about one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Finding {
    /// It has the user, live.
    Found,
    /// It could not be asked; it had the user when it last could.
    Stale,
    /// It said, by its own documented signal, that there is none.
    Absent,
    /// It gave no usable answer, and nothing is remembered.
    Unknown,
}

/// What the caller gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReadOutcome {
    /// The user, and nothing is missing or old.
    Complete,
    /// The user, as far as is known.
    Partial,
    /// Every source confirmed that there is none.
    NoSuchUser,
    /// A source that should know did not answer.
    Unavailable,
}

impl Finding {
    /// Whether it is the source's own word of now.
    #[must_use]
    pub const fn is_live(self) -> bool {
        match self {
            Self::Found | Self::Absent => true,
            Self::Stale | Self::Unknown => false,
        }
    }
}

/// The answer table, for a request that asked the provider and the store.
#[must_use]
pub const fn verdict(provider: Finding, store: Finding, on_failure: OnProviderFailure) -> ReadOutcome {
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

/// The answer of a request that asked the store alone.
#[must_use]
pub const fn store_alone(store: Finding) -> ReadOutcome {
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
    fn every_cell_of_the_published_table_holds() {
        // Columns: the store found, absent, unknown; rows as published.
        let rows = [
            (Found, [Complete, Complete, Partial]),
            (Stale, [Partial, Partial, Unavailable]),
            (Absent, [Complete, NoSuchUser, Unavailable]),
            (Unknown, [Partial, Unavailable, Unavailable]),
        ];
        for (provider, cells) in rows {
            for (store, cell) in [Found, Absent, Unknown].into_iter().zip(cells) {
                assert_eq!(verdict(provider, store, Degrade), cell, "{provider:?} × {store:?}");
                let live = provider.is_live() && store.is_live();
                let strict = if live { cell } else { Unavailable };
                assert_eq!(verdict(provider, store, Fail), strict, "{provider:?} × {store:?}, fail");
            }
        }
    }

    #[test]
    fn silence_is_never_absence() {
        let all = [Found, Stale, Absent, Unknown];
        for (provider, store) in all.into_iter().flat_map(|p| all.map(|s| (p, s))) {
            for mode in [Degrade, Fail] {
                if verdict(provider, store, mode) == NoSuchUser {
                    assert_eq!((provider, store), (Absent, Absent));
                }
                if verdict(provider, store, mode) == Complete {
                    assert!(provider.is_live() && store.is_live());
                }
            }
        }
    }
}
