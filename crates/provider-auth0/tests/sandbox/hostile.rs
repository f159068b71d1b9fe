//! Every value of every field, hostile or plain: the queries that reach Auth0 are of a few shapes, and it understands each.

use std::collections::BTreeSet;

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    email::EmailFragment,
    metadata::MetadataPair,
    query::{EmailFilter, NamePrefix, UserFilter},
};
use masthead_ports::source::SourceErrorKind;
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use crate::support::{Auth0Fixture, DATABASE, SourceClient, listing, reader, requests, with};

/// A query with every value as a question mark, as Lucene reads it: a phrase ends at the next quote, a backslash takes the
/// meaning from what follows. What means something and is not escaped stays, and makes a shape of its own.
fn shape(query: &str) -> String {
    let mut shape = String::new();
    let mut chars = query.chars().peekable();
    let mut is_value = false;
    while let Some(char) = chars.next() {
        match char {
            '"' => {
                loop {
                    match chars.next().unwrap() {
                        '\\' => drop(chars.next().unwrap()),
                        '"' => break,
                        _ => {}
                    }
                }
                shape.push_str("\"?\"");
                is_value = false;
            }
            ':' | '*' | '(' | ')' | ' ' => {
                shape.push(char);
                is_value = char == ':' || (char == '*' && is_value);
            }
            special if "+-&|!{}[]^~?/<>=".contains(special) => shape.push(special),
            first => {
                let mut run = String::from(first);
                let mut escaped = first == '\\';
                while let Some(next) = chars.next_if(|next| escaped || !"\":*() +-&|!{}[]^~?/<>=".contains(*next)) {
                    escaped = !escaped && next == '\\';
                    run.push(next);
                }
                assert!(!escaped, "nothing follows the backslash: {query}");
                shape.push_str(if is_value { "?" } else { &run });
                is_value = false;
            }
        }
    }
    shape
}

/// The queries that were sent since the last time.
fn queries(fixture: &Auth0Fixture) -> Vec<String> {
    let requests = requests(fixture).into_iter();
    let of_list = requests.filter(|(_, path, _)| path == "/api/v2/users");
    let pairs = of_list.flat_map(|(_, _, query)| query.split('&').map(str::to_owned).collect::<Vec<_>>());
    let values = pairs.filter_map(|pair| pair.strip_prefix("q=").map(str::to_owned));
    let decoded = values.map(|value| {
        let bytes = percent_encoding::percent_decode_str(&value);
        bytes.decode_utf8().unwrap().into_owned()
    });
    let decoded = decoded.collect();
    fixture.sandbox.clear_log();
    decoded
}

fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        Just("\" OR email:*".to_owned()),
        Just("a* OR identities.provider:b".to_owned()),
        Just("x\\".to_owned()),
        Just("x\\\" AND NOT (email:\"y".to_owned()),
        Just("[a TO z]~2^9 && || !".to_owned()),
        Just("a&q=email:b#c?d=%22%5C".to_owned()),
        "[a-z\"'\\\\ =()*:?~^|&!<>/\\[\\]{}%_@.+-]{1,20}",
        "[a-zA-Z.+'%&*!#$/=?^`{|}~-]{1,12}@[a-z]{1,8}\\.example",
    ]
}

#[tokio::test]
async fn hostile_values_keep_query_structure() {
    let settings = [("Auth0.LeadingWildcards", "true"), ("Auth0.Connections", DATABASE)];
    let fixture = with(vec![reader("1", "ann@example.com")], &settings).await;
    let config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let mut shapes = BTreeSet::new();
    for _ in 0..150 {
        let text = hostile().new_tree(&mut runner).unwrap().current();
        let mut failed = Vec::new();
        if CustomerRegistrationId::parse(&text).is_ok() {
            failed.extend(fixture.by_id(&text).await.err());
        }
        failed.extend(fixture.by_email(&text).await.err());
        for email in [
            EmailFilter::Prefix(EmailFragment::from_text(&text)),
            EmailFilter::Contains(EmailFragment::from_text(&text)),
        ] {
            let filter = UserFilter {
                emails: vec![email],
                first_name: Some(NamePrefix::from_text(&text)),
                last_name: Some(NamePrefix::from_text(&text)),
                metadata: vec![MetadataPair::new(&text, &text)],
                ..UserFilter::default()
            };
            failed.extend(fixture.search(&listing(filter, 10)).await.err());
        }
        // A text that cannot be sent is not sent; nothing else fails.
        for error in failed {
            assert_eq!(error.kind, SourceErrorKind::Refused, "{text:?}: {error:?}");
        }
        // An address is requested in each of its forms.
        let one_form = |query: &String| shape(query).replace(r#" OR email:"?""#, "");
        shapes.extend(queries(&fixture).iter().map(one_form));
    }
    let shapes: Vec<&str> = shapes.iter().map(String::as_str).collect();
    let wanted = [
        r#"(email:"?")"#,
        r#"email:"?""#,
        r#"email:*?* AND identities.connection:"?""#,
        r#"email:?* AND identities.connection:"?""#,
        r#"identities.connection:"?""#,
        r#"identities.user_id:"?""#,
    ];
    assert_eq!(shapes, wanted);
}
