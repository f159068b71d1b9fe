//! Sort orders as SQL: the column, the tie-break, and the place of empty values.

use std::fmt;

use masthead_domain::{
    order::{Direction, ListCursor, Order, SortColumn, SortKey, SortValue},
    query::Position,
};
use sqlx::{Postgres, QueryBuilder};
use time::OffsetDateTime;

use super::{limits::MAX_KEY_BYTES, sql::push_sql};

pub(super) const FIRST_BEYOND_ASCII: u8 = 128;

/// An order, and the position at which the page begins.
pub(super) struct IndexScan<'a> {
    pub(super) column: SortColumn,
    pub(super) direction: Direction,
    pub(super) offset: i64,
    after: Option<&'a SortKey>,
}

/// An order has two parts, since empty values are last in both directions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SortPart {
    Filled = 0,
    Empty = 1,
}

/// What counts as empty in a column.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Emptiness {
    Never,
    Text,
    Null,
}

impl<'a> IndexScan<'a> {
    /// If all users have the same state, the order by state is the order by id.
    pub(super) fn new(order: Order, position: &'a Position, same_state: bool) -> Self {
        let column = match order.column {
            SortColumn::State if same_state => SortColumn::CustomerRegistrationId,
            column => column,
        };
        let (offset, after) = match position {
            Position::Offset(offset) => (i64::try_from(*offset).unwrap_or(i64::MAX), None),
            Position::After(ListCursor::Key(place)) => (0, Some(place)),
            // This store creates no marks; the search rejects them.
            Position::After(ListCursor::Opaque(_)) => (i64::MAX, None),
        };
        Self {
            column,
            direction: order.direction,
            offset,
            after,
        }
    }

    pub(super) const fn key(&self) -> &'static str {
        match self.column {
            SortColumn::CustomerRegistrationId => "crid",
            SortColumn::Email => "email_key",
            SortColumn::FirstName => "first_key",
            SortColumn::LastName => "last_key",
            SortColumn::State => "state",
            SortColumn::Verified => "verified",
            SortColumn::DateRegistered => "registered_at",
            SortColumn::ChangeDate => "changed_at",
        }
    }

    /// Whether the index of this order also has the texts of filters.
    pub(super) const fn is_covering(&self) -> bool {
        matches!(
            self.column,
            SortColumn::Email | SortColumn::FirstName | SortColumn::LastName
        )
    }

    /// Whether the covering indexes of other columns contain it.
    pub(super) const fn is_covered(&self) -> bool {
        self.is_covering() || matches!(self.column, SortColumn::CustomerRegistrationId)
    }

    const fn emptiness(&self) -> Emptiness {
        match self.column {
            SortColumn::CustomerRegistrationId | SortColumn::State | SortColumn::Verified => Emptiness::Never,
            SortColumn::Email | SortColumn::FirstName | SortColumn::LastName => Emptiness::Text,
            SortColumn::DateRegistered | SortColumn::ChangeDate => Emptiness::Null,
        }
    }

    pub(super) const fn is_after(&self) -> bool {
        self.after.is_some()
    }

    /// The parts that can have rows of the page.
    pub(super) fn parts(&self) -> &'static [SortPart] {
        match (self.emptiness(), self.after.map(is_empty)) {
            (Emptiness::Never, _) => &[SortPart::Filled],
            (Emptiness::Text | Emptiness::Null, Some(true)) => &[SortPart::Empty],
            (Emptiness::Text | Emptiness::Null, _) => &[SortPart::Filled, SortPart::Empty],
        }
    }

    /// An expression for the part of a row.
    pub(super) fn part_of(&self, alias: &str) -> String {
        let key = self.key();
        match self.emptiness() {
            Emptiness::Never => "0".to_owned(),
            Emptiness::Text => format!("({alias}.{key} = '')::int"),
            Emptiness::Null => format!("({alias}.{key} IS NULL)::int"),
        }
    }

    /// Conditions for the rows of this part after the cursor, each with a leading `AND`.
    pub(super) fn push_range(&self, sql: &mut QueryBuilder<Postgres>, alias: &str, part: SortPart) {
        let key = self.key();
        let condition = match (self.emptiness(), part) {
            (Emptiness::Never, _) => None,
            (Emptiness::Text, SortPart::Filled) => Some("> ''"),
            (Emptiness::Text, SortPart::Empty) => Some("= ''"),
            (Emptiness::Null, SortPart::Filled) => Some("IS NOT NULL"),
            (Emptiness::Null, SortPart::Empty) => Some("IS NULL"),
        };
        if let Some(condition) = condition {
            push_sql!(sql; " AND {alias}.{key} {condition}");
        }
        let Some(place) = self.after else { return };
        let later = match self.direction {
            Direction::Ascending => ">",
            Direction::Descending => "<",
        };
        let by_crid_alone = self.column == SortColumn::CustomerRegistrationId;
        match (part, is_empty(place) && self.emptiness() != Emptiness::Never) {
            // The cursor is in the filled part: all empty values come after it.
            (SortPart::Empty, false) => {}
            _ if by_crid_alone || part == SortPart::Empty => {
                push_sql!(sql; " AND {alias}.crid {later} ", ?place.crid.as_str().to_owned());
            }
            (SortPart::Filled | SortPart::Empty, _) => {
                push_sql!(sql; " AND ({alias}.{key}, {alias}.crid) {later} (", @self.push_value(sql, &place.value));
                push_sql!(sql; ", ", ?place.crid.as_str().to_owned(), ")");
            }
        }
    }

    /// Conditions for rows of this part that come no later than the single row of `bound`, each with a leading `AND`. Texts
    /// are also restricted to its ASCII initial, or to all characters beyond ASCII: with both ends of a range the planner
    /// expects few rows, although the bound is unknown to it.
    pub(super) fn push_up_to(&self, sql: &mut QueryBuilder<Postgres>, alias: &str, part: SortPart) {
        const CRID: &str = "(SELECT crid FROM bound)";
        let is_by_crid = part == SortPart::Empty || self.column == SortColumn::CustomerRegistrationId;
        let (key, k) = if is_by_crid {
            ("crid", CRID)
        } else {
            (self.key(), "(SELECT k FROM bound)")
        };
        let (sooner, later) = match self.direction {
            Direction::Ascending => ("<=", ">="),
            Direction::Descending => (">=", "<="),
        };
        push_sql!(sql; " AND {alias}.{key} {sooner} {k} AND {alias}.{key} ");
        match (self.column, self.direction) {
            (_, Direction::Ascending) if is_by_crid => push_sql!(sql; "{later} ", ?String::new()),
            (_, Direction::Descending) if is_by_crid => push_sql!(sql; "{later} ", ?after_all_keys()),
            (SortColumn::Email | SortColumn::FirstName | SortColumn::LastName, Direction::Ascending) => {
                // No text begins with character 0, and `ascii('')` is 0.
                push_sql!(sql; ">= chr(least(greatest(ascii({k}), 1), {FIRST_BEYOND_ASCII}))");
            }
            (SortColumn::Email | SortColumn::FirstName | SortColumn::LastName, Direction::Descending) => {
                push_sql!(sql; "< CASE WHEN ascii({k}) < {FIRST_BEYOND_ASCII} THEN chr(ascii({k}) + 1) ELSE ");
                push_sql!(sql; ?after_all_keys(), " END");
            }
            (SortColumn::DateRegistered | SortColumn::ChangeDate, Direction::Ascending) => {
                push_sql!(sql; ">= '-infinity'");
            }
            (SortColumn::DateRegistered | SortColumn::ChangeDate, Direction::Descending) => {
                push_sql!(sql; "<= 'infinity'");
            }
            (SortColumn::Verified, direction) => {
                push_sql!(sql; "{later} ", direction == Direction::Descending);
            }
            (SortColumn::State | SortColumn::CustomerRegistrationId, Direction::Ascending) => {
                push_sql!(sql; "{later} ", i16::MIN);
            }
            (SortColumn::State | SortColumn::CustomerRegistrationId, Direction::Descending) => {
                push_sql!(sql; "{later} ", i16::MAX);
            }
        }
        if !is_by_crid {
            push_sql!(sql; " AND ({alias}.{key}, {alias}.crid) {sooner} ({k}, {CRID})");
        }
    }

    /// Whether texts with this ASCII initial (its code) come before the row `bound`, which has another initial or is empty.
    pub(super) fn is_earlier(&self, code: &str, bound: &str) -> String {
        match self.direction {
            Direction::Ascending => format!(
                "({bound}.part = {} OR {code} < ascii({bound}.k))",
                SortPart::Empty as u8
            ),
            Direction::Descending => format!("{code} > ascii({bound}.k)"),
        }
    }

    /// Whether all texts with an initial beyond ASCII come before the row of `bound`.
    pub(super) fn are_beyond_ascii_earlier(&self) -> String {
        match self.direction {
            Direction::Ascending => format!("(SELECT part FROM bound) = {}", SortPart::Empty as u8),
            Direction::Descending => format!("(SELECT ascii(k) FROM bound) < {FIRST_BEYOND_ASCII}"),
        }
    }

    fn push_value(&self, sql: &mut QueryBuilder<Postgres>, value: &SortValue) {
        match (value, self.column) {
            (SortValue::Text(text), _) => push_sql!(sql; ?text.to_string()),
            (SortValue::Number(number), SortColumn::DateRegistered | SortColumn::ChangeDate) => {
                push_sql!(sql; ?number.and_then(moment));
            }
            (SortValue::Number(number), SortColumn::Verified) => push_sql!(sql; ?number.map(|number| number != 0)),
            (SortValue::Number(number), _) => push_sql!(sql; ?number.and_then(|number| i16::try_from(number).ok())),
        }
    }

    /// The sort of rows by `key`, within one part.
    pub(super) fn within(&self, key: &str, alias: &str) -> Sort {
        Sort {
            by: format!("{alias}.{key}"),
            crid: (self.column != SortColumn::CustomerRegistrationId).then(|| format!("{alias}.crid")),
            direction: self.direction,
        }
    }
}

pub(super) struct Sort {
    by: String,
    crid: Option<String>,
    direction: Direction,
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = match self.direction {
            Direction::Ascending => "ASC",
            Direction::Descending => "DESC",
        };
        write!(f, "{} {direction}", self.by)?;
        if let Some(crid) = &self.crid {
            write!(f, ", {crid} {direction}")?;
        }
        Ok(())
    }
}

/// A text after every key, by bytes.
fn after_all_keys() -> String {
    "\u{10ffff}".repeat(MAX_KEY_BYTES / 4 + 1)
}

fn is_empty(place: &SortKey) -> bool {
    match &place.value {
        SortValue::Text(text) => text.is_empty(),
        SortValue::Number(number) => number.is_none(),
    }
}

/// The time at this many microseconds since 1970.
fn moment(micros: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000).ok()
}
