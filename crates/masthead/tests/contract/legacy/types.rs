//! What the values of a legacy user are: numbers, booleans, texts, dates and null.

use masthead_domain::{account::Account, customer_registration_id::CustomerRegistrationId};
use masthead_testkit::{
    accounts::{account, with_metadata},
    contract_cases::fixture::HERALD,
};
use serde_json::{Map, Value, json};

use super::{get_of, parsed, warm};
use crate::world::{World, of_the_contract};

const NUMBERS: [(&str, &str); 7] = [
    ("AcceptsEmailOffers", "acceptsEmailOffers"),
    ("AcceptsEmailAds", "acceptsEmailAds"),
    ("AcceptsEmailPromotions", "acceptsEmailPromotions"),
    ("IsOkToEmail", "isOkToEmail"),
    ("IsOkToPhone", "isOkToPhone"),
    ("IsOkToMail", "isOkToMail"),
    ("AcceptsEENotification", "acceptsEENotification"),
];
const BOOLEANS: [(&str, &str); 16] = [
    ("OptInEVantageSubscriberRewards", "eadvan_flag"),
    ("OptInSpecialOffers", "feat_flag"),
    ("OptInContestAndPromotions", "promo_flag"),
    ("OptInPaperlessBilling", "ebill_flag"),
    ("OptInEEdition", "eedition_flag"),
    ("OptInEEditionEmailNotification", "ee_email_flag"),
    ("OptInSubscriberDiscounts", "dealdigger_flag"),
    ("OptInAdvertiserEmails", "ads_flag"),
    ("MemberEvent", "member_event_flag"),
    ("ContentEngagement", "contentEngagement_flag"),
    ("SUBCOM", "subcom_flag"),
    ("Survey", "survey_flag"),
    ("AccountUpdates", "accountUpdates_flag"),
    ("AgreeToTerms", "agreeToTerms"),
    ("OptOutMarketing", "optOutMarketing"),
    ("IsSocial", "isSocial"),
];
const TEXTS: [(&str, &str); 8] = [
    ("Gender", "gender"),
    ("Phone", "phoneNumber"),
    ("MobilePhone", "cellPhone"),
    ("DateOfBirth", "dob"),
    ("BirthYear", "dobYYYY"),
    ("DisplayName", "displayName"),
    ("Photo", "photo"),
    ("BounceType", "bounceType"),
];

/// A server whose first tenant has these readers too.
fn with_readers(readers: impl IntoIterator<Item = Account>) -> World {
    let mut loaded = of_the_contract();
    loaded[0].accounts.extend(readers);
    warm(World::of(&loaded))
}

/// Readers `r-0` and on, whose metadata say this text of each of these keys.
fn saying(texts: &[&str], keys: &[(&str, &str)]) -> Vec<Account> {
    let numbered = texts.iter().enumerate();
    let readers = numbered.map(|(n, text)| {
        let pairs: Vec<_> = keys.iter().map(|(_, key)| (*key, *text)).collect();
        with_metadata(
            account(&format!("r-{n}"), &format!("r-{n}@example.net"), "R", "N"),
            &pairs,
        )
    });
    readers.collect()
}

fn user(world: &World, id: &str) -> Map<String, Value> {
    let mut whole = parsed(&get_of(world, HERALD, &format!("/User/{id}/2")));
    let user = whole["Result"]["Users"][0].take();
    user.as_object().unwrap().clone()
}

#[test]
fn y_y_true_and_1_read_as_true() {
    let texts = ["Y", "y", "true", "1", "N", "n", "false", "0", "yes", "True", " Y", "89"];
    let world = with_readers(saying(&texts, &BOOLEANS));
    for (n, text) in texts.iter().enumerate() {
        let user = user(&world, &format!("r-{n}"));
        for (name, _) in BOOLEANS {
            assert_eq!(user[name], json!(n < 4), "{name}: {text:?}");
        }
    }
}

#[test]
fn consents_are_numbers_0_to_255_or_an_ascii_letters_code() {
    let texts = ["0", "78", "255", "N", "Y", "y", "256", "-1", "yes", "é"];
    let numbers = [
        Some(0),
        Some(78),
        Some(255),
        Some(78),
        Some(89),
        Some(121),
        None,
        None,
        None,
        None,
    ];
    let world = with_readers(saying(&texts, &NUMBERS));
    for (n, number) in numbers.into_iter().enumerate() {
        let user = user(&world, &format!("r-{n}"));
        for (name, _) in NUMBERS {
            assert_eq!(user[name], json!(number), "{name}: {:?}", texts[n]);
        }
    }
}

#[test]
fn all_else_are_strings_as_they_are_kept() {
    let texts = ["1", "true", "03/04", "Århus \"late\""];
    let world = with_readers(saying(&texts, &TEXTS));
    for (n, text) in texts.iter().enumerate() {
        let user = user(&world, &format!("r-{n}"));
        for (name, _) in TEXTS {
            assert_eq!(user[name], json!(text), "{name}");
        }
        assert_eq!(user["Photos"], json!([{"Id": null, "Value": text, "Type": null}]));
        for name in [
            "LoginName",
            "CustomerRegistrationId",
            "EncryptedCustomerRegistrationId",
            "FirstName",
            "LastName",
            "Email",
            "ChangeDate",
            "DateRegistered",
            "AddDate",
        ] {
            assert!(user[name].is_string(), "{name}: {}", user[name]);
        }
        assert!(user["RegistrationId"].is_u64() && user["Verified"] == json!(true));
    }
}

#[test]
fn absent_scalars_are_null_and_absent_opt_ins_are_false() {
    let world = with_readers([Account {
        verified: Some(false),
        ..Account::new(CustomerRegistrationId::parse("bare").unwrap())
    }]);
    // The store has registered everybody at some time; whoever was brought in without may not have.
    world
        .database
        .run("UPDATE registrations SET registered_at = NULL, changed_at = NULL WHERE crid = 'bare'")
        .unwrap();
    let user = user(&world, "bare");
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
            opt_in if BOOLEANS.iter().any(|(name, _)| *name == opt_in) => json!(false),
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
fn dates_are_in_utc_with_milliseconds_and_a_z() {
    let world = with_readers([account("dated", "dated@example.net", "Da", "Ted")]);
    world
        .database
        .run(
            "UPDATE registrations SET registered_at = '2019-12-31 23:59:59.999999-02', \
                    changed_at = '2024-02-29 12:00:00+00', last_logout_at = '0999-05-06 07:08:09.0104+00' WHERE crid = 'dated'",
        )
        .unwrap();
    let user = user(&world, "dated");
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
fn login_password_verification_code_and_change_ticket_are_always_null() {
    let world = with_readers([]);
    for id in ["2937", "auth0%7C6470a", "Search"] {
        let user = user(&world, id);
        for name in ["LoginPassword", "VerificationCode", "UrlPasswordChangeTicket"] {
            assert!(user[name].is_null(), "{name} of {id}");
        }
        assert_eq!(user["LoginName"], user["Email"]);
    }
}
