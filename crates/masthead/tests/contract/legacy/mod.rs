//! Every line of contract §3.3, the legacy User API, held against the program itself; each test has the name of its line.

mod errors;
mod types;

use std::time::Instant;

use masthead_domain::account::Account;
use masthead_testkit::{
    accounts::{account, with_metadata},
    contract_cases::{
        CaseAnswer, CaseEnvironment, ContractCase, Expectation,
        fixture::{COURIER, GAZETTE, HERALD, TIMES},
    },
};
use serde_json::{Value, json};

use crate::{
    support::wire::FOREVER,
    wire::in_url,
    world::{World, of_the_contract},
};

fn start() -> World {
    warm(World::of(&of_the_contract()))
}

/// Asks once for each tenant, until it is known: what is slow once, a busy machine makes too slow for an answer.
pub(crate) fn warm(world: World) -> World {
    for tenant in [HERALD, TIMES, GAZETTE, COURIER] {
        once_known(&world, &call("/User/nobody/2").for_tenant(tenant));
    }
    world
}

/// The answer to a case once what it needs is known, which is never a 500.
pub(crate) fn once_known(world: &World, case: &ContractCase) -> CaseAnswer {
    let began = Instant::now();
    loop {
        let answer = world.ask(case);
        if answer.status != 500 {
            return answer;
        }
        assert!(began.elapsed() < FOREVER, "never known: {case:?}");
    }
}

fn call(target: &str) -> ContractCase {
    ContractCase::get(target, Expectation::Status(200)).with("X-RequestId", "r-1")
}

fn get_of(world: &World, tenant: &'static str, target: &str) -> CaseAnswer {
    world.ask(&call(target).for_tenant(tenant))
}

fn parsed(answer: &CaseAnswer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

/// The ids of an answer that must be good, and the total.
fn found(answer: &CaseAnswer) -> (Vec<String>, u64) {
    let whole = parsed(answer);
    assert_eq!((&whole["Code"], &whole["Errors"]), (&json!(200), &json!([])));
    let users = whole["Result"]["Users"].as_array().unwrap().iter();
    let ids = users.map(|user| user["CustomerRegistrationId"].as_str().unwrap().to_owned());
    (ids.collect(), whole["Result"]["TotalUsersFound"].as_u64().unwrap())
}

fn finds(world: &World, tenant: &'static str, target: &str, ids: &[&str]) {
    let (mut got, total) = found(&get_of(world, tenant, target));
    assert_eq!(total, ids.len() as u64, "{target}");
    let mut expected: Vec<_> = ids.iter().map(|id| (*id).to_owned()).collect();
    got.sort_unstable();
    expected.sort_unstable();
    assert_eq!(got, expected, "{target}");
}

/// The message of the business error that must come back.
fn refused(world: &World, target: &str) -> String {
    let whole = parsed(&get_of(world, HERALD, target));
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
    assert!(error["ErrorSource"].is_null(), "{target}");
    error["Message"].as_str().unwrap().to_owned()
}

#[test]
fn the_owners_user_object_key_by_key_in_order() {
    let mut loaded = of_the_contract();
    let pat = with_metadata(
        account("48291", "Pat@Example.com", "Pat", "Reader"),
        &[
            ("gender", "F"),
            ("phoneNumber", "555-0100"),
            ("cellPhone", "555-0101"),
            ("dob", "03/04"),
            ("dobYYYY", "1970"),
            ("eadvan_flag", "Y"),
            ("feat_flag", "N"),
            ("ebill_flag", "true"),
            ("eedition_flag", "1"),
            ("acceptsEmailOffers", "89"),
            ("acceptsEmailAds", "N"),
            ("isOkToPhone", "256"),
            ("displayName", "Pat R."),
            ("agreeToTerms", "true"),
            ("photo", "https://img.example.com/pat.png"),
            ("bounceType", "soft"),
            ("favouriteSection", "sport"),
        ],
    );
    loaded[0].accounts.push(pat);
    let world = warm(World::of(&loaded));
    let number = world
        .database
        .run("SELECT id FROM registrations WHERE crid = '48291'")
        .unwrap();
    let answer = get_of(&world, HERALD, "/User/48291/0");
    let expected = concat!(
        r#"{"Code":200,"Errors":[],"Result":{"Users":[{"RegistrationId":NUMBER,"LoginName":"Pat@Example.com","#,
        r#""LoginPassword":null,"CustomerRegistrationId":"48291","EncryptedCustomerRegistrationId":"SEALED","#,
        r#""FirstName":"Pat","LastName":"Reader","Email":"Pat@Example.com","Gender":"F","Phone":"555-0100","#,
        r#""MobilePhone":"555-0101","OptInEVantageSubscriberRewards":true,"OptInSpecialOffers":false,"#,
        r#""OptInContestAndPromotions":false,"OptInPaperlessBilling":true,"OptInEEdition":true,"#,
        r#""OptInEEditionEmailNotification":false,"OptInSubscriberDiscounts":false,"OptInAdvertiserEmails":false,"#,
        r#""MemberEvent":false,"ContentEngagement":false,"SUBCOM":false,"Survey":false,"AccountUpdates":false,"#,
        r#""DateOfBirth":"03/04","BirthYear":"1970","AcceptsEmailOffers":89,"AcceptsEmailAds":78,"#,
        r#""AcceptsEmailPromotions":null,"IsOkToEmail":null,"IsOkToPhone":null,"IsOkToMail":null,"#,
        r#""AcceptsEENotification":null,"ChangeDate":"2021-02-03T04:05:06.000Z","#,
        r#""DateRegistered":"2020-01-02T03:04:05.000Z","AddDate":"2020-01-02T03:04:05.000Z","#,
        r#""Photos":[{"Id":null,"Value":"https://img.example.com/pat.png","Type":null}],"IsSocial":false,"#,
        r#""DisplayName":"Pat R.","AgreeToTerms":true,"OptOutMarketing":false,"#,
        r#""Photo":"https://img.example.com/pat.png","VerificationCode":null,"Verified":true,"#,
        r#""AuthSystem":{"AuthSystemId":1,"AuthSystemCode":"MG2","AuthSystemName":"MG2"},"#,
        r#""UserState":{"UserStateId":3,"UserStateCode":"Standard"},"BounceType":"soft","#,
        r#""LastLogoutDate":null,"UrlPasswordChangeTicket":null,"Metadata":{"title":"","phoneNumber":"555-0100","#,
    );
    let tenant = masthead_domain::tenant::TenantId::parse(HERALD).unwrap();
    let purpose = masthead_ports::sealing::Purpose::CustomerRegistrationId;
    let expected = expected
        .replace("SEALED", &world.sealing().seal(&tenant, purpose, "48291"))
        .replace("NUMBER", number.trim());
    assert!(answer.body.starts_with(&expected), "{}", answer.body);
    let end = r#""favouriteSection":"sport"}}],"TotalUsersFound":1},"SessionId":"r-1","RequestId":"r-1"}"#;
    assert!(answer.body.ends_with(end), "{}", answer.body);
}

#[test]
fn get_user_by_request_email_with_and_without_request_matches_by_contains() {
    let world = start();
    for target in [
        "/User?request.email=ann@example.com",
        "/User?REQUEST.EMAIL=ann@example.com&Request.onlyActive=false",
        "/User?email=ANN@example.com",
        "/User/?Email=nn%40exam",
    ] {
        finds(&world, HERALD, target, &["2937", "auth0|6470a"]);
    }
    finds(&world, HERALD, "/User?email=bo+news@ex", &["a/b c"]);
    finds(&world, HERALD, "/User?email=nobody", &[]);
}

#[test]
fn a_caller_needs_no_client_group_where_the_token_grants_one_tenant() {
    let world = start();
    let answer = once_known(&world, &call("/User/2937/2").without("X-ClientGroupCode"));
    assert_eq!(found(&answer), (vec!["2937".to_owned()], 1));
}

#[test]
fn get_user_type_by_email_and_by_id() {
    let world = start();
    for kind in ["0", "1", "2"] {
        finds(
            &world,
            HERALD,
            &format!("/User/{kind}?email=ann@example.com"),
            &["2937"],
        );
        finds(&world, HERALD, &format!("/User/2937/{kind}"), &["2937"]);
        finds(
            &world,
            HERALD,
            &format!("/User/auth0%7C6470a/{kind}/"),
            &["auth0|6470a"],
        );
        finds(&world, HERALD, &format!("/User/a%2Fb%20c/{kind}"), &["a/b c"]);
        finds(&world, HERALD, &format!("/User/nobody/{kind}"), &[]);
    }
    for bad in [
        "/User/3?email=ann",
        "/User/x?email=ann",
        "/User/2937/3",
        "/User/2937/x",
        "/User/2937?email=ann",
    ] {
        let message = refused(&world, bad);
        assert_eq!(
            message, "Invalid InputModel - type in the path must be 0, 1 or 2",
            "{bad}"
        );
    }
}

#[test]
fn get_user_encrypted_by_encrypted_email_and_by_encrypted_id() {
    let world = start();
    let of_email = "{{sealed-email:ann@example.com}}";
    finds(
        &world,
        HERALD,
        &format!("/User/Encrypted?encryptedEmail={of_email}"),
        &["2937"],
    );
    for kind in ["0", "1", "2"] {
        let target = format!("/User/Encrypted/{kind}?encryptedCustomerRegistrationId={{{{sealed-id:2937}}}}");
        finds(&world, HERALD, &target, &["2937"]);
    }
    for (target, name) in [
        (
            "/User/Encrypted?encryptedEmail={{sealed-id:2937}}".to_owned(),
            "encryptedEmail",
        ),
        (
            format!("/User/Encrypted/0?encryptedCustomerRegistrationId={of_email}"),
            "encryptedCustomerRegistrationId",
        ),
    ] {
        let message = refused(&world, &target);
        assert_eq!(message, format!("Invalid InputModel - {name} cannot be opened"));
    }
}

#[test]
fn only_active_is_without_deleted_and_unverified_ones() {
    let world = start();
    // As erasing leaves a row: deleted ones are never shown, whatever is asked.
    world
        .database
        .run("UPDATE registrations SET deleted_at = now(), tokens = '{}' WHERE crid = 'a/b c'")
        .unwrap();
    for target in [
        "/User?email=bo%2Bnews&OnlyActive=true",
        "/User?email=bo%2Bnews",
        "/User/a%2Fb%20c/2",
    ] {
        finds(&world, HERALD, target, &[]);
    }
    finds(
        &world,
        HERALD,
        "/User?request.email=ann@&request.onlyActive=true",
        &["2937"],
    );
    finds(
        &world,
        HERALD,
        "/User?request.email=ann@&OnlyActive=false",
        &["2937", "auth0|6470a"],
    );
    let (ids, total) = found(&get_of(&world, HERALD, "/User?OnlyActive=true&UsersPerPage=2"));
    assert_eq!((ids.len(), total), (2, 5), "the total counts the active ones");
}

#[test]
fn sort_by_sort_order_users_per_page_and_page_number() {
    let world = start();
    for (name, column) in [
        ("Email", 2),
        ("firstname", 3),
        ("LastName", 4),
        ("CHANGEDATE", 8),
        ("DateRegistered", 7),
        ("CustomerRegistrationId", 1),
    ] {
        for (word, direction) in [("asc", 0), ("0", 0), ("DESC", 1), ("1", 1)] {
            let new = format!("/v4/Users?pageSize=10&pageNumber=2&orderBy={column}&orderByType={direction}");
            let new = world.ask(&ContractCase::get(&new, Expectation::Status(200)).for_tenant(GAZETTE));
            let new: Value = serde_json::from_str(&new.body).unwrap();
            let users = new["data"].as_array().unwrap().iter();
            let ids: Vec<_> = users
                .map(|user| user["customerRegistrationId"].as_str().unwrap().to_owned())
                .collect();
            let target = format!("/User?UsersPerPage=10&PageNumber=2&SortBy={name}&SortOrder={word}");
            assert_eq!(found(&get_of(&world, GAZETTE, &target)), (ids, 25), "{target}");
        }
    }
    assert_eq!(found(&get_of(&world, GAZETTE, "/User?PageNumber=4")), (Vec::new(), 25));
    for bad in [
        "SortBy=Password",
        "SortOrder=up",
        "UsersPerPage=0",
        "UsersPerPage=1001",
        "PageNumber=0",
    ] {
        refused(&world, &format!("/User?{bad}"));
    }
}

#[test]
fn auth_system_id_is_only_users_of_that_system_and_user_state_is_numbered() {
    let world = start();
    finds(
        &world,
        HERALD,
        "/User?email=ann&AuthSystemId=1",
        &["2937", "auth0|6470a"],
    );
    finds(&world, HERALD, "/User?email=ann&AuthSystemId=2", &[]);
    for (id, state) in [
        ("a%2Fb%20c", json!({"UserStateId": 1, "UserStateCode": "Lite"})),
        (
            "auth0%7C6470a",
            json!({"UserStateId": 2, "UserStateCode": "Unverified"}),
        ),
        ("2937", json!({"UserStateId": 3, "UserStateCode": "Standard"})),
    ] {
        let user = parsed(&get_of(&world, HERALD, &format!("/User/{id}/0")));
        assert_eq!(user["Result"]["Users"][0]["UserState"], state, "{id}");
    }
}

/// Every way in which a legacy caller can name somebody.
fn naming(person: &Account) -> Vec<String> {
    let (crid, address) = (person.crid.as_str(), person.email.as_ref().unwrap().as_str());
    let (id, email) = (in_url(crid), in_url(address));
    let mut targets = vec![
        format!("/User?request.email={email}"),
        format!("/User?email={email}&LookupInUserProvider=false&OnlyActive=true"),
        format!("/User/Encrypted?encryptedEmail={{{{sealed-email:{address}}}}}"),
    ];
    for kind in ["0", "1", "2"] {
        targets.push(format!("/User/{kind}?email={email}"));
        targets.push(format!("/User/{id}/{kind}"));
        let sealed = format!("{{{{sealed-id:{crid}}}}}");
        targets.push(format!(
            "/User/Encrypted/{kind}?encryptedCustomerRegistrationId={sealed}"
        ));
    }
    targets
}

#[test]
fn a_foreign_identifier_answers_like_a_random_one_on_every_legacy_route() {
    let world = start();
    let pairs = of_the_contract();
    let nobody = account("nobody-7", "nobody.7@example.edu", "", "");
    for owner in &pairs {
        let Some(person) = owner.accounts.iter().find(|person| {
            // One whom no other tenant has under the same id or address.
            let alike = |other: &Account| other.crid == person.crid || other.email == person.email;
            pairs.iter().filter(|pair| pair.accounts.iter().any(alike)).count() == 1
        }) else {
            continue;
        };
        for asker in pairs.iter().filter(|asker| asker.tenant != owner.tenant) {
            for (foreign, random) in naming(person).iter().zip(naming(&nobody)) {
                let told = |target: &str| {
                    let mut answer = get_of(&world, asker.tenant, target);
                    answer.headers.retain(|(name, _)| name != "date");
                    (answer.status, answer.headers, answer.body)
                };
                assert_eq!(told(foreign), told(&random), "{} asks {foreign}", asker.tenant);
            }
        }
        if owner.tenant != COURIER {
            for target in naming(person) {
                let answer = get_of(&world, owner.tenant, &target);
                assert!(answer.body.contains(person.crid.as_str()), "{target}: {}", answer.body);
            }
        }
    }
}
