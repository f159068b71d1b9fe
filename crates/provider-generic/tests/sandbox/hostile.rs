//! Callers' texts reach the provider as data: nothing else about the request changes.

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    email::{EmailFragment, EmailKey},
    query::{EmailFilter, NamePrefix, UserFilter},
};
use masthead_ports::source::SourceErrorKind;
use masthead_provider_kit::path::is_segment;
use masthead_provider_testkit::{SourceClient, ids};
use masthead_testkit::source_client::FindByKey as _;
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use serde_json::json;

use crate::{
    fixture::{GenericFixture, kind, list},
    third,
};

const ODD: [&str; 12] = [
    "'<>()*!~+&=%",
    "a&email=b",
    "\"}, {\"x\": \"",
    "{id}{email}",
    "%00%26%3d",
    "a\\b\"c",
    "../../admin",
    "..",
    "a?b#c",
    "a;b,c|d",
    "\u{e9}\u{202e}\u{1f600}",
    "a b+c",
];

/// The odd texts, and as many invented by chance, the same ones every time.
fn texts() -> Vec<String> {
    let mut runner = TestRunner::deterministic();
    let strategy = proptest::string::string_regex("\\PC{1,40}|[ -~]{1,40}").unwrap();
    let invented = (0..150).map(|_| strategy.new_tree(&mut runner).unwrap().current());
    ODD.into_iter().map(str::to_owned).chain(invented).collect()
}

#[tokio::test]
async fn odd_values_find_their_user() {
    let fixture = third::fixture(5).await;
    for (number, text) in texts().into_iter().enumerate() {
        let Ok(id) = CustomerRegistrationId::parse(&format!("{number}-{text}")) else {
            continue;
        };
        let email = format!(
            "{}@example.com",
            EmailKey::from_text(&format!("{number}{}", text.replace(['@', ' '], ""))).as_str()
        );
        let known = json!({"userGUID": id.as_str(), "email": email, "firstName": "x", "lastName": text});
        fixture.sandbox.generic().seed([known]);
        let found = fixture.adapter.by_id(&fixture.cx(), &id).await;
        if is_segment(id.as_str()) {
            assert_eq!(found.unwrap().unwrap().crid, id, "{text:?}");
        } else {
            assert_eq!(kind(found), Some(SourceErrorKind::Refused), "{text:?}");
        }
        let key = EmailKey::from_text(&email);
        if key.as_str() == email {
            let found = fixture.adapter.by_email(&fixture.cx(), &key).await;
            // Each spelling is a call; an address with more than eight is an error.
            if key.spellings().is_some_and(|spellings| spellings.len() <= 8) {
                assert_eq!(ids(&found.unwrap()), [id.as_str()], "{text:?}");
            } else {
                assert_eq!(kind(found), Some(SourceErrorKind::Refused), "{text:?}");
            }
        }
        let filter = UserFilter {
            last_name: Some(NamePrefix::from_text(&text)),
            emails: vec![EmailFilter::Contains(EmailFragment::from_text(&text))],
            ..UserFilter::default()
        };
        // The name is compared with accents there: what matters is that it came as one value and was understood.
        assert!(list(&fixture, filter).await.is_ok(), "{text:?}");
    }
    for call in fixture.sandbox.log_with_secrets() {
        let names: Vec<&str> = call
            .query
            .split('&')
            .filter_map(|pair| pair.split('=').next())
            .collect();
        assert!(
            call.path == "/people/find" || (call.path.starts_with("/people/one/") && call.path.ends_with("/profile"))
        );
        assert_eq!(
            call.path.matches('/').count(),
            if call.path == "/people/find" { 2 } else { 4 }
        );
        assert!(
            names.iter().all(|name| name.is_empty() || *name == "edition"),
            "{names:?}"
        );
    }
}

#[tokio::test]
async fn path_traversing_ids_make_no_call() {
    let fixture: GenericFixture = third::fixture(1).await;
    for id in ["..", ".", "../find", "a/../../find", "a\\.."] {
        assert_eq!(kind(fixture.by_id(id).await), Some(SourceErrorKind::Refused), "{id}");
    }
    assert_eq!(fixture.sandbox.calls(), 0);
}
