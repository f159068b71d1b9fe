//! Limits of requests and rows, and the scopes of reads.

use std::time::Duration;

use http::Request;
use masthead_api::ReadScopeGrants;
use masthead_domain::rate_limit::{RatePolicy, RateScope, RateUnit};
use masthead_ports::rate_limit::RateExceeded;
use masthead_testkit::contract_cases::CaseAnswer;
use serde_json::json;

use crate::fixture::ApiFixture;

const EXCEEDED: RateExceeded = RateExceeded {
    policy: RatePolicy::new(RateScope::Subject, RateUnit::Rows),
    per_minute: 5_000,
    retry_after: Duration::from_millis(11_200),
};

fn header<'a>(answer: &'a CaseAnswer, name: &str) -> Option<&'a str> {
    let found = answer.headers.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str())
}

fn export_body() -> serde_json::Value {
    json!({"identifiers": [
        {"identifier_type": "customer_id", "identifier": "2937"},
        {"identifier_type": "customer_id", "identifier": "nobody"},
    ]})
}

/// draft-ietf-httpapi-ratelimit-headers §4 (`RateLimit-Policy`), §5 (`RateLimit`); RFC 6585 §4.
#[tokio::test]
async fn exceeded_limit_is_429_in_each_api() {
    let api = ApiFixture::new();
    api.rate_limits.refuse(EXCEEDED);
    let v4 = api.get("/v4/Users/2937").await;
    let legacy = api.get("/User/2937/0").await;
    let export = api.export("herald", &export_body()).await;
    for answer in [&v4, &legacy, &export] {
        assert_eq!(answer.status, 429, "{}", answer.body);
        assert_eq!(header(answer, "retry-after"), Some("12"));
        assert_eq!(header(answer, "ratelimit"), Some("\"subject-rows\";r=0;t=12"));
        assert_eq!(header(answer, "ratelimit-policy"), Some("\"subject-rows\";q=5000;w=60"));
    }
    assert_eq!(
        v4.body,
        r#"{"message":{"code":"UsersOrchestrator_E429","text":"Too Many Requests","type":"Error"},"meta":null,"data":null}"#
    );
    assert_eq!(legacy.body, r#"{"error":"Too Many Requests."}"#);
    assert!(export.body.contains(r#""type":"RateLimitError""#), "{}", export.body);
}

#[tokio::test]
async fn requests_lists_and_rows_are_counted() {
    let api = ApiFixture::new();
    for (target, counted) in [
        ("/v4/Users/2937", (1, 0, 1)),
        ("/v4/Users/nobody", (1, 0, 0)),
        ("/v4/Users?customerRegistrationId=2937", (1, 0, 1)),
        ("/v4/Users?pageSize=2", (1, 1, 2)),
        ("/v4/Users?lastName=le&pageSize=1", (1, 1, 1)),
        ("/v4/Users?colour=red", (1, 0, 0)),
        ("/User/2937/0", (1, 0, 1)),
    ] {
        let answer = api.get(target).await;
        assert_eq!(api.rate_limits.take_counts(), counted, "{target}: {}", answer.body);
    }
    api.export("herald", &export_body()).await;
    assert_eq!(api.rate_limits.take_counts(), (1, 0, 2));
}

/// A caller without a token is not anyone's usage.
#[tokio::test]
async fn refused_caller_is_not_counted() {
    let api = ApiFixture::new();
    assert_eq!(api.get_as("expired", "/v4/Users/2937").await.status, 401);
    assert_eq!(api.get_as("other", "/v4/Users/2937").await.status, 403);
    assert_eq!(api.rate_limits.take_counts(), (0, 0, 0));
}

const LOOK_UPS: [&str; 4] = [
    "/v4/Users/2937",
    "/v4/Users?customerRegistrationId=2937&lastName=le",
    "/v4/Users?email=ann@example.com",
    "/User/2937/0",
];
const SEARCHES: [&str; 4] = [
    "/v4/Users?lastName=le",
    "/v4/Users?email=an",
    "/v4/Users?metadata.city=Oslo",
    "/User?FirstName=a",
];
const LISTS: [&str; 3] = [
    "/v4/Users",
    "/v4/Users?pageSize=2&onlyActive=true",
    "/User?PageNumber=1",
];

/// The statuses of look-ups, searches and lists with this token; each kind has one.
async fn statuses(api: &ApiFixture, token: &str) -> [u16; 3] {
    let mut statuses = [0; 3];
    for (status, targets) in statuses.iter_mut().zip([&LOOK_UPS[..], &SEARCHES, &LISTS]) {
        for target in targets {
            let answer = api.get_as(token, target).await;
            // The legacy API answers 401 where v4 answers 403, and 200 to an absent user.
            let found = match answer.status {
                401 => 403,
                404 => 200,
                other => other,
            };
            assert!(*status == 0 || *status == found, "{token} {target}: {}", answer.body);
            *status = found;
        }
    }
    statuses
}

#[tokio::test]
async fn scope_of_reading_grants_everything_by_default() {
    let api = ApiFixture::new();
    assert_eq!(statuses(&api, "reader").await, [200, 200, 200]);
    assert_eq!(statuses(&api, "searcher").await, [403, 200, 403]);
    assert_eq!(statuses(&api, "lister").await, [403, 403, 200]);
}

#[tokio::test]
async fn scopes_of_reading_are_divided_by_setting() {
    let look_ups = ApiFixture::with_read_scopes(ReadScopeGrants {
        search: false,
        list: false,
    });
    assert_eq!(statuses(&look_ups, "reader").await, [200, 403, 403]);
    assert_eq!(statuses(&look_ups, "searcher").await, [403, 200, 403]);
    assert_eq!(statuses(&look_ups, "all-reads").await, [200, 200, 200]);
    let searches = ApiFixture::with_read_scopes(ReadScopeGrants {
        search: true,
        list: false,
    });
    assert_eq!(statuses(&searches, "reader").await, [200, 200, 403]);
}

#[tokio::test]
async fn search_in_a_body_needs_its_scope() {
    let api = ApiFixture::with_read_scopes(ReadScopeGrants {
        search: false,
        list: false,
    });
    for (token, body, status) in [
        ("reader", r#"{"email":"ann@example.com"}"#, 200),
        ("reader", r#"{"lastName":"le"}"#, 403),
        ("reader", "{}", 403),
        ("searcher", r#"{"lastName":"le"}"#, 200),
        ("lister", "{}", 200),
    ] {
        let request = api.with_headers_of(token, Request::post("/v4/Users/Search"));
        let request = request.header("content-type", "application/json");
        let answer = api.send(request.body(body.to_owned()).unwrap()).await;
        assert_eq!(answer.status, status, "{token} {body}: {}", answer.body);
    }
}
