//! Answers that are true and oddly written: what one row costs, and what it does not (`quality.md`, fault table).

use std::time::Duration;

use masthead_domain::merge::SourceKind;
use masthead_sandbox::{Fault, FaultRule};

use crate::{
    people::{LAST_NAME, crid, email},
    stage::{Ask, NOBODY, Stage, Way},
    under_test::Source,
};

/// The members of a user that this source is read by: of the address, of the last name, and of the id.
struct Members {
    email: &'static str,
    last_name: &'static str,
    id: &'static str,
}

fn members(source: &Source) -> Members {
    let (email, last_name, id) = match (source.name, source.calls) {
        ("Auth0", _) => ("email", "family_name", "user_id"),
        ("Gigya", _) => ("email", "lastName", "UID"),
        ("SSOR", _) => ("email", "lastName", "consumerId"),
        ("Firefly", _) => ("email", "lastName", "userGUID"),
        (_, "/User") => ("Email", "LastName", "CustomerRegistrationId"),
        _ => ("email", "lastName", "customerRegistrationId"),
    };
    Members { email, last_name, id }
}

/// The answer, with this behind the address of a reader.
fn behind_the_address(source: &Source, name: &str, more: &str) -> FaultRule {
    let text = format!("\"{}\":\"{}\"", members(source).email, email(name));
    let with = format!("{text},{more}");
    FaultRule::from(Fault::Replaced { text, with }).on(source.calls)
}

/// The answer, with this in the place of the id of a reader.
fn instead_of_the_id(source: &Source, name: &str, id: &str) -> FaultRule {
    let member = members(source).id;
    let text = format!("\"{member}\":\"{}\"", crid(name));
    let with = format!("\"{member}\":{id}");
    FaultRule::from(Fault::Replaced { text, with }).on(source.calls)
}

/// RFC 8259 §4, §6, §8.2 and §9 allow each of them.
pub(crate) async fn unread_fields_cost_nothing(source: &'static Source) {
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let stage = Stage::start(source, Duration::ZERO, &["odd", "plain"], &[]).await;
    for odd in [
        r#""zodiac":"\ud83d""#.to_owned(),
        r#""\ud83dzodiac":null"#.to_owned(),
        r#""zodiac":1e400"#.to_owned(),
        r#""zodiac":1,"zodiac":2"#.to_owned(),
        format!(r#""zodiac":{deep}"#),
    ] {
        stage.sandbox.clear_faults();
        stage.sandbox.inject(behind_the_address(source, "odd", &odd));
        for (way, ids) in [
            (Way::ById, vec![crid("odd")]),
            (Way::ByEmail, vec![crid("odd")]),
            (Way::List, vec![crid("odd"), crid("plain")]),
        ] {
            let told = stage.ask(Ask::new(way, "odd")).await;
            assert_eq!(told.ids(), ids, "{odd:.40}: {told:?}");
            assert!(told.completeness.complete, "{odd:.40}: {told:?}");
        }
    }
}

/// A mapped text that lost a piece shows where.
pub(crate) async fn a_mapped_field_costs_itself(source: &'static Source) {
    let stage = Stage::start(source, Duration::ZERO, &["odd"], &[]).await;
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
        stage.sandbox.clear_faults();
        let text = text.clone();
        stage.sandbox.inject(
            FaultRule::from(Fault::Replaced {
                text,
                with: with.clone(),
            })
            .on(source.calls),
        );
        for way in [Way::ById, Way::ByEmail] {
            let told = stage.ask(Ask::new(way, "odd")).await;
            assert_eq!(told.ids(), [crid("odd")], "{with}: {told:?}");
            assert!(told.completeness.complete, "{with}: {told:?}");
            assert_eq!(&*told.users.as_ref().unwrap()[0].account.last_name, shown, "{with}");
        }
    }
}

/// By id and by address the user is unknown; a list has all others, and says that it is not the whole.
pub(crate) async fn one_row_costs_itself(source: &'static Source) {
    let mut stage = Stage::start(source, Duration::ZERO, &["odd", "plain"], &["odd", "other"]).await;
    for odd in ["1.5", "null", "\"\"", "\"a\\u0000\"", "\"auth0|\\ud83d\"", "[]"] {
        stage.sandbox.clear_faults();
        stage.sandbox.inject(instead_of_the_id(source, "odd", odd));
        // So many that an outage would open the breaker.
        for _ in 0..4 {
            for way in [Way::ById, Way::ByEmail] {
                let told = stage.ask(Ask::new(way, "odd")).await;
                assert_eq!(told.ids(), [crid("odd")], "the other side's {odd}: {told:?}");
                assert!(!told.completeness.complete, "{odd}: {told:?}");
                assert_eq!(told.source(source.name).0, "unavailable", "{odd}: {told:?}");
            }
        }
        let told = stage.ask(Ask::new(Way::ById, "plain")).await;
        assert_eq!(
            (told.ids(), told.completeness.complete),
            (vec![&*crid("plain")], true),
            "{told:?}"
        );
        let told = stage.ask(Ask::new(Way::List, "odd")).await;
        assert!(told.ids().contains(&&*crid("plain")), "{odd}: {told:?}");
        assert!(!told.completeness.complete, "{odd}: {told:?}");
        let word = match source.side {
            SourceKind::Provider => ("ok", "unreadable_rows"),
            // The union asks the store once more for each whom the provider alone has shown.
            SourceKind::Store => ("stale", "corrupt"),
        };
        assert_eq!(told.source(source.name), word, "{odd}: {told:?}");
        // Whoever is looked for may be in the row.
        if !["Firefly", "SSOR"].contains(&source.name) && source.side == SourceKind::Provider {
            let told = stage.ask(Ask::new(Way::List, NOBODY)).await;
            assert!(told.users.is_none(), "{odd}: {told:?}");
        }
        let written = stage.written().await;
        assert!(
            !written.iter().any(|account| account.crid.as_str() == crid("odd")),
            "{odd}"
        );
    }
    stage.sandbox.clear_faults();
    let told = stage.ask(Ask::new(Way::List, "odd")).await;
    assert!(told.completeness.complete, "{told:?}");
}
