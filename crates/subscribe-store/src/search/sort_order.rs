//! Sort orders as SQL: the column, the tie-break, and the place of empty values.
//!
//! An order is read in parts, one after the other: the filled values and then the empty ones, or each of the few values of a
//! column. Within a part the order is that of an index.

use masthead_domain::{
    order::{Direction, ListCursor, Order, SortColumn, SortKey, SortValue},
    query::Position,
    state::UserState,
};
use sqlx::{Postgres, QueryBuilder};
use time::OffsetDateTime;

use super::sql::push_sql;

/// An order, and the position at which the page begins.
pub(super) struct SortOrder<'a> {
    pub(super) column: SortColumn,
    direction: Direction,
    pub(super) offset: i64,
    after: Option<&'a SortKey>,
    /// The first value from the position on, if very many users have it.
    head: Option<String>,
}

/// A part of an order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SortPart {
    /// The rows before those of the head, which were written since the head was found.
    Before,
    /// The rows with the value of the head, by id.
    Head,
    /// The rows with a value, after those of the head.
    Filled,
    /// The rows without one, by id; last in both directions.
    Empty,
    /// The rows with this state or verification, by id.
    Value(i16),
}

/// A row of the order with a value: a page that ends before it needs no later rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SortBound {
    /// The value, as PostgreSQL writes it.
    pub(super) value: String,
    pub(super) crid: String,
}

/// Rows up to a bound.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum BoundRange {
    /// All of them.
    UpTo,
    /// Those with an earlier value.
    Earlier,
    /// Those with the same value.
    Same,
}

/// What counts as empty in a column.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Emptiness {
    Never,
    Text,
    Null,
}

impl<'a> SortOrder<'a> {
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
            head: None,
        }
    }

    /// Reads the users with this value, the first of the order, as a part of its own, by id.
    pub(super) fn set_head(&mut self, value: String) {
        self.head = Some(value);
    }

    pub(super) const fn has_head(&self) -> bool {
        self.head.is_some()
    }

    /// Matches that are gathered are sorted without a head.
    pub(super) fn clear_head(&mut self) {
        self.head = None;
    }

    /// The column of the table.
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

    /// Whether a position bounds the rows before it by few index entries: of state and verification, each value has very many rows.
    pub(super) const fn can_bound(&self) -> bool {
        !matches!(self.column, SortColumn::State | SortColumn::Verified)
    }

    /// The ranges that have the rows up to a bound: many users have the same name, and then the ids are a range.
    pub(super) const fn bound_ranges(&self) -> &'static [BoundRange] {
        match self.column {
            SortColumn::FirstName | SortColumn::LastName => &[BoundRange::Earlier, BoundRange::Same],
            _ => &[BoundRange::UpTo],
        }
    }

    /// A condition for the rows with a value up to the bound, with a leading `AND`. Both ends of the range are unknown to the
    /// planner, so that it expects few rows.
    pub(super) fn push_up_to(
        &self,
        sql: &mut QueryBuilder<Postgres>,
        alias: &str,
        bound: &SortBound,
        range: BoundRange,
    ) {
        let key = self.key();
        let is_time = self.emptiness() == Emptiness::Null;
        let (sql_type, first, last) = if is_time {
            ("timestamptz", "'-infinity'", "'infinity'")
        } else {
            ("text", "''", "repeat(chr(1114111), 250)")
        };
        let (later, sooner) = (self.later(), keyword_sooner(self.direction));
        let start = match self.direction {
            Direction::Ascending => first,
            Direction::Descending => last,
        };
        let by_crid = range == BoundRange::Same || self.column == SortColumn::CustomerRegistrationId;
        if range == BoundRange::Same {
            // An expression, so that the index of ids is used.
            push_sql!(sql; " AND ({alias}.{key} || '') = ", ?bound.value.clone());
        }
        let (column, end) = if by_crid {
            ("crid", &bound.crid)
        } else {
            (key, &bound.value)
        };
        let equal = if range == BoundRange::Earlier { "" } else { "=" };
        push_sql!(sql; " AND {alias}.{column} {sooner}{equal} (SELECT ", ?end.clone(), "::text::{sql_type})");
        // Empty texts are not the first, but the last.
        let equal = if by_crid || is_time { "=" } else { "" };
        push_sql!(sql; " AND {alias}.{column} {later}{equal} (SELECT {start}::{sql_type})");
    }

    /// Whether its index sorts the users, but for few with equal values.
    pub(super) const fn sorts_by_index(&self) -> bool {
        matches!(
            self.column,
            SortColumn::CustomerRegistrationId
                | SortColumn::Email
                | SortColumn::DateRegistered
                | SortColumn::ChangeDate
        )
    }

    pub(super) const fn is_after(&self) -> bool {
        self.after.is_some()
    }

    const fn emptiness(&self) -> Emptiness {
        match self.column {
            SortColumn::CustomerRegistrationId | SortColumn::State | SortColumn::Verified => Emptiness::Never,
            SortColumn::Email | SortColumn::FirstName | SortColumn::LastName => Emptiness::Text,
            SortColumn::DateRegistered | SortColumn::ChangeDate => Emptiness::Null,
        }
    }

    /// The parts that can have rows of the page, in their order.
    pub(super) fn parts(&self) -> Vec<SortPart> {
        let values = match self.column {
            SortColumn::State => [UserState::Lite, UserState::Standard, UserState::Unverified]
                .map(UserState::rank)
                .to_vec(),
            SortColumn::Verified => vec![0, 1],
            _ => {
                return match (self.emptiness(), self.after.map(is_empty)) {
                    (Emptiness::Never, _) => vec![SortPart::Filled],
                    (Emptiness::Text | Emptiness::Null, Some(true)) => vec![SortPart::Empty],
                    _ if self.head.is_some() => {
                        vec![SortPart::Before, SortPart::Head, SortPart::Filled, SortPart::Empty]
                    }
                    (Emptiness::Text | Emptiness::Null, _) => vec![SortPart::Filled, SortPart::Empty],
                };
            }
        };
        let is_left = |value: &i16| match (self.after_value(), self.direction) {
            (None, _) => true,
            (Some(after), Direction::Ascending) => *value >= after,
            (Some(after), Direction::Descending) => *value <= after,
        };
        let mut parts: Vec<SortPart> = values.into_iter().filter(is_left).map(SortPart::Value).collect();
        if self.direction == Direction::Descending {
            parts.reverse();
        }
        parts
    }

    /// The state or verification of the cursor.
    fn after_value(&self) -> Option<i16> {
        match self.after?.value {
            SortValue::Number(Some(number)) => i16::try_from(number).ok(),
            SortValue::Number(None) | SortValue::Text(_) => None,
        }
    }

    /// The number of a part, by which parts are sorted.
    pub(super) fn number(&self, part: SortPart) -> i16 {
        match (part, self.direction) {
            (SortPart::Before, _) => -2,
            (SortPart::Head, _) => -1,
            (SortPart::Filled, _) => 0,
            (SortPart::Empty, _) => 1,
            (SortPart::Value(value), Direction::Ascending) => value,
            (SortPart::Value(value), Direction::Descending) => -value,
        }
    }

    /// An expression for the number of the part of a row.
    pub(super) fn number_of(&self, alias: &str) -> String {
        let key = self.key();
        let sign = match self.direction {
            Direction::Ascending => "",
            Direction::Descending => "-",
        };
        match (self.column, self.emptiness()) {
            (SortColumn::State | SortColumn::Verified, _) => format!("{sign}({alias}.{key}::int)"),
            (_, Emptiness::Never) => "0".to_owned(),
            (_, Emptiness::Text) => format!("({alias}.{key} = '')::int"),
            (_, Emptiness::Null) => format!("({alias}.{key} IS NULL)::int"),
        }
    }

    /// Whether the rows of a part are sorted by id alone.
    fn is_by_id(&self, part: SortPart) -> bool {
        !matches!(part, SortPart::Before | SortPart::Filled) || self.column == SortColumn::CustomerRegistrationId
    }

    /// A condition for the rows of this part, with a leading `AND`.
    pub(super) fn push_part(&self, sql: &mut QueryBuilder<Postgres>, alias: &str, part: SortPart) {
        let (key, later) = (self.key(), self.later());
        if let Some(head) = &self.head
            && part != SortPart::Empty
        {
            match part {
                // An expression, so that the rows are read by the index of ids, already sorted.
                SortPart::Head => push_sql!(sql; " AND ({alias}.{key} || '') = ", ?head.clone()),
                SortPart::Before => {
                    push_sql!(sql; " AND ", ?head.clone(), " {later} {alias}.{key} AND {alias}.{key} > ''");
                }
                _ => push_sql!(sql; " AND {alias}.{key} {later} ", ?head.clone(), " AND {alias}.{key} > ''"),
            }
            return;
        }
        match (part, self.emptiness()) {
            (SortPart::Before | SortPart::Head, _) | (SortPart::Filled, Emptiness::Never) => {}
            (SortPart::Filled, Emptiness::Text) => push_sql!(sql; " AND {alias}.{key} > ''"),
            (SortPart::Filled, Emptiness::Null) => push_sql!(sql; " AND {alias}.{key} IS NOT NULL"),
            (SortPart::Empty, Emptiness::Null) => push_sql!(sql; " AND {alias}.{key} IS NULL"),
            (SortPart::Empty, Emptiness::Never | Emptiness::Text) => push_sql!(sql; " AND {alias}.{key} = ''"),
            (SortPart::Value(value), _) if self.column == SortColumn::Verified => {
                push_sql!(sql; " AND {alias}.{key} = ", if value == 0 { "false" } else { "true" });
            }
            (SortPart::Value(value), _) => push_sql!(sql; " AND {alias}.{key} = {value}::smallint"),
        }
    }

    /// A condition for the rows of this part after the cursor, with a leading `AND`. The value is the column `key` of `alias`.
    pub(super) fn push_after(&self, sql: &mut QueryBuilder<Postgres>, (alias, key): (&str, &str), part: SortPart) {
        let Some(place) = self.after else { return };
        let later = self.later();
        let is_at_head =
            || matches!((&place.value, &self.head), (SortValue::Text(value), Some(head)) if **value == **head);
        let is_in_part = match part {
            SortPart::Before => true,
            SortPart::Head => is_at_head(),
            SortPart::Filled => self.head.is_none(),
            SortPart::Empty => is_empty(place),
            SortPart::Value(value) => self.after_value() == Some(value),
        };
        if !is_in_part {
            // The cursor is in an earlier part: all rows of this one come after it.
        } else if self.is_by_id(part) {
            push_sql!(sql; " AND {alias}.crid {later} ", ?place.crid.as_str().to_owned());
        } else {
            push_sql!(sql; " AND ({alias}.{key}, {alias}.crid) {later} (", @self.push_value(sql, &place.value));
            push_sql!(sql; ", ", ?place.crid.as_str().to_owned(), ")");
        }
    }

    /// The direction as SQL.
    pub(super) const fn direction(&self) -> &'static str {
        keyword(self.direction)
    }

    const fn later(&self) -> &'static str {
        match self.direction {
            Direction::Ascending => ">",
            Direction::Descending => "<",
        }
    }

    /// The condition that a first value from the position on meets, with a leading `AND`.
    pub(super) fn push_from_position(&self, sql: &mut QueryBuilder<Postgres>, alias: &str) {
        let key = self.key();
        push_sql!(sql; " AND {alias}.{key} > ''");
        if let Some(place) = self.after {
            push_sql!(sql; " AND {alias}.{key} ", self.later(), "= ", @self.push_value(sql, &place.value));
        }
    }

    fn push_value(&self, sql: &mut QueryBuilder<Postgres>, value: &SortValue) {
        match (value, self.column) {
            (SortValue::Text(text), _) => push_sql!(sql; ?text.to_string()),
            (SortValue::Number(number), SortColumn::DateRegistered | SortColumn::ChangeDate) => {
                push_sql!(sql; ?number.and_then(moment));
            }
            (SortValue::Number(number), _) => push_sql!(sql; ?*number),
        }
    }

    /// The sort of the rows of one part.
    pub(super) fn within_part(&self, part: SortPart, alias: &str) -> String {
        let value = (!self.is_by_id(part)).then(|| format!("{alias}.{}", self.key()));
        self.sort(value, alias)
    }

    /// The sort of picked rows, which have the columns `part`, `k` and `crid`.
    pub(super) fn picked(&self, alias: &str) -> String {
        format!("{alias}.part, {}", self.of_one_part(alias))
    }

    /// The same for rows of one part, which is faster: texts are compared by their first bytes only where they are the first column.
    pub(super) fn of_one_part(&self, alias: &str) -> String {
        self.sort(Some(format!("{alias}.k")), alias)
    }

    fn sort(&self, value: Option<String>, alias: &str) -> String {
        let direction = self.direction();
        let value = value.map(|value| format!("{value} {direction}, "));
        format!("{}{alias}.crid {direction}", value.unwrap_or_default())
    }
}

const fn keyword_sooner(direction: Direction) -> &'static str {
    match direction {
        Direction::Ascending => "<",
        Direction::Descending => ">",
    }
}

const fn keyword(direction: Direction) -> &'static str {
    match direction {
        Direction::Ascending => "ASC",
        Direction::Descending => "DESC",
    }
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
