//! The shapes of the query language of `accounts.search` that the Gigya adapter sends; every other query is refused.
//!
//! `SELECT fields FROM accounts [WHERE conditions] [ORDER BY fields] [START n] [LIMIT n]`, where the conditions are
//! joined all by AND or all by OR, and each is `field CONTAINS "text"`, `field = "text"` or `field >= number`. SAP
//! documents no escape, so that a backslash or a control character in a text is refused.

use std::cmp::Ordering;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::account::NOT_IN_A_STAR;
use super::error::GigyaCallError;
use crate::name_list::contains_name;
use crate::shape_reader::ShapeReader;

/// The limit when none is given, or a larger one than allowed.
const DEFAULT_LIMIT: usize = 300;
const MAX_LIMIT: usize = 10_000;

/// Without a cursor no query shows more than this many rows, and none starts later.
const MAX_ROWS: usize = 5_000;

/// The longest batch of a cursor.
const MAX_BATCH: usize = 1_000;

const SELECTABLE: &str = "* UID profile data emails loginIDs isRegistered isVerified created lastUpdated registered";

/// Encrypted fields: they are compared whole, CONTAINS ignores case, and they have no order.
const ENCRYPTED: &str = "profile.email loginIDs.emails emails.verified emails.unverified";
const CLEAR_TEXTS: &str = "profile.firstName profile.lastName";
const NUMBERS: &str = "createdTimestamp lastUpdatedTimestamp";
const SORTABLE: &str = "createdTimestamp lastUpdatedTimestamp UID";

#[derive(Debug, Clone, PartialEq)]
enum GigyaCondition {
    Contains(String, String),
    Equals(String, String),
    AtLeast(String, f64),
}

/// A supported query.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct GigyaQuery {
    select: Vec<String>,
    conditions: Vec<GigyaCondition>,
    /// Whether one condition is enough.
    any: bool,
    /// Fields, and whether each is descending.
    order: Vec<(String, bool)>,
    start: Option<usize>,
    limit: Option<usize>,
}

/// The rows of a response, and the number of all matches.
#[derive(Debug)]
pub(super) struct GigyaRows {
    pub(super) rows: Vec<Value>,
    pub(super) total: usize,
}

fn unsupported(what: &str) -> GigyaCallError {
    GigyaCallError::unsupported("query", what)
}

/// Reads a field name, which must be one of these.
fn parse_field(reader: &mut ShapeReader<'_>, known: &str) -> Result<String, GigyaCallError> {
    let name = reader.take_while(|char| char.is_ascii_alphabetic() || ".*".contains(char));
    if contains_name(known, name) {
        Ok(name.to_owned())
    } else {
        Err(unsupported(&format!("the field {name}")))
    }
}

fn parse_number(reader: &mut ShapeReader<'_>) -> Result<usize, GigyaCallError> {
    let digits = reader.take_while(|char| char.is_ascii_digit());
    digits.parse().map_err(|_| unsupported("a number is missing"))
}

fn parse_condition(reader: &mut ShapeReader<'_>) -> Result<GigyaCondition, GigyaCallError> {
    let field = parse_field(reader, &[ENCRYPTED, CLEAR_TEXTS, NUMBERS].join(" "))?;
    let is = |kind: &str| contains_name(kind, &field);
    if is(NUMBERS) {
        if !reader.take(" >= ") {
            return Err(unsupported("a number is compared by >="));
        }
        let digits = reader.take_while(|char| char.is_ascii_digit() || char == '-');
        let number = digits.parse().map_err(|_| unsupported("a number is missing"))?;
        return Ok(GigyaCondition::AtLeast(field, number));
    }
    let contains = is(ENCRYPTED) && reader.take(" CONTAINS ");
    if !contains && !reader.take(" = ") {
        return Err(unsupported("the comparison of this field"));
    }
    let text = reader.take("\"").then(|| reader.take_until("\"")).flatten();
    match text {
        Some(text) if text.contains(|char: char| char == '\\' || char.is_control()) => {
            Err(unsupported("a backslash or control character in a text"))
        }
        Some(text) if contains => Ok(GigyaCondition::Contains(field, text.to_owned())),
        Some(text) => Ok(GigyaCondition::Equals(field, text.to_owned())),
        None => Err(unsupported("a text is in double quotes")),
    }
}

impl GigyaQuery {
    pub(super) fn parse(text: &str) -> Result<Self, GigyaCallError> {
        let mut reader = ShapeReader(text);
        if !reader.take("SELECT ") {
            return Err(unsupported("SELECT is missing"));
        }
        let mut select = vec![parse_field(&mut reader, SELECTABLE)?];
        while reader.take(", ") {
            select.push(parse_field(&mut reader, SELECTABLE)?);
        }
        if !reader.take(" FROM accounts") {
            return Err(unsupported("FROM accounts is missing"));
        }
        let (mut conditions, mut any) = (Vec::new(), false);
        if reader.take(" WHERE ") {
            conditions.push(parse_condition(&mut reader)?);
            any = reader.0.starts_with(" OR ");
            while reader.take(if any { " OR " } else { " AND " }) {
                conditions.push(parse_condition(&mut reader)?);
            }
        }
        let mut order = Vec::new();
        if reader.take(" ORDER BY ") {
            order.push((parse_field(&mut reader, SORTABLE)?, reader.take(" DESC")));
            while reader.take(", ") {
                order.push((parse_field(&mut reader, SORTABLE)?, reader.take(" DESC")));
            }
        }
        let mut clause = |name| reader.take(name).then(|| parse_number(&mut reader)).transpose();
        let (start, limit) = (clause(" START ")?, clause(" LIMIT ")?);
        if !reader.is_at_end() {
            return Err(unsupported(&format!("'{}'", reader.0)));
        }
        Ok(Self {
            select,
            conditions,
            any,
            order,
            start,
            limit,
        })
    }

    /// Every match in order, by UID where the query has no order. Lite accounts are included on request.
    pub(super) fn find<'a>(
        &self,
        accounts: impl Iterator<Item = &'a Arc<Value>>,
        with_lite_accounts: bool,
    ) -> Vec<Arc<Value>> {
        let is_lite = |account: &Value| account["isRegistered"] == false && account["isLite"] == true;
        let accounts = accounts.filter(|account| with_lite_accounts || !is_lite(account));
        let mut found: Vec<Arc<Value>> = accounts.filter(|account| self.matches(account)).cloned().collect();
        found.sort_by(|left, right| {
            let mut order = self.order.iter().map(|(field, descending)| {
                let order = compare(&left[field], &right[field]);
                if *descending { order.reverse() } else { order }
            });
            let decided = order.find(|order| order.is_ne());
            decided.unwrap_or_else(|| left["UID"].as_str().cmp(&right["UID"].as_str()))
        });
        found
    }

    fn matches(&self, account: &Value) -> bool {
        let mut conditions = self.conditions.iter();
        if self.any {
            conditions.any(|condition| condition.matches(account))
        } else {
            conditions.all(|condition| condition.matches(account))
        }
    }

    /// The requested part of the matches.
    pub(super) fn page(&self, matches: &[Arc<Value>]) -> Result<GigyaRows, GigyaCallError> {
        let start = self.start.unwrap_or(0);
        if start > MAX_ROWS {
            return Err(GigyaCallError::invalid("query", "START is 5000 at most"));
        }
        let limit = self.limit.filter(|limit| *limit <= MAX_LIMIT).unwrap_or(DEFAULT_LIMIT);
        let rows = matches.iter().take(MAX_ROWS).skip(start).take(limit);
        Ok(GigyaRows {
            rows: rows.map(|account| self.show(account)).collect(),
            total: matches.len(),
        })
    }

    /// The batch size of a cursor; refuses what a cursor cannot be combined with.
    pub(super) fn batch_size(&self) -> Result<usize, GigyaCallError> {
        if self.start.is_some() {
            return Err(GigyaCallError::invalid("query", "START with a cursor"));
        }
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        if (1..=MAX_BATCH).contains(&limit) {
            Ok(limit)
        } else {
            Err(GigyaCallError::invalid("query", "LIMIT is 1000 at most with a cursor"))
        }
    }

    /// The selected members of an account, without empty ones.
    pub(super) fn show(&self, account: &Value) -> Value {
        let selected = |name: &str| match self.select[0].as_str() {
            "*" => !NOT_IN_A_STAR.contains(&name),
            _ => self.select.iter().any(|selected| selected == name),
        };
        let members = account.as_object().into_iter().flatten();
        let shown = members.filter(|(name, value)| selected(name) && !is_empty(value));
        Value::Object(
            shown
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect::<Map<_, _>>(),
        )
    }
}

impl GigyaCondition {
    fn matches(&self, account: &Value) -> bool {
        match self {
            Self::Contains(field, wanted) => {
                let wanted = wanted.to_lowercase();
                texts(account, field).any(|text| text.to_lowercase() == wanted)
            }
            Self::Equals(field, wanted) => texts(account, field).any(|text| text == wanted),
            Self::AtLeast(field, wanted) => account[field].as_f64().is_some_and(|number| number >= *wanted),
        }
    }
}

/// The texts of a field: its own, or those of its list.
fn texts<'a>(account: &'a Value, field: &str) -> impl Iterator<Item = &'a str> {
    let value = field.split('.').fold(account, |value, name| &value[name]);
    let list = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    list.iter().filter_map(Value::as_str)
}

/// Missing values come first.
fn compare(left: &Value, right: &Value) -> Ordering {
    match (left.as_f64(), right.as_f64()) {
        (Some(left), Some(right)) => left.total_cmp(&right),
        (left_number, right_number) => {
            (left_number.is_some().cmp(&right_number.is_some())).then_with(|| left.as_str().cmp(&right.as_str()))
        }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn accounts() -> Vec<Arc<Value>> {
        let account = |uid: &str, first: &str, email: &str, at: u64| {
            json!({
                "UID": uid, "isRegistered": true, "createdTimestamp": at, "emails": {"verified": [email]}, "created": "",
                "profile": {"firstName": first, "lastName": "O'Neil Smith", "email": email}, "subscriptions": {"n": 1},
            })
        };
        let all = [
            account("1", "Ann", "Ann@example.com", 300),
            account("2", "Bob", "bob'<>()*!~+&=%@example.com", 200),
            account("3", "ann", "c@example.com", 100),
            json!({"UID": "4", "isRegistered": false, "isLite": true, "profile": {"email": "lite@example.com"}}),
        ];
        all.into_iter().map(Arc::new).collect()
    }

    fn find(query: &str) -> String {
        let found = GigyaQuery::parse(query).unwrap().find(accounts().iter(), false);
        found.iter().map(|account| account["UID"].as_str().unwrap()).collect()
    }

    #[test]
    fn supported_shapes_find_accounts() {
        for (rest, uids) in [
            ("", "123"),
            (r#" WHERE profile.email CONTAINS "ann@EXAMPLE.com""#, "1"),
            (r#" WHERE profile.email CONTAINS "ann""#, ""),
            (r#" WHERE profile.email = "ann@example.com""#, ""),
            (r#" WHERE profile.email = "bob'<>()*!~+&=%@example.com""#, "2"),
            (
                r#" WHERE profile.email CONTAINS "c@example.com" OR emails.verified CONTAINS "ann@example.com""#,
                "13",
            ),
            (
                r#" WHERE profile.firstName = "ann" AND profile.lastName = "O'Neil Smith""#,
                "3",
            ),
            (" WHERE createdTimestamp >= 200 ORDER BY createdTimestamp LIMIT 5", "21"),
            (" ORDER BY createdTimestamp DESC, UID START 0 LIMIT 5", "123"),
            (" ORDER BY lastUpdatedTimestamp", "123"),
        ] {
            assert_eq!(find(&format!("SELECT * FROM accounts{rest}")), uids, "{rest}");
        }
    }

    #[test]
    fn other_shapes_are_refused() {
        for query in [
            "",
            "SELECT FROM accounts",
            "SELECT password FROM accounts",
            "SELECT count(*) FROM accounts",
            "SELECT * FROM emailAccounts",
            "select * from accounts",
            "SELECT * FROM accounts; SELECT * FROM accounts",
            "SELECT * FROM accounts LIMIT 5 START 1",
            "SELECT * FROM accounts LIMIT 5 ORDER BY UID",
            "SELECT * FROM accounts ORDER BY profile.email",
            "SELECT * FROM accounts WHERE",
        ] {
            assert_eq!(GigyaQuery::parse(query).unwrap_err().code, 400_006, "{query}");
        }
        for condition in [
            r#"profile.email > "a""#,
            r#"profile.email IN ("a")"#,
            "profile.email IS NULL",
            r#"NOT profile.email CONTAINS "a""#,
            r#"profile.firstName CONTAINS "A""#,
            r#"profile.firstName = "A\"nn""#,
            r#"profile.firstName = "A""nn""#,
            "profile.firstName = \"A\nnn\"",
            r#"profile.firstName = "Ann"#,
            "profile.firstName = Ann",
            r#"profile.shoeSize = "9""#,
            r#"createdTimestamp >= "1""#,
            r#"profile.email = "a" OR profile.email = "b" AND profile.email = "c""#,
        ] {
            let query = format!("SELECT * FROM accounts WHERE {condition}");
            assert_eq!(GigyaQuery::parse(&query).unwrap_err().code, 400_006, "{condition}");
        }
    }

    #[test]
    fn rows_show_selected_members_that_are_not_empty() {
        let show = |query: &str| GigyaQuery::parse(query).unwrap().show(&accounts()[0]);
        let star = show("SELECT * FROM accounts");
        assert!(star["profile"].is_object() && star.get("emails").is_none() && star.get("subscriptions").is_none());
        let row = show("SELECT UID, emails, created, registered FROM accounts");
        assert_eq!(row, json!({"UID": "1", "emails": {"verified": ["Ann@example.com"]}}));
    }

    #[test]
    fn lite_accounts_are_found_on_request() {
        let query = GigyaQuery::parse("SELECT * FROM accounts").unwrap();
        assert_eq!(query.find(accounts().iter(), true).len(), 4);
        assert_eq!(query.find(accounts().iter(), false).len(), 3);
    }

    #[test]
    fn limits_are_the_documented_ones() {
        let many: Vec<Arc<Value>> = (0..6_000)
            .map(|n| Arc::new(json!({"UID": format!("{n:05}"), "isRegistered": true})))
            .collect();
        for (clauses, rows) in [
            ("", Some(300)),
            (" LIMIT 10000", Some(5_000)),
            (" LIMIT 10001", Some(300)),
            (" START 4900 LIMIT 300", Some(100)),
            (" START 5000 LIMIT 300", Some(0)),
            (" START 5001", None),
        ] {
            let query = GigyaQuery::parse(&format!("SELECT * FROM accounts{clauses}")).unwrap();
            let page = query.page(&query.find(many.iter(), false));
            assert_eq!(
                page.ok().map(|page| (page.rows.len(), page.total)),
                rows.map(|rows| (rows, 6_000)),
                "{clauses}"
            );
        }
        let batch_size = |clauses: &str| {
            GigyaQuery::parse(&format!("SELECT * FROM accounts{clauses}"))
                .unwrap()
                .batch_size()
        };
        assert_eq!(batch_size(" LIMIT 1000"), Ok(1_000));
        assert!(batch_size(" LIMIT 1001").is_err() && batch_size(" START 1 LIMIT 10").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_without_panic(text in ".{0,200}") {
            let _ = GigyaQuery::parse(&text);
            let _ = GigyaQuery::parse(&format!("SELECT * FROM accounts WHERE {text}"));
        }

        #[test]
        fn quoted_text_is_found_exactly(text in "[^\"\\\\\\p{Cc}]{1,40}") {
            let account = Arc::new(json!({"UID": "1", "isRegistered": true, "profile": {"firstName": text}}));
            let query = format!("SELECT * FROM accounts WHERE profile.firstName = \"{text}\"");
            prop_assert_eq!(GigyaQuery::parse(&query).unwrap().find([&account].into_iter(), false).len(), 1);
        }
    }
}
