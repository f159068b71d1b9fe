//! The export of all users: its caller, its lines, its end, and how much is read ahead of a client.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::Request;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use masthead_api::{ApiBody, ApiResponse};
use masthead_domain::{
    account::Account, customer_registration_id::CustomerRegistrationId, metadata::Metadata, tenant::PoolId,
};
use masthead_testkit::contract_cases::fixture::HERALD;
use serde_json::Value;

use crate::fixture::{ApiFixture, TRIBUNE, answer, header};

const EXPORT: &str = "/v4/Users/Export";

async fn export_of(api: &ApiFixture, target: &str, tenant: &str) -> ApiResponse {
    let mut request = Request::get(target)
        .header("Authorization", "bearer admin")
        .header("X-SourceSystem", "CRM");
    let names = ["X-ClientGroupCode", "X-ClientCode", "X-PaperCode"];
    for (name, code) in names.into_iter().zip(tenant.split('/')) {
        request = request.header(name, code);
    }
    answer(&api.api, None, request.body(String::new()).unwrap()).await
}

/// The lines of a whole body.
async fn read(response: ApiResponse) -> String {
    let collected = response.into_body().collect().await.unwrap();
    String::from_utf8(collected.to_bytes().to_vec()).unwrap()
}

/// Adds this many users with a kilobyte of metadata each.
fn add_users(api: &ApiFixture, count: usize) {
    let user = |n: usize| Account {
        metadata: Metadata::from_valid([("note", "x".repeat(1_000))]),
        ..Account::new(CustomerRegistrationId::parse(&format!("{n:06}")).unwrap())
    };
    api.store.put(TRIBUNE.1, (0..count).map(user));
}

async fn next_data(body: &mut ApiBody) -> Option<Bytes> {
    body.frame().await?.unwrap().into_data().ok()
}

#[tokio::test]
async fn users_are_exported_as_lines() {
    let api = ApiFixture::new();
    add_users(&api, 250);
    let response = export_of(&api, EXPORT, TRIBUNE.0).await;
    assert_eq!(response.status(), 200);
    for (name, value) in [("content-type", "application/x-ndjson"), ("cache-control", "no-store")] {
        assert_eq!(response.headers()[name], value);
    }
    assert!(response.headers().contains_key("x-requestid"));
    assert!(!response.headers().contains_key("content-length"));
    let lines = read(response).await;
    let ids: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ids: Vec<_> = ids
        .iter()
        .map(|line| line["customerRegistrationId"].as_str().unwrap())
        .collect();
    assert_eq!(ids, (0..250).map(|n| format!("{n:06}")).collect::<Vec<_>>());
    // Without hashes, also for this caller.
    assert!(!lines.contains("passwordHash"));
}

#[tokio::test]
async fn other_paths_export_too() {
    let api = ApiFixture::new();
    add_users(&api, 1);
    for path in ["/Users/Export", "/v4/Users/Export/", "/UsersOrchestrator/Users/Export"] {
        let response = export_of(&api, path, TRIBUNE.0).await;
        assert_eq!(read(response).await.lines().count(), 1, "{path}");
    }
}

#[tokio::test]
async fn export_needs_its_scope() {
    let api = ApiFixture::new();
    for (token, status) in [("reader", 403), ("all-reads", 403), ("expired", 401), ("admin", 200)] {
        let request = api.with_headers_of(token, Request::get(EXPORT));
        let response = answer(&api.api, None, request.body(String::new()).unwrap()).await;
        assert_eq!(response.status(), status, "{token}");
    }
}

#[tokio::test]
async fn conditions_are_taken_and_other_parameters_refused() {
    let api = ApiFixture::new();
    let all = read(export_of(&api, EXPORT, HERALD).await).await;
    assert!(all.lines().count() > 3);
    for query in ["customerRegistrationId=2937", "email=ann%40example.com&firstName=a"] {
        let some = read(export_of(&api, &format!("{EXPORT}?{query}"), HERALD).await).await;
        assert_eq!(some.lines().count(), 1, "{query}");
        assert!(all.contains(&some), "{query}");
    }
    for query in [
        "pageSize=10",
        "orderBy=1",
        "cursor=abc",
        "fields=email",
        "ignoreProvider=true",
        "token=x",
        "colour=1",
    ] {
        let refused = api.get_as("admin", &format!("{EXPORT}?{query}")).await;
        assert_eq!(refused.status, 400, "{query}");
        assert!(refused.body.contains("UsersOrchestrator_E400_02"), "{}", refused.body);
    }
    assert_eq!(api.exports.counts().open(), 0);
}

#[tokio::test]
async fn user_of_this_name_is_found_by_a_list() {
    let api = ApiFixture::new();
    let id = CustomerRegistrationId::parse("Export").unwrap();
    // The pool of the first tenant.
    api.store.put(PoolId(1), [Account::new(id)]);
    let listed = api.get("/v4/Users?customerRegistrationId=Export").await;
    assert!(
        listed.body.contains(r#""customerRegistrationId":"Export""#),
        "{}",
        listed.body
    );
    let post = api.with_headers_of("admin", Request::post(EXPORT));
    let refused = api.send(post.body(String::new()).unwrap()).await;
    assert_eq!(
        (refused.status, header(&refused, "allow")),
        (405, Some("GET,HEAD,PUT,DELETE"))
    );
}

#[tokio::test]
async fn failed_export_has_no_end() {
    let api = ApiFixture::new();
    add_users(&api, 300);
    api.exports.fail_after(2);
    let mut body = export_of(&api, EXPORT, TRIBUNE.0).await.into_body();
    let mut lines = Vec::new();
    let cut = loop {
        match body.frame().await {
            Some(Ok(frame)) => lines.extend(frame.into_data().unwrap()),
            Some(Err(cut)) => break cut,
            None => panic!("the body looks whole"),
        }
    };
    assert_eq!(cut.to_string(), "the response was cut short");
    // Only whole parts were sent.
    assert!(lines.ends_with(b"\n"));
    assert_eq!(api.exports.counts().open(), 0);
}

#[tokio::test(start_paused = true)]
async fn little_is_read_ahead_of_the_client() {
    const USERS: usize = 2_000;
    let api = ApiFixture::new();
    add_users(&api, USERS);
    let counts = api.exports.counts();
    let mut body = export_of(&api, EXPORT, TRIBUNE.0).await.into_body();
    let (mut sent, mut most_ahead) = (0, 0);
    while let Some(data) = next_data(&mut body).await {
        assert!(data.len() <= 64 * 1024, "{}", data.len());
        sent += data.split(|byte| *byte == b'\n').count() - 1;
        // The producer goes on as far as it may.
        tokio::time::sleep(Duration::from_millis(1)).await;
        most_ahead = most_ahead.max(counts.read() - sent);
    }
    assert_eq!(sent, USERS);
    // Two parts that wait, one that is being made, and a batch of a hundred: of a kilobyte each.
    assert!((1..=3 * 33 + 100).contains(&most_ahead), "{most_ahead}");
}

#[tokio::test(start_paused = true)]
async fn stalled_client_ends_the_export() {
    let api = ApiFixture::new();
    add_users(&api, 5_000);
    let counts = api.exports.counts();
    let mut body = export_of(&api, EXPORT, TRIBUNE.0).await.into_body();
    assert!(next_data(&mut body).await.is_some());
    // Longer than `ExportLimits::stall_limit`.
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert_eq!(counts.open(), 0);
    let mut frames = 0;
    while let Some(frame) = body.frame().await {
        frames += 1;
        if frame.is_err() {
            break;
        }
        assert!(frames < 10, "it looks whole");
    }
    assert!(body.is_end_stream());
}

#[tokio::test]
async fn vanished_client_ends_the_export() {
    let api = ApiFixture::new();
    add_users(&api, 5_000);
    let counts = api.exports.counts();
    let mut body = export_of(&api, EXPORT, TRIBUNE.0).await.into_body();
    assert!(next_data(&mut body).await.is_some());
    assert_eq!(counts.open(), 1);
    drop(body);
    while counts.open() > 0 {
        tokio::task::yield_now().await;
    }
    assert!(counts.read() < 1_000, "{}", counts.read());
}

#[tokio::test]
async fn second_export_of_a_pool_waits() {
    let api = Arc::new(ApiFixture::new());
    add_users(&api, 5_000);
    let first = export_of(&api, EXPORT, TRIBUNE.0).await;
    let second = crate::fixture::read(export_of(&api, EXPORT, TRIBUNE.0).await).await;
    assert_eq!((second.status, header(&second, "retry-after")), (429, Some("10")));
    assert!(second.body.contains("UsersOrchestrator_E429"));
    assert_eq!(read(first).await.lines().count(), 5_000);
}

#[tokio::test]
async fn head_has_the_fields_alone() {
    let api = ApiFixture::new();
    let request = api.with_headers_of("admin", Request::head(EXPORT));
    let response = answer(&api.api, None, request.body(String::new()).unwrap()).await;
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    assert!(response.into_body().is_end_stream());
}
