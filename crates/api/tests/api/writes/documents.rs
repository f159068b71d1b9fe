//! The examples of the calls that write in the OpenAPI document: sent as they are, and answered as shown.

use http::Request;
use masthead_testkit::users::WriteFault;
use serde_json::{Value, json};

use super::client::{Answer, Sent};
use crate::fixture::{ApiFixture, TRIBUNE};

async fn document(api: &ApiFixture) -> Value {
    let request = Request::get("/openapi.json").body(String::new()).unwrap();
    serde_json::from_str(&api.send(request).await.body).unwrap()
}

/// Prepares what a call needs, and fills it into its path and its body.
async fn prepare(api: &ApiFixture, path: &str, body: &Value) -> (String, Option<Value>) {
    let mut body = body.clone();
    let mut target = path.to_owned();
    let email = "ann@example.com";
    if path.contains("{customerRegistrationId}")
        || path.ends_with("Authentication")
        || path.starts_with("/Authenticate")
    {
        let user = json!({"email": email, "password": "correct horse battery", "customerRegistrationId": "2937"});
        assert_eq!(api.post("/v4/Users", user).await.code(), "S200_03");
        target = target.replace("{customerRegistrationId}", "2937");
    } else if path.contains("ForgotPassword/") {
        api.create(TRIBUNE.0, email).await;
        api.post("/v4/Users/ForgotPassword", json!({"loginName": email})).await;
        body["encryptedEventId"] = api.last_link(TRIBUNE.0).into();
    } else if path.ends_with("Verification") || path.ends_with("/VerifyEmail") {
        let user = json!({"email": email, "verifyEmail": true, "customerRegistrationId": "2937"});
        assert_eq!(api.post("/v4/Users", user).await.code(), "S200_04");
        for name in ["verificationCode", "VerificationCode"] {
            if body.get(name).is_some() {
                body[name] = api.last_code(TRIBUNE.0).into();
            }
        }
    }
    if body.get("returnUrl").is_some() {
        assert_eq!(body["returnUrl"], crate::fixture::RETURN_URL);
    }
    (target, Some(body).filter(|body| !body.is_null()))
}

/// The names of the keys, inside as well.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(object) => object
            .iter()
            .filter(|(key, _)| *key != "metadata")
            .map(|(key, value)| (key.clone(), shape(value)))
            .collect(),
        Value::Array(items) => items.iter().map(shape).collect(),
        _ => json!(()),
    }
}

#[tokio::test]
async fn examples_of_writes_are_answered_as_shown() {
    let document = document(&ApiFixture::new()).await;
    let mut sent = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let is_write = method != "get" && !path.starts_with("/v1/") && !path.ends_with("/Search");
            if !is_write {
                continue;
            }
            let api = ApiFixture::new();
            let example = &operation["requestBody"]["content"]["application/json"]["example"];
            let (target, body) = prepare(&api, path, example).await;
            let method = method.to_ascii_uppercase();
            let request = Sent::new(&method, target);
            let request = match &body {
                Some(body) => request.json(body),
                None => request,
            };
            let answer = api.write(request).await;
            assert_eq!(answer.status, 200, "{method} {path}: {answer:?}");
            let shown = operation["responses"]["200"]["content"]["application/json"]["examples"].as_object();
            let shown: Vec<&Value> = shown.unwrap().values().map(|example| &example["value"]).collect();
            let is_shown = |shown: &&&Value| {
                let same_message = shown["message"] == answer.json["message"];
                same_message && shape(shown) == shape(&answer.json)
            };
            assert!(
                shown.iter().any(|shown| is_shown(&shown)),
                "{method} {path}: {answer:?} {shown:?}"
            );
            sent += 1;
        }
    }
    assert_eq!(sent, 19);
}

fn code_of(example: &Value) -> &str {
    let code = example["value"]["message"]["code"].as_str().unwrap();
    code.trim_start_matches("UsersOrchestrator_")
}

/// The answer with each error code that a call that writes may have.
async fn refusal(code: &str) -> Option<Answer> {
    let api = ApiFixture::new();
    let ann = json!({"email": "ann@example.com", "password": "correct horse"});
    let sign_in = json!({"loginName": "ann@example.com", "password": "correct horse"});
    let create = Sent::new("POST", "/v4/Users").json(&ann);
    Some(match code {
        "E400_08" => {
            api.write(create.clone()).await;
            api.write(create).await
        }
        "E400_07" => {
            let pending = json!({"email": "ann@example.com", "verifyEmail": true});
            api.post("/v4/Users", pending).await;
            api.write(create).await
        }
        "E409" => {
            let taken = |email: &str| json!({"email": email, "customerRegistrationId": "7"});
            api.post("/v4/Users", taken("ann@example.com")).await;
            api.post("/v4/Users", taken("bo@example.com")).await
        }
        "E412" => {
            let id = api.create(TRIBUNE.0, "ann@example.com").await;
            let put = Sent::new("PUT", format!("/v4/Users/{id}")).with("if-match", "\"x\"");
            api.write(put.json(&json!({"firstName": "x"}))).await
        }
        "E422" => {
            api.write(create.clone().with("idempotency-key", "k")).await;
            api.write(create.by("tickets").with("idempotency-key", "k")).await
        }
        "E400_14" => {
            let body = json!({"email": "ann@example.com", "verificationCode": "x"});
            api.post("/v4/Users/Verification", body).await
        }
        "E400_17" => {
            api.post("/v4/Users/ForgotPassword/Validate", json!({"encryptedEventId": "x"}))
                .await
        }
        "E401_01" => api.post("/v4/Users/Authentication", sign_in).await,
        "E403_02" => {
            api.post("/v4/Users", json!({"email": "ann@example.com"})).await;
            api.post("/v4/Users/Authentication", sign_in).await
        }
        "E404" => api.write(Sent::new("DELETE", "/v4/Users/7")).await,
        "E503" => {
            api.users.fail_next("create", WriteFault::Unavailable);
            api.write(create).await
        }
        "E503_01" => {
            let api = ApiFixture::without_mail();
            api.post("/v4/Users/ForgotPassword", json!({"loginName": "a"})).await
        }
        _ => return None,
    })
}

#[tokio::test]
async fn examples_of_refusals_are_real() {
    let document = document(&ApiFixture::new()).await;
    let mut compared = 0;
    for path in document["paths"].as_object().unwrap().values() {
        for (method, operation) in path.as_object().unwrap() {
            for (status, response) in operation["responses"].as_object().unwrap() {
                let examples = response["content"]["application/json"]["examples"].as_object();
                for example in examples.into_iter().flat_map(|examples| examples.values()) {
                    if method == "get" || status == "200" || example["value"].get("message").is_none() {
                        continue;
                    }
                    if let Some(answer) = refusal(code_of(example)).await {
                        assert_eq!(answer.status.to_string(), *status);
                        assert_eq!(answer.json["message"], example["value"]["message"]);
                        compared += 1;
                    }
                }
            }
        }
    }
    assert!(compared > 30, "{compared}");
}
