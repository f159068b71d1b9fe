//! Property: a user is the same record by v4, the legacy API, a search and the export, for any accounts of both sources.

use masthead_domain::{
    account::Account,
    customer_registration_id::CustomerRegistrationId,
    email::Email,
    metadata::{Metadata, STANDARD_KEYS},
    tenant::PoolId,
};
use masthead_testkit::{
    contract_cases::{
        CaseAnswer, ContractCase, Expectation,
        fixture::{COURIER, HERALD},
    },
    providers::ProviderMode,
    views::{exported_without_store, legacy_as_v4, v4_as_exported},
};
use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::Value;
use time::{Duration, macros::datetime};

use crate::fixture::ApiFixture;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec![
            "", "Y", "y", "N", "n", "true", "TRUE", "1", "0", "78", "255", "256", "-1", "yes"
        ])
        .prop_map(str::to_owned),
        "\\PC{0,6}",
    ]
}

/// An account of a source; ids and addresses are few, so that both sources often have the same user.
fn any_account() -> impl Strategy<Value = Account> {
    let key = prop_oneof![
        8 => select(&STANDARD_KEYS[..]).prop_map(str::to_owned),
        1 => Just("isSocial".to_owned()),
        1 => "[a-z]{3,6}X",
    ];
    (
        "[abc]",
        option::weighted(0.9, "[abc]@(example|Example)\\.com"),
        ("\\PC{0,5}", "\\PC{0,5}"),
        (option::of(any::<bool>()), any::<bool>()),
        proptest::collection::btree_map(key, value(), 0..12),
        option::of(0..4_000_000_000_i64),
        option::of(0..4_000_000_000_i64),
    )
        .prop_map(
            |(crid, email, (first_name, last_name), (verified, has_password), metadata, registered, changed)| {
                let at = |seconds: i64| datetime!(1970-01-01 00:00 UTC) + Duration::milliseconds(seconds * 997);
                Account {
                    email: email.map(|text| Email::parse(&text).unwrap()),
                    first_name: first_name.into(),
                    last_name: last_name.into(),
                    verified,
                    has_password,
                    metadata: Metadata::new(metadata).unwrap_or_default(),
                    registered_at: registered.map(at),
                    changed_at: changed.map(at),
                    ..Account::new(CustomerRegistrationId::parse(&crid).unwrap())
                }
            },
        )
}

fn parsed(answer: &CaseAnswer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

/// The published mapping of legacy fields to metadata keys.
const TEXTS: [(&str, &str); 8] = [
    ("Gender", "gender"),
    ("Phone", "phoneNumber"),
    ("MobilePhone", "cellPhone"),
    ("DateOfBirth", "dob"),
    ("BirthYear", "dobYYYY"),
    ("Photo", "photo"),
    ("DisplayName", "displayName"),
    ("BounceType", "bounceType"),
];
const FLAGS: [(&str, &str); 16] = [
    ("OptInPaperlessBilling", "ebill_flag"),
    ("OptInEVantageSubscriberRewards", "eadvan_flag"),
    ("OptInEEdition", "eedition_flag"),
    ("OptInEEditionEmailNotification", "ee_email_flag"),
    ("OptInContestAndPromotions", "promo_flag"),
    ("OptInSpecialOffers", "feat_flag"),
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
const CONSENTS: [(&str, &str); 7] = [
    ("AcceptsEmailOffers", "acceptsEmailOffers"),
    ("AcceptsEmailAds", "acceptsEmailAds"),
    ("AcceptsEmailPromotions", "acceptsEmailPromotions"),
    ("IsOkToEmail", "isOkToEmail"),
    ("IsOkToPhone", "isOkToPhone"),
    ("IsOkToMail", "isOkToMail"),
    ("AcceptsEENotification", "acceptsEENotification"),
];

fn check_mapping(legacy: &Value) {
    let metadata = |key: &str| legacy["Metadata"][key].as_str().unwrap_or_default();
    for (name, key) in TEXTS {
        assert_eq!(legacy[name].as_str().unwrap_or_default(), metadata(key), "{name}");
        assert!(legacy[name] != "", "{name} is null when unset");
    }
    for (name, key) in FLAGS {
        let set = ["Y", "y", "true", "1"].contains(&metadata(key));
        assert_eq!(legacy[name], Value::from(set), "{name}");
    }
    for (name, key) in CONSENTS {
        match (metadata(key), legacy[name].as_u64()) {
            ("N", code) => assert_eq!(code, Some(78), "{name}"),
            ("Y", code) => assert_eq!(code, Some(89), "{name}"),
            (text, Some(code)) => {
                let letter = text.len() == 1 && text.bytes().all(|byte| u64::from(byte) == code);
                assert!(code <= 255 && (letter || text.parse() == Ok(code)), "{name}");
            }
            (text, None) => assert!(legacy[name].is_null() && !["0", "78", "255"].contains(&text), "{name}"),
        }
    }
}

fn identifier(kind: &str, identifier: &str) -> Value {
    serde_json::json!({"identifier_type": kind, "identifier": identifier})
}

#[test]
fn every_api_shows_the_same_record() {
    let runtime = runtime();
    let sides = (vec(any_account(), 0..4), vec(any_account(), 0..4), any::<bool>());
    proptest!(ProptestConfig::with_cases(96), |((stored, provided, federated) in sides)| {
        let api = ApiFixture::new();
        let (tenant, pool) = if federated { (COURIER, 4) } else { (HERALD, 1) };
        api.provider.set_mode(ProviderMode::Live(datetime!(2026-03-01 12:00 UTC)));
        // The store of a tenant without provider has one registration per address.
        let mut addresses = Vec::new();
        for (number, account) in (100..).zip(stored) {
            let key = account.email.as_ref().map(|email| email.key().clone());
            if federated || key.is_none() || !addresses.contains(&key) {
                addresses.push(key);
                api.store.put(PoolId(pool), [Account { registration_id: Some(number), ..account }]);
            }
        }
        api.provider.put(PoolId(4), provided);
        let get = |target: &str| {
            let case = ContractCase::get(target, Expectation::Status(200)).for_tenant(tenant);
            runtime.block_on(api.send_case(&case))
        };
        let search = |body: Value| {
            let case = ContractCase::search(&body.to_string(), Expectation::Status(200)).for_tenant(tenant);
            parsed(&runtime.block_on(api.send_case(&case)))
        };
        let export = |identifier: Value| {
            let body = serde_json::json!({"identifiers": [identifier]});
            let workspace = if federated { "courier" } else { "herald" };
            parsed(&runtime.block_on(api.export(workspace, &body)))["data"].clone()
        };
        for id in ["a", "b", "c"] {
            for ignored in [false, true] {
                let new = get(&format!("/v4/Users/{id}?ignoreProvider={ignored}"));
                let old = parsed(&get(&format!("/User/{id}/{}", if ignored { 2 } else { 0 })));
                if new.status == 404 {
                    prop_assert_eq!(&old["Result"], &serde_json::json!({"Users": [], "TotalUsersFound": 0}));
                } else {
                    let new = parsed(&new);
                    check_mapping(&old["Result"]["Users"][0]);
                    prop_assert_eq!(legacy_as_v4(&old["Result"]["Users"][0]), new["data"].clone());
                }
            }
            let by_id = get(&format!("/v4/Users/{id}"));
            let searched = parsed(&get(&format!("/v4/Users?customerRegistrationId={id}")));
            prop_assert_eq!(&search(serde_json::json!({"customerRegistrationId": id})), &searched);
            let exported = export(identifier("customer_id", id));
            if by_id.status == 404 {
                prop_assert_eq!(&searched["data"], &serde_json::json!([]));
                prop_assert_eq!(exported, serde_json::json!({"users_not_found": [identifier("customer_id", id)], "users": []}));
            } else {
                let by_id = parsed(&by_id);
                prop_assert_eq!(exported_without_store(&exported["users"]), serde_json::json!([v4_as_exported(&by_id["data"])]));
                prop_assert!(searched["data"].as_array().unwrap().contains(&by_id["data"]));
            }
            let new = parsed(&get(&format!("/v4/Users?email={id}@example.com&orderBy=1")));
            prop_assert_eq!(&search(serde_json::json!({"email": format!("{id}@example.com"), "orderBy": 1})), &new);
            let old = parsed(&get(&format!("/User/0?email={id}@example.com&SortBy=CustomerRegistrationId")));
            prop_assert_eq!(&old["Result"]["TotalUsersFound"], &new["meta"]["totalRecords"]);
            let users: Vec<_> = old["Result"]["Users"].as_array().unwrap().iter().map(legacy_as_v4).collect();
            prop_assert_eq!(Value::from(users), new["data"].clone());
            let by_email = identifier("email", &format!("{id}@example.com"));
            let exported = export(by_email.clone());
            match &new["data"].as_array().unwrap()[..] {
                [] => prop_assert_eq!(&exported["users_not_found"], &serde_json::json!([by_email])),
                [only] => prop_assert_eq!(exported_without_store(&exported["users"]), serde_json::json!([v4_as_exported(only)])),
                // Several users share the address: none is chosen.
                _ => prop_assert_eq!(&exported["users_unresolved"], &serde_json::json!([by_email])),
            }
        }
        let new = parsed(&get("/v4/Users?email=example&emailMatch=contains&orderBy=4&orderByType=1"));
        let old = parsed(&get("/User?request.email=example&SortBy=LastName&SortOrder=desc"));
        let users: Vec<_> = old["Result"]["Users"].as_array().unwrap().iter().map(legacy_as_v4).collect();
        prop_assert_eq!(Value::from(users), new["data"].clone());
    });
}
