//! How much a list reads before it changes its strategy.

/// Limits of the steps of a search; measured in ADR 0117.
#[derive(Debug, Clone, Copy)]
pub(super) struct SearchBudget {
    /// Entries of the order that are read first: a small pool has no more, and frequent matches fill a page within them.
    pub(super) first: EntryLimit,
    /// The same, if each entry requires reading its row.
    pub(super) first_rows: EntryLimit,
    /// Entries of the order that are read when the first ones promise a page within them, if each requires reading its row.
    pub(super) long_rows: EntryLimit,
    /// If the planner expects no more matches, all are gathered.
    pub(super) few: i64,
    /// So many of them are gathered at once, since the planner may be wrong.
    pub(super) gathered: EntryLimit,
    /// If the planner expects more, so many are read to know whether it is right, and as a sample.
    pub(super) sample: EntryLimit,
    /// So many users with one name are sorted when their list begins; more are found in the order of ids.
    pub(super) sorted_names: i64,
    /// The same, if a filter may exclude most of them.
    pub(super) sorted_names_filtered: i64,
    /// A part that is in none of so many sampled addresses is rare.
    pub(super) least_sample: usize,
}

/// A number of index entries or rows, which grows with the page.
#[derive(Debug, Clone, Copy)]
pub(super) struct EntryLimit {
    base: i64,
    per_row: i64,
}

impl EntryLimit {
    const fn new(base: i64, per_row: i64) -> Self {
        Self { base, per_row }
    }

    pub(super) const fn of_page(self, rows: i64) -> i64 {
        self.base + self.per_row * rows
    }
}

impl SearchBudget {
    pub(super) const MEASURED: Self = Self {
        first: EntryLimit::new(2_000, 10),
        first_rows: EntryLimit::new(300, 4),
        long_rows: EntryLimit::new(4_000, 10),
        few: 3_000,
        gathered: EntryLimit::new(2_000, 4),
        sample: EntryLimit::new(200, 1),
        sorted_names: 3_000,
        sorted_names_filtered: 20_000,
        least_sample: 100,
    };

    /// One small limit for all, so that tests reach every strategy with few rows.
    pub(super) fn uniform(entries: u32) -> Self {
        let limit = EntryLimit::new(i64::from(entries), 0);
        Self {
            first: limit,
            first_rows: limit,
            long_rows: limit,
            // At least a page, which a bound needs.
            sample: EntryLimit::new(i64::from(entries), 1),
            few: 0,
            gathered: limit,
            sorted_names: i64::from(entries),
            sorted_names_filtered: i64::from(entries),
            least_sample: 0,
        }
    }
}
