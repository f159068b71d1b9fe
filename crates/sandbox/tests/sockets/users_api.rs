//! The simulated Users API over a socket: v4 and legacy.

use masthead_sandbox::{Fault, FaultRule, UsersApiConfig, sample_registration, sample_registrations};
use serde_json::{Value, json};

use crate::client::{ONE_CALL, SandboxClient, percent_encode, texts};

const HEADERS: [(&str, &str); 6] = [
    ("authorization", "bearer sandbox-users-token"),
    ("x-sourcesystem", "Masthead"),
    ("x-clientgroupcode", "far"),
    ("x-clientcode", "away"),
    ("x-papercode", "post"),
    ("content-type", "application/json; charset=utf-8"),
];

const SEARCH: &str = "v4/Users/Search";
const ID: &str = "customerRegistrationId";

async fn start(users: usize, user_provider: Option<&str>) -> SandboxClient {
    let mut config = UsersApiConfig {
        users: sample_registrations(users).collect(),
        ..UsersApiConfig::default()
    };
    config.settings.user_provider = user_provider.map(str::to_owned);
    let mut client = SandboxClient::start(config).await;
    client.headers = HEADERS.map(|(name, value)| (name, value.to_owned())).to_vec();
    client
}

/// Changes one header, or removes it when the value is empty; the others are the right ones.
fn set_header(client: &mut SandboxClient, name: &str, value: &str) {
    let changed = |(known, right): (&'static str, &str)| (known, if known == name { value } else { right }.to_owned());
    client.headers = HEADERS.map(changed).to_vec();
    client.headers.retain(|(_, value)| !value.is_empty());
}

async fn search(client: &SandboxClient, body: &Value) -> Value {
    client.call("POST", SEARCH, Some(body)).await.json()
}

#[tokio::test]
async fn v4_finds_users_by_each_parameter() {
    let client = start(30, None).await;
    let fifth = sample_registration(5);
    let email = fifth["email"].as_str().unwrap();
    let by_email = client
        .get(&format!("v4/Users?email={}", percent_encode(&email.to_uppercase())))
        .await;
    assert_eq!(by_email["message"]["code"], "UsersOrchestrator_S200_02");
    assert_eq!(by_email["meta"], json!({"totalRecords": 1}));
    let user = &by_email["data"][0];
    assert_eq!(
        (&user["email"], &user["metadata"]["city"]),
        (&json!(email), &json!("Nowhereville"))
    );
    assert_eq!(user["metadata"]["photo"], "");
    assert_eq!(user.as_object().unwrap().len(), 8, "no key of the legacy API");
    assert_eq!(
        search(&client, &json!({"email": email})).await["data"],
        by_email["data"]
    );
    let by_id = search(&client, &json!({ID: "40000005", "pageSize": 2})).await;
    assert_eq!(by_id["data"], by_email["data"]);
    let none = search(&client, &json!({ID: "5"})).await;
    assert_eq!((&none["meta"]["totalRecords"], &none["data"]), (&json!(0), &json!([])));
}

#[tokio::test]
async fn cursors_and_page_numbers_cover_the_list() {
    let client = start(45, None).await;
    let (mut seen, mut body) = (Vec::new(), json!({"pageSize": 20, "orderBy": "1"}));
    loop {
        let page = search(&client, &body).await;
        assert_eq!(page["meta"]["totalRecords"], 45);
        seen.extend(texts(&page["data"], ID).into_iter().map(str::to_owned));
        let Some(next) = page["meta"].get("nextCursor") else {
            break;
        };
        body["cursor"] = next.clone();
    }
    let wanted: Vec<String> = (0..45).map(|number| format!("{}", 40_000_000 + number)).collect();
    assert_eq!(seen, wanted);
    let third = client
        .get("v4/Users?pageSize=20&orderBy=1&pageNumber=3&count=none")
        .await;
    assert_eq!(texts(&third["data"], ID), wanted[40..]);
    assert_eq!(third["meta"], json!({}));
    body["orderBy"] = "2".into();
    assert_eq!(
        search(&client, &body).await["message"]["code"],
        "UsersOrchestrator_E400_02"
    );
}

#[tokio::test]
async fn calls_without_valid_headers_are_refused() {
    let mut client = start(1, None).await;
    for (name, value, status, code) in [
        ("authorization", "", 400, "E400_00"),
        ("authorization", "bearer other", 401, "E401"),
        ("authorization", "basic sandbox-users-token", 401, "E401"),
        ("x-sourcesystem", "", 400, "E400_00"),
        ("x-sourcesystem", "Other", 401, "E401"),
        ("x-clientgroupcode", "", 400, "E400_00"),
        ("x-clientcode", "", 400, "E400_00"),
        ("x-papercode", "", 400, "E400_00"),
        ("x-papercode", "other", 403, "E403"),
        ("content-type", "text/plain", 415, "E415"),
    ] {
        set_header(&mut client, name, value);
        let response = client.call("POST", SEARCH, Some(&json!({}))).await;
        let message = &response.json()["message"];
        let code = format!("UsersOrchestrator_{code}");
        assert_eq!(
            (response.status.as_u16(), &message["code"]),
            (status, &json!(code)),
            "{name}"
        );
        assert_eq!(message["type"], "Error");
    }
    for (name, value, status, text) in [
        ("authorization", "", 400, "Authorization is missing."),
        ("x-sourcesystem", "", 400, "X-SourceSystem is missing."),
        ("authorization", "bearer other", 401, "Invalid Authorization."),
        ("x-sourcesystem", "Other", 401, "Invalid X-SourceSystem."),
    ] {
        set_header(&mut client, name, value);
        let response = client.call("GET", "User", None).await;
        assert_eq!(
            (response.status.as_u16(), response.json()),
            (status, json!({"error": text}))
        );
    }
}

#[tokio::test]
async fn unknown_calls_and_parameters_are_refused() {
    let client = start(1, None).await;
    for (method, path, body, status) in [
        ("GET", "v4/Users?shoes=9", None, 400),
        ("POST", SEARCH, Some(json!([])), 400),
        ("POST", SEARCH, Some(json!({"email": null})), 400),
        ("POST", "v4/Users", Some(json!({})), 405),
        ("GET", "v4/Unknown", None, 404),
    ] {
        assert_eq!(
            client.call(method, path, body.as_ref()).await.status,
            status,
            "{method} {path}"
        );
    }
    let refused = client.get("User?request.shoes=9").await;
    assert_eq!(
        (&refused["Result"], &refused["Errors"][0]["Type"]["Code"]),
        (&Value::Null, &json!("Validation"))
    );
}

#[tokio::test]
async fn responses_without_the_provider_are_incomplete() {
    let client = start(4, Some("Auth0")).await;
    for (ignored, complete, status) in [("true", true, "skipped"), ("false", false, "unavailable")] {
        let response = search(&client, &json!({"ignoreProvider": ignored})).await;
        let meta = &response["meta"];
        assert_eq!(
            (&meta["complete"], &meta["sources"][0]["status"]),
            (&json!(complete), &json!(status))
        );
        assert!(
            texts(&response["data"], "state")
                .into_iter()
                .all(|state| state == "Standard")
        );
    }
    for (path, header) in [
        ("User?request.lookupInUserProvider=false", None),
        ("User", Some("Auth0")),
        ("User/40000001/2", None),
        ("User/40000001/0", Some("Auth0")),
    ] {
        let response = client.call("GET", path, None).await;
        let incomplete = response
            .headers
            .get("x-incomplete")
            .map(|value| value.to_str().unwrap());
        assert_eq!((response.status.as_u16(), incomplete), (200, header), "{path}");
    }
    assert_eq!(client.status("User/40000001/1").await, 500);
}

#[tokio::test]
async fn legacy_shows_the_same_users() {
    let client = start(30, None).await;
    let fifth = sample_registration(5);
    let email = percent_encode(fifth["email"].as_str().unwrap());
    let by_email = client.get(&format!("User/2?email={email}")).await;
    let user = &by_email["Result"]["Users"][0];
    assert_eq!(
        (&user["Email"], &user["Metadata"]["city"]),
        (&fifth["email"], &json!("Nowhereville"))
    );
    assert_eq!(
        (&user["DateRegistered"], &user["OptInSpecialOffers"]),
        (&fifth["dateRegistered"], &json!(false))
    );
    assert_eq!(client.get("User/40000005/2").await["Result"]["Users"][0], *user);
    let page = client.get("User?request.sortBy=CustomerRegistrationId&request.sortOrder=desc&request.usersPerPage=2&request.pageNumber=2").await;
    assert_eq!(
        texts(&page["Result"]["Users"], "CustomerRegistrationId"),
        ["40000027", "40000026"]
    );
    assert_eq!(page["Result"]["TotalUsersFound"], 30);
}

#[tokio::test]
async fn faults_and_quota_have_the_format_of_the_api() {
    let client = start(10, None).await;
    let inject = |fault: &Fault, times| client.sandbox.inject(FaultRule::from(fault.clone()).times(times));
    for (path, list) in [
        ("v4/Users?pageSize=5", "/data"),
        ("User?usersPerPage=5", "/Result/Users"),
    ] {
        let right = client.get(path).await;
        let faults = [Fault::Shuffled, Fault::Missing, Fault::Duplicated, Fault::OtherUser];
        for (fault, length) in faults.iter().zip([5, 4, 6, 5]) {
            inject(fault, 1);
            let spoiled = client.get(path).await;
            let users = spoiled.pointer(list).unwrap().as_array().unwrap();
            assert!(users.len() == length && spoiled != right, "{path} {fault:?}");
            let keys = |user: &Value| user.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
            assert_eq!(
                keys(&users[0]),
                keys(&right.pointer(list).unwrap()[0]),
                "{path} {fault:?}"
            );
        }
    }
    inject(&Fault::ErrorCode { code: 503 }, 2);
    assert_eq!(
        client.get("v4/Users").await["message"]["code"],
        "UsersOrchestrator_E503"
    );
    assert_eq!(client.get("User").await["Errors"][0]["Message"], "injected failure");
    client.sandbox.clock().freeze();
    client.sandbox.users_api().change_settings(|all| all.quota = ONE_CALL);
    assert_eq!(client.status("v4/Users").await, 200);
    let limited = client.call("GET", "v4/Users", None).await;
    assert!(limited.status == 429 && (1..=2).contains(&limited.number("retry-after")));
    let debug = format!("{:?}", client.sandbox.users_api().settings());
    assert!(!debug.contains("sandbox-users-token"), "{debug}");
}
