//! Hostile input never causes a 500 or a panic, and every refusal has the envelope of its API.

use bytes::Bytes;
use http::{Request, request::Builder};
use http_body_util::Full;
use masthead_testkit::contract_cases::{CaseAnswer, ContractCase, Expectation};
use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::fixture::ApiFixture;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
}

/// Sends a request, if it is valid HTTP, and checks the response.
fn send(api: &ApiFixture, runtime: &Runtime, request: Builder, body: Vec<u8>, check: fn(&CaseAnswer, &str)) {
    let Ok(request) = request.body(Full::<Bytes>::from(body)) else {
        return;
    };
    let sent = format!("{} {} {:?}", request.method(), request.uri(), request.headers());
    check(&runtime.block_on(api.send(request)), &sent);
}

fn check_v4(answer: &CaseAnswer, sent: &str) {
    assert!(answer.status < 500, "{sent}: {} {}", answer.status, answer.body);
    let whole: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(whole.as_object().unwrap().len(), 3, "{sent}");
    let is_error = whole["message"]["type"] == "Error";
    assert_eq!(is_error, answer.status >= 400, "{sent}");
    assert_eq!(is_error, whole["data"].is_null(), "{sent}");
    let text = whole["message"]["text"].as_str().unwrap();
    assert!(text.len() < 600 && !text.contains("{Message}"), "{sent}: {text}");
}

fn check_legacy(answer: &CaseAnswer, sent: &str) {
    let whole: Value = serde_json::from_str(&answer.body).unwrap();
    let keys = whole.as_object().unwrap().len();
    match answer.status {
        200 => {
            let is_refused = whole["Result"].is_null();
            assert_eq!(is_refused, whole["Errors"] != json!([]), "{sent}");
            assert_eq!(keys, 5, "{sent}");
        }
        400 | 401 | 404 => assert!(whole["error"].is_string() && keys == 1, "{sent}: {whole}"),
        other => panic!("{sent}: {other} {whole}"),
    }
    assert!(answer.body.len() < 600 || !whole["Result"].is_null(), "{sent}: {whole}");
}

/// Known names and arbitrary ones.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec![
            "email",
            "request.email",
            "REQUEST.",
            "emailMatch",
            "encryptedEmail",
            "customerRegistrationId",
            "encryptedCustomerRegistrationId",
            "firstName",
            "lastName",
            "metadata.city",
            "metadata.",
            "pageSize",
            "pageNumber",
            "orderBy",
            "orderByType",
            "cursor",
            "count",
            "fields",
            "explain",
            "ignoreProvider",
            "onProviderFailure",
            "Type",
            "OnlyActive",
            "SortBy",
            "SortOrder",
            "UsersPerPage",
            "LookupInUserProvider",
            "AuthSystemId",
        ])
        .prop_map(str::to_owned),
        "[ -~]{0,12}",
        "\\PC{0,8}",
    ]
}

/// Meaningful values and arbitrary bytes.
fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        select(vec![
            "1",
            "0",
            "2",
            "-1",
            "1000",
            "true",
            "exact",
            "asc",
            "Email",
            "ann@example.com",
            "%",
            "_",
            "\\",
            "'",
            "\0",
            "e\u{301}",
            "\u{feff}",
            "metadata.a,email",
            "fn5+",
            "99999999999999999999",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        vec(any::<u8>(), 0..40),
        "\\PC{0,20}".prop_map(String::into_bytes),
    ]
}

/// Percent-encodes bytes, all or only the ones that are not usual in a URL.
fn encode(bytes: &[u8], all: bool) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || (!all && matches!(byte, b'@' | b'.' | b'+' | b'_' | b'%'));
    bytes.iter().fold(String::new(), |text, byte| {
        if plain(*byte) {
            text + char::from(*byte).encode_utf8(&mut [0; 4])
        } else {
            format!("{text}%{byte:02x}")
        }
    })
}

/// A query string.
fn query() -> impl Strategy<Value = String> {
    vec((name(), value(), any::<bool>()), 0..5).prop_map(|pairs| {
        let pairs = pairs
            .iter()
            .map(|(name, value, all)| format!("{}={}", encode(name.as_bytes(), true), encode(value, *all)));
        pairs.collect::<Vec<_>>().join("&")
    })
}

/// Some segments of a path.
fn segments() -> impl Strategy<Value = String> {
    let segment = prop_oneof![6 => value(), 1 => Just(b"Encrypted".to_vec()), 1 => Just(b"0".to_vec())];
    (vec(segment, 0..4), any::<bool>()).prop_map(|(segments, all)| {
        let encoded = segments.iter().map(|segment| encode(segment, all));
        encoded.fold(String::new(), |path, segment| path + "/" + &segment)
    })
}

/// Arbitrary values of the headers that are read.
fn headers() -> impl Strategy<Value = Vec<(&'static str, Vec<u8>)>> {
    let name = select(vec![
        "authorization",
        "x-sourcesystem",
        "x-clientcode",
        "x-papercode",
        "x-clientgroupcode",
        "x-mediagroupcode",
        "x-requestid",
        "content-type",
    ]);
    vec((name, vec(any::<u8>(), 0..80)), 0..6)
}

fn with_headers(mut request: Builder, headers: Vec<(&'static str, Vec<u8>)>) -> Builder {
    for (name, value) in headers {
        if let Ok(value) = http::HeaderValue::from_bytes(&value)
            && let Some(all) = request.headers_mut()
        {
            all.insert(name, value);
        }
    }
    request
}

#[test]
fn any_query_string_is_answered_or_refused() {
    let (api, runtime) = (ApiFixture::new(), runtime());
    proptest!(|(query in query(), by_id in any::<bool>())| {
        let path = if by_id { "/v4/Users/2937" } else { "/v4/Users" };
        let request = api.with_good_headers(Request::get(format!("{path}?{query}")));
        send(&api, &runtime, request, Vec::new(), check_v4);
    });
}

#[test]
fn any_path_is_answered_or_refused() {
    let (api, runtime) = (ApiFixture::new(), runtime());
    proptest!(|(segments in segments())| {
        for path in [format!("/v4/Users{segments}"), format!("/{segments}")] {
            let request = api.with_good_headers(Request::get(path));
            send(&api, &runtime, request, Vec::new(), check_v4);
        }
    });
}

#[test]
fn any_body_is_answered_or_refused() {
    let (api, runtime) = (ApiFixture::new(), runtime());
    let scalar = prop_oneof![
        value().prop_map(|bytes| Value::from(String::from_utf8_lossy(&bytes))),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
        Just(json!({"city": "Oslo", "a": [1]})),
        Just(json!([[], {}])),
    ];
    let object = vec((name(), scalar), 0..5).prop_map(|pairs| {
        let pairs = pairs
            .iter()
            .map(|(name, value)| format!("{}:{value}", Value::from(&**name)));
        format!("{{{}}}", pairs.collect::<Vec<_>>().join(",")).into_bytes()
    });
    let body = prop_oneof![object, vec(any::<u8>(), 0..60)];
    proptest!(|(body in body)| {
        let request = api.with_good_headers(Request::post("/v4/Users/Search"));
        send(&api, &runtime, request, body, check_v4);
    });
}

#[test]
fn any_header_is_answered_or_refused() {
    let (api, runtime) = (ApiFixture::new(), runtime());
    proptest!(|(headers in headers())| {
        let request = api.with_good_headers(Request::get("/v4/Users"));
        send(&api, &runtime, with_headers(request, headers), Vec::new(), check_v4);
    });
}

#[test]
fn any_legacy_request_is_answered_or_refused() {
    let (api, runtime) = (ApiFixture::new(), runtime());
    proptest!(|(segments in segments(), query in query(), headers in option::of(headers()))| {
        let request = api.with_good_headers(Request::get(format!("/User{segments}?{query}")));
        let request = with_headers(request, headers.unwrap_or_default());
        send(&api, &runtime, request, Vec::new(), check_legacy);
    });
}

const SECRET: &str = "s3cr3t";

#[tokio::test]
async fn refusal_never_repeats_a_value() {
    let api = ApiFixture::new();
    let get = |target: String| ContractCase::get(&target, Expectation::Status(400));
    let mut cases = vec![
        get(format!("/v4/Users/{SECRET}%zz")),
        get(format!("/v4/Users?metadata.city={SECRET}%00")),
        get(format!("/v4/Users?metadata.city={SECRET}{}", "x".repeat(5000))),
        get(format!("/v4/Users?firstName={SECRET}%ff")),
        get(format!("/v4/Users?SortBy={SECRET}")),
        get(format!("/v4/Users?colour={SECRET}")),
        get(format!("/v4/Users?lastName={SECRET}{}", "x".repeat(300))),
        get("/v4/Users".to_owned()).with("X-ClientCode", "s3cr3t!"),
        get("/v4/Users".to_owned()).with("X-SourceSystem", &SECRET.repeat(20)),
        get("/v4/Users".to_owned()).with("Authorization", "Bearer s3cr3t"),
        get("/v4/Users".to_owned()).with("Authorization", "s3cr3t"),
    ];
    for name in [
        "ignoreProvider",
        "emailMatch",
        "encryptedEmail",
        "encryptedCustomerRegistrationId",
        "pageSize",
        "pageNumber",
        "orderBy",
        "orderByType",
        "cursor",
        "count",
        "fields",
        "explain",
        "onProviderFailure",
    ] {
        cases.push(get(format!("/v4/Users?{name}={SECRET}")));
        for body in [
            format!("{{\"{name}\":\"{SECRET}\"}}"),
            format!("{{\"{name}\":[\"{SECRET}\"]}}"),
            format!("{{\"{name}\":{SECRET}}}"),
        ] {
            cases.push(ContractCase::search(&body, Expectation::Status(400)));
        }
    }
    for case in cases {
        let answer = api.send_case(&case).await;
        assert!(matches!(answer.status, 400 | 401), "{case:?}: {}", answer.body);
        assert!(!answer.body.contains(SECRET), "{}", answer.body);
        assert!(answer.headers.iter().all(|(_, value)| !value.contains(SECRET)));
    }
}

#[tokio::test]
async fn legacy_refusal_never_repeats_a_value() {
    let api = ApiFixture::new();
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
        let answer = api.get(&target).await;
        let whole: Value = serde_json::from_str(&answer.body).unwrap();
        let is_refused = answer.status == 404 || whole["Result"].is_null();
        assert!(is_refused, "{target}: {}", answer.body);
        assert!(!answer.body.contains(SECRET), "{target}: {}", answer.body);
    }
    assert_eq!(api.store.calls(), 0);
}
