//! The query language, clause by clause.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Kinds, Query};

fn accounts() -> Vec<Arc<Value>> {
    let account = |uid: &str, first: &str, email: &str, age: Value| {
        json!({
            "UID": uid, "isRegistered": true, "isActive": uid != "3", "createdTimestamp": 100,
            "profile": {"firstName": first, "lastName": "O'Neil Smith", "email": email, "age": age},
            "loginIDs": {"emails": [email]}, "emails": {"verified": [email]}, "data": {"plan": "print"},
            "subscriptions": {"news": {}},
        })
    };
    let mut all = vec![
        account("1", "Ann", "Ann@example.com", json!(31)),
        account("2", "Bob", "bob'<>()*!~+&=%@example.com", json!("42")),
        account("3", "ann", "c@example.com", json!(50)),
        json!({"UID": "4", "isRegistered": false, "isLite": true, "profile": {"email": "lite@example.com"}, "subscriptions": {"n": 1}}),
    ];
    all[2]["data"] = json!({"tags": ["a", "b"], "n": 5});
    all.into_iter().map(Arc::new).collect()
}

const FULL: Kinds = Kinds {
    full: true,
    lite: false,
};

fn uids(query: &str) -> Vec<String> {
    let accounts = accounts();
    let query = Query::parse(query, &["data.secret".into()]).unwrap();
    let found = query.matches(accounts.iter(), FULL);
    found
        .iter()
        .map(|account| account["UID"].as_str().unwrap().to_owned())
        .collect()
}

fn found(condition: &str) -> Vec<String> {
    uids(&format!("SELECT * FROM accounts WHERE {condition}"))
}

fn code(query: &str) -> u64 {
    Query::parse(query, &["data.secret".into()]).map_or_else(|refusal| refusal.code, |_| 0)
}

fn refused(condition: &str) -> bool {
    code(&format!("SELECT * FROM accounts WHERE {condition}")) == 400_006
}

#[test]
fn equality_keeps_case_and_contains_does_not_where_it_is_encrypted() {
    assert_eq!(found(r#"profile.email = "Ann@example.com""#), ["1"]);
    assert!(found(r#"profile.email = "ann@example.com""#).is_empty());
    assert_eq!(found(r#"profile.email CONTAINS "ann@EXAMPLE.com""#), ["1"]);
    assert!(found(r#"profile.email CONTAINS "ann""#).is_empty());
    assert_eq!(found(r#"loginIDs.emails contains "ann@example.com""#), ["1"]);
    assert_eq!(found(r#"profile.firstName = "ann""#), ["3"]);
    assert_eq!(found(r#"profile.email != "c@example.com""#), ["1", "2"]);
}

#[test]
fn contains_looks_for_whole_words_elsewhere() {
    assert_eq!(found(r#"profile.lastName CONTAINS "Neil""#).len(), 3);
    assert!(found(r#"profile.lastName CONTAINS "Nei""#).is_empty());
    assert!(found(r#"profile.lastName CONTAINS "neil""#).is_empty());
    assert_eq!(found(r#"NOT profile.lastName CONTAINS "Jones""#).len(), 3);
    assert_eq!(found(r#"profile.lastName NOT CONTAINS "Smith""#).len(), 0);
}

#[test]
fn operators_join_and_compare_as_documented() {
    assert_eq!(
        found(r#"profile.firstName = "Ann" OR profile.firstName = "Bob" AND profile.age > 100"#),
        ["1"]
    );
    assert_eq!(
        found(r#"(profile.firstName = "Ann" OR profile.firstName = "Bob") AND profile.age >= 42"#),
        ["2"]
    );
    assert_eq!(found("profile.age < 45 and isActive = true"), ["1", "2"]);
    assert_eq!(found(r#"UID IN ("1", "3", "9")"#), ["1", "3"]);
    assert_eq!(found(r#"UID NOT IN ("1", "3")"#), ["2"]);
    assert_eq!(found("data.n IS NOT NULL"), ["3"]);
    assert_eq!(found("profile.nickname IS NULL AND data.plan = 'print'"), ["1", "2"]);
    assert_eq!(found(r#"data.tags = "b""#), ["3"]);
    assert_eq!(found("createdTimestamp >= 100 AND createdTimestamp < 101").len(), 3);
}

#[test]
fn an_encrypted_field_is_compared_whole_or_not_at_all() {
    for field in [
        "profile.email",
        "loginIDs.emails",
        "emails.verified",
        "loginIDs.username",
        "data.secret",
    ] {
        assert!(refused(&format!(r#"{field} > "a""#)), "{field}");
        assert!(refused(&format!(r#"{field} <= "a""#)), "{field}");
        assert!(refused(&format!("{field} = regex('a.*')")), "{field}");
        assert!(refused(&format!(r#"{field} IN ("a")"#)), "{field}");
        assert!(refused(&format!("{field} IS NULL")), "{field}");
        assert_eq!(
            code(&format!("SELECT * FROM accounts ORDER BY {field}")),
            400_006,
            "{field}"
        );
    }
}

#[test]
fn the_clauses_come_in_their_order() {
    assert_eq!(
        uids("SELECT UID FROM accounts WHERE isRegistered = true ORDER BY profile.firstName DESC, UID START 0 LIMIT 5"),
        ["3", "2", "1"]
    );
    assert_eq!(uids("select * from accounts order by profile.age"), ["1", "2", "3"]);
    for wrong in [
        "SELECT * FROM accounts LIMIT 5 START 1",
        "SELECT * FROM accounts LIMIT 5 ORDER BY UID",
        "SELECT * FROM accounts ORDER BY UID WHERE isActive = true",
        "SELECT * FROM accounts HAVING x",
        "SELECT * FROM users",
        "SELECT FROM accounts",
        "SELECT * FROM accounts WHERE",
        "SELECT * FROM accounts; SELECT * FROM accounts",
        "FROM accounts SELECT *",
        "",
    ] {
        assert_eq!(code(wrong), 400_006, "{wrong}");
    }
    assert_eq!(code("SELECT * FROM accounts GROUP BY profile.age LIMIT 5"), 400_096);
}

#[test]
fn texts_are_quoted_and_nothing_escapes() {
    assert_eq!(found(r#"profile.email = "bob'<>()*!~+&=%@example.com""#), ["2"]);
    assert_eq!(found(r#"profile.lastName = "O'Neil Smith""#).len(), 3);
    for wrong in [
        r#"profile.firstName = "A\"nn""#,
        r#"profile.firstName = "A\\nn""#,
        r#"profile.firstName = "A""nn""#,
        "profile.firstName = \"A\nnn\"",
        r#"profile.firstName = "Ann"#,
        "profile.firstName = Ann",
        "profile.firstName = 5",
        r#"profile.age = "31""#,
        r#"isActive = "true""#,
        r#"profile.shoeSize = "9""#,
        r#"profile.firstName = "x" OR 1 = 1"#,
    ] {
        assert!(refused(wrong), "{wrong}");
    }
    assert!(refused(&format!("{}isActive = true{}", "(".repeat(80), ")".repeat(80))));
}

#[test]
fn a_selection_shows_what_was_selected_and_leaves_out_what_is_empty() {
    let accounts = accounts();
    let row = |query: &str| Query::parse(query, &[]).unwrap().shown(&accounts[0]);
    let star = row("SELECT * FROM accounts");
    assert!(star["profile"].is_object());
    for left_out in ["emails", "loginIDs", "subscriptions"] {
        assert!(star.get(left_out).is_none(), "{left_out}");
    }
    assert_eq!(
        row("SELECT UID, profile.firstName, emails, profile.nickname, subscriptions FROM accounts"),
        json!({"UID": "1", "profile": {"firstName": "Ann"}, "emails": {"verified": ["Ann@example.com"]}})
    );
}

#[test]
fn lite_accounts_are_found_only_where_they_are_asked_for() {
    let accounts = accounts();
    let query = Query::parse("SELECT * FROM accounts", &[]).unwrap();
    let count = |full, lite| query.matches(accounts.iter(), Kinds { full, lite }).len();
    assert_eq!((count(true, false), count(false, true), count(true, true)), (3, 1, 4));
    let query = Query::parse("SELECT * FROM emailAccounts", &[]).unwrap();
    let lite = query.matches(accounts.iter(), FULL);
    assert_eq!(lite.len(), 1);
    assert_eq!(query.shown(&lite[0])["subscriptions"], json!({"n": 1}));
}

#[test]
fn limits_are_the_documented_ones() {
    let many: Vec<Arc<Value>> = (0..6_000)
        .map(|n| Arc::new(json!({"UID": format!("{n:05}"), "isRegistered": true})))
        .collect();
    let page = |text: &str| {
        let query = Query::parse(text, &[]).unwrap();
        let matches = query.matches(many.iter(), FULL);
        query.page(&matches).map(|found| (found.rows.len(), found.total))
    };
    assert_eq!(page("SELECT * FROM accounts"), Ok((300, 6_000)));
    assert_eq!(page("SELECT * FROM accounts LIMIT 10000"), Ok((5_000, 6_000)));
    assert_eq!(page("SELECT * FROM accounts LIMIT 10001"), Ok((300, 6_000)));
    assert_eq!(page("SELECT * FROM accounts START 4900 LIMIT 300"), Ok((100, 6_000)));
    assert_eq!(page("SELECT * FROM accounts START 5000 LIMIT 300"), Ok((0, 6_000)));
    assert_eq!(page("SELECT * FROM accounts START 5001").unwrap_err().code, 400_006);
    assert_eq!(page("SELECT count(*) FROM accounts"), Ok((1, 1)));
    let batch = |text: &str| Query::parse(text, &[]).unwrap().batch();
    assert_eq!(batch("SELECT * FROM accounts LIMIT 1000"), Ok(1_000));
    assert!(batch("SELECT * FROM accounts LIMIT 1001").is_err());
    assert!(batch("SELECT * FROM accounts START 1 LIMIT 10").is_err());
}

proptest! {
    #[test]
    fn no_text_whatever_makes_the_parser_panic(text in ".{0,200}") {
        let _ = Query::parse(&text, &[]);
    }

    #[test]
    fn a_text_without_its_own_quote_is_found_to_the_letter(text in "[^\"\\\\\\p{Cc}]{1,40}") {
        let account = Arc::new(json!({"UID": "1", "isRegistered": true, "profile": {"email": text, "city": text}}));
        for field in ["profile.email", "profile.city"] {
            let query = Query::parse(&format!("SELECT * FROM accounts WHERE {field} = \"{text}\""), &[]).unwrap();
            prop_assert_eq!(query.matches([&account].into_iter(), FULL).len(), 1);
        }
    }
}
