//! Valid but unusual answers: what one row costs, and what it does not (`quality.md`, fault table).

use std::time::Duration;

use masthead_domain::merge::SourceKind;
use masthead_sandbox::{Fault, FaultRule};

use crate::{
    sources::harness::{ReadKind, SourceHarness, SourceRequest, UNKNOWN},
    support::{
        readers::{LAST_NAME, crid, email},
        sources::SourceUnderTest,
    },
};

/// The JSON members of the address, the last name and the id at this source.
struct JsonMembers {
    email: &'static str,
    last_name: &'static str,
    id: &'static str,
}

fn members(source: &SourceUnderTest) -> JsonMembers {
    let (email, last_name, id) = match (source.name, source.calls) {
        ("Auth0", _) => ("email", "family_name", "user_id"),
        ("Gigya", _) => ("email", "lastName", "UID"),
        ("SSOR", _) => ("email", "lastName", "consumerId"),
        ("Firefly", _) => ("email", "lastName", "userGUID"),
        (_, "/User") => ("Email", "LastName", "CustomerRegistrationId"),
        _ => ("email", "lastName", "customerRegistrationId"),
    };
    JsonMembers { email, last_name, id }
}

/// Adds JSON after the address of a user.
fn behind_the_address(source: &SourceUnderTest, name: &str, more: &str) -> FaultRule {
    let text = format!("\"{}\":\"{}\"", members(source).email, email(name));
    let with = format!("{text},{more}");
    FaultRule::from(Fault::Replaced { text, with }).on(source.calls)
}

/// Replaces the id of a user by JSON.
fn instead_of_the_id(source: &SourceUnderTest, name: &str, id: &str) -> FaultRule {
    let member = members(source).id;
    let text = format!("\"{member}\":\"{}\"", crid(name));
    let with = format!("\"{member}\":{id}");
    FaultRule::from(Fault::Replaced { text, with }).on(source.calls)
}

/// RFC 8259 §4, §6, §8.2 and §9 allow each of these values.
pub(crate) async fn invalid_unread_field_costs_nothing(source: &'static SourceUnderTest) {
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let harness = SourceHarness::start(source, Duration::ZERO, &["odd", "plain"], &[]).await;
    for odd in [
        r#""zodiac":"\ud83d""#.to_owned(),
        r#""\ud83dzodiac":null"#.to_owned(),
        r#""zodiac":1e400"#.to_owned(),
        r#""zodiac":1,"zodiac":2"#.to_owned(),
        format!(r#""zodiac":{deep}"#),
    ] {
        harness.sandbox.clear_faults();
        harness.sandbox.inject(behind_the_address(source, "odd", &odd));
        for (kind, ids) in [
            (ReadKind::ById, vec![crid("odd")]),
            (ReadKind::ByEmail, vec![crid("odd")]),
            (ReadKind::List, vec![crid("odd"), crid("plain")]),
        ] {
            let response = harness.send(SourceRequest::new(kind, "odd")).await;
            assert_eq!(response.ids(), ids, "{odd:.40}: {response:?}");
            assert!(response.completeness.complete, "{odd:.40}: {response:?}");
        }
    }
}

/// A mapped text with an invalid part contains a replacement character.
pub(crate) async fn invalid_mapped_field_costs_itself(source: &'static SourceUnderTest) {
    let harness = SourceHarness::start(source, Duration::ZERO, &["odd"], &[]).await;
    let last_name = members(source).last_name;
    let text = format!("\"{last_name}\":\"{LAST_NAME}\"");
    for (with, shown) in [
        (
            format!(r#""{last_name}":"{LAST_NAME}\ud83d""#),
            format!("{LAST_NAME}\u{fffd}"),
        ),
        (format!(r#""{last_name}":"{LAST_NAME}\u0000""#), LAST_NAME.to_owned()),
        (format!(r#""{last_name}":["{LAST_NAME}"]"#), String::new()),
        (
            format!(r#""{last_name}":"x","{last_name}":"{LAST_NAME}""#),
            LAST_NAME.to_owned(),
        ),
    ] {
        harness.sandbox.clear_faults();
        let text = text.clone();
        harness.sandbox.inject(
            FaultRule::from(Fault::Replaced {
                text,
                with: with.clone(),
            })
            .on(source.calls),
        );
        for kind in [ReadKind::ById, ReadKind::ByEmail] {
            let response = harness.send(SourceRequest::new(kind, "odd")).await;
            assert_eq!(response.ids(), [crid("odd")], "{with}: {response:?}");
            assert!(response.completeness.complete, "{with}: {response:?}");
            assert_eq!(&*response.users.as_ref().unwrap()[0].account.last_name, shown, "{with}");
        }
    }
}

/// By id and by address the user is unknown; a list contains all others and is marked as incomplete.
pub(crate) async fn invalid_row_costs_itself(source: &'static SourceUnderTest) {
    let mut harness = SourceHarness::start(source, Duration::ZERO, &["odd", "plain"], &["odd", "other"]).await;
    for odd in ["1.5", "null", "\"\"", "\"a\\u0000\"", "\"auth0|\\ud83d\"", "[]"] {
        harness.sandbox.clear_faults();
        harness.sandbox.inject(instead_of_the_id(source, "odd", odd));
        // Often enough that an outage would open the breaker.
        for _ in 0..4 {
            for kind in [ReadKind::ById, ReadKind::ByEmail] {
                let response = harness.send(SourceRequest::new(kind, "odd")).await;
                assert_eq!(response.ids(), [crid("odd")], "the other side's {odd}: {response:?}");
                assert!(!response.completeness.complete, "{odd}: {response:?}");
                assert_eq!(response.source(source.name).0, "unavailable", "{odd}: {response:?}");
            }
        }
        let response = harness.send(SourceRequest::new(ReadKind::ById, "plain")).await;
        response.assert_complete(&["plain"]);
        let response = harness.send(SourceRequest::new(ReadKind::List, "odd")).await;
        assert!(response.ids().contains(&&*crid("plain")), "{odd}: {response:?}");
        assert!(!response.completeness.complete, "{odd}: {response:?}");
        let word = match source.side {
            SourceKind::Provider => ("ok", "unreadable_rows"),
            // The union reads the store again for each user that only the provider returned.
            SourceKind::Store => ("stale", "corrupt"),
        };
        assert_eq!(response.source(source.name), word, "{odd}: {response:?}");
        // The row may be the requested user.
        if !["Firefly", "SSOR"].contains(&source.name) && source.side == SourceKind::Provider {
            let response = harness.send(SourceRequest::new(ReadKind::List, UNKNOWN)).await;
            assert!(response.users.is_none(), "{odd}: {response:?}");
        }
        let written = harness.written().await;
        assert!(
            !written.iter().any(|account| account.crid.as_str() == crid("odd")),
            "{odd}"
        );
    }
    harness.sandbox.clear_faults();
    let response = harness.send(SourceRequest::new(ReadKind::List, "odd")).await;
    assert!(response.completeness.complete, "{response:?}");
}
