//! The published answer table (contract `answers.md`), cell by cell: what a read of one user comes to.

use masthead_domain::{
    account::Account,
    answer::{Completeness, SourceStatus, User},
    event::{Event, EventOutcome},
    query::OnProviderFailure,
};

/// What one side has to say of the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellFinding {
    /// It has them.
    Found,
    /// It had them when it could be asked; the store has no memory, and is never this.
    Stale,
    /// It says that it has not.
    Absent,
    /// It says nothing.
    Unknown,
}

impl CellFinding {
    /// What a provider can be.
    pub const PROVIDER: [Self; 4] = [Self::Found, Self::Stale, Self::Absent, Self::Unknown];
    /// What the store can be.
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

/// What a cell promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Promise {
    Merged { complete: bool },
    Theirs { complete: bool },
    Ours { complete: bool },
    Nobody,
    CannotTell,
}

/// One cell: what the provider and the store have to say, and what silence does to the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableCell {
    /// The provider.
    pub theirs: CellFinding,
    /// The store.
    pub ours: CellFinding,
    /// The request's own wish.
    pub on_failure: OnProviderFailure,
}

/// By what the user of a test is told to be one side's: a first name, and a metadata key that the other side lacks.
#[derive(Debug, Clone, Copy)]
pub struct SourceMarkers {
    /// The provider's.
    pub theirs: (&'static str, &'static str),
    /// The store's.
    pub ours: (&'static str, &'static str),
}

/// What a read came to.
#[derive(Debug)]
pub struct ObservedRead {
    /// The users and what the sources said; `None` where nobody could tell.
    pub answer: Option<(Vec<User>, Completeness)>,
    /// What the audit log was told.
    pub events: Vec<Event>,
    /// What was written to the store afterwards.
    pub written: Vec<Account>,
    /// Whether nothing may have been written: the store is only read, or the way in is a list.
    pub read_only: bool,
}

impl TableCell {
    /// Every cell.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for on_failure in [OnProviderFailure::Degrade, OnProviderFailure::Fail] {
            for theirs in CellFinding::PROVIDER {
                all.extend(CellFinding::STORE.map(|ours| Self {
                    theirs,
                    ours,
                    on_failure,
                }));
            }
        }
        all
    }

    /// The table as printed.
    const fn promise(self) -> Promise {
        let degraded = !(self.theirs.is_live() && self.ours.is_live());
        if degraded && matches!(self.on_failure, OnProviderFailure::Fail) {
            return Promise::CannotTell;
        }
        match (self.theirs, self.ours) {
            (CellFinding::Found, CellFinding::Found) => Promise::Merged { complete: true },
            (CellFinding::Found, CellFinding::Absent) => Promise::Theirs { complete: true },
            (CellFinding::Found, CellFinding::Unknown) | (CellFinding::Stale, CellFinding::Absent) => {
                Promise::Theirs { complete: false }
            }
            (CellFinding::Stale, CellFinding::Found) => Promise::Merged { complete: false },
            (CellFinding::Absent, CellFinding::Found) => Promise::Ours { complete: true },
            (CellFinding::Absent, CellFinding::Absent) => Promise::Nobody,
            (CellFinding::Unknown, CellFinding::Found) => Promise::Ours { complete: false },
            _ => Promise::CannotTell,
        }
    }

    /// Holds a read against this cell: who is answered and as how whole, what is said of the sources, which events tell of
    /// it, and that only a live answer is written down. `store_event` is the number of the store's event for this way in.
    ///
    /// # Panics
    /// When any of it is otherwise.
    pub fn holds(self, way: &str, marks: SourceMarkers, store_event: i32, came: &ObservedRead) {
        let what = format!("{self:?}, {way}: {came:?}");
        let (expected, complete) = match self.promise() {
            Promise::Merged { complete } => (Some((marks.theirs.0, true, true)), complete),
            Promise::Theirs { complete } => (Some((marks.theirs.0, true, false)), complete),
            Promise::Ours { complete } => (Some((marks.ours.0, false, true)), complete),
            Promise::Nobody => (None, true),
            Promise::CannotTell => {
                assert!(came.answer.is_none(), "{what}");
                assert_eq!(came.written, [], "{what}");
                return;
            }
        };
        let (users, completeness) = came.answer.as_ref().expect("an answer");
        let seen: Vec<_> = users
            .iter()
            .map(|User { account, .. }| {
                let has = |key| account.metadata.get(key).is_some();
                (&*account.first_name, has(marks.theirs.1), has(marks.ours.1))
            })
            .collect();
        assert_eq!(seen, Vec::from_iter(expected), "{what}");
        assert_eq!(completeness.complete, complete, "{what}");
        let told: Vec<_> = completeness.sources.iter().map(|source| source.status).collect();
        assert_eq!(told, [self.theirs.status(), self.ours.status()], "{what}");
        if self.theirs == CellFinding::Stale {
            assert!(completeness.sources[0].as_of.is_some(), "{what}");
        }
        let mut events: Vec<_> = came
            .events
            .iter()
            .map(|event| (event.kind.id(), event.outcome))
            .collect();
        events.sort_by_key(|(id, _)| *id);
        assert_eq!(
            events,
            [(store_event, self.ours.outcome()), (4601, self.theirs.outcome())],
            "{what}"
        );
        let wanted = !came.read_only && self.theirs == CellFinding::Found && self.ours.is_live();
        assert_eq!(came.written.len(), usize::from(wanted), "{what}");
    }
}
