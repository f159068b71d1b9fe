//! Limits of a list's index scan.

/// How far a list scans before it changes its strategy.
#[derive(Debug, Clone, Copy)]
pub(super) struct SearchBudget {
    /// The maximum number of index entries, if the index alone decides.
    pub(super) scan_index: EntryLimit,
    /// The same, if each entry requires reading its row.
    pub(super) scan_rows: EntryLimit,
    /// The same, if each row's search terms are read too.
    pub(super) scan_terms: EntryLimit,
    /// The number of matches in the sample that bounds the page.
    pub(super) sample: EntryLimit,
    /// Up to this many matches are counted by their search terms; more are counted in the covering index.
    pub(super) count_by_terms: i64,
}

/// A number of index entries, which grows with the page.
#[derive(Debug, Clone, Copy)]
pub(super) struct EntryLimit {
    base: i64,
    per_row: i64,
}

impl EntryLimit {
    pub(super) const fn of_page(self, rows: i64) -> i64 {
        self.base + self.per_row * rows
    }
}

impl SearchBudget {
    /// Measured in ADRs 0010 and 0079: at these values both strategies cost about the same in their worst cases.
    pub(super) const MEASURED: Self = Self {
        scan_index: EntryLimit {
            base: 20_000,
            per_row: 40,
        },
        scan_rows: EntryLimit {
            base: 3_000,
            per_row: 15,
        },
        scan_terms: EntryLimit { base: 500, per_row: 4 },
        sample: EntryLimit {
            base: 2_000,
            per_row: 4,
        },
        count_by_terms: 20_000,
    };

    /// One small limit for all, so that tests reach every strategy with few rows.
    pub(super) fn uniform(entries: u32) -> Self {
        let base = i64::from(entries);
        let limit = EntryLimit { base, per_row: 0 };
        Self {
            scan_index: limit,
            scan_rows: limit,
            scan_terms: limit,
            sample: EntryLimit { base, per_row: 4 },
            count_by_terms: base,
        }
    }
}
