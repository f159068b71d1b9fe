//! No value changes the structure of a query, as a parser that knows nothing of the writer reads it.

use proptest::prelude::*;

use super::*;

/// A query as the independent parser below reads it: clauses in groups.
#[derive(Debug, PartialEq, Eq)]
struct ParsedClause {
    field: String,
    leading: bool,
    text: String,
    trailing: bool,
}

/// Reads `a AND b AND (c OR d)`; every group is a list of alternatives. Panics on anything else.
fn read(query: &str) -> Vec<Vec<ParsedClause>> {
    let chars: Vec<char> = query.chars().collect();
    let mut at = 0;
    let mut groups = Vec::new();
    loop {
        let grouped = chars.get(at) == Some(&'(');
        at += usize::from(grouped);
        let mut group = vec![clause(&chars, &mut at)];
        while grouped && take(&chars, &mut at, " OR ") {
            group.push(clause(&chars, &mut at));
        }
        assert!(!grouped || take(&chars, &mut at, ")"), "{query}");
        groups.push(group);
        if at == chars.len() {
            return groups;
        }
        assert!(take(&chars, &mut at, " AND "), "something else than AND: {query}");
    }
}

fn take(chars: &[char], at: &mut usize, wanted: &str) -> bool {
    let found = wanted
        .chars()
        .enumerate()
        .all(|(n, char)| chars.get(*at + n) == Some(&char));
    *at += if found { wanted.chars().count() } else { 0 };
    found
}

fn clause(chars: &[char], at: &mut usize) -> ParsedClause {
    let mut field = String::new();
    while chars[*at] != ':' {
        field.push(chars[*at]);
        *at += 1;
    }
    *at += 1;
    let (mut leading, mut trailing, mut text) = (false, false, String::new());
    if take(chars, at, "\"") {
        while chars[*at] != '"' {
            *at += usize::from(chars[*at] == '\\');
            text.push(chars[*at]);
            *at += 1;
        }
        *at += 1;
    } else {
        leading = take(chars, at, "*");
        while let Some(char) = chars.get(*at).filter(|char| !char.is_whitespace() && **char != ')') {
            assert!(!trailing, "a wildcard in the middle");
            *at += 1;
            match char {
                '*' => trailing = true,
                '\\' => {
                    text.push(chars[*at]);
                    *at += 1;
                }
                special if "+-&|!({}[]^\"~?:/<>=".contains(*special) => panic!("{special} is not escaped"),
                plain => text.push(*plain),
            }
        }
    }
    ParsedClause {
        field,
        leading,
        text,
        trailing,
    }
}

fn any_value() -> impl Strategy<Value = QueryValue> {
    let soup = prop::sample::select(vec![
        "\"", "\\", "*", "?", ":", "(", ")", " AND ", " OR ", "NOT ", "-", "+", "&&", "||", "/", "a", "é", " ",
        "email", "[1 TO 2]", "~2", "^3", "\\\"", "TO", "<", ">=", "\u{a0}", "\u{202e}",
    ]);
    let soups = prop::collection::vec(soup, 1..12).prop_map(|parts| parts.concat());
    prop_oneof![any::<String>(), soups].prop_filter_map("printable", |text| QueryValue::new(&text))
}

proptest! {
    #[test]
    fn values_never_change_query_structure(a in any_value(), b in any_value(), c in any_value(), d in any_value()) {
        let query = all_of(&[
            Clause::Is(Auth0Field::IdentityId, a.clone()),
            Clause::StartsWith(Auth0Field::Email, b.clone()),
            Clause::Any(vec![Clause::Holds(Auth0Field::Email, c.clone()), Clause::Is(Auth0Field::IdentityConnection, d.clone())]),
        ])
        .unwrap();
        let clause = |field: &str, leading, value: &QueryValue, trailing| ParsedClause {
            field: field.to_owned(), leading, text: value.as_str().to_owned(), trailing,
        };
        prop_assert_eq!(read(&query), vec![
            vec![clause("identities.user_id", false, &a, false)],
            vec![clause("email", false, &b, true)],
            vec![clause("email", true, &c, true), clause("identities.connection", false, &d, false)],
        ]);
    }
}

#[test]
fn phrases_and_words_are_escaped() {
    let value = |text| QueryValue::new(text).unwrap();
    assert_eq!(
        Clause::Is(Auth0Field::Email, value("o\"neil+x\\y@example.com")).to_string(),
        r#"email:"o\"neil+x\\y@example.com""#
    );
    assert_eq!(
        Clause::StartsWith(Auth0Field::Email, value("ann+n")).to_string(),
        r"email:ann\+n*"
    );
    assert_eq!(
        Clause::Holds(Auth0Field::Email, value("a b(c")).to_string(),
        r"email:*a\ b\(c*"
    );
    assert_eq!(all_of(&[]), None);
}

#[test]
fn control_characters_are_no_value() {
    for bad in ["", "a\0b", "a\nb", "\u{7f}"] {
        assert!(QueryValue::new(bad).is_none(), "{bad:?}");
    }
}
