//! The legacy API, the export and v4 are views of one record, and no input makes an error that is not documented.
#![expect(clippy::unwrap_used, reason = "what helps tests may panic as they do")]

use http::Request;
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
use world::World;

#[path = "api/world.rs"]
#[expect(dead_code, reason = "shared with the tests of v4")]
mod world;

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

/// A reader of some source; ids and addresses are few, so that the sides often speak of the same one.
fn reader() -> impl Strategy<Value = Account> {
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

/// The published mapping, in its own words: legacy key, metadata key.
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
const FLAGS: [(&str, &str); 15] = [
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

fn mapping_holds(legacy: &Value) {
    let kept = |key: &str| legacy["Metadata"][key].as_str().unwrap();
    for (name, key) in TEXTS {
        assert_eq!(legacy[name].as_str().unwrap_or_default(), kept(key), "{name}");
        assert!(legacy[name] != "", "{name} is null when unset");
    }
    for (name, key) in FLAGS {
        let set = ["Y", "y", "true", "1"].contains(&kept(key));
        assert_eq!(legacy[name], Value::from(set), "{name}");
    }
    for (name, key) in CONSENTS {
        match (kept(key), legacy[name].as_u64()) {
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

fn one(kind: &str, identifier: &str) -> Value {
    serde_json::json!({"identifier_type": kind, "identifier": identifier})
}

#[test]
fn the_same_reader_by_v4_legacy_by_id_search_and_export_is_one_canonical_record() {
    let runtime = runtime();
    let sides = (vec(reader(), 0..4), vec(reader(), 0..4), any::<bool>());
    proptest!(ProptestConfig::with_cases(96), |((ours, theirs, federated) in sides)| {
        let world = World::new();
        let (tenant, pool) = if federated { (COURIER, 4) } else { (HERALD, 1) };
        world.provider.set_mode(ProviderMode::Live(datetime!(2026-03-01 12:00 UTC)));
        // One registration an address, as a store that masters its accounts keeps them.
        let mut addresses = Vec::new();
        for (number, account) in (100..).zip(ours) {
            let key = account.email.as_ref().map(|email| email.key().clone());
            if federated || key.is_none() || !addresses.contains(&key) {
                addresses.push(key);
                world.store.put(PoolId(pool), [Account { registration_id: Some(number), ..account }]);
            }
        }
        world.provider.put(PoolId(4), theirs);
        let ask = |target: &str| {
            let case = ContractCase::get(target, Expectation::Status(200)).for_tenant(tenant);
            runtime.block_on(world.ask(&case))
        };
        let search = |body: Value| {
            let case = ContractCase::search(&body.to_string(), Expectation::Status(200)).for_tenant(tenant);
            parsed(&runtime.block_on(world.ask(&case)))
        };
        let export = |identifier: Value| {
            let body = serde_json::json!({"identifiers": [identifier]});
            let workspace = if federated { "courier" } else { "herald" };
            parsed(&runtime.block_on(world.export(workspace, &body)))["data"].clone()
        };
        for id in ["a", "b", "c"] {
            for ignored in [false, true] {
                let new = ask(&format!("/v4/Users/{id}?ignoreProvider={ignored}"));
                let old = parsed(&ask(&format!("/User/{id}/{}", if ignored { 2 } else { 0 })));
                if new.status == 404 {
                    prop_assert_eq!(&old["Result"], &serde_json::json!({"Users": [], "TotalUsersFound": 0}));
                } else {
                    let new = parsed(&new);
                    mapping_holds(&old["Result"]["Users"][0]);
                    prop_assert_eq!(legacy_as_v4(&old["Result"]["Users"][0]), new["data"].clone());
                }
            }
            let by_id = ask(&format!("/v4/Users/{id}"));
            let searched = parsed(&ask(&format!("/v4/Users?customerRegistrationId={id}")));
            prop_assert_eq!(&search(serde_json::json!({"customerRegistrationId": id})), &searched);
            let exported = export(one("customer_id", id));
            if by_id.status == 404 {
                prop_assert_eq!(&searched["data"], &serde_json::json!([]));
                prop_assert_eq!(exported, serde_json::json!({"users_not_found": [one("customer_id", id)], "users": []}));
            } else {
                let by_id = parsed(&by_id);
                prop_assert_eq!(exported_without_store(&exported["users"]), serde_json::json!([v4_as_exported(&by_id["data"])]));
                prop_assert!(searched["data"].as_array().unwrap().contains(&by_id["data"]));
            }
            let new = parsed(&ask(&format!("/v4/Users?email={id}@example.com&orderBy=1")));
            prop_assert_eq!(&search(serde_json::json!({"email": format!("{id}@example.com"), "orderBy": 1})), &new);
            let old = parsed(&ask(&format!("/User/0?email={id}@example.com&SortBy=CustomerRegistrationId")));
            prop_assert_eq!(&old["Result"]["TotalUsersFound"], &new["meta"]["totalRecords"]);
            let users: Vec<_> = old["Result"]["Users"].as_array().unwrap().iter().map(legacy_as_v4).collect();
            prop_assert_eq!(Value::from(users), new["data"].clone());
            let identifier = one("email", &format!("{id}@example.com"));
            let exported = export(identifier.clone());
            match &new["data"].as_array().unwrap()[..] {
                [] => prop_assert_eq!(&exported["users_not_found"], &serde_json::json!([identifier])),
                [only] => prop_assert_eq!(exported_without_store(&exported["users"]), serde_json::json!([v4_as_exported(only)])),
                // Several share the address: never the first of many.
                _ => prop_assert_eq!(&exported["users_unresolved"], &serde_json::json!([identifier])),
            }
        }
        let new = parsed(&ask("/v4/Users?email=example&emailMatch=contains&orderBy=4&orderByType=1"));
        let old = parsed(&ask("/User?request.email=example&SortBy=LastName&SortOrder=desc"));
        let users: Vec<_> = old["Result"]["Users"].as_array().unwrap().iter().map(legacy_as_v4).collect();
        prop_assert_eq!(Value::from(users), new["data"].clone());
    });
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec![
            "email",
            "request.email",
            "REQUEST.",
            "encryptedEmail",
            "encryptedCustomerRegistrationId",
            "Type",
            "OnlyActive",
            "SortBy",
            "SortOrder",
            "UsersPerPage",
            "request.PageNumber",
            "LookupInUserProvider",
            "AuthSystemId",
        ])
        .prop_map(str::to_owned),
        "[ -~]{0,10}",
        "\\PC{0,6}",
    ]
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        select(vec![
            "0",
            "1",
            "2",
            "-1",
            "true",
            "asc",
            "Email",
            "ann",
            "%",
            "\\",
            "'",
            "\0",
            "fn5+",
            "99999999999"
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        vec(any::<u8>(), 0..40),
    ]
}

fn encoded(bytes: &[u8], hard: bool) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || (!hard && matches!(byte, b'@' | b'.' | b'+' | b'_' | b'%'));
    bytes.iter().fold(String::new(), |text, byte| {
        if plain(*byte) {
            text + char::from(*byte).encode_utf8(&mut [0; 4])
        } else {
            format!("{text}%{byte:02x}")
        }
    })
}

#[test]
fn hostile_input_is_answered_or_refused_as_documented() {
    let world = World::new();
    let runtime = runtime();
    let segments = vec(
        prop_oneof![3 => bytes(), 1 => Just(b"Encrypted".to_vec()), 1 => Just(b"0".to_vec())],
        0..4,
    );
    let pairs = vec((name(), bytes(), any::<bool>()), 0..4);
    let header = option::of((
        select(vec![
            "authorization",
            "x-sourcesystem",
            "x-clientcode",
            "x-papercode",
            "x-mediagroupcode",
            "x-requestid",
        ]),
        vec(any::<u8>(), 0..60),
    ));
    proptest!(|(segments in segments, pairs in pairs, header in header, hard in any::<bool>())| {
        let path = segments.iter().map(|segment| encoded(segment, hard)).fold("/User".to_owned(), |path, segment| path + "/" + &segment);
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(name, value, hard)| format!("{}={}", encoded(name.as_bytes(), true), encoded(value, *hard)))
            .collect();
        let mut request = Request::get(format!("{path}?{}", pairs.join("&")));
        for (name, value) in ContractCase::get("/", Expectation::Status(200)).request(&world).headers {
            request = request.header(name, value);
        }
        if let Some((name, value)) = header
            && let Ok(value) = http::HeaderValue::from_bytes(&value)
            && let Some(all) = request.headers_mut()
        {
            all.insert(name, value);
        }
        let Ok(request) = request.body(String::new()) else { return Ok(()) };
        let told = format!("{} {:?}", request.uri(), request.headers());
        let answer = runtime.block_on(world.send(request));
        let whole: Value = serde_json::from_str(&answer.body).unwrap();
        match answer.status {
            200 => {
                let refused = whole["Result"].is_null();
                prop_assert_eq!(refused, whole["Errors"] != serde_json::json!([]), "{}", told);
                prop_assert_eq!(whole.as_object().unwrap().len(), 5);
            }
            400 | 401 | 404 => {
                prop_assert!(whole["error"].is_string() && whole.as_object().unwrap().len() == 1, "{told}: {whole}");
            }
            other => prop_assert!(false, "{told}: {other} {whole}"),
        }
        prop_assert!(answer.body.len() < 600 || !whole["Result"].is_null(), "{told}: {whole}");
    });
}

#[test]
fn a_refusal_never_repeats_a_value() {
    const SECRET: &str = "s3cr3t";
    let world = World::new();
    let runtime = runtime();
    let mut targets = vec![
        format!("/User/{SECRET}"),
        format!("/User/{SECRET}/{SECRET}"),
        format!("/User/{SECRET}%zz/0"),
        format!("/User/{SECRET}/0/{SECRET}"),
        format!("/User?colour={SECRET}"),
        format!("/User?email={SECRET}%00"),
        format!("/User/Encrypted?encryptedEmail={SECRET}"),
        format!("/User/Encrypted/0?encryptedCustomerRegistrationId={SECRET}"),
    ];
    for name in [
        "Type",
        "OnlyActive",
        "SortBy",
        "SortOrder",
        "UsersPerPage",
        "PageNumber",
        "LookupInUserProvider",
        "AuthSystemId",
    ] {
        targets.push(format!("/User?{name}={SECRET}"));
    }
    for target in targets {
        let answer = runtime.block_on(world.get(&target));
        let whole: Value = serde_json::from_str(&answer.body).unwrap();
        assert!(
            answer.status == 404 || whole["Result"].is_null(),
            "{target}: {}",
            answer.body
        );
        assert!(!answer.body.contains(SECRET), "{target}: {}", answer.body);
    }
    assert_eq!(world.store.calls(), 0);
}
