//! Says whether a user is among the answers of a query.

use std::borrow::Cow;

use serde_json::Value;

use super::{Bound, Field, Glob, Node, Test};

pub(super) fn holds(node: &Node, user: &Value) -> bool {
    match node {
        Node::And(nodes) => nodes.iter().all(|node| holds(node, user)),
        Node::Or(nodes) => nodes.iter().any(|node| holds(node, user)),
        Node::Not(node) => !holds(node, user),
        Node::Exists(field) => values(field, user).iter().any(|value| indexed(value)),
        Node::Matches(Some(field), test) => field_holds(field, test, user),
        Node::Matches(None, test) => {
            let trees = ["app_metadata", "identities"]
                .into_iter()
                .filter_map(|tree| user.get(tree));
            Field::scalars().any(|field| field_holds(&field, test, user))
                || trees
                    .flat_map(leaves)
                    .any(|text| passes(&Field(vec!["app_metadata".into()]), test, &text))
        }
    }
}

fn field_holds(field: &Field, test: &Test, user: &Value) -> bool {
    // Most are a text by itself, and there are many users.
    if let ([name], false) = (field.names(), field.is_domain())
        && let Some(Value::String(text)) = user.get(name)
    {
        return passes(field, test, text);
    }
    let texts = values(field, user).into_iter().filter_map(text);
    if field.is_domain() {
        let domains = texts.filter_map(|text| text.rsplit_once('@').map(|(_, domain)| domain.to_owned()));
        return domains.into_iter().any(|domain| passes(field, test, &domain));
    }
    texts.into_iter().any(|text| passes(field, test, &text))
}

/// All values at a field's path; an array on the way stands for each of its entries.
fn values<'a>(field: &Field, user: &'a Value) -> Vec<&'a Value> {
    let names = if field.is_domain() {
        &field.names()[..1]
    } else {
        field.names()
    };
    let mut found = vec![user];
    for name in names {
        let next = found.into_iter().flat_map(spread).filter_map(|value| value.get(name));
        found = next.collect();
    }
    found.into_iter().flat_map(spread).collect()
}

fn spread(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(entries) => entries.iter().flat_map(spread).collect(),
        other => vec![other],
    }
}

/// `null`, `[]` and `{}` are not in the index.
fn indexed(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(entries) => entries.iter().any(indexed),
        Value::Object(members) => members.values().any(indexed),
        _ => true,
    }
}

fn leaves(value: &Value) -> Vec<Cow<'_, str>> {
    match value {
        Value::Array(entries) => entries.iter().flat_map(leaves).collect(),
        Value::Object(members) => members.values().flat_map(leaves).collect(),
        other => text(other).into_iter().collect(),
    }
}

fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(flag) => Some(Cow::Owned(flag.to_string())),
        _ => None,
    }
}

fn passes(field: &Field, test: &Test, value: &str) -> bool {
    match test {
        Test::Is(wanted) if field.is_date() => value.starts_with(wanted.as_str()),
        Test::Is(wanted) => field.folded(value) == field.folded(wanted),
        Test::Like(globs) => like(&folded(field, globs), &field.folded(value).chars().collect::<Vec<_>>()),
        Test::Between { low, high } => above(field, low, value) && below(field, high, value),
    }
}

fn folded(field: &Field, globs: &[Glob]) -> Vec<Glob> {
    let fold = |glob: &Glob| match glob {
        Glob::Char(char) => field.folded(&char.to_string()).chars().map(Glob::Char).collect(),
        other => vec![other.clone()],
    };
    globs.iter().flat_map(fold).collect()
}

/// Matches a whole value against a pattern in time that grows with length × length at most.
fn like(globs: &[Glob], value: &[char]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while from < value.len() {
        match globs.get(at) {
            Some(Glob::Any) => {
                star = Some((at, from));
                at += 1;
            }
            Some(Glob::One) => {
                at += 1;
                from += 1;
            }
            Some(Glob::Char(char)) if *char == value[from] => {
                at += 1;
                from += 1;
            }
            _ => match star {
                None => return false,
                Some((star_at, star_from)) => {
                    star = Some((star_at, star_from + 1));
                    at = star_at + 1;
                    from = star_from + 1;
                }
            },
        }
    }
    globs[at..].iter().all(|glob| *glob == Glob::Any)
}

fn above(field: &Field, bound: &Bound, value: &str) -> bool {
    match bound {
        Bound::Open => true,
        Bound::Including(low) => !compare(field, value, low).is_lt(),
        // A date names its whole period: after 2018-01 begins with February.
        Bound::Excluding(low) => {
            compare(field, value, low).is_gt() && !(field.is_date() && value.starts_with(low.as_str()))
        }
    }
}

fn below(field: &Field, bound: &Bound, value: &str) -> bool {
    match bound {
        Bound::Open => true,
        Bound::Including(high) => {
            compare(field, value, high).is_le() || (field.is_date() && value.starts_with(high.as_str()))
        }
        Bound::Excluding(high) => compare(field, value, high).is_lt(),
    }
}

fn compare(field: &Field, left: &str, right: &str) -> std::cmp::Ordering {
    if (field.is_number() || field.root() == "app_metadata")
        && let (Ok(left), Ok(right)) = (left.parse::<f64>(), right.parse::<f64>())
    {
        return left.total_cmp(&right);
    }
    field.folded(left).cmp(&field.folded(right))
}
