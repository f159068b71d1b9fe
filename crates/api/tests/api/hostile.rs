//! No input makes a 500 or a panic, and every refusal is in the envelope.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use masthead_testkit::contract_cases::{CaseAnswer, ContractCase, Expectation};
use proptest::prelude::*;
use serde_json::Value;

use crate::world::World;

/// Sends it when it is HTTP at all, and looks at what every answer has to have.
fn survives(world: &World, runtime: &tokio::runtime::Runtime, request: http::request::Builder, body: Vec<u8>) {
    let Ok(request) = request.body(Full::<Bytes>::from(body)) else {
        return;
    };
    let told = format!("{} {}", request.method(), request.uri());
    let answer = runtime.block_on(world.send(request));
    checked(&answer, &told);
}

fn checked(answer: &CaseAnswer, told: &str) {
    assert!(answer.status < 500, "{told}: {} {}", answer.status, answer.body);
    let whole: Value = serde_json::from_str(&answer.body).unwrap();
    let keys: Vec<_> = whole.as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 3, "{told}");
    let is_error = whole["message"]["type"] == "Error";
    assert_eq!(is_error, answer.status >= 400, "{told}");
    assert_eq!(is_error, whole["data"].is_null(), "{told}");
    let text = whole["message"]["text"].as_str().unwrap();
    assert!(text.len() < 600 && !text.contains("{Message}"), "{told}: {text}");
}

fn good_headers(world: &World, mut request: http::request::Builder) -> http::request::Builder {
    for (name, value) in ContractCase::search("", Expectation::Status(200))
        .request(world)
        .headers
    {
        request = request.header(name, value);
    }
    request
}

/// Names that mean something, now and then.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::sample::select(vec![
            "email",
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
            "SortBy",
        ])
        .prop_map(str::to_owned),
        "[ -~]{0,12}",
        "\\PC{0,8}",
    ]
}

/// Values that mean something, now and then, in bytes.
fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::sample::select(vec![
            "1",
            "0",
            "-1",
            "1000",
            "true",
            "exact",
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
        proptest::collection::vec(any::<u8>(), 0..40),
        "\\PC{0,20}".prop_map(String::into_bytes),
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
fn any_query_string_is_answered_or_refused() {
    let world = World::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let pairs = proptest::collection::vec((name(), value(), any::<bool>()), 0..5);
    proptest!(|(pairs in pairs, by_id in any::<bool>())| {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(name, value, hard)| format!("{}={}", encoded(name.as_bytes(), true), encoded(value, *hard)))
            .collect();
        let path = if by_id { "/v4/Users/2937" } else { "/v4/Users" };
        let request = Request::get(format!("{path}?{}", pairs.join("&")));
        survives(&world, &runtime, good_headers(&world, request), Vec::new());
    });
}

#[test]
fn any_path_is_answered_or_refused() {
    let world = World::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    proptest!(|(segments in proptest::collection::vec(value(), 0..4), hard in any::<bool>())| {
        let path = segments.iter().map(|segment| encoded(segment, hard)).fold(String::new(), |path, segment| path + "/" + &segment);
        for path in [format!("/v4/Users{path}"), format!("/{path}")] {
            survives(&world, &runtime, good_headers(&world, Request::get(path)), Vec::new());
        }
    });
}

#[test]
fn any_body_is_answered_or_refused() {
    let world = World::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let scalar = prop_oneof![
        value().prop_map(|bytes| Value::from(String::from_utf8_lossy(&bytes))),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
        Just(serde_json::json!({"city": "Oslo", "a": [1]})),
        Just(serde_json::json!([[], {}])),
    ];
    let object = proptest::collection::vec((name(), scalar), 0..5).prop_map(|pairs| {
        let pairs = pairs
            .iter()
            .map(|(name, value)| format!("{}:{value}", Value::from(&**name)));
        format!("{{{}}}", pairs.collect::<Vec<_>>().join(",")).into_bytes()
    });
    let body = prop_oneof![object, proptest::collection::vec(any::<u8>(), 0..60)];
    proptest!(|(body in body)| {
        survives(&world, &runtime, good_headers(&world, Request::post("/v4/Users/Search")), body);
    });
}

#[test]
fn any_header_is_answered_or_refused() {
    let world = World::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let name = proptest::sample::select(vec![
        "authorization",
        "x-sourcesystem",
        "x-clientcode",
        "x-papercode",
        "x-clientgroupcode",
        "x-mediagroupcode",
        "x-requestid",
        "content-type",
    ]);
    proptest!(|(headers in proptest::collection::vec((name, proptest::collection::vec(any::<u8>(), 0..80)), 0..6))| {
        let mut request = good_headers(&world, Request::get("/v4/Users"));
        for (name, value) in headers {
            let Ok(value) = http::HeaderValue::from_bytes(&value) else { continue };
            if let Some(all) = request.headers_mut() {
                all.insert(name, value);
            }
        }
        survives(&world, &runtime, request, Vec::new());
    });
}

#[tokio::test]
async fn a_refusal_never_repeats_a_value() {
    const SECRET: &str = "s3cr3t";
    let world = World::new();
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
        let answer = world.ask(&case).await;
        assert!(matches!(answer.status, 400 | 401), "{case:?}: {}", answer.body);
        assert!(!answer.body.contains(SECRET), "{}", answer.body);
        assert!(answer.headers.iter().all(|(_, value)| !value.contains(SECRET)));
    }
}
