//! Every line of contract §3.3 on the router with fakes, named after the line.
#![expect(clippy::unwrap_used, reason = "what helps tests may panic as they do")]

use std::sync::Arc;

use http::Request;
use masthead_api::{Api, ApiLimits, ApiState, ExportState};
use masthead_domain::{
    account::Account,
    event::EventKind,
    tenant::{PoolId, Scope},
};
use masthead_orchestrator::{Export, Users};
use masthead_ports::source::SourceErrorKind;
use masthead_testkit::{
    accounts::{account, with_metadata},
    clock::StoppedClock,
    contract_cases::{
        CaseAnswer, CaseToken, ContractCase, Expectation,
        fixture::{COURIER, GAZETTE, HERALD, TIMES},
    },
    events::RecordingEvents,
    mirror::FakeMirror,
    providers::{FakeProviders, ProviderMode},
    registrations::RecordingRegistrationWriter,
    sealing::FakeSealing,
    store::{FakeStore, StoreMode},
    tenants::{FakeTenants, tenant},
    tokens::{FakeTokens, grant},
    workspaces::FakeWorkspaces,
};
use serde_json::{Value, json};
use time::macros::datetime;
use world::{World, header};

#[path = "api/world.rs"]
#[expect(dead_code, reason = "shared with the tests of v4")]
mod world;

/// The pool of the tenant whose accounts Auth0 keeps.
const COURIERS: PoolId = PoolId(4);
const NOW: time::OffsetDateTime = datetime!(2026-03-01 12:00 UTC);

/// A legacy call: no client group.
fn call(target: &str) -> ContractCase {
    ContractCase::get(target, Expectation::Status(200))
        .without("X-ClientGroupCode")
        .with("X-RequestId", "r-1")
}

async fn get_of(world: &World, tenant: &'static str, target: &str) -> CaseAnswer {
    world.ask(&call(target).for_tenant(tenant)).await
}

async fn get(world: &World, target: &str) -> CaseAnswer {
    get_of(world, HERALD, target).await
}

fn parsed(answer: &CaseAnswer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

/// The ids of the users of an answer, and the total.
fn found(answer: &CaseAnswer) -> (Vec<String>, u64) {
    let whole = parsed(answer);
    assert_eq!(whole["Errors"], json!([]), "{}", answer.body);
    let users = whole["Result"]["Users"].as_array().unwrap();
    let id = |user: &Value| user["CustomerRegistrationId"].as_str().unwrap().to_owned();
    (
        users.iter().map(id).collect(),
        whole["Result"]["TotalUsersFound"].as_u64().unwrap(),
    )
}

async fn finds(world: &World, tenant: &'static str, target: &str, ids: &[&str], total: u64) {
    let (got, got_total) = found(&get_of(world, tenant, target).await);
    assert_eq!(
        (got.iter().map(|id| &**id).collect::<Vec<_>>(), got_total),
        (ids.to_vec(), total),
        "{target}"
    );
}

/// The message of a business error.
async fn refused(world: &World, target: &str) -> String {
    let answer = get(world, target).await;
    let whole = parsed(&answer);
    let error = &whole["Errors"][0];
    assert_eq!(
        (
            &whole["Code"],
            &whole["Result"],
            &whole["SessionId"],
            &whole["RequestId"]
        ),
        (&json!(200), &Value::Null, &json!("r-1"), &json!("r-1")),
        "{target}"
    );
    assert_eq!(error["Type"], json!({"Id": 0, "Code": "Validation"}), "{target}");
    assert!(error["ErrorSource"].is_null() && error["Code"].as_str().unwrap().starts_with("UsersOrchestrator_E400"));
    error["Message"].as_str().unwrap().to_owned()
}

fn sealed(purpose: &str, plain: &str) -> String {
    format!("{{{{sealed-{purpose}:{plain}}}}}")
}

/// A federated world: Auth0 knows `auth0|1` and `auth0|3`, our store `auth0|1` and `auth0|2`.
fn federated() -> World {
    let world = World::new();
    world.provider.set_mode(ProviderMode::Live(NOW));
    world.provider.put(
        COURIERS,
        [
            account("auth0|1", "una@example.com", "Una Maria", ""),
            account("auth0|3", "zoe@example.com", "Zoe", "Dale"),
        ],
    );
    world
}

#[tokio::test]
async fn the_owners_user_object_key_by_key_in_order() {
    let world = World::new();
    let whole = with_metadata(
        Account {
            registration_id: Some(2937),
            last_logout_at: Some(datetime!(2021-05-06 07:08:09.5 UTC)),
            ..account("48291", "Pat@Example.com", "Pat", "Reader")
        },
        &[
            ("gender", "F"),
            ("phoneNumber", "555-0100"),
            ("cellPhone", "555-0101"),
            ("dob", "03/04"),
            ("dobYYYY", "1970"),
            ("eadvan_flag", "Y"),
            ("feat_flag", "N"),
            ("promo_flag", "y"),
            ("ebill_flag", "true"),
            ("eedition_flag", "1"),
            ("ee_email_flag", "0"),
            ("dealdigger_flag", "false"),
            ("ads_flag", "Y"),
            ("member_event_flag", "Y"),
            ("subcom_flag", "Y"),
            ("acceptsEmailOffers", "89"),
            ("acceptsEmailAds", "N"),
            ("acceptsEmailPromotions", "0"),
            ("isOkToEmail", "Y"),
            ("isOkToPhone", "256"),
            ("displayName", "Pat R."),
            ("agreeToTerms", "true"),
            ("photo", "https://img.example.com/pat.png"),
            ("bounceType", "soft"),
            ("city", "Oslo"),
            ("favouriteSection", "sport"),
        ],
    );
    world.store.put(PoolId(1), [whole]);
    let answer = get(&world, "/User/48291/0").await;
    let expected = concat!(
        r#"{"Code":200,"Errors":[],"Result":{"Users":[{"RegistrationId":2937,"LoginName":"Pat@Example.com","#,
        r#""LoginPassword":null,"CustomerRegistrationId":"48291","EncryptedCustomerRegistrationId":"SEALED","#,
        r#""FirstName":"Pat","LastName":"Reader","Email":"Pat@Example.com","Gender":"F","Phone":"555-0100","#,
        r#""MobilePhone":"555-0101","OptInEVantageSubscriberRewards":true,"OptInSpecialOffers":false,"#,
        r#""OptInContestAndPromotions":true,"OptInPaperlessBilling":true,"OptInEEdition":true,"#,
        r#""OptInEEditionEmailNotification":false,"OptInSubscriberDiscounts":false,"OptInAdvertiserEmails":true,"#,
        r#""MemberEvent":true,"ContentEngagement":false,"SUBCOM":true,"Survey":false,"AccountUpdates":false,"#,
        r#""DateOfBirth":"03/04","BirthYear":"1970","AcceptsEmailOffers":89,"AcceptsEmailAds":78,"#,
        r#""AcceptsEmailPromotions":0,"IsOkToEmail":89,"IsOkToPhone":null,"IsOkToMail":null,"#,
        r#""AcceptsEENotification":null,"ChangeDate":"2021-02-03T04:05:06.000Z","#,
        r#""DateRegistered":"2020-01-02T03:04:05.000Z","AddDate":"2020-01-02T03:04:05.000Z","#,
        r#""Photos":[{"Id":null,"Value":"https://img.example.com/pat.png","Type":null}],"IsSocial":false,"#,
        r#""DisplayName":"Pat R.","AgreeToTerms":true,"OptOutMarketing":false,"#,
        r#""Photo":"https://img.example.com/pat.png","VerificationCode":null,"Verified":true,"#,
        r#""AuthSystem":{"AuthSystemId":1,"AuthSystemCode":"MG2","AuthSystemName":"MG2"},"#,
        r#""UserState":{"UserStateId":3,"UserStateCode":"Standard"},"BounceType":"soft","#,
        r#""LastLogoutDate":"2021-05-06T07:08:09.500Z","UrlPasswordChangeTicket":null,"#,
        r#""Metadata":{"title":"","phoneNumber":"555-0100","gender":"F","age":"","dob":"03/04","dobYYYY":"1970","#,
        r#""acceptsEmailOffers":"89","acceptsEmailAds":"N","acceptsEmailPromotions":"0","address":"","city":"Oslo","#,
        r#""country":"","position":"","isOkToEmail":"Y","isOkToPhone":"256","isOkToMail":"","workPhone":"","#,
        r#""timeZone":"","scoreMember":"","companyName":"","postalCode":"","cellPhone":"555-0101","#,
        r#""acceptsEENotification":"","ebill_flag":"true","eadvan_flag":"Y","eedition_flag":"1","#,
        r#""ee_email_flag":"0","promo_flag":"y","feat_flag":"N","dealdigger_flag":"false","ads_flag":"Y","#,
        r#""member_event_flag":"Y","contentEngagement_flag":"","subcom_flag":"Y","survey_flag":"","#,
        r#""accountUpdates_flag":"","photo":"https://img.example.com/pat.png","displayName":"Pat R.","#,
        r#""optOutMarketing":"","agreeToTerms":"true","bounceType":"soft","favouriteSection":"sport"}}],"#,
        r#""TotalUsersFound":1},"SessionId":"r-1","RequestId":"r-1"}"#,
    );
    let id = masthead_domain::tenant::TenantId::parse(HERALD).unwrap();
    let purpose = masthead_ports::sealing::Purpose::CustomerRegistrationId;
    let sealed = masthead_ports::sealing::Sealing::seal(&FakeSealing, &id, purpose, "48291");
    assert_eq!(answer.body, expected.replace("SEALED", &sealed));
    assert_eq!(header(&answer, "x-requestid"), Some("r-1"));
}

#[tokio::test]
async fn absent_scalars_are_null_and_absent_opt_ins_are_false() {
    let world = World::new();
    world.store.put(
        PoolId(1),
        [Account::new(
            masthead_domain::customer_registration_id::CustomerRegistrationId::parse("bare").unwrap(),
        )],
    );
    let user = parsed(&get(&world, "/User/bare/2").await)["Result"]["Users"][0].clone();
    for (key, value) in user.as_object().unwrap() {
        let expected = match &**key {
            "CustomerRegistrationId" | "EncryptedCustomerRegistrationId" | "AuthSystem" | "UserState" | "Metadata" => {
                continue;
            }
            "Photos" => json!([]),
            "MemberEvent" | "ContentEngagement" | "SUBCOM" | "Survey" | "AccountUpdates" | "IsSocial"
            | "AgreeToTerms" | "OptOutMarketing" => json!(false),
            opt_in if opt_in.starts_with("OptIn") => json!(false),
            _ => Value::Null,
        };
        assert_eq!(*value, expected, "{key}");
    }
    assert_eq!(user["UserState"], json!({"UserStateId": 1, "UserStateCode": "Lite"}));
}

#[tokio::test]
async fn get_user_by_request_email_with_and_without_request_in_any_case() {
    let world = World::new();
    for target in [
        "/User?request.email=ann@example.com",
        "/User?REQUEST.EMAIL=ann@example.com&Request.onlyActive=false",
        "/User?email=ANN@example.com",
        "/User/?Email=ann%40example.com",
    ] {
        finds(&world, HERALD, target, &["2937", "auth0|6470a"], 2).await;
    }
    finds(&world, HERALD, "/User?email=bo+news@ex", &["a/b c"], 1).await;
    finds(&world, HERALD, "/User?email=nobody", &[], 0).await;
}

#[tokio::test]
async fn request_email_matches_by_contains() {
    let world = World::new();
    finds(
        &world,
        HERALD,
        "/User?request.email=nn@exam",
        &["2937", "auth0|6470a"],
        2,
    )
    .await;
}

#[tokio::test]
async fn get_user_type_by_email() {
    let world = World::new();
    for type_ in ["0", "1", "2"] {
        // One user: a complete address is that of nobody else.
        finds(
            &world,
            HERALD,
            &format!("/User/{type_}?email=ann@example.com"),
            &["2937"],
            1,
        )
        .await;
        finds(
            &world,
            HERALD,
            &format!("/User/{type_}/?request.email=ann@"),
            &["2937", "auth0|6470a"],
            2,
        )
        .await;
    }
    for bad in ["3", "00", "x", "2937", "-1", "%30"] {
        let message = refused(&world, &format!("/User/{bad}?email=ann")).await;
        assert_eq!(message, "Invalid InputModel - type in the path must be 0, 1 or 2");
    }
    let message = refused(&world, "/User/0?onlyActive=true").await;
    assert_eq!(message, "Invalid InputModel - email is missing");
}

#[tokio::test]
async fn get_user_crid_type() {
    let world = World::new();
    finds(&world, HERALD, "/User/2937/0", &["2937"], 1).await;
    finds(&world, HERALD, "/User/auth0%7C6470a/2/", &["auth0|6470a"], 1).await;
    finds(&world, HERALD, "/User/a%2Fb%20c/1", &["a/b c"], 1).await;
    finds(&world, HERALD, "/User/nobody/0", &[], 0).await;
    // An id that looks like a type is an id where a type follows.
    world.store.put(PoolId(1), [account("0", "zero@example.com", "", "")]);
    finds(&world, HERALD, "/User/0/0", &["0"], 1).await;
    let kinds: Vec<_> = world.events.take().iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::SubscribeUserGetById; 5]);
    for target in ["/User/2937/3", "/User/2937/x", "/User/%zz/0", "/User/2937/0?email=ann"] {
        refused(&world, target).await;
    }
}

#[tokio::test]
async fn get_user_encrypted_by_encrypted_email() {
    let world = World::new();
    for route in ["Encrypted", "encrypted"] {
        let target = format!("/User/{route}?encryptedEmail={}", sealed("email", "ann@example.com"));
        finds(&world, HERALD, &target, &["2937"], 1).await;
    }
    let foreign = format!("/User/Encrypted?encryptedEmail={}", sealed("id", "2937"));
    let message = refused(&world, &foreign).await;
    assert_eq!(message, "Invalid InputModel - encryptedEmail cannot be opened");
    refused(&world, "/User/Encrypted?Type=2").await;
    refused(&world, "/User/Encrypted?email=ann").await;
}

#[tokio::test]
async fn get_user_encrypted_type_by_encrypted_id() {
    let world = World::new();
    for type_ in ["0", "1", "2"] {
        let target = format!(
            "/User/Encrypted/{type_}?encryptedCustomerRegistrationId={}",
            sealed("id", "2937")
        );
        finds(&world, HERALD, &target, &["2937"], 1).await;
    }
    let message = refused(&world, "/User/Encrypted/0?encryptedCustomerRegistrationId=zz").await;
    assert_eq!(
        message,
        "Invalid InputModel - encryptedCustomerRegistrationId cannot be opened"
    );
    // `Encrypted` is never an id.
    world
        .store
        .put(PoolId(1), [account("Encrypted", "e@example.com", "", "")]);
    let answer = get(&world, "/User/Encrypted/0").await;
    assert_eq!(
        (answer.status, &*answer.body),
        (400, r#"{"error":"request cannot be null."}"#)
    );
}

#[tokio::test]
async fn type_0_is_provider_and_store_1_provider_2_store() {
    let world = federated();
    let name = |answer: &CaseAnswer| parsed(answer)["Result"]["Users"][0]["FirstName"].clone();
    let last = |answer: &CaseAnswer| parsed(answer)["Result"]["Users"][0]["LastName"].clone();
    let by_id = |type_: u8| format!("/User/auth0%7C1/{type_}");
    let merged = get_of(&world, COURIER, &by_id(0)).await;
    assert_eq!((name(&merged), last(&merged)), (json!("Una Maria"), json!("Vale")));
    let theirs = get_of(&world, COURIER, &by_id(1)).await;
    assert_eq!((name(&theirs), last(&theirs)), (json!("Una Maria"), Value::Null));
    assert_eq!(parsed(&theirs)["Result"]["Users"][0]["RegistrationId"], Value::Null);
    let ours = get_of(&world, COURIER, &by_id(2)).await;
    assert_eq!((name(&ours), last(&ours)), (json!("Una"), json!("Vale")));

    finds(
        &world,
        COURIER,
        "/User?email=example&Type=0",
        &["auth0|1", "auth0|2", "auth0|3"],
        3,
    )
    .await;
    finds(
        &world,
        COURIER,
        "/User?email=example&Type=1",
        &["auth0|1", "auth0|3"],
        2,
    )
    .await;
    finds(
        &world,
        COURIER,
        "/User?email=example&Type=2",
        &["auth0|1", "auth0|2"],
        2,
    )
    .await;
    finds(&world, COURIER, "/User/1?email=zoe@example.com", &["auth0|3"], 1).await;
    finds(&world, COURIER, "/User/2?email=zoe@example.com", &[], 0).await;
    finds(&world, COURIER, "/User/1?email=wim@example.com", &[], 0).await;
}

#[tokio::test]
async fn a_provider_alone_that_is_silent_cannot_tell_whatever_the_store_knows() {
    let world = World::new();
    for target in [
        "/User/auth0%7C1/1",
        "/User/1?email=una@example.com",
        "/User?Type=1&email=una",
    ] {
        assert_eq!(get_of(&world, COURIER, target).await.status, 500, "{target}");
    }
    assert_eq!(world.store.calls(), 0);
}

#[tokio::test]
async fn lookup_in_user_provider_is_the_inverse_of_ignore_provider() {
    let world = federated();
    let all = ["auth0|1", "auth0|2", "auth0|3"];
    finds(&world, COURIER, "/User?LookupInUserProvider=true", &all, 3).await;
    let calls = world.provider.calls();
    finds(&world, COURIER, "/User?LookupInUserProvider=False", &all[..2], 2).await;
    assert_eq!(world.provider.calls(), calls, "the provider was not asked");
    finds(
        &world,
        COURIER,
        "/User?request.lookupinuserprovider=true&type=1",
        &["auth0|1", "auth0|3"],
        2,
    )
    .await;
    for contradiction in ["Type=2&LookupInUserProvider=true", "Type=0&LookupInUserProvider=false"] {
        let message = refused(&world, &format!("/User?{contradiction}")).await;
        assert_eq!(
            message,
            "Invalid InputModel - Type and LookupInUserProvider contradict each other"
        );
    }
    refused(&world, "/User?LookupInUserProvider=maybe").await;
}

#[tokio::test]
async fn only_active_is_without_unverified_ones() {
    let world = World::new();
    finds(
        &world,
        HERALD,
        "/User?request.email=ann@&request.onlyActive=true",
        &["2937"],
        1,
    )
    .await;
    finds(
        &world,
        HERALD,
        "/User?request.email=ann@&request.onlyActive=false",
        &["2937", "auth0|6470a"],
        2,
    )
    .await;
    finds(
        &world,
        HERALD,
        "/User/0?email=joann@example.com&OnlyActive=true",
        &[],
        0,
    )
    .await;
    let (ids, total) = found(&get(&world, "/User?OnlyActive=true&UsersPerPage=2").await);
    assert_eq!((ids.len(), total), (2, 6), "the total counts the active ones");
    // Every user of an outside provider is Standard.
    let federated = federated();
    finds(
        &federated,
        COURIER,
        "/User?OnlyActive=true",
        &["auth0|1", "auth0|2", "auth0|3"],
        3,
    )
    .await;
}

#[tokio::test]
async fn sort_by_names_a_field_and_sort_order_is_asc_desc_0_or_1() {
    let world = World::new();
    let v4 = |column: u8, direction: u8| format!("/v4/Users?pageSize=25&orderBy={column}&orderByType={direction}");
    for (name, column) in [
        ("Email", 2),
        ("firstname", 3),
        ("LastName", 4),
        ("DateRegistered", 7),
        ("CHANGEDATE", 8),
        ("CustomerRegistrationId", 1),
    ] {
        for (words, direction) in [(["asc", "0"], 0), (["DESC", "1"], 1)] {
            let new = world
                .ask(&ContractCase::get(&v4(column, direction), Expectation::Status(200)).for_tenant(GAZETTE))
                .await;
            let new: Value = serde_json::from_str(&new.body).unwrap();
            let ids: Vec<_> = new["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|user| &user["customerRegistrationId"])
                .collect();
            for word in words {
                let target = format!("/User?UsersPerPage=25&SortBy={name}&SortOrder={word}");
                let (got, total) = found(&get_of(&world, GAZETTE, &target).await);
                assert_eq!((got.len(), total), (25, 25));
                assert!(got.iter().zip(&ids).all(|(got, id)| **id == *got), "{target}");
            }
        }
    }
    let message = refused(&world, "/User?SortBy=Password").await;
    assert!(
        message.ends_with(
            "SortBy must be Email, FirstName, LastName, DateRegistered, ChangeDate or CustomerRegistrationId"
        ),
        "{message}"
    );
    refused(&world, "/User?SortOrder=up").await;
}

#[tokio::test]
async fn users_per_page_with_page_number() {
    let world = World::new();
    finds(
        &world,
        GAZETTE,
        "/User?UsersPerPage=2&SortBy=CustomerRegistrationId",
        &["g-01", "g-02"],
        25,
    )
    .await;
    finds(
        &world,
        GAZETTE,
        "/User?UsersPerPage=10&PageNumber=3&SortBy=CustomerRegistrationId",
        &["g-21", "g-22", "g-23", "g-24", "g-25"],
        25,
    )
    .await;
    finds(&world, GAZETTE, "/User?PageNumber=4", &[], 25).await;
    assert_eq!(found(&get_of(&world, GAZETTE, "/User?PageNumber=1").await).0.len(), 10);
    for bad in [
        "UsersPerPage=0",
        "UsersPerPage=1001",
        "PageNumber=0",
        "PageNumber=x",
        "PageNumber=+1",
    ] {
        refused(&world, &format!("/User?{bad}")).await;
    }
    let message = refused(&world, "/User?UsersPerPage=1000&PageNumber=102").await;
    assert!(message.starts_with("The search cannot be answered - "), "{message}");
}

#[tokio::test]
async fn auth_system_id_is_only_users_of_that_system() {
    let world = federated();
    finds(
        &world,
        HERALD,
        "/User?email=ann&AuthSystemId=1",
        &["2937", "auth0|6470a"],
        2,
    )
    .await;
    finds(&world, HERALD, "/User?email=ann&AuthSystemId=2", &[], 0).await;
    finds(&world, COURIER, "/User?email=una&AuthSystemId=3", &["auth0|1"], 1).await;
    finds(&world, COURIER, "/User?email=una&request.authSystemId=1", &[], 0).await;
    // A number that is nobody's may be one of another deployment's: better told than answered with silence.
    refused(&world, "/User?AuthSystemId=6").await;
    let user = parsed(&get_of(&world, COURIER, "/User/auth0%7C1/0").await)["Result"]["Users"][0]["AuthSystem"].clone();
    assert_eq!(
        user,
        json!({"AuthSystemId": 3, "AuthSystemCode": "Auth0", "AuthSystemName": "Auth0"})
    );
}

#[tokio::test]
async fn user_state_1_lite_2_unverified_3_standard() {
    let world = World::new();
    for (id, state) in [
        ("a%2Fb%20c", json!({"UserStateId": 1, "UserStateCode": "Lite"})),
        (
            "auth0%7C6470a",
            json!({"UserStateId": 2, "UserStateCode": "Unverified"}),
        ),
        ("2937", json!({"UserStateId": 3, "UserStateCode": "Standard"})),
    ] {
        let user = parsed(&get(&world, &format!("/User/{id}/0")).await)["Result"]["Users"][0].clone();
        assert_eq!(user["UserState"], state, "{id}");
    }
}

#[tokio::test]
async fn business_errors_are_200_with_errors_filled_and_result_null() {
    let world = World::new();
    let answer = get(&world, "/User?UsersPerPage=0").await;
    assert_eq!(
        (answer.status, &*answer.body),
        (
            200,
            r#"{"Code":200,"Errors":[{"Message":"Invalid InputModel - UsersPerPage must be a whole number from 1 to 1000","Code":"UsersOrchestrator_E400_02","Type":{"Id":0,"Code":"Validation"},"ErrorSource":null}],"Result":null,"SessionId":"r-1","RequestId":"r-1"}"#
        )
    );
    for (target, message) in [
        ("/User?email=", "email is given without a value"),
        ("/User?email=a&request.email=b", "email is given more than once"),
        ("/User?colour=red", "colour is not a parameter of this call"),
        ("/User?email=%ff", "email is not percent-encoded UTF-8"),
        ("/User?email=a%00", "email holds a NUL"),
    ] {
        assert_eq!(refused(&world, target).await, format!("Invalid InputModel - {message}"));
    }
    assert_eq!(world.store.calls(), 0);
    let (ids, _) = found(&get_of(&world, TIMES, "/User?email=joann&colour=red").await);
    assert_eq!(ids, ["3001"], "a tenant's switch ignores unknown parameters");
}

async fn fails(world: &World, case: &ContractCase, status: u16, text: &str) {
    let answer = world.ask(case).await;
    let expected = format!("{{\"error\":{}}}", Value::from(text));
    assert_eq!((answer.status, &*answer.body), (status, &*expected), "{case:?}");
    assert_eq!(header(&answer, "x-requestid"), Some("r-1"));
}

#[tokio::test]
async fn infrastructure_errors_have_the_published_texts_and_statuses() {
    let world = World::new();
    let ann = || call("/User/2937/0");
    for name in ["Authorization", "X-SourceSystem", "X-ClientCode", "X-PaperCode"] {
        fails(&world, &ann().without(name), 400, &format!("{name} is missing.")).await;
        fails(&world, &ann().with(name, "  "), 400, &format!("{name} is missing.")).await;
    }
    for target in ["/User", "/User?", "/User/0", "/User/Encrypted", "/User/Encrypted/1"] {
        fails(&world, &call(target), 400, "request cannot be null.").await;
    }
    for token in [
        CaseToken::Expired,
        CaseToken::Forged,
        CaseToken::OtherTenant,
        CaseToken::WriterOnly,
    ] {
        fails(&world, &ann().bearing(token), 401, "Invalid Authorization.").await;
    }
    fails(
        &world,
        &ann().with("Authorization", "Basic eA=="),
        401,
        "Invalid Authorization.",
    )
    .await;
    fails(
        &world,
        &ann().with("X-PaperCode", "nowhere"),
        401,
        "Invalid Authorization.",
    )
    .await;
    fails(
        &world,
        &ann().for_tenant(TIMES).with("X-SourceSystem", "WEB"),
        401,
        "Invalid X-SourceSystem.",
    )
    .await;
    fails(
        &world,
        &ann().with("X-SourceSystem", &"x".repeat(65)),
        401,
        "Invalid X-SourceSystem.",
    )
    .await;
    fails(&world, &call("/User/a/0/b"), 404, "Not Found.").await;
    fails(
        &world,
        &call("/User/a/0").by(masthead_testkit::contract_cases::Method::Delete),
        405,
        "Method Not Allowed.",
    )
    .await;
    assert_eq!(world.store.calls(), 0);
}

#[tokio::test]
async fn cannot_tell_is_500_something_went_wrong() {
    const WENT_WRONG: &str = "Something went wrong. Please try again later.";
    let world = World::new();
    for kind in [
        SourceErrorKind::Unavailable,
        SourceErrorKind::Corrupt,
        SourceErrorKind::Misconfigured,
    ] {
        world.store.set_mode(StoreMode::Failing(kind));
        for target in ["/User/2937/0", "/User/2?email=ann@example.com", "/User?email=ann"] {
            let case = call(target);
            fails(&world, &case, 500, WENT_WRONG).await;
            assert_eq!(header(&world.ask(&case).await, "retry-after"), Some("1"));
        }
    }
    world.store.set_mode(StoreMode::Answering);
    // The provider is silent: of whom our store does not know, nobody can tell.
    fails(&world, &call("/User/auth0%7C9/0").for_tenant(COURIER), 500, WENT_WRONG).await;
    fails(&world, &call("/User?email=nobody").for_tenant(COURIER), 500, WENT_WRONG).await;
    fails(
        &world,
        &call("/User/2937/0").with("Authorization", "Bearer no-keys"),
        500,
        WENT_WRONG,
    )
    .await;
    world.tenants.set_unavailable(true);
    fails(&world, &call("/User/2937/0"), 500, WENT_WRONG).await;
    fails(
        &world,
        &call("/User/2937/0").with("X-ClientGroupCode", "north"),
        500,
        WENT_WRONG,
    )
    .await;
}

#[tokio::test]
async fn what_could_not_be_told_is_never_shown_as_absent() {
    let world = World::new();
    // Our store knows her, the provider is silent: known, and said to be incomplete.
    let known = get_of(&world, COURIER, "/User/auth0%7C1/0").await;
    assert_eq!(found(&known), (vec!["auth0|1".to_owned()], 1));
    assert_eq!(header(&known, "x-incomplete"), Some("Auth0"));
    // The provider knows her, our store is silent: her consents, false when absent, would be made up.
    let federated = federated();
    let whole = get_of(&federated, COURIER, "/User/auth0%7C1/0").await;
    assert_eq!(header(&whole, "x-incomplete"), None);
    federated
        .store
        .set_mode(StoreMode::Failing(SourceErrorKind::Unavailable));
    for target in ["/User/auth0%7C1/0", "/User/0?email=una@example.com", "/User?email=una"] {
        assert_eq!(get_of(&federated, COURIER, target).await.status, 500, "{target}");
    }
    finds(&federated, COURIER, "/User/auth0%7C1/1", &["auth0|1"], 1).await;
    // A provider that remembers: answered, and said to be old.
    federated.store.set_mode(StoreMode::Answering);
    federated
        .provider
        .set_mode(ProviderMode::Remembered(NOW, SourceErrorKind::Unavailable));
    let stale = get_of(&federated, COURIER, "/User/auth0%7C1/0").await;
    assert_eq!((found(&stale).1, header(&stale, "x-incomplete")), (1, Some("Auth0")));
}

#[tokio::test]
async fn a_search_that_is_too_broad_is_a_business_error() {
    let world = World::new();
    world.store.set_mode(StoreMode::Failing(SourceErrorKind::TooBroad));
    let message = refused(&world, "/User?email=a").await;
    assert_eq!(
        message,
        "The search cannot be answered - it takes longer than it may; narrow it"
    );
}

#[tokio::test]
async fn both_headers_of_the_client_group_are_taken() {
    let world = World::new();
    for name in ["X-ClientGroupCode", "X-MediaGroupCode"] {
        assert_eq!(
            world.ask(&call("/User/2937/0").with(name, "north")).await.status,
            200,
            "{name}"
        );
        fails(
            &world,
            &call("/User/2937/0").with(name, "south"),
            401,
            "Invalid Authorization.",
        )
        .await;
    }
    let both = call("/User/2937/0")
        .with("X-ClientGroupCode", "north")
        .with("X-MediaGroupCode", "south");
    fails(&world, &both, 400, "X-MediaGroupCode differs from X-ClientGroupCode.").await;
}

#[tokio::test]
async fn without_a_client_group_the_tenant_is_the_only_one_that_the_token_grants() {
    let store = Arc::new(FakeStore::with(
        PoolId(1),
        [account("n", "ann@example.com", "North", "")],
    ));
    store.put(PoolId(2), [account("s", "ann@example.com", "South", "")]);
    let tokens = FakeTokens::new()
        .granting("north", grant(&[Scope::UsersRead], &["north/*/*"]))
        .granting(
            "south",
            grant(&[Scope::UsersRead], &["*/daily/gone", "south/daily/herald"]),
        )
        .granting("both", grant(&[Scope::UsersRead], &["*/daily/*"]))
        .granting("neither", grant(&[Scope::UsersRead], &["east/*/*"]))
        .granting("writer", grant(&[Scope::UsersWrite], &["north/*/*"]));
    let world = masthead_orchestrator::Dependencies {
        store: store.clone(),
        registrations: Arc::new(RecordingRegistrationWriter::default()),
        providers: Arc::new(FakeProviders(None)),
        directory: Arc::new(FakeMirror::over(store.clone())),
        events: Arc::new(RecordingEvents::default()),
        clock: Arc::new(StoppedClock::default()),
    };
    let tenants = [
        tenant("north/daily/herald", 1, &[]),
        tenant("south/daily/herald", 2, &[]),
    ];
    let users = Users::new(world, 1000);
    let api = Api::new(ApiState {
        exports: Arc::new(ExportState::new(
            Export::new(users.clone(), Arc::new(FakeStore::default())),
            Arc::new(FakeWorkspaces::default()),
        )),
        users,
        tenants: Arc::new(FakeTenants::new(tenants)),
        tokens: Arc::new(tokens),
        sealing: Arc::new(FakeSealing),
        limits: ApiLimits::default(),
    });
    let ask = async |token: &str, group: Option<&str>| {
        let mut request = Request::get("/User?email=ann")
            .header("Authorization", format!("bearer {token}"))
            .header("X-SourceSystem", "CRM")
            .header("X-ClientCode", "daily")
            .header("X-PaperCode", "herald");
        if let Some(group) = group {
            request = request.header("X-ClientGroupCode", group);
        }
        let request = request.body(String::new()).unwrap();
        world::read(world::answered(&api, None, request).await).await
    };
    assert_eq!(found(&ask("north", None).await).0, ["n"]);
    assert_eq!(found(&ask("south", None).await).0, ["s"]);
    assert_eq!(found(&ask("both", Some("south")).await).0, ["s"]);
    let several = ask("both", None).await;
    assert_eq!(
        (several.status, &*several.body),
        (
            400,
            r#"{"error":"X-ClientGroupCode is missing: the token grants several tenants with this X-ClientCode and X-PaperCode."}"#
        )
    );
    for token in ["neither", "writer"] {
        assert_eq!(ask(token, None).await.status, 401, "{token}");
    }
}

#[tokio::test]
async fn the_same_reader_by_v4_and_legacy_writes_the_same_events() {
    let world = federated();
    for (new, old) in [
        ("/v4/Users/auth0%7C1", "/User/auth0%7C1/0"),
        ("/v4/Users?email=una@example.com", "/User/0?email=una@example.com"),
        (
            "/v4/Users?email=una&ignoreProvider=true",
            "/User?email=una&LookupInUserProvider=false",
        ),
    ] {
        let kinds = |world: &World| world.events.take().iter().map(|event| event.kind).collect::<Vec<_>>();
        world
            .ask(&ContractCase::get(new, Expectation::Status(200)).for_tenant(COURIER))
            .await;
        let expected = kinds(&world);
        get_of(&world, COURIER, old).await;
        assert_eq!(kinds(&world), expected, "{old}");
    }
}

#[tokio::test]
async fn the_examples_of_the_document_are_what_the_router_answers() {
    let world = World::new();
    let request = Request::get("/openapi.json").body(String::new()).unwrap();
    let document: Value = serde_json::from_str(&world.send(request).await.body).unwrap();
    let legacy = |path: &str| &document["paths"][path]["get"];
    let example = |path: &str, status: &str, name: &str| {
        legacy(path)["responses"][status]["content"]["application/json"]["examples"][name]["value"].clone()
    };
    let id = "b1946ac9-2492-4d23-9a1c-6d2f1b0c7e55";
    let ask = async |target: &str| {
        let answer = world
            .ask(&call(target).without("X-RequestId").with("X-RequestId", id))
            .await;
        serde_json::from_str::<Value>(&answer.body).unwrap()
    };
    assert_eq!(ask("/User?UsersPerPage=x").await, example("/User", "200", "refused"));
    assert_eq!(ask("/User?AuthSystemId=2").await, example("/User", "200", "nobody"));
    assert_eq!(
        ask("/User/2937/9").await,
        example("/User/{customerRegistrationId}/{type}", "200", "refused")
    );
    assert_eq!(ask("/User").await, example("/User", "400", "error4"));

    // The example's user, loaded as it is shown, is answered as it is shown.
    let shown = example("/User/{customerRegistrationId}/{type}", "200", "found");
    let user = &shown["Result"]["Users"][0];
    let metadata: Vec<(String, String)> = user["Metadata"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned()))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let text = |key: &str| user[key].as_str().unwrap();
    world.store.put(
        PoolId(1),
        [Account {
            registered_at: None,
            changed_at: None,
            metadata: masthead_domain::metadata::Metadata::new(metadata).unwrap(),
            ..account(
                text("CustomerRegistrationId"),
                text("Email"),
                text("FirstName"),
                text("LastName"),
            )
        }],
    );
    let mut answered = ask("/User/2937/0").await;
    let key = "EncryptedCustomerRegistrationId";
    answered["Result"]["Users"][0][key] = user[key].clone();
    assert_eq!(answered, shown);
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let schema = &document["components"]["schemas"]["LegacyUser"]["properties"];
    assert_eq!(keys(schema), keys(user));
}

#[tokio::test]
async fn the_example_requests_of_the_document_are_taken() {
    let world = World::new();
    let request = Request::get("/openapi.json").body(String::new()).unwrap();
    let document: Value = serde_json::from_str(&world.send(request).await.body).unwrap();
    for (path, operations) in document["paths"].as_object().unwrap() {
        if !path.starts_with("/User") {
            continue;
        }
        let parameters = operations["get"]["parameters"].as_array().unwrap();
        let mut target = path.clone();
        let mut required = String::new();
        let written = |parameter: &Value| {
            let example = parameter["example"].to_string().replace('"', "");
            // What was sealed in another house is sealed in this one.
            match parameter["name"].as_str().unwrap() {
                "encryptedEmail" => sealed("email", "ann@example.com"),
                "encryptedCustomerRegistrationId" => sealed("id", "2937"),
                _ => example,
            }
        };
        for parameter in parameters {
            let name = parameter["name"].as_str().unwrap_or_default();
            if parameter["in"] == "path" {
                target = target.replace(&format!("{{{name}}}"), &written(parameter));
            } else if parameter["required"] == true && parameter["in"] == "query" {
                required = format!("{name}={}", written(parameter));
            }
        }
        for parameter in parameters.iter().filter(|parameter| parameter["in"] == "query") {
            let name = parameter["name"].as_str().unwrap();
            if required.starts_with(&format!("{name}=")) {
                continue;
            }
            let answer = parsed(&get(&world, &format!("{target}?{required}&{name}={}", written(parameter))).await);
            assert_eq!(answer["Errors"], json!([]), "{path} {name}: {answer}");
        }
        let answer = parsed(
            &get(
                &world,
                &format!(
                    "{target}?{required}{}",
                    if required.is_empty() && path == "/User" {
                        "email=ann"
                    } else {
                        ""
                    }
                ),
            )
            .await,
        );
        assert_eq!(answer["Errors"], json!([]), "{path}: {answer}");
    }
}
