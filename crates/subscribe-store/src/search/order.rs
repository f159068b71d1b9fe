//! The orders of the contract as SQL: a column, its tie-break, and where its empty values are.

use std::fmt;

use masthead_domain::{
    order::{Direction, ListCursor, Order, SortColumn, SortKey, SortValue},
    query::Position,
};
use sqlx::{Postgres, QueryBuilder};
use time::OffsetDateTime;

use super::LONGEST_KEY;

/// The code of the first character that is no ASCII.
pub(super) const FIRST_BEYOND_ASCII: u8 = 128;

/// An order, and the place in it from which a page goes on.
pub(super) struct Walk<'a> {
    pub(super) column: SortColumn,
    pub(super) direction: Direction,
    pub(super) offset: i64,
    after: Option<&'a SortKey>,
}

/// The rows of an order in two parts, since empty values are last in both directions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Filled = 0,
    Empty = 1,
}

/// What emptiness is in a column.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Emptiness {
    Never,
    Text,
    Null,
}

impl<'a> Walk<'a> {
    /// Where every user has the same state, the order by state is the order by id.
    pub(super) fn of(order: Order, position: &'a Position, same_state: bool) -> Self {
        let column = match order.column {
            SortColumn::State if same_state => SortColumn::CustomerRegistrationId,
            column => column,
        };
        let (offset, after) = match position {
            Position::Offset(offset) => (i64::try_from(*offset).unwrap_or(i64::MAX), None),
            Position::After(ListCursor::Key(place)) => (0, Some(place)),
            // This store makes no marks; the search refuses them.
            Position::After(ListCursor::Opaque(_)) => (i64::MAX, None),
        };
        Self {
            column,
            direction: order.direction,
            offset,
            after,
        }
    }

    /// The name of the column.
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

    /// The index that holds this order without the rows, and with the texts that filters look at.
    pub(super) const fn is_covering(&self) -> bool {
        matches!(
            self.column,
            SortColumn::Email | SortColumn::FirstName | SortColumn::LastName
        )
    }

    /// Whether the covering indexes of other columns have its own.
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

    /// Whether the page goes on from a place.
    pub(super) const fn is_after(&self) -> bool {
        self.after.is_some()
    }

    /// The parts that can still hold rows of the page.
    pub(super) fn parts(&self) -> &'static [Part] {
        match (self.emptiness(), self.after.map(is_empty)) {
            (Emptiness::Never, _) => &[Part::Filled],
            (Emptiness::Text | Emptiness::Null, Some(true)) => &[Part::Empty],
            (Emptiness::Text | Emptiness::Null, _) => &[Part::Filled, Part::Empty],
        }
    }

    /// An expression that is the part of a row.
    pub(super) fn part_of(&self, alias: &str) -> String {
        let key = self.key();
        match self.emptiness() {
            Emptiness::Never => "0".to_owned(),
            Emptiness::Text => format!("({alias}.{key} = '')::int"),
            Emptiness::Null => format!("({alias}.{key} IS NULL)::int"),
        }
    }

    /// Conditions that hold for exactly the rows of this part that come after the place, each with `AND` before it.
    pub(super) fn push_range(&self, sql: &mut QueryBuilder<Postgres>, alias: &str, part: Part) {
        let key = self.key();
        match (self.emptiness(), part) {
            (Emptiness::Never, _) => {}
            (Emptiness::Text, Part::Filled) => {
                sql.push(format_args!(" AND {alias}.{key} > ''"));
            }
            (Emptiness::Text, Part::Empty) => {
                sql.push(format_args!(" AND {alias}.{key} = ''"));
            }
            (Emptiness::Null, Part::Filled) => {
                sql.push(format_args!(" AND {alias}.{key} IS NOT NULL"));
            }
            (Emptiness::Null, Part::Empty) => {
                sql.push(format_args!(" AND {alias}.{key} IS NULL"));
            }
        }
        let Some(place) = self.after else { return };
        let later = match self.direction {
            Direction::Ascending => ">",
            Direction::Descending => "<",
        };
        let by_crid_alone = self.column == SortColumn::CustomerRegistrationId;
        match (part, is_empty(place) && self.emptiness() != Emptiness::Never) {
            // The place is among the filled ones: every empty one comes after it.
            (Part::Empty, false) => {}
            _ if by_crid_alone || part == Part::Empty => {
                sql.push(format_args!(" AND {alias}.crid {later} "))
                    .push_bind(place.crid.as_str().to_owned());
            }
            (Part::Filled | Part::Empty, _) => {
                sql.push(format_args!(" AND ({alias}.{key}, {alias}.crid) {later} ("));
                self.push_value(sql, &place.value);
                sql.push(", ").push_bind(place.crid.as_str().to_owned()).push(")");
            }
        }
    }

    /// Conditions that rows of this part meet if they come no later than the one row of `bound`, each with `AND` before it; of
    /// texts only those that begin with its ASCII initial or, if it has none, with any character beyond ASCII. To the planner
    /// that row is an unknown; told both ends of the range, it expects few.
    pub(super) fn push_up_to(&self, sql: &mut QueryBuilder<Postgres>, alias: &str, part: Part) {
        const CRID: &str = "(SELECT crid FROM bound)";
        let is_by_crid = part == Part::Empty || self.column == SortColumn::CustomerRegistrationId;
        let (key, k) = if is_by_crid {
            ("crid", CRID)
        } else {
            (self.key(), "(SELECT k FROM bound)")
        };
        let (sooner, later) = match self.direction {
            Direction::Ascending => ("<=", ">="),
            Direction::Descending => (">=", "<="),
        };
        sql.push(format_args!(" AND {alias}.{key} {sooner} {k} AND {alias}.{key} "));
        match (self.column, self.direction) {
            _ if is_by_crid => {
                sql.push(later).push(" ").push_bind(match self.direction {
                    Direction::Ascending => String::new(),
                    Direction::Descending => after_all_keys(),
                });
            }
            (SortColumn::Email | SortColumn::FirstName | SortColumn::LastName, Direction::Ascending) => {
                // There is no character 0, which ascii() says of the empty text.
                sql.push(format_args!(
                    ">= chr(least(greatest(ascii({k}), 1), {FIRST_BEYOND_ASCII}))"
                ));
            }
            (SortColumn::Email | SortColumn::FirstName | SortColumn::LastName, Direction::Descending) => {
                sql.push(format_args!(
                    "< CASE WHEN ascii({k}) < {FIRST_BEYOND_ASCII} THEN chr(ascii({k}) + 1) ELSE "
                ))
                .push_bind(after_all_keys())
                .push(" END");
            }
            (SortColumn::DateRegistered | SortColumn::ChangeDate, Direction::Ascending) => {
                sql.push(">= '-infinity'");
            }
            (SortColumn::DateRegistered | SortColumn::ChangeDate, Direction::Descending) => {
                sql.push("<= 'infinity'");
            }
            (SortColumn::Verified, direction) => {
                sql.push(format_args!("{later} {}", direction == Direction::Descending));
            }
            (SortColumn::State | SortColumn::CustomerRegistrationId, direction) => {
                let end = match direction {
                    Direction::Ascending => i16::MIN,
                    Direction::Descending => i16::MAX,
                };
                sql.push(format_args!("{later} {end}"));
            }
        }
        if !is_by_crid {
            sql.push(format_args!(
                " AND ({alias}.{key}, {alias}.crid) {sooner} ({k}, {CRID})"
            ));
        }
    }

    /// Whether texts of an ASCII initial, told by its code, come sooner than the row `bound`, which has another one or is empty.
    pub(super) fn is_sooner(&self, code: &str, bound: &str) -> String {
        match self.direction {
            Direction::Ascending => format!("({bound}.part = {} OR {code} < ascii({bound}.k))", Part::Empty as u8),
            Direction::Descending => format!("{code} > ascii({bound}.k)"),
        }
    }

    /// Whether every text whose initial is no ASCII comes sooner than the one row of `bound`.
    pub(super) fn are_others_sooner(&self) -> String {
        match self.direction {
            Direction::Ascending => format!("(SELECT part FROM bound) = {}", Part::Empty as u8),
            Direction::Descending => format!("(SELECT ascii(k) FROM bound) < {FIRST_BEYOND_ASCII}"),
        }
    }

    fn push_value(&self, sql: &mut QueryBuilder<Postgres>, value: &SortValue) {
        match (value, self.column) {
            (SortValue::Text(text), _) => {
                sql.push_bind(text.to_string());
            }
            (SortValue::Number(number), SortColumn::DateRegistered | SortColumn::ChangeDate) => {
                sql.push_bind(number.and_then(moment));
            }
            (SortValue::Number(number), SortColumn::Verified) => {
                sql.push_bind(number.map(|number| number != 0));
            }
            (SortValue::Number(number), _) => {
                sql.push_bind(number.and_then(|number| i16::try_from(number).ok()));
            }
        }
    }

    /// The sort of rows that have `key`, within one part.
    pub(super) fn within(&self, key: &str, alias: &str) -> Sort {
        Sort {
            by: format!("{alias}.{key}"),
            crid: (self.column != SortColumn::CustomerRegistrationId).then(|| format!("{alias}.crid")),
            direction: self.direction,
        }
    }
}

/// A list for `ORDER BY`.
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

/// A text that comes after every key, by bytes.
fn after_all_keys() -> String {
    "\u{10ffff}".repeat(LONGEST_KEY / 4 + 1)
}

fn is_empty(place: &SortKey) -> bool {
    match &place.value {
        SortValue::Text(text) => text.is_empty(),
        SortValue::Number(number) => number.is_none(),
    }
}

/// A time of this many microseconds since 1970.
fn moment(micros: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000).ok()
}
