//! Says whether an account is among the answers of a query, and which of two comes first.

use std::cmp::Ordering;

use serde_json::Value;

use super::field::{Field, Kind};
use super::{Condition, Literal, Operator};

pub(super) fn holds(condition: &Condition, account: &Value) -> bool {
    match condition {
        Condition::All(all) => all.iter().all(|part| holds(part, account)),
        Condition::Any(any) => any.iter().any(|part| holds(part, account)),
        Condition::Not(inside) => !holds(inside, account),
        Condition::IsNull(field) => field.values(account).is_empty(),
        Condition::In(field, list) => {
            let values = field.values(account);
            list.iter().any(|literal| {
                values
                    .iter()
                    .any(|value| order(value, literal) == Some(Ordering::Equal))
            })
        }
        Condition::Contains(field, text) => field
            .values(account)
            .into_iter()
            .filter_map(Value::as_str)
            .any(|value| contains(value, text, field.is_encrypted())),
        Condition::Compare(field, operator, literal) => {
            let mut orders = field
                .values(account)
                .into_iter()
                .filter_map(|value| order(value, literal));
            match operator {
                Operator::Is => orders.any(Ordering::is_eq),
                Operator::IsNot => !orders.any(Ordering::is_eq),
                Operator::Below => orders.any(Ordering::is_lt),
                Operator::AtMost => orders.any(Ordering::is_le),
                Operator::Above => orders.any(Ordering::is_gt),
                Operator::AtLeast => orders.any(Ordering::is_ge),
            }
        }
    }
}

/// An encrypted field is compared whole, whatever its case; any other by its words, which keep their case.
fn contains(value: &str, text: &str, encrypted: bool) -> bool {
    if encrypted {
        return value.to_lowercase() == text.to_lowercase();
    }
    let (there, wanted) = (words(value), words(text));
    !wanted.is_empty() && there.windows(wanted.len()).any(|window| window == wanted)
}

fn words(text: &str) -> Vec<&str> {
    text.split(|char: char| !char.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect()
}

/// Numbers arrive as texts here and there; they are compared as numbers all the same.
fn order(value: &Value, literal: &Literal) -> Option<Ordering> {
    match (value, literal) {
        (Value::String(value), Literal::Text(text)) => Some(value.as_str().cmp(text)),
        (Value::Bool(value), Literal::Flag(flag)) => Some(value.cmp(flag)),
        (value, Literal::Number(number)) => Some(as_number(value)?.total_cmp(number)),
        _ => None,
    }
}

fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_f64(),
    }
}

/// What is missing comes first.
pub(super) fn compare(field: &Field, left: &Value, right: &Value) -> Ordering {
    let (left, right) = (field.values(left), field.values(right));
    match (left.first(), right.first()) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
        (Some(left), Some(right)) => match (as_number(left), as_number(right)) {
            (Some(left), Some(right)) if field.kind() != Kind::Text => left.total_cmp(&right),
            _ => plain(left).cmp(&plain(right)),
        },
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
