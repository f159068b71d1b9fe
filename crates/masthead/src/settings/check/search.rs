//! Checks the raw settings of `[search]`.

use crate::settings::{checker::Checker, model::SearchSettings, raw::RawSearch};

pub(in crate::settings) fn search(raw: &RawSearch, c: &mut Checker<'_>) -> Option<SearchSettings> {
    let max_depth = c.number("search.max_depth", &raw.max_depth, 1_000..=100_000_000);
    Some(SearchSettings { max_depth: max_depth? })
}
