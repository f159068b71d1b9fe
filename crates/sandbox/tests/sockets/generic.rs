//! The simulated generic provider over a socket: SSOR, Firefly, and a contract described by a test.

use std::collections::BTreeSet;
use std::time::Duration;

use masthead_sandbox::{
    Fault, FaultRule, GenericStubAuth, GenericStubConfig, GenericStubEnvelope, SESSION_GRADE, StubPaging, UserShape,
    sample_generic_user, sample_generic_users,
};
use serde_json::{Value, json};

use crate::client::{FORM, ONE_CALL, SandboxClient, percent_encode, texts};

const SSOR_LIST: &str = "registration/users?product_code=sandbox";
const FIREFLY_LIST: &str = "v4/users?siteCode=SAND";

async fn start(mut config: GenericStubConfig, header: &[(&'static str, &str)], users: usize) -> SandboxClient {
    config.users = sample_generic_users(config.settings.shape, users).collect();
    let mut client = SandboxClient::start(config).await;
    client.headers = header
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect();
    client
}

async fn start_ssor(users: usize) -> SandboxClient {
    let header = [("authorization", "Bearer sandbox-ssor-token")];
    start(GenericStubConfig::ssor(), &header, users).await
}

async fn start_firefly(users: usize) -> SandboxClient {
    let header = [("x-firefly-secret", "sandbox-firefly-secret")];
    start(GenericStubConfig::firefly(), &header, users).await
}

async fn outcome(client: &SandboxClient, path: &str) -> (u16, Value) {
    let response = client.call("GET", path, None).await;
    (response.status.as_u16(), response.json())
}

#[tokio::test]
async fn ssor_user_comes_in_a_list_with_session_values() {
    let client = start_ssor(30).await;
    let body = client.get("registration/users/70000003?product_code=sandbox").await;
    assert_eq!(body["users"][0], sample_generic_user(UserShape::Ssor, 3));
    for pointer in ["/loginToken", "/users/0/masterId", "/users/0/PUID"] {
        assert!(
            body.pointer(pointer)
                .unwrap()
                .as_str()
                .unwrap()
                .starts_with(SESSION_GRADE),
            "{pointer}"
        );
    }
    let missing = outcome(&client, "registration/users/1?product_code=sandbox").await;
    assert_eq!(missing, (404, json!({"errMsg": "no such user"})));
}

#[tokio::test]
async fn ssor_pages_by_offset_and_fails_inside_a_200() {
    let client = start_ssor(120).await;
    let mut seen = BTreeSet::new();
    for offset in [0, 50, 100] {
        let page = client.get(&format!("{SSOR_LIST}&offset={offset}&limit=500")).await;
        assert_eq!(page["total"], 120);
        seen.extend(texts(&page["users"], "consumerId").into_iter().map(str::to_owned));
    }
    assert_eq!(seen.len(), 120);
    for (path, text) in [
        ("registration/users?offset=0", "product_code is missing or wrong"),
        (
            "registration/users?product_code=other",
            "product_code is missing or wrong",
        ),
        ("registration/users?product_code=sandbox&limit=x", "limit is a number"),
        ("registration/users?product_code=sandbox&limit=0", "limit is 1 or more"),
        (
            "registration/users?product_code=sandbox&shoes=9",
            "shoes is not a parameter of this call",
        ),
        (
            "registration/users?product_code=sandbox&email=a&email=b",
            "email is given twice",
        ),
    ] {
        assert_eq!(outcome(&client, path).await, (200, json!({"errMsg": text})), "{path}");
    }
}

#[tokio::test]
async fn filters_compare_as_configured() {
    let client = start_ssor(60).await;
    let odd = "o'neil+'<>()*!~&=%é@example.com";
    let user = json!({"consumerId": "odd", "email": odd, "firstName": "Ørsted \"JJ\" \\"});
    client.sandbox.generic().seed([user]);
    let linked = sample_generic_user(UserShape::Ssor, 11);
    assert!(linked.get("email").is_none());
    let shared = sample_generic_user(UserShape::Ssor, 24);
    for (name, value, ids) in [
        ("email", odd.to_uppercase().as_str(), vec!["odd"]),
        ("email", "o'neil", vec![]),
        ("firstName", "ørsted \"jj\" \\", vec!["odd"]),
        (
            "email",
            linked["linkedIdentifiers"][0]["emailAddress"].as_str().unwrap(),
            vec!["70000011"],
        ),
        ("email", shared["email"].as_str().unwrap(), vec!["70000023", "70000024"]),
    ] {
        let found = client
            .get(&format!("{SSOR_LIST}&{name}={}", percent_encode(value)))
            .await;
        assert_eq!(texts(&found["users"], "consumerId"), ids, "{name} {value}");
    }
}

#[tokio::test]
async fn firefly_reports_its_status_in_every_response() {
    let client = start_firefly(60).await;
    let user = sample_generic_user(UserShape::Firefly, 5);
    let id = user["userGUID"].as_str().unwrap();
    let body = client.get(&format!("v4/users/{id}?siteCode=SAND")).await;
    assert_eq!(
        (&body["meta"]["status"], &body["response"]["user"]),
        (&json!(200), &user)
    );
    assert!(
        body["response"]["user"]["atyponId"]
            .as_str()
            .unwrap()
            .starts_with(SESSION_GRADE)
    );
    let missing = outcome(&client, "v4/users/missing?siteCode=SAND").await;
    assert_eq!(
        missing,
        (200, json!({"meta": {"status": 404, "message": "no such user"}}))
    );
    let page = client.get(&format!("{FIREFLY_LIST}&page=2&pageSize=25")).await;
    assert_eq!(
        (&page["meta"]["status"], &page["response"]["total"]),
        (&json!(200), &json!(60))
    );
    assert_eq!(page["response"]["users"].as_array().unwrap().len(), 10);
    let empty = client.get(&format!("{FIREFLY_LIST}&email=missing%40example.com")).await;
    assert_eq!(empty["response"], json!({"total": 0, "users": []}));
    client.sandbox.generic().change_settings(|all| {
        let pointer = "/meta/status".into();
        all.envelope = GenericStubEnvelope::Status { pointer, ok: 0 };
    });
    assert_eq!(client.get(FIREFLY_LIST).await["meta"]["status"], 0);
}

#[tokio::test]
async fn each_kind_of_authentication_is_checked() {
    let (name, value) = (|| "x-secret".to_owned(), || "s&t".to_owned());
    let (user, password) = ("me".into(), "p:q!".into());
    for (auth, headers, parameter) in [
        (GenericStubAuth::None, vec![], ""),
        (
            GenericStubAuth::Bearer { token: "t".into() },
            vec![("authorization", "Bearer t")],
            "",
        ),
        (
            GenericStubAuth::Header {
                name: name(),
                value: value(),
            },
            vec![("x-secret", "s&t")],
            "",
        ),
        (
            GenericStubAuth::Basic { user, password },
            vec![("authorization", "Basic bWU6cDpxIQ==")],
            "",
        ),
        (
            GenericStubAuth::Field {
                name: name(),
                value: value(),
            },
            vec![],
            "&x-secret=s%26t",
        ),
    ] {
        let mut config = GenericStubConfig::firefly();
        config.settings.auth = auth.clone();
        let mut client = start(config, &headers, 3).await;
        assert_eq!(
            client.status(&format!("{FIREFLY_LIST}{parameter}")).await,
            200,
            "{auth:?}"
        );
        if auth == GenericStubAuth::None {
            continue;
        }
        client.headers = vec![("authorization", "Bearer wrong".into()), ("x-secret", "wrong".into())];
        let (status, body) = outcome(&client, &format!("{FIREFLY_LIST}&x-secret=wrong")).await;
        assert_eq!((status, &body["meta"]["status"]), (401, &json!(401)), "{auth:?}");
        assert!(format!("{auth:?}").ends_with("(<hidden>)"));
    }
}

#[tokio::test]
async fn issued_token_expires_after_its_lifetime() {
    let mut config = GenericStubConfig::ssor();
    config.settings.auth = GenericStubAuth::ClientCredentials {
        path: "/token".into(),
        client_id: "me".into(),
        client_secret: "s3".into(),
        lifetime_s: 60,
    };
    let mut client = start(config, &[], 2).await;
    client.sandbox.clock().freeze();
    let url = format!("{}token", client.sandbox.url());
    let basic = ("authorization", "Basic bWU6czM=");
    let mut token = Value::Null;
    for (headers, body, status) in [
        (
            vec![FORM],
            "grant_type=client_credentials&client_id=me&client_secret=s4",
            401,
        ),
        (vec![FORM], "grant_type=password", 400),
        (vec![FORM, basic], "grant_type=client_credentials", 200),
        (
            vec![FORM],
            "grant_type=client_credentials&client_id=me&client_secret=s3",
            200,
        ),
    ] {
        let response = client.exchange("POST", &url, &headers, body).await.unwrap();
        assert_eq!(response.status, status, "{body}");
        token = response.json();
    }
    assert_eq!(token["expires_in"], 60);
    client.set_token(token["access_token"].as_str().unwrap());
    assert_eq!(client.status(SSOR_LIST).await, 200);
    client.sandbox.clock().advance(Duration::from_mins(1));
    assert_eq!(client.status(SSOR_LIST).await, 401);
}

#[tokio::test]
async fn contract_can_be_described_by_settings() {
    let mut config = GenericStubConfig::firefly();
    let settings = &mut config.settings;
    settings.auth = GenericStubAuth::Field {
        name: "secret".into(),
        value: "s".into(),
    };
    settings.required.clear();
    settings.list_method = "POST".into();
    settings.list_path = "/find".into();
    settings.envelope = GenericStubEnvelope::Plain;
    settings.list_pointer = String::new();
    settings.total_pointer = None;
    settings.paging = StubPaging::None;
    let client = start(config, &[], 120).await;
    let url = format!("{}find", client.sandbox.url());
    let post = async |kind: &str, body: &str| {
        let response = client
            .exchange("POST", &url, &[("content-type", kind)], body)
            .await
            .unwrap();
        (response.status.as_u16(), response.json())
    };
    let (status, all) = post("application/json", r#"{"secret":"s"}"#).await;
    assert_eq!((status, all.as_array().unwrap().len()), (200, 120));
    let wanted = sample_generic_user(UserShape::Firefly, 5);
    let body = json!({"secret": "s", "email": wanted["email"]}).to_string();
    assert_eq!(post("application/json", &body).await.1, json!([wanted]));
    assert_eq!(post(FORM.1, "secret=s&firstName=zzz").await.1, json!([]));
    let refused = post("application/json", r#"{"secret":"x"}"#).await;
    assert_eq!(refused, (401, json!({"error": "credentials are missing or wrong"})));
    assert_eq!(post("application/json", "[").await.0, 400);
}

#[tokio::test]
async fn unknown_cursor_is_refused() {
    let client = start_ssor(1).await;
    client.sandbox.generic().change_settings(|all| {
        let [cursor, limit, next] = ["after", "limit", "/next"].map(str::to_owned);
        all.paging = StubPaging::Cursor { cursor, limit, next };
    });
    let refused = outcome(&client, &format!("{SSOR_LIST}&after=rubbish")).await;
    assert_eq!(refused, (200, json!({"errMsg": "no such cursor"})));
}

#[tokio::test]
async fn changes_reach_lists_late_and_quota_reports_its_wait() {
    let client = start_ssor(2).await;
    let stub = client.sandbox.generic();
    client.sandbox.clock().freeze();
    stub.change_settings(|all| all.search_lag_ms = 1_000);
    assert!(stub.change(json!({"consumerId": "new", "email": "new@example.com"})));
    let count = async || client.get(SSOR_LIST).await["total"].clone();
    assert_eq!(client.status("registration/users/new?product_code=sandbox").await, 200);
    assert_eq!(count().await, 2);
    client.sandbox.clock().advance(Duration::from_secs(1));
    assert_eq!(count().await, 3);
    stub.remove("new");
    assert_eq!(client.status("registration/users/new?product_code=sandbox").await, 404);
    stub.change_settings(|all| all.quota = ONE_CALL);
    assert_eq!(count().await, 3);
    let limited = client.call("GET", SSOR_LIST, None).await;
    assert!(limited.status == 429 && (1..=2).contains(&limited.number("retry-after")));
}

#[tokio::test]
async fn faults_have_the_format_of_the_contract() {
    let client = start_firefly(10).await;
    let list = &format!("{FIREFLY_LIST}&pageSize=5");
    let right = client.get(list).await;
    let inject = |fault: &Fault| client.sandbox.inject(FaultRule::from(fault.clone()).times(1));
    let faults = [Fault::Shuffled, Fault::Missing, Fault::Duplicated, Fault::OtherUser];
    for (fault, length) in faults.iter().zip([5, 4, 6, 5]) {
        inject(fault);
        let spoiled = client.get(list).await;
        assert_ne!(spoiled, right);
        assert_eq!(spoiled["response"]["users"].as_array().unwrap().len(), length);
    }
    let user = sample_generic_user(UserShape::Firefly, 5);
    let id = user["userGUID"].as_str().unwrap();
    inject(&Fault::OtherUser);
    let other = client.get(&format!("v4/users/{id}?siteCode=SAND")).await;
    assert!(other["response"]["user"]["userGUID"].is_string() && other["response"]["user"]["userGUID"] != id);
    inject(&Fault::ErrorCode { code: 500 });
    let body = json!({"meta": {"status": 500, "message": "injected failure"}});
    assert_eq!(outcome(&client, list).await, (200, body));
    inject(&Fault::Status {
        status: 503,
        retry_after: Some(4),
        reset_in: None,
        body: None,
    });
    let response = client.call("GET", list, None).await;
    assert_eq!((response.status.as_u16(), response.number("retry-after")), (503, 4));
    let client = start_ssor(10).await;
    client.sandbox.inject(FaultRule::from(Fault::OtherUser).times(1));
    let other = client.get("registration/users/70000003?product_code=sandbox").await;
    assert_ne!(other["users"][0]["consumerId"], "70000003");
}
