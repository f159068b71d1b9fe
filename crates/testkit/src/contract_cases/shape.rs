//! Contract §2.3 to §2.6: states, envelopes, encrypted values, codes, and how a user is shown.

use masthead_domain::metadata::STANDARD_KEYS;
use serde_json::json;

use super::{
    case::{ContractCase, Expectation},
    fixture::{COURIER, TIMES},
};

/// Adds the lines of this file for `for_each_contract_line`.
#[macro_export]
macro_rules! shape_lines {
    ($callback:ident $($before:ident)*) => {
        $crate::list_lines! {
            $callback $($before)*
            state_is_lite_unverified_or_standard
            user_response_is_exact
            list_response_is_exact
            unknown_user_is_404
            tenant_settings_shape_envelopes
            sealed_values_open_or_are_rejected
            fields_keep_published_order
            explain_lists_field_sources
        }
    };
}

/// The metadata object, every standard key in the contract's order, as text; written apart from the code under test.
fn metadata(filled: &[(&str, &str)], custom: &str) -> String {
    let standard: Vec<String> = STANDARD_KEYS
        .iter()
        .map(|key| {
            let value = filled
                .iter()
                .find(|(name, _)| name == key)
                .map_or("", |(_, value)| value);
            format!("\"{key}\":\"{value}\"")
        })
        .collect();
    format!("{{{}{custom}}}", standard.join(","))
}

fn ann() -> String {
    let metadata = metadata(
        &[("title", "Dr"), ("city", "Århus")],
        r#","badge":"Gold","favouriteSection":"sport \"late\"""#,
    );
    [
        r#"{"customerRegistrationId":"2937","encryptedCustomerRegistrationId":"{{sealed-id:2937}}","#,
        r#""email":"Ann@Example.com","firstName":"Ann","lastName":"Lee","state":"Standard","metadata":"#,
        &metadata,
        r#","verified":true}"#,
    ]
    .concat()
}

/// §2.3, row by row.
pub fn state_is_lite_unverified_or_standard() -> Vec<ContractCase> {
    let state = |tenant, id: &str, state: &str| {
        ContractCase::get(
            &format!("/v4/Users/{id}?fields=state&ignoreProvider=true"),
            Expectation::Data(json!({"state": state})),
        )
        .for_tenant(tenant)
    };
    let herald = super::fixture::HERALD;
    vec![
        state(herald, "2937", "Standard"),
        state(herald, "auth0%7C6470a", "Unverified"),
        state(herald, "a%2Fb%20c", "Lite"),
        state(herald, "100%2525", "Lite"),
        state(COURIER, "auth0%7C1", "Standard"),
        state(COURIER, "auth0%7C2", "Standard"),
    ]
}

/// §2.4: user keys in order, all standard metadata keys, then custom ones; `meta` null by id.
pub fn user_response_is_exact() -> Vec<ContractCase> {
    let body = [
        r#"{"message":{"code":"UsersOrchestrator_S200_01","text":"Get by id completed.","type":"Success"},"meta":null,"data":"#,
        &ann(),
        "}",
    ]
    .concat();
    vec![
        ContractCase::get("/v4/Users/2937", Expectation::Exactly(200, body))
            .answering("content-type", "application/json; charset=utf-8")
            .answering("cache-control", "no-store"),
    ]
}

/// §2.4: the published example's shape.
pub fn list_response_is_exact() -> Vec<ContractCase> {
    let body = [
        r#"{"message":{"code":"UsersOrchestrator_S200_02","text":"Get completed.","type":"Success"},"meta":{"totalRecords":1},"data":["#,
        &ann(),
        "]}",
    ]
    .concat();
    vec![
        ContractCase::get(
            "/v4/Users?email=ann@example.com",
            Expectation::Exactly(200, body.clone()),
        ),
        ContractCase::search(
            r#"{"email":"ann@example.com"}"#,
            Expectation::Exactly(200, body.clone()),
        ),
        ContractCase::get(
            "/v4/Users?metadata.firstName=Ann&metadata.lastName=Lee",
            Expectation::Exactly(200, body),
        ),
    ]
}

/// E404 by id; `data` null, `meta` null.
pub fn unknown_user_is_404() -> Vec<ContractCase> {
    let missing = |target| {
        ContractCase::get(
            target,
            Expectation::Error(404, "E404", "Not Found - there is no such user".to_owned()),
        )
    };
    vec![
        missing("/v4/Users/unknown"),
        // Another tenant's id answers like any that does not exist.
        missing("/v4/Users/3001"),
        missing("/v4/Users/g-01"),
    ]
}

/// §2.4: "a per-tenant switch emits the number 0/1", "array by tenant switch"; E404: "400 by tenant switch".
pub fn tenant_settings_shape_envelopes() -> Vec<ContractCase> {
    let exactly = |status, body: &str| Expectation::Exactly(status, body.to_owned());
    vec![
        ContractCase::get(
            "/v4/Users/2937?fields=firstName",
            exactly(
                200,
                r#"{"message":{"code":"UsersOrchestrator_S200_01","text":"Get by id completed.","type":0},"meta":null,"data":[{"firstName":"Anna"}]}"#,
            ),
        )
        .for_tenant(TIMES),
        ContractCase::get(
            "/v4/Users/unknown",
            exactly(
                400,
                r#"{"message":{"code":"UsersOrchestrator_E404","text":"Not Found - there is no such user","type":1},"meta":null,"data":null}"#,
            ),
        )
        .for_tenant(TIMES),
        ContractCase::get(
            "/v4/Users?pageSize=0",
            exactly(
                400,
                r#"{"message":{"code":"UsersOrchestrator_E400_02","text":"Invalid InputModel - pageSize must be a whole number from 1 to 1000","type":1},"meta":null,"data":null}"#,
            ),
        )
        .for_tenant(TIMES),
        // Until the tenant is known, the type of an error is a word.
        ContractCase::get(
            "/v4/Users",
            exactly(
                401,
                r#"{"message":{"code":"UsersOrchestrator_E401","text":"Unauthorized - the tenant does not know this X-SourceSystem","type":"Error"},"meta":null,"data":null}"#,
            ),
        )
        .for_tenant(TIMES)
        .from("WEB"),
        // Complete addresses match by contains too, and unknown parameters are ignored.
        ContractCase::get(
            "/v4/Users?email=ann@example.com&colour=red&%ff=%ff",
            Expectation::Users(vec!["2937", "3001"], 2),
        )
        .for_tenant(TIMES),
        ContractCase::search(
            r#"{"email":"ann@example.com","colour":{"red":[1]}}"#,
            Expectation::Users(vec!["2937", "3001"], 2),
        )
        .for_tenant(TIMES),
        ContractCase::get(
            "/v4/Users?email=ann@example.com&emailMatch=exact",
            Expectation::Users(vec!["2937"], 1),
        )
        .for_tenant(TIMES),
        // What is deprecated would not do what it did: it is refused all the same.
        ContractCase::get("/v4/Users?OnlyActive=true", Expectation::Status(400)).for_tenant(TIMES),
    ]
}

/// §2.5: "standard and URL-safe base64 in, tolerating a space where `+` was. Bad ciphertext: E400_02, the same answer for
/// every cause."
pub fn sealed_values_open_or_are_rejected() -> Vec<ContractCase> {
    let ann = || Expectation::Users(vec!["2937"], 1);
    let mut cases = vec![
        ContractCase::get("/v4/Users?encryptedEmail={{sealed-email:ann@example.com}}", ann()),
        ContractCase::get("/v4/Users?encryptedEmail={{sealed-email:ANN@Example.com}}", ann()),
        ContractCase::get("/v4/Users?encryptedCustomerRegistrationId={{sealed-id:2937}}", ann()),
        ContractCase::get(
            "/v4/Users?encryptedCustomerRegistrationId={{sealed-id:2937}}&encryptedEmail={{sealed-email:ann@example.com}}",
            ann(),
        ),
        ContractCase::get(
            "/v4/Users?encryptedCustomerRegistrationId={{sealed-id:2937}}&customerRegistrationId=100",
            Expectation::Users(vec![], 0),
        ),
        ContractCase::search(r#"{"encryptedEmail":"{{sealed-email:ann@example.com}}"}"#, ann()),
    ];
    for name in ["encryptedEmail", "encryptedCustomerRegistrationId"] {
        let wrong_purpose = if name == "encryptedEmail" {
            "{{sealed-id:2937}}"
        } else {
            "{{sealed-email:ann@example.com}}"
        };
        let long = "A".repeat(5000);
        let empty = if name == "encryptedEmail" {
            "{{sealed-email:}}"
        } else {
            "{{sealed-id:}}"
        };
        for bad in [empty, "x", "AAAA", "%21%21", "2937", wrong_purpose, &long] {
            cases.push(ContractCase::get(
                &format!("/v4/Users?{name}={bad}"),
                Expectation::Error(400, "E400_02", format!("Invalid InputModel - {name} cannot be opened")),
            ));
        }
    }
    cases
}

/// §3.1: `fields`.
pub fn fields_keep_published_order() -> Vec<ContractCase> {
    let mut cases = vec![
        ContractCase::get(
            "/v4/Users/2937?fields=verified,metadata.City,email,metadata.nothing",
            Expectation::Exactly(
                200,
                r#"{"message":{"code":"UsersOrchestrator_S200_01","text":"Get by id completed.","type":"Success"},"meta":null,"data":{"email":"Ann@Example.com","metadata":{"city":"Århus"},"verified":true}}"#.to_owned(),
            ),
        ),
        ContractCase::get(
            "/v4/Users?email=ann@example.com&FIELDS=LASTNAME,%20STATE",
            Expectation::Data(json!([{"lastName": "Lee", "state": "Standard"}])),
        ),
        ContractCase::search(
            r#"{"email":"ann@example.com","fields":"metadata.badge,metadata.title"}"#,
            Expectation::Data(json!([{"metadata": {"badge": "Gold", "title": "Dr"}}])),
        ),
    ];
    let text = "Invalid InputModel - fields must be a comma-separated list of field names";
    for bad in ["colour", "email,", ",", "metadata.", "email.x", "password"] {
        let refused = |code| Expectation::Error(400, code, text.to_owned());
        cases.push(ContractCase::get(
            &format!("/v4/Users?fields={bad}"),
            refused("E400_02"),
        ));
        cases.push(ContractCase::get(
            &format!("/v4/Users/2937?fields={bad}"),
            refused("E400_00"),
        ));
    }
    cases
}

/// §3.1: `explain`, of a tenant without provider.
pub fn explain_lists_field_sources() -> Vec<ContractCase> {
    let target = "explain=true&fields=customerRegistrationId,lastName,metadata.city,metadata.age,verified";
    let ann = json!({
        "customerRegistrationId": "2937",
        "lastName": "Lee",
        "metadata": {"age": "", "city": "Århus"},
        "verified": true,
        "provenance": {
            "customerRegistrationId": "Subscribe",
            "lastName": "Subscribe",
            "metadata.city": "Subscribe",
            "verified": "Subscribe",
        },
    });
    vec![
        ContractCase::get(&format!("/v4/Users/2937?{target}"), Expectation::Data(ann.clone())),
        ContractCase::get(
            &format!("/v4/Users?email=ann@example.com&{target}"),
            Expectation::Data(json!([ann])),
        ),
    ]
}
