//! The documents about the API are served to anybody, and keep to themselves.

use http::Request;
use masthead_testkit::contract_cases::CaseAnswer;
use serde_json::Value;

use crate::world::{World, header};

async fn get(world: &World, target: &str) -> CaseAnswer {
    world.send(Request::get(target).body(String::new()).unwrap()).await
}

#[tokio::test]
async fn the_openapi_document_is_served_without_a_token() {
    let answer = get(&World::new(), "/openapi.json").await;
    assert_eq!(
        (answer.status, header(&answer, "content-type")),
        (200, Some("application/json"))
    );
    let document: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(
        document["paths"].as_object().unwrap().len(),
        3 + 5 + 2,
        "v4, legacy, export"
    );
}

#[tokio::test]
async fn the_page_and_its_style_are_served_under_a_strict_policy() {
    let world = World::new();
    for (target, content_type) in [
        ("/docs", "text/html; charset=utf-8"),
        ("/docs/style.css", "text/css; charset=utf-8"),
    ] {
        let answer = get(&world, target).await;
        assert_eq!(
            (answer.status, header(&answer, "content-type")),
            (200, Some(content_type))
        );
        let policy = header(&answer, "content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'self';"), "{policy}");
        assert_eq!(header(&answer, "x-content-type-options"), Some("nosniff"));
    }
    let moved = get(&world, "/docs/").await;
    assert_eq!((moved.status, header(&moved, "location")), (308, Some("../docs")));
}

#[tokio::test]
async fn the_examples_of_the_document_are_what_the_router_answers() {
    let world = World::new();
    let document: Value = serde_json::from_str(&get(&world, "/openapi.json").await.body).unwrap();
    let responses = &document["paths"]["/v4/Users"]["get"]["responses"];
    let example = |status: &str, name: &str| {
        let examples = &responses[status]["content"]["application/json"]["examples"];
        examples[name]["value"].to_string()
    };
    let refused = world.get("/v4/Users?pageSize=0").await;
    let value: Value = serde_json::from_str(&refused.body).unwrap();
    assert_eq!(value.to_string(), example("400", "UsersOrchestrator_E400_02"));
}

#[tokio::test]
async fn the_example_requests_of_the_document_are_taken() {
    let world = World::new();
    let document: Value = serde_json::from_str(&get(&world, "/openapi.json").await.body).unwrap();
    let body = &document["paths"]["/v4/Users/Search"]["post"]["requestBody"]["content"]["application/json"];
    for (name, example) in body["examples"].as_object().unwrap() {
        let case = masthead_testkit::contract_cases::ContractCase::search(
            &example["value"].to_string(),
            masthead_testkit::contract_cases::Expectation::Status(200),
        );
        let answer = world.ask(&case).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.body);
    }
    for parameter in document["paths"]["/v4/Users"]["get"]["parameters"].as_array().unwrap() {
        let name = parameter["name"].as_str().unwrap_or_default();
        // What was sealed in another house, and what needs a companion, cannot be taken alone.
        if parameter["in"] != "query"
            || ["metadata", "cursor", "emailMatch"].contains(&name)
            || name.starts_with("encrypted")
        {
            continue;
        }
        let value = parameter["example"].to_string().replace('"', "").replace('@', "%40");
        let answer = world.get(&format!("/v4/Users?{name}={value}")).await;
        assert_eq!(answer.status, 200, "{name}={value}: {}", answer.body);
    }
}

/// The id of the request that the examples carry.
const EXAMPLE_ID: &str = "b1946ac9-2492-4d23-9a1c-6d2f1b0c7e55";

#[tokio::test]
async fn the_example_requests_of_the_export_are_taken() {
    let world = World::new();
    let document: Value = serde_json::from_str(&get(&world, "/openapi.json").await.body).unwrap();
    for path in ["/v1/customers/export", "/v1/users/export/{workspace}"] {
        let operation = &document["paths"][path]["post"];
        let examples = operation["requestBody"]["content"]["application/json"]["examples"].clone();
        for (name, example) in examples.as_object().unwrap() {
            let answer = world.export("herald", &example["value"]).await;
            assert_eq!(answer.status, 200, "{name}: {}", answer.body);
            let whole: Value = serde_json::from_str(&answer.body).unwrap();
            let told = &operation["responses"]["200"]["content"]["application/json"]["examples"]["named"]["value"];
            let keys = |answer: &Value| {
                let attributes = answer["data"]["users"][0]["user_attributes"].as_object().unwrap();
                attributes.keys().cloned().collect::<Vec<_>>()
            };
            assert_eq!(keys(&whole), keys(told), "{name}");
            assert_eq!(
                whole["data"]["users_not_found"], told["data"]["users_not_found"],
                "{name}"
            );
        }
    }
}

#[tokio::test]
async fn the_error_examples_of_the_export_are_what_the_router_answers() {
    let world = World::new();
    let document: Value = serde_json::from_str(&get(&world, "/openapi.json").await.body).unwrap();
    let responses = &document["paths"]["/v1/customers/export"]["post"]["responses"];
    let key = Some("Basic aGVyYWxkOmtleQ==");
    let id = r#"{"identifier_type":"id","identifier":"7"}"#;
    let good = format!("{{\"identifiers\":[{id}]}}");
    let empty = format!(r#"{{"identifiers":[{id},{id},{{"identifier_type":"id","identifier":""}}]}}"#);
    let many = format!("{{\"identifiers\":[{}]}}", [id; 21].join(","));
    let large = " ".repeat(128 * 1_024 + 1);
    let (here, json) = ("/v1/customers/export?app_id=herald", "application/json");
    let strict = "/v1/customers/export?app_id=herald&strict=x";
    for (status, credentials, target, kind, body) in [
        ("400", key, here, json, r#"{"identifiers":[]}"#),
        ("400", key, here, json, "{}"),
        ("400", key, here, json, "{"),
        ("400", key, here, json, &*empty),
        ("400", key, here, json, &*many),
        ("400", key, "/v1/customers/export", json, &*good),
        ("400", key, strict, json, &*good),
        ("401", None, here, json, &*good),
        ("401", Some("Basic aGVyYWxkOndyb25n"), here, json, &*good),
        ("404", key, "/v1/customers/export/a/b", json, &*good),
        ("409", key, "/v1/customers/export?app_id=courier", json, &*good),
        ("413", key, here, json, &*large),
        ("415", key, here, "text/plain", &*good),
    ] {
        let mut request = Request::post(target)
            .header("content-type", kind)
            .header("x-requestid", EXAMPLE_ID);
        if let Some(credentials) = credentials {
            request = request.header("authorization", credentials);
        }
        let answer = world.send(request.body(body.to_owned()).unwrap()).await;
        assert_eq!(answer.status.to_string(), status, "{target} {}", answer.body);
        let examples = responses[status]["content"]["application/json"]["examples"].as_object();
        let told: Value = serde_json::from_str(&answer.body).unwrap();
        let mut examples = examples.unwrap().values().map(|example| &example["value"]);
        assert!(examples.any(|example| *example == told), "{target}: {told}");
    }
}
