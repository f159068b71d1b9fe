//! The values of a legacy user: unset fields, dates, and fields that are always null. The mapping of metadata is held by a
//! property of the API over all fields (`one_record`).

use masthead_domain::{account::Account, customer_registration_id::CustomerRegistrationId};
use masthead_testkit::{accounts::account, contract_cases::fixture::HERALD};
use serde_json::{Map, Value, json};

use super::{get_of, parsed, warm};
use crate::contract::server::{ContractServer, contract_tenants};

/// The fields that are false when unset.
const BOOLEANS: [&str; 16] = [
    "OptInEVantageSubscriberRewards",
    "OptInSpecialOffers",
    "OptInContestAndPromotions",
    "OptInPaperlessBilling",
    "OptInEEdition",
    "OptInEEditionEmailNotification",
    "OptInSubscriberDiscounts",
    "OptInAdvertiserEmails",
    "MemberEvent",
    "ContentEngagement",
    "SUBCOM",
    "Survey",
    "AccountUpdates",
    "AgreeToTerms",
    "OptOutMarketing",
    "IsSocial",
];

/// A server whose first tenant has these additional users.
fn with_readers(readers: impl IntoIterator<Item = Account>) -> ContractServer {
    let mut loaded = contract_tenants();
    loaded[0].accounts.extend(readers);
    warm(ContractServer::start(&loaded))
}

fn user(server: &ContractServer, id: &str) -> Map<String, Value> {
    let mut whole = parsed(&get_of(server, HERALD, &format!("/User/{id}/2")));
    let user = whole["Result"]["Users"][0].take();
    user.as_object().unwrap().clone()
}

#[test]
fn absent_fields_are_null_or_false() {
    let server = with_readers([Account {
        verified: Some(false),
        ..Account::new(CustomerRegistrationId::parse("bare").unwrap())
    }]);
    // The store sets dates itself; users of an older database may have none.
    server
        .database
        .run("UPDATE registrations SET registered_at = NULL, changed_at = NULL WHERE crid = 'bare'")
        .unwrap();
    let user = user(&server, "bare");
    assert_eq!(user.len(), 50, "every key is there");
    for (name, value) in &user {
        let expected = match &**name {
            "RegistrationId"
            | "CustomerRegistrationId"
            | "EncryptedCustomerRegistrationId"
            | "AuthSystem"
            | "Metadata" => {
                assert!(!value.is_null(), "{name}");
                continue;
            }
            "Photos" => json!([]),
            "UserState" => json!({"UserStateId": 1, "UserStateCode": "Lite"}),
            "Verified" => json!(false),
            opt_in if BOOLEANS.contains(&opt_in) => json!(false),
            _ => Value::Null,
        };
        assert_eq!(*value, expected, "{name}");
    }
    let metadata = user["Metadata"].as_object().unwrap();
    assert!(
        metadata.len() >= 40 && metadata.values().all(|value| value == ""),
        "{metadata:?}"
    );
}

#[test]
fn dates_are_utc_with_milliseconds() {
    let server = with_readers([account("dated", "dated@example.net", "Da", "Ted")]);
    server
        .database
        .run(
            "UPDATE registrations SET registered_at = '2019-12-31 23:59:59.999999-02', \
                    changed_at = '2024-02-29 12:00:00+00', last_logout_at = '0999-05-06 07:08:09.0104+00' WHERE crid = 'dated'",
        )
        .unwrap();
    let user = user(&server, "dated");
    for (name, date) in [
        ("DateRegistered", "2020-01-01T01:59:59.999Z"),
        ("AddDate", "2020-01-01T01:59:59.999Z"),
        ("ChangeDate", "2024-02-29T12:00:00.000Z"),
        ("LastLogoutDate", "0999-05-06T07:08:09.010Z"),
    ] {
        assert_eq!(user[name], json!(date), "{name}");
    }
}

#[test]
fn secret_fields_are_always_null() {
    let server = with_readers([]);
    for id in ["2937", "auth0%7C6470a", "Search"] {
        let user = user(&server, id);
        for name in ["LoginPassword", "VerificationCode", "UrlPasswordChangeTicket"] {
            assert!(user[name].is_null(), "{name} of {id}");
        }
        assert_eq!(user["LoginName"], user["Email"]);
    }
}
