//! How far a list goes before it turns to another way.

/// How far a list goes before it turns to another way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    /// How many index entries are walked at most, where the index alone decides.
    pub(super) walk_index: Entries,
    /// The same where each entry means reading its row.
    pub(super) walk_rows: Entries,
    /// The same where each row's tokens must be fetched besides.
    pub(super) walk_tokens: Entries,
    /// How many matches are looked at before only those are that come no later than enough of them.
    pub(super) sample: Entries,
    /// Up to this many matches are counted by their tokens; more are counted along the covering index.
    pub(super) count_by_tokens: i64,
}

/// A number of index entries: more for larger pages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entries {
    base: i64,
    per_row: i64,
}

impl Entries {
    pub(super) const fn of_page(self, rows: i64) -> i64 {
        self.base + self.per_row * rows
    }
}

impl Budget {
    /// What ADRs 0010 and 0079 found to keep both ways about equally dear at their worst.
    pub(super) const MEASURED: Self = Self {
        walk_index: Entries {
            base: 20_000,
            per_row: 40,
        },
        walk_rows: Entries {
            base: 3_000,
            per_row: 15,
        },
        walk_tokens: Entries { base: 500, per_row: 4 },
        sample: Entries {
            base: 2_000,
            per_row: 4,
        },
        count_by_tokens: 20_000,
    };

    /// The same small budget for all, which shows every way on few rows.
    pub(super) fn of(entries: u32) -> Self {
        let base = i64::from(entries);
        let walk = Entries { base, per_row: 0 };
        Self {
            walk_index: walk,
            walk_rows: walk,
            walk_tokens: walk,
            sample: Entries { base, per_row: 4 },
            count_by_tokens: base,
        }
    }
}
