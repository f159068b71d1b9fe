//! The documents are served without a token, and load nothing from other hosts. Their examples are checked over sockets, by
//! the contract tests of the server.

use http::Request;
use masthead_testkit::contract_cases::CaseAnswer;
use serde_json::Value;

use crate::fixture::{ApiFixture, header};

async fn get(api: &ApiFixture, target: &str) -> CaseAnswer {
    api.send(Request::get(target).body(String::new()).unwrap()).await
}

#[tokio::test]
async fn openapi_document_needs_no_token_and_names_routes() {
    let api = ApiFixture::new();
    let answer = get(&api, "/openapi.json").await;
    assert_eq!(
        (answer.status, header(&answer, "content-type")),
        (200, Some("application/json"))
    );
    let document: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    assert!(["/v4/Users", "/User", "/v1/customers/export"].map(|path| paths.contains_key(path)) == [true; 3]);
    for path in paths.keys() {
        let request = Request::trace(path.replace(['{', '}'], ""))
            .body(String::new())
            .unwrap();
        assert_eq!(api.send(request).await.status, 405, "{path} is not routed");
    }
}

#[tokio::test]
async fn page_and_style_have_a_strict_policy() {
    let api = ApiFixture::new();
    for (target, content_type) in [
        ("/docs", "text/html; charset=utf-8"),
        ("/docs/style.css", "text/css; charset=utf-8"),
    ] {
        let answer = get(&api, target).await;
        assert_eq!(
            (answer.status, header(&answer, "content-type")),
            (200, Some(content_type))
        );
        let policy = header(&answer, "content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'self';"), "{policy}");
        assert_eq!(header(&answer, "x-content-type-options"), Some("nosniff"));
    }
    let moved = get(&api, "/docs/").await;
    assert_eq!((moved.status, header(&moved, "location")), (308, Some("../docs")));
}

/// Browsers take JSON for JSON, also where a user has a name with markup.
#[tokio::test]
async fn json_is_never_sniffed() {
    let api = ApiFixture::new();
    let mut answers = Vec::new();
    for target in [
        "/v4/Users/2937",
        "/v4/Users/nobody",
        "/v4/Users",
        "/User/2937/0",
        "/User",
    ] {
        answers.push(api.get(target).await);
        answers.push(get(&api, target).await);
    }
    answers.push(api.export("herald", &serde_json::json!({})).await);
    for target in ["/openapi.json", "/nowhere"] {
        answers.push(get(&api, target).await);
    }
    for answer in answers {
        let kind = header(&answer, "content-type").unwrap();
        assert!(kind.starts_with("application/json"), "{kind}");
        assert_eq!(
            header(&answer, "x-content-type-options"),
            Some("nosniff"),
            "{}",
            answer.body
        );
    }
}
