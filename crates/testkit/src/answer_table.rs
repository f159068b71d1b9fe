//! The published answer table (contract `answers.md`): the expected result of a read for each cell.

use masthead_domain::{
    account::Account,
    answer::{Completeness, SourceStatus, User},
    event::{Event, EventOutcome},
    query::OnProviderFailure,
};

/// The finding of one source about the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellFinding {
    /// It has the user.
    Found,
    /// It is unreachable and had the user earlier; never for the store, which is not cached.
    Stale,
    /// It confirms that it does not have the user.
    Absent,
    /// It does not answer.
    Unknown,
}

impl CellFinding {
    /// The findings of a provider.
    pub const PROVIDER: [Self; 4] = [Self::Found, Self::Stale, Self::Absent, Self::Unknown];
    /// The findings of the store.
    pub const STORE: [Self; 3] = [Self::Found, Self::Absent, Self::Unknown];

    const fn is_live(self) -> bool {
        matches!(self, Self::Found | Self::Absent)
    }

    const fn status(self) -> SourceStatus {
        match self {
            Self::Found | Self::Absent => SourceStatus::Ok,
            Self::Stale => SourceStatus::Stale,
            Self::Unknown => SourceStatus::Unavailable,
        }
    }

    const fn outcome(self) -> EventOutcome {
        match self {
            Self::Found | Self::Stale => EventOutcome::Found,
            Self::Absent => EventOutcome::Absent,
            Self::Unknown => EventOutcome::Unknown,
        }
    }
}

/// The expected result of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CellPromise {
    Merged { complete: bool },
    ProviderOnly { complete: bool },
    StoreOnly { complete: bool },
    NoUser,
    Unavailable,
}

/// One cell: the findings of both sources, and the failure mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableCell {
    /// The provider.
    pub provider: CellFinding,
    /// The store.
    pub store: CellFinding,
    /// The failure mode of the request.
    pub on_failure: OnProviderFailure,
}

/// Markers of the source of a user: a first name, and a metadata key that the other source lacks.
#[derive(Debug, Clone, Copy)]
pub struct SourceMarkers {
    /// The provider's.
    pub provider: (&'static str, &'static str),
    /// The store's.
    pub store: (&'static str, &'static str),
}

/// The observed result of a read.
#[derive(Debug)]
pub struct ObservedRead {
    /// The users and the completeness; `None` for an unavailable answer.
    pub answer: Option<(Vec<User>, Completeness)>,
    /// The events.
    pub events: Vec<Event>,
    /// The accounts written back.
    pub written: Vec<Account>,
    /// Whether write-backs are not expected: the store is read-only, or the read is a list.
    pub read_only: bool,
}

impl TableCell {
    /// Every cell.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for on_failure in [OnProviderFailure::Degrade, OnProviderFailure::Fail] {
            for provider in CellFinding::PROVIDER {
                all.extend(CellFinding::STORE.map(|store| Self {
                    provider,
                    store,
                    on_failure,
                }));
            }
        }
        all
    }

    /// The published table.
    const fn promise(self) -> CellPromise {
        let degraded = !(self.provider.is_live() && self.store.is_live());
        if degraded && matches!(self.on_failure, OnProviderFailure::Fail) {
            return CellPromise::Unavailable;
        }
        match (self.provider, self.store) {
            (CellFinding::Found, CellFinding::Found) => CellPromise::Merged { complete: true },
            (CellFinding::Found, CellFinding::Absent) => CellPromise::ProviderOnly { complete: true },
            (CellFinding::Found, CellFinding::Unknown) | (CellFinding::Stale, CellFinding::Absent) => {
                CellPromise::ProviderOnly { complete: false }
            }
            (CellFinding::Stale, CellFinding::Found) => CellPromise::Merged { complete: false },
            (CellFinding::Absent, CellFinding::Found) => CellPromise::StoreOnly { complete: true },
            (CellFinding::Absent, CellFinding::Absent) => CellPromise::NoUser,
            (CellFinding::Unknown, CellFinding::Found) => CellPromise::StoreOnly { complete: false },
            _ => CellPromise::Unavailable,
        }
    }

    /// Compares a read with this cell: the users, the completeness, the events and the write-backs. `store_event` is the number
    /// of the store's event for this kind of read.
    ///
    /// # Panics
    /// The read differs.
    pub fn holds(self, way: &str, marks: SourceMarkers, store_event: i32, observed: &ObservedRead) {
        let what = format!("{self:?}, {way}: {observed:?}");
        let (expected, complete) = match self.promise() {
            CellPromise::Merged { complete } => (Some((marks.provider.0, true, true)), complete),
            CellPromise::ProviderOnly { complete } => (Some((marks.provider.0, true, false)), complete),
            CellPromise::StoreOnly { complete } => (Some((marks.store.0, false, true)), complete),
            CellPromise::NoUser => (None, true),
            CellPromise::Unavailable => {
                assert!(observed.answer.is_none(), "{what}");
                assert_eq!(observed.written, [], "{what}");
                return;
            }
        };
        let (users, completeness) = observed.answer.as_ref().expect("an answer");
        let seen: Vec<_> = users
            .iter()
            .map(|User { account, .. }| {
                let has = |key| account.metadata.get(key).is_some();
                (&*account.first_name, has(marks.provider.1), has(marks.store.1))
            })
            .collect();
        assert_eq!(seen, Vec::from_iter(expected), "{what}");
        assert_eq!(completeness.complete, complete, "{what}");
        let statuses: Vec<_> = completeness.sources.iter().map(|source| source.status).collect();
        assert_eq!(statuses, [self.provider.status(), self.store.status()], "{what}");
        if self.provider == CellFinding::Stale {
            assert!(completeness.sources[0].as_of.is_some(), "{what}");
        }
        let mut events: Vec<_> = observed
            .events
            .iter()
            .map(|event| (event.kind.id(), event.outcome))
            .collect();
        events.sort_by_key(|(id, _)| *id);
        assert_eq!(
            events,
            [(store_event, self.store.outcome()), (4601, self.provider.outcome())],
            "{what}"
        );
        let wanted = !observed.read_only && self.provider == CellFinding::Found && self.store.is_live();
        assert_eq!(observed.written.len(), usize::from(wanted), "{what}");
    }
}
