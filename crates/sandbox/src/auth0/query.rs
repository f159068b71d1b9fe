//! The shapes of the Lucene query language that the Auth0 adapter sends; every other query is refused.
//!
//! A query is terms joined by ` AND `; a term may be alternatives in parentheses joined by ` OR `. A term is
//! `field:"phrase"`, `field:start*`, `field:*part*` or, for a date, `field:[from TO before}` with `*` for an open end.

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::name_list::contains_name;
use crate::shape_reader::ShapeReader;

/// Fields whose text can be searched, and dates.
const TEXT_FIELDS: &str = "email user_id identities.user_id identities.connection name given_name family_name nickname";
const DATE_FIELDS: [&str; 2] = ["created_at", "updated_at"];

/// Root fields that are compared without regard to case.
const CASE_INSENSITIVE: [&str; 5] = ["email", "name", "given_name", "family_name", "nickname"];

/// Characters that a bare word must escape.
const SPECIAL: &str = "+-&|!(){}[]^\"~*?:\\/ ";

/// The shortest text of a pattern that begins with a wildcard.
const FEWEST_LITERALS: usize = 3;

/// Why a query is refused; the text goes into the error body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Auth0QueryError(pub(super) String);

/// A supported query: every group must match, and in a group one term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Auth0Query(Vec<Vec<Auth0Term>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Auth0Term {
    field: String,
    test: Auth0TermTest,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Auth0TermTest {
    /// The whole value.
    Equals(String),
    StartsWith(String),
    Contains(String),
    /// From the first time, and before the second.
    Between(Option<String>, Option<String>),
}

/// Whether values of this root field compare without regard to case.
pub(super) fn is_case_insensitive(field: &str) -> bool {
    CASE_INSENSITIVE.contains(&field)
}

impl Auth0Query {
    pub(super) fn parse(text: &str) -> Result<Self, Auth0QueryError> {
        let mut reader = ShapeReader(text);
        let mut groups = vec![parse_group(&mut reader)?];
        while !reader.is_at_end() {
            if !reader.take(" AND ") {
                return Err(unsupported("terms are joined by ' AND '"));
            }
            groups.push(parse_group(&mut reader)?);
        }
        Ok(Self(groups))
    }

    pub(super) fn matches(&self, user: &Value) -> bool {
        let mut groups = self.0.iter();
        groups.all(|group| group.iter().any(|term| term.matches(user)))
    }

    /// Whether the query needs a scan: it has a pattern that begins with a wildcard.
    pub(super) fn is_slow(&self) -> bool {
        let mut terms = self.0.iter().flatten();
        terms.any(|term| matches!(term.test, Auth0TermTest::Contains(_)))
    }
}

fn unsupported(what: &str) -> Auth0QueryError {
    Auth0QueryError(format!("unsupported query: {what}"))
}

fn parse_group(reader: &mut ShapeReader<'_>) -> Result<Vec<Auth0Term>, Auth0QueryError> {
    if !reader.take("(") {
        return Ok(vec![parse_term(reader)?]);
    }
    let mut group = vec![parse_term(reader)?];
    while reader.take(" OR ") {
        group.push(parse_term(reader)?);
    }
    if reader.take(")") {
        Ok(group)
    } else {
        Err(unsupported("alternatives are joined by ' OR ' and end in ')'"))
    }
}

fn parse_term(reader: &mut ShapeReader<'_>) -> Result<Auth0Term, Auth0QueryError> {
    let field = reader.take_until(":").unwrap_or_default().to_owned();
    let is_text = contains_name(TEXT_FIELDS, &field);
    let test = if DATE_FIELDS.contains(&&*field) {
        parse_range(reader)?
    } else if !is_text {
        return Err(Auth0QueryError(format!("the field '{field}' is not searchable")));
    } else if reader.take("\"") {
        Auth0TermTest::Equals(parse_phrase(reader)?)
    } else if reader.take("*") {
        let part = parse_word(reader)?;
        if part.chars().count() < FEWEST_LITERALS {
            return Err(unsupported("a pattern with a leading wildcard needs 3 characters"));
        }
        Auth0TermTest::Contains(part)
    } else {
        Auth0TermTest::StartsWith(parse_word(reader)?)
    };
    Ok(Auth0Term { field, test })
}

/// Reads a phrase to its closing quote. Only the quote and the backslash are escaped; a wildcard is a character.
fn parse_phrase(reader: &mut ShapeReader<'_>) -> Result<String, Auth0QueryError> {
    let mut text = String::new();
    loop {
        match reader.take_char() {
            Some('"') => return Ok(text),
            Some('\\') => match reader.take_char() {
                Some(escaped @ ('"' | '\\')) => text.push(escaped),
                _ => return Err(unsupported("a phrase escapes only the quote and the backslash")),
            },
            Some(other) => text.push(other),
            None => return Err(unsupported("a phrase without its end")),
        }
    }
}

/// Reads a bare word that ends in a wildcard.
fn parse_word(reader: &mut ShapeReader<'_>) -> Result<String, Auth0QueryError> {
    let mut text = String::new();
    loop {
        match reader.take_char() {
            Some('*') if !text.is_empty() => return Ok(text),
            Some('\\') => text.extend(reader.take_char()),
            Some(other) if !SPECIAL.contains(other) && !other.is_whitespace() => text.push(other),
            _ => return Err(unsupported("a word ends in '*' and escapes its special characters")),
        }
    }
}

fn parse_range(reader: &mut ShapeReader<'_>) -> Result<Auth0TermTest, Auth0QueryError> {
    let parse_bound = |text: &str| match text {
        "*" => Some(None),
        text if text.len() == 24 && OffsetDateTime::parse(text, &Rfc3339).is_ok() => Some(Some(text.to_owned())),
        _ => None,
    };
    let ends = reader.take("[").then(|| reader.take_until("}")).flatten();
    let bounds = ends.and_then(|ends| ends.split_once(" TO "));
    let bounds = bounds.and_then(|(from, before)| parse_bound(from).zip(parse_bound(before)));
    let (from, before) = bounds.ok_or_else(|| unsupported("a date range is [from TO before}"))?;
    Ok(Auth0TermTest::Between(from, before))
}

impl Auth0Term {
    fn matches(&self, user: &Value) -> bool {
        match self.field.split_once('.') {
            None => self.accepts(&user[&self.field]),
            Some((list, member)) => {
                let entries = user[list].as_array().into_iter().flatten();
                entries.into_iter().any(|entry| self.accepts(&entry[member]))
            }
        }
    }

    fn accepts(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.accepts_text(text),
            Value::Number(number) => self.accepts_text(&number.to_string()),
            _ => false,
        }
    }

    fn accepts_text(&self, text: &str) -> bool {
        let fold = |text: &str| {
            if is_case_insensitive(&self.field) {
                text.to_lowercase()
            } else {
                text.to_owned()
            }
        };
        match &self.test {
            Auth0TermTest::Equals(whole) => fold(text) == fold(whole),
            Auth0TermTest::StartsWith(start) => fold(text).starts_with(&fold(start)),
            Auth0TermTest::Contains(part) => fold(text).contains(&fold(part)),
            Auth0TermTest::Between(from, before) => {
                from.as_deref().is_none_or(|from| text >= from) && before.as_deref().is_none_or(|before| text < before)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn finds(query: &str) -> bool {
        let jane = json!({
            "user_id": "auth0|5f7c", "email": "Jane.O'Neil+News@Example.com", "name": "Jane O'Neil", "given_name": "Jane",
            "nickname": "jane \"JJ\" \\o/", "created_at": "2018-01-31T23:59:59.999Z",
            "identities": [{"connection": "Database", "user_id": "5f7c"}, {"connection": "google-oauth2", "user_id": 123}],
        });
        Auth0Query::parse(query).unwrap().matches(&jane)
    }

    #[test]
    fn supported_shapes_find_users() {
        for (query, found) in [
            (r#"name:"Jane O'Neil""#, true),
            (r#"name:"Jane""#, false),
            (r#"name:"Jane*""#, false),
            (r#"given_name:"JANE""#, true),
            (r#"user_id:"auth0|5f7c""#, true),
            (r#"user_id:"AUTH0|5f7c""#, false),
            (r#"nickname:"jane \"JJ\" \\o\\""#, false),
            (r#"nickname:"jane \"JJ\" \\o/""#, true),
            (r"email:jane.o'neil\+n*", true),
            ("email:neil*", false),
            ("email:*example*", true),
            (r#"identities.user_id:"123""#, true),
            (r#"identities.connection:"Database""#, true),
            (r#"(email:"a" OR email:jane*) AND name:jane*"#, true),
            (r#"email:jane* AND name:"x""#, false),
            ("created_at:[2018-01-31T23:59:59.999Z TO *}", true),
            ("created_at:[* TO 2018-01-31T23:59:59.999Z}", false),
            ("updated_at:[* TO *}", false),
        ] {
            assert_eq!(finds(query), found, "{query}");
        }
    }

    #[test]
    fn other_shapes_are_refused() {
        for query in [
            "",
            "jane",
            "jane*",
            "email:jane",
            "email:*",
            "email:*ab*",
            "email:*abc",
            "email:a b*",
            "email:a+b*",
            r#"email:"a"#,
            r#"email:"a\b""#,
            r#"email:"a" email:"b""#,
            r#"email:"a" OR email:"b""#,
            r#"email:"a" AND "#,
            r#"(email:"a""#,
            r#"email:"a")"#,
            r#"NOT email:"a""#,
            r#"picture:"x""#,
            r#"_exists_:"email""#,
            "user_metadata.color:Bl*",
            "created_at:[2018-01 TO *}",
            "created_at:[2018-01-31T23:59:59.999Z TO *]",
            r#"created_at:"2018""#,
        ] {
            assert!(Auth0Query::parse(query).is_err(), "{query}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_without_panic(text in any::<String>(), tail in "[a-z:\"*() ]{0,12}") {
            let _ = Auth0Query::parse(&text);
            let _ = Auth0Query::parse(&format!("email:{tail}{text}"));
        }

        #[test]
        fn escaped_phrase_finds_exactly_its_value(value in any::<String>()) {
            let phrase = |text: &str| format!("user_id:\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""));
            let user = json!({"user_id": value});
            prop_assert!(Auth0Query::parse(&phrase(&value)).unwrap().matches(&user));
            let longer = phrase(&(value + "x"));
            prop_assert!(!Auth0Query::parse(&longer).unwrap().matches(&user));
        }
    }
}
