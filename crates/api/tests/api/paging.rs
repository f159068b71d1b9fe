//! The ends of lists, tampered cursors, and lists of federated tenants.

use masthead_testkit::contract_cases::{ContractCase, Expectation, fixture::GAZETTE};
use serde_json::Value;

use crate::fixture::ApiFixture;

/// The ids of a page, and its cursor ready for a URL.
async fn page(api: &ApiFixture, query: &str) -> (Vec<String>, Option<String>) {
    let case = ContractCase::get(&format!("/v4/Users?{query}"), Expectation::Status(200)).for_tenant(GAZETTE);
    let answer = api.send_case(&case).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.body);
    let whole: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(whole["meta"]["totalRecords"], 25, "{query}");
    let ids = whole["data"].as_array().unwrap().iter();
    let ids = ids.map(|user| user["customerRegistrationId"].as_str().unwrap().to_owned());
    let next = whole["meta"]["nextCursor"].as_str();
    (
        ids.collect(),
        next.map(|cursor| cursor.replace('+', "%2B").replace('=', "%3D")),
    )
}

#[tokio::test]
async fn full_last_page_has_no_cursor() {
    let api = ApiFixture::new();
    assert!(page(&api, "pageSize=24").await.1.is_some());
    assert_eq!(page(&api, "pageSize=5&pageNumber=5").await.1, None);
}

#[tokio::test]
async fn tampered_cursor_is_never_a_server_error() {
    let api = ApiFixture::new();
    let (_, cursor) = page(&api, "pageSize=3").await;
    let cursor = cursor.unwrap().replace("%2B", "+").replace("%3D", "=");
    for at in 0..cursor.trim_end_matches('=').len() {
        let mut bytes = cursor.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let tampered = String::from_utf8(bytes).unwrap();
        let case = ContractCase::search(&format!("{{\"cursor\":\"{tampered}\"}}"), Expectation::Status(200))
            .for_tenant(GAZETTE);
        let answer = api.send_case(&case).await;
        assert!(answer.status < 500, "{}", answer.body);
    }
}

#[tokio::test]
async fn federated_list_by_state_continues() {
    let api = ApiFixture::new();
    let tenant = "south/post/courier";
    let first = ContractCase::get(
        "/v4/Users?ignoreProvider=true&orderBy=5&pageSize=1",
        Expectation::Status(200),
    )
    .for_tenant(tenant);
    let whole: Value = serde_json::from_str(&api.send_case(&first).await.body).unwrap();
    let cursor = whole["meta"]["nextCursor"].as_str().unwrap();
    let body = format!(r#"{{"ignoreProvider":true,"orderBy":5,"pageSize":1,"cursor":"{cursor}"}}"#);
    let second = ContractCase::search(&body, Expectation::Users(vec!["auth0|2"], 2)).for_tenant(tenant);
    api.check(vec![second]).await;
}
