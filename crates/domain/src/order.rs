//! The orders in which lists are answered, and the keys by which one continues in them.

use std::{cmp::Ordering, fmt};

use crate::{account::Account, customer_registration_id::CustomerRegistrationId, name};

/// The columns that `orderBy` numbers (contract §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SortColumn {
    /// 1
    CustomerRegistrationId,
    /// 2
    Email,
    /// 3
    FirstName,
    /// 4
    LastName,
    /// 5
    State,
    /// 6
    Verified,
    /// 7
    DateRegistered,
    /// 8
    ChangeDate,
}

impl SortColumn {
    /// Every column, in the order of its number from 1.
    pub const ALL: [Self; 8] = [
        Self::CustomerRegistrationId,
        Self::Email,
        Self::FirstName,
        Self::LastName,
        Self::State,
        Self::Verified,
        Self::DateRegistered,
        Self::ChangeDate,
    ];

    /// The column of this number, 1 to 8.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number).checked_sub(1)?).copied()
    }

    /// The name of the field that it sorts by.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CustomerRegistrationId => "customerRegistrationId",
            Self::Email => "email",
            Self::FirstName => "firstName",
            Self::LastName => "lastName",
            Self::State => "state",
            Self::Verified => "verified",
            Self::DateRegistered => "dateRegistered",
            Self::ChangeDate => "changeDate",
        }
    }
}

/// Ascending or descending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// `orderByType=0`
    #[default]
    Ascending,
    /// `orderByType=1`
    Descending,
}

/// An order of users: a column with the CRID as tie-break in the same direction; empty values last in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Order {
    /// The column.
    pub column: SortColumn,
    /// The direction of column and tie-break.
    pub direction: Direction,
}

impl Default for Order {
    /// By e-mail, then CRID, ascending.
    fn default() -> Self {
        Self {
            column: SortColumn::Email,
            direction: Direction::Ascending,
        }
    }
}

/// The value that a user has in a column.
#[derive(Clone, PartialEq, Eq)]
pub enum SortValue {
    /// A normalised text, compared by its bytes; `""` is empty.
    Text(Box<str>),
    /// A rank, a truth value, or microseconds since 1970; `None` is empty.
    Number(Option<i64>),
}

/// The place of a user in an order; two users of a pool never share one.
#[derive(Clone, PartialEq, Eq)]
pub struct SortKey {
    /// The value in the column of the order.
    pub value: SortValue,
    /// The tie-break.
    pub crid: CustomerRegistrationId,
}

/// Where a list goes on.
#[derive(Clone, PartialEq, Eq)]
pub enum ListCursor {
    /// After the user with this key.
    Key(SortKey),
    /// Where a source said, in a word of its own that only it understands: one whose order cannot be told from its
    /// accounts alone.
    Opaque(Box<str>),
}

impl From<SortKey> for ListCursor {
    fn from(key: SortKey) -> Self {
        Self::Key(key)
    }
}

impl SortKey {
    /// The place of this account, in the form that the store keeps: e-mails by their key, names folded, states by the
    /// rank of their name, times in whole microseconds.
    #[must_use]
    pub fn for_account(account: &Account, column: SortColumn, outside_provider: bool) -> Self {
        let text = |text: &str| SortValue::Text(text.into());
        let time = |at: Option<time::OffsetDateTime>| {
            SortValue::Number(at.and_then(|at| i64::try_from(at.unix_timestamp_nanos().div_euclid(1000)).ok()))
        };
        let value = match column {
            SortColumn::CustomerRegistrationId => text(account.crid.as_str()),
            SortColumn::Email => text(account.email.as_ref().map_or("", |email| email.key().as_str())),
            SortColumn::FirstName => text(&name::fold_name(&account.first_name)),
            SortColumn::LastName => text(&name::fold_name(&account.last_name)),
            SortColumn::State => SortValue::Number(Some(i64::from(account.state(outside_provider).rank()))),
            SortColumn::Verified => SortValue::Number(Some(i64::from(account.verified == Some(true)))),
            SortColumn::DateRegistered => time(account.registered_at),
            SortColumn::ChangeDate => time(account.changed_at),
        };
        Self {
            value,
            crid: account.crid.clone(),
        }
    }

    /// Compares two places of one order.
    #[must_use]
    pub fn compare(&self, other: &Self, direction: Direction) -> Ordering {
        let by_value = match (&self.value, &other.value) {
            (SortValue::Text(a), SortValue::Text(b)) => empty_last(
                Some(a).filter(|text| !text.is_empty()),
                Some(b).filter(|text| !text.is_empty()),
                direction,
            ),
            (SortValue::Number(a), SortValue::Number(b)) => empty_last(*a, *b, direction),
            // Two columns are never compared; some total order keeps this function total.
            (SortValue::Text(_), SortValue::Number(_)) => Ordering::Less,
            (SortValue::Number(_), SortValue::Text(_)) => Ordering::Greater,
        };
        by_value.then_with(|| directed(self.crid.cmp(&other.crid), direction))
    }
}

fn empty_last<T: Ord>(a: Option<T>, b: Option<T>, direction: Direction) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => directed(a.cmp(&b), direction),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

const fn directed(ordering: Ordering, direction: Direction) -> Ordering {
    match direction {
        Direction::Ascending => ordering,
        Direction::Descending => ordering.reverse(),
    }
}

impl fmt::Debug for SortValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SortValue(<redacted>)")
    }
}

impl fmt::Debug for ListCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key(_) => "Key(<redacted>)",
            Self::Opaque(_) => "Opaque(<redacted>)",
        })
    }
}

impl fmt::Debug for SortKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SortKey(<redacted>)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(crid: &str, first_name: &str) -> Account {
        Account {
            first_name: first_name.into(),
            ..Account::new(CustomerRegistrationId::parse(crid).unwrap())
        }
    }

    fn sorted(direction: Direction) -> Vec<&'static str> {
        let mut all = [("3", ""), ("1", "\u{c9}va"), ("4", ""), ("2", "eva"), ("5", "Adam")];
        all.sort_by(|a, b| {
            let key =
                |(crid, name): (&str, &str)| SortKey::for_account(&account(crid, name), SortColumn::FirstName, false);
            key(*a).compare(&key(*b), direction)
        });
        all.map(|(crid, _)| crid).to_vec()
    }

    #[test]
    fn empty_values_are_last_and_the_tie_break_goes_with_the_direction() {
        assert_eq!(sorted(Direction::Ascending), ["5", "1", "2", "3", "4"]);
        assert_eq!(sorted(Direction::Descending), ["2", "1", "5", "4", "3"]);
    }

    #[test]
    fn columns_are_numbered_from_one() {
        assert_eq!(SortColumn::from_number(1), Some(SortColumn::CustomerRegistrationId));
        assert_eq!(SortColumn::from_number(8), Some(SortColumn::ChangeDate));
        assert_eq!((SortColumn::from_number(0), SortColumn::from_number(9)), (None, None));
    }
}
