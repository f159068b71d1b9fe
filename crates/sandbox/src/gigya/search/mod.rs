//! The query language of `accounts.search`, as SAP documents it.
//!
//! Strict where the documents are silent: there is no escape in a text, so that a backslash or a control character in
//! one is refused. Out of scope, and refused as unsupported: `FILTER`, `GROUP BY`, aggregates but `count(*)`, and
//! `regex` (on an encrypted field it is refused for that; elsewhere SAP does not say whether it is anchored).

pub(super) mod cursor;
mod eval;
mod field;
mod lex;
mod parse;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::account::NOT_IN_A_STAR;
use super::refusal::Refusal;
use field::Field;

/// What `LIMIT` is when it is not given, or larger than it may be.
const USUAL: u64 = 300;
const LONGEST: u64 = 10_000;
const FURTHEST: u64 = 5_000;

/// Without a cursor no query shows more than its first so many rows.
const CAP: usize = 5_000;

/// The longest batch of a cursor.
const LONGEST_BATCH: u64 = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Accounts,
    EmailAccounts,
}

/// What is selected.
#[derive(Debug, Clone, PartialEq)]
enum Item {
    All,
    Count,
    Field(Field),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Is,
    IsNot,
    Below,
    AtMost,
    Above,
    AtLeast,
}

/// A value in a query: texts are quoted, everything else is not.
#[derive(Debug, Clone, PartialEq)]
enum Literal {
    Text(String),
    Number(f64),
    Flag(bool),
}

#[derive(Debug, Clone, PartialEq)]
enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Compare(Field, Operator, Literal),
    In(Field, Vec<Literal>),
    IsNull(Field),
    Contains(Field, String),
}

/// A query that was understood.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Query {
    select: Vec<Item>,
    source: Source,
    condition: Option<Condition>,
    /// Fields, and whether each goes down.
    order: Vec<(Field, bool)>,
    start: Option<u64>,
    limit: Option<u64>,
}

/// Which accounts are looked at, beside the query's own source.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kinds {
    pub(super) full: bool,
    pub(super) lite: bool,
}

/// The rows of an answer, and how many there would be.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) rows: Vec<Value>,
    pub(super) total: usize,
}

impl Query {
    pub(super) fn parse(text: &str, encrypted: &[String]) -> Result<Self, Refusal> {
        parse::parse(text, encrypted)
    }

    /// Every match in order, by UID where nothing else is asked.
    pub(super) fn matches<'a>(&self, accounts: impl Iterator<Item = &'a Arc<Value>>, kinds: Kinds) -> Vec<Arc<Value>> {
        let lite_source = self.source == Source::EmailAccounts;
        let mut found: Vec<Arc<Value>> = accounts
            .filter(|account| {
                let lite = account["isRegistered"] == false && account["isLite"] == true;
                if lite {
                    kinds.lite || lite_source
                } else {
                    kinds.full && !lite_source
                }
            })
            .filter(|account| {
                self.condition
                    .as_ref()
                    .is_none_or(|condition| eval::holds(condition, account))
            })
            .cloned()
            .collect();
        if !self.order.is_empty() {
            found.sort_by(|left, right| {
                let by = |(field, down): &(Field, bool)| {
                    let order = eval::compare(field, left, right);
                    if *down { order.reverse() } else { order }
                };
                self.order
                    .iter()
                    .map(by)
                    .find(|order| order.is_ne())
                    .unwrap_or(Ordering::Equal)
            });
        }
        found
    }

    /// The page that `START` and `LIMIT` mark, never past the cap.
    pub(super) fn page(&self, matches: &[Arc<Value>]) -> Result<Found, Refusal> {
        if self.select.contains(&Item::Count) {
            let rows = vec![json!({"count(*)": matches.len()})];
            return Ok(Found { rows, total: 1 });
        }
        let start = self.start.unwrap_or(0);
        if start > FURTHEST {
            return Err(Refusal::invalid("query", "START is 5000 at most"));
        }
        let limit = self.limit.filter(|limit| *limit <= LONGEST).unwrap_or(USUAL);
        let within = &matches[..matches.len().min(CAP)];
        let skip = usize::try_from(start).unwrap_or(usize::MAX);
        let take = usize::try_from(limit).unwrap_or(usize::MAX);
        let rows = within.iter().skip(skip).take(take).map(|account| self.shown(account));
        Ok(Found {
            rows: rows.collect(),
            total: matches.len(),
        })
    }

    /// How long a cursor's batches are; refuses what a cursor does not go with.
    pub(super) fn batch(&self) -> Result<usize, Refusal> {
        if self.start.is_some() {
            return Err(Refusal::invalid("query", "START does not go with a cursor"));
        }
        if self.select.contains(&Item::Count) {
            return Err(Refusal::invalid("query", "count does not go with a cursor"));
        }
        let limit = self.limit.unwrap_or(USUAL);
        if !(1..=LONGEST_BATCH).contains(&limit) {
            return Err(Refusal::invalid("query", "LIMIT is 1000 at most with a cursor"));
        }
        Ok(usize::try_from(limit).unwrap_or(usize::MAX))
    }

    /// One account as far as it was selected; what is empty is left out.
    pub(super) fn shown(&self, account: &Value) -> Value {
        let mut row = Value::Object(Map::new());
        for item in &self.select {
            match item {
                Item::All => {
                    for (name, value) in account.as_object().into_iter().flatten() {
                        if !NOT_IN_A_STAR.contains(&name.as_str()) || self.source == Source::EmailAccounts {
                            row[name] = value.clone();
                        }
                    }
                }
                Item::Field(field) if field.root() == "subscriptions" && self.source == Source::Accounts => {}
                Item::Field(field) => field.copy(account, &mut row),
                Item::Count => {}
            }
        }
        if let Some(members) = row.as_object_mut() {
            members.retain(|_, value| !is_empty(value));
        }
        row
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(entries) => entries.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}
