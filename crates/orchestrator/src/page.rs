//! Paging a few users in memory, by the same rules as a source's own search.

use std::cmp::Ordering;

use masthead_domain::{
    account::Account,
    order::{ListCursor, SortKey},
    query::{Position, UserQuery},
};

/// One page of items that carry an account, and how many there were.
#[derive(Debug)]
pub(crate) struct Slice<T> {
    pub(crate) items: Vec<T>,
    /// The place of the last item, when more follow.
    pub(crate) next: Option<SortKey>,
    pub(crate) total: u64,
}

/// Sorts and cuts.
pub(crate) fn slice<T>(
    items: Vec<T>,
    account: impl Fn(&T) -> &Account,
    query: &UserQuery,
    outside_provider: bool,
) -> Slice<T> {
    // One is in order: what most exact look-ups find.
    if items.len() == 1 && query.position == Position::Offset(0) && query.size > 0 {
        return Slice {
            items,
            next: None,
            total: 1,
        };
    }
    let (column, direction) = (query.order.column, query.order.direction);
    let mut keyed: Vec<(SortKey, T)> = items
        .into_iter()
        .map(|item| (SortKey::for_account(account(&item), column, outside_provider), item))
        .collect();
    keyed.sort_by(|(a, _), (b, _)| a.compare(b, direction));
    let total = keyed.len();
    let skipped = match &query.position {
        Position::Offset(offset) => usize::try_from(*offset).unwrap_or(usize::MAX),
        // What a source has marked is a place in its own list, and this is not its list: nobody comes after.
        Position::After(ListCursor::Opaque(_)) => usize::MAX,
        Position::After(ListCursor::Key(place)) => keyed
            .iter()
            .take_while(|(key, _)| key.compare(place, direction) != Ordering::Greater)
            .count(),
    };
    let end = skipped.saturating_add(usize::from(query.size));
    let next = if end < total {
        keyed.get(end - 1).map(|(key, _)| key.clone())
    } else {
        None
    };
    Slice {
        items: keyed
            .into_iter()
            .skip(skipped)
            .take(usize::from(query.size))
            .map(|(_, item)| item)
            .collect(),
        next,
        // A `usize` of this platform always fits.
        total: total as u64,
    }
}
