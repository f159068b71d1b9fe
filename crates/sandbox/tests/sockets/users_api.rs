//! The stand-in Users API over its socket: v4 and legacy.

use masthead_sandbox::{Fault, FaultRule, Quota, Sandbox, UsersApiConfig, sample_registration, sample_registrations};
use serde_json::{Value, json};

use crate::plain::Plain;
use crate::support::{Answer, encoded};

const HEADERS: [(&str, &str); 6] = [
    ("authorization", "bearer sandbox-users-token"),
    ("x-sourcesystem", "Masthead"),
    ("x-clientgroupcode", "far"),
    ("x-clientcode", "away"),
    ("x-papercode", "post"),
    ("content-type", "application/json; charset=utf-8"),
];

struct Deployment {
    sandbox: Sandbox,
    plain: Plain,
}

impl Deployment {
    async fn with(users: usize, user_provider: Option<&str>) -> Self {
        let mut config = UsersApiConfig {
            users: sample_registrations(users).collect(),
            ..UsersApiConfig::default()
        };
        config.settings.user_provider = user_provider.map(str::to_owned);
        Self {
            sandbox: Sandbox::start(config).await.unwrap(),
            plain: Plain::new(),
        }
    }

    async fn send(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let url = format!("{}{target}", self.sandbox.url());
        self.plain.send(method, &url, headers, body).await.unwrap()
    }

    async fn get(&self, target: &str) -> Value {
        self.send("GET", target, &HEADERS, "").await.json()
    }

    async fn search(&self, body: &Value) -> Value {
        self.send("POST", "v4/Users/Search", &HEADERS, &body.to_string())
            .await
            .json()
    }
}

fn ids(list: &Value, key: &str) -> Vec<String> {
    let users = list.as_array().unwrap().iter();
    users.map(|user| user[key].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn v4_shows_every_published_key_and_finds_by_each_parameter() {
    let far = Deployment::with(30, None).await;
    let fifth = sample_registration(5);
    let email = fifth["email"].as_str().unwrap();
    let by_email = far
        .get(&format!("v4/Users?email={}", encoded(&email.to_uppercase())))
        .await;
    assert_eq!(by_email["message"]["code"], "UsersOrchestrator_S200_02");
    assert_eq!(by_email["meta"], json!({"totalRecords": 1}));
    let user = &by_email["data"][0];
    assert_eq!(
        (&user["email"], &user["metadata"]["city"]),
        (&json!(email), &json!("Nowhereville"))
    );
    assert_eq!(user["metadata"]["photo"], "");
    assert_eq!(
        user.as_object().unwrap().len(),
        8,
        "no key that only the legacy API shows"
    );
    assert_eq!(far.search(&json!({"email": email})).await["data"], by_email["data"]);
    let by_id = far
        .search(&json!({"customerRegistrationId": "40000005", "pageSize": 2}))
        .await;
    assert_eq!(by_id["data"], by_email["data"]);
    let nobody = far.search(&json!({"customerRegistrationId": "5"})).await;
    assert_eq!(
        (&nobody["meta"]["totalRecords"], &nobody["data"]),
        (&json!(0), &json!([]))
    );
}

#[tokio::test]
async fn a_cursor_leads_through_the_whole_list_and_page_numbers_do_too() {
    let far = Deployment::with(45, None).await;
    let (mut seen, mut body) = (Vec::new(), json!({"pageSize": 20, "orderBy": "1"}));
    loop {
        let page = far.search(&body).await;
        assert_eq!(page["meta"]["totalRecords"], 45);
        seen.extend(ids(&page["data"], "customerRegistrationId"));
        let Some(next) = page["meta"].get("nextCursor") else {
            break;
        };
        body["cursor"] = next.clone();
    }
    let wanted: Vec<String> = (0..45).map(|number| format!("{}", 40_000_000 + number)).collect();
    assert_eq!(seen, wanted);
    let third = far.get("v4/Users?pageSize=20&orderBy=1&pageNumber=3&count=none").await;
    assert_eq!(ids(&third["data"], "customerRegistrationId"), wanted[40..]);
    assert_eq!(third["meta"], json!({}));
    body["orderBy"] = "2".into();
    assert_eq!(far.search(&body).await["message"]["code"], "UsersOrchestrator_E400_02");
}

#[tokio::test]
async fn who_does_not_say_who_it_is_and_what_it_asks_about_is_refused() {
    let far = Deployment::with(1, None).await;
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
        let mut headers = HEADERS.to_vec();
        headers.retain(|(known, _)| *known != name);
        if !value.is_empty() {
            headers.push((name, value));
        }
        let answer = far.send("POST", "v4/Users/Search", &headers, "{}").await;
        let body = answer.json();
        let expected = json!(format!("UsersOrchestrator_{code}"));
        assert_eq!(
            (answer.status.as_u16(), &body["message"]["code"]),
            (status, &expected),
            "{name}"
        );
        assert_eq!(
            (&body["message"]["type"], &body["data"]),
            (&json!("Error"), &Value::Null)
        );
    }
    for (method, target, body, status) in [
        ("GET", "v4/Users?shoes=9", "", 400),
        ("POST", "v4/Users/Search", "[", 400),
        ("POST", "v4/Users/Search", r#"{"email":null}"#, 400),
        ("POST", "v4/Users", "{}", 405),
        ("GET", "v4/Nobody", "", 404),
    ] {
        assert_eq!(
            far.send(method, target, &HEADERS, body).await.status,
            status,
            "{method} {target}"
        );
    }
}

#[tokio::test]
async fn whoever_does_not_leave_the_provider_out_is_told_that_the_answer_is_incomplete() {
    let far = Deployment::with(4, Some("Auth0")).await;
    for (ignored, complete, status) in [("true", true, "skipped"), ("false", false, "unavailable")] {
        let answer = far.search(&json!({"ignoreProvider": ignored})).await;
        let meta = &answer["meta"];
        assert_eq!(
            (&meta["complete"], &meta["sources"][0]["status"]),
            (&json!(complete), &json!(status))
        );
        let states = answer["data"].as_array().unwrap().iter().map(|user| &user["state"]);
        assert!(states.into_iter().all(|state| state == "Standard"));
    }
    for (target, header) in [
        ("User?request.lookupInUserProvider=false", None),
        ("User", Some("Auth0")),
        ("User/40000001/2", None),
        ("User/40000001/0", Some("Auth0")),
    ] {
        let answer = far.send("GET", target, &HEADERS, "").await;
        let told = answer.headers.get("x-incomplete").map(|value| value.to_str().unwrap());
        assert_eq!((answer.status.as_u16(), told), (200, header), "{target}");
    }
    assert_eq!(far.send("GET", "User/40000001/1", &HEADERS, "").await.status, 500);
}

#[tokio::test]
async fn the_legacy_api_finds_the_same_users_and_shows_them_in_its_own_way() {
    let far = Deployment::with(30, None).await;
    let fifth = sample_registration(5);
    let email = encoded(fifth["email"].as_str().unwrap());
    let by_email = far.get(&format!("User/2?email={email}")).await;
    let user = &by_email["Result"]["Users"][0];
    assert_eq!(
        (&user["Email"], &user["Metadata"]["city"]),
        (&fifth["email"], &json!("Nowhereville"))
    );
    assert_eq!(
        (&user["DateRegistered"], &user["OptInSpecialOffers"]),
        (&fifth["dateRegistered"], &json!(false))
    );
    assert_eq!(far.get("User/40000005/2").await["Result"]["Users"][0], *user);
    let page = far.get("User?request.sortBy=CustomerRegistrationId&request.sortOrder=desc&request.usersPerPage=2&request.pageNumber=2").await;
    assert_eq!(
        ids(&page["Result"]["Users"], "CustomerRegistrationId"),
        ["40000027", "40000026"]
    );
    assert_eq!(page["Result"]["TotalUsersFound"], 30);
    let refused = far.get("User?request.shoes=9").await;
    assert_eq!(
        (&refused["Result"], &refused["Errors"][0]["Type"]["Code"]),
        (&Value::Null, &json!("Validation"))
    );
    for (name, value, status, text) in [
        ("authorization", "", 400, "Authorization is missing."),
        ("x-sourcesystem", "", 400, "X-SourceSystem is missing."),
        ("authorization", "bearer other", 401, "Invalid Authorization."),
        ("x-sourcesystem", "Other", 401, "Invalid X-SourceSystem."),
    ] {
        let mut headers = HEADERS.to_vec();
        headers.retain(|(known, _)| *known != name);
        if !value.is_empty() {
            headers.push((name, value));
        }
        let answer = far.send("GET", "User", &headers, "").await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()),
            (status, json!({"error": text}))
        );
    }
}

#[tokio::test]
async fn faults_and_quota_speak_the_language_of_the_api_that_is_asked() {
    let far = Deployment::with(10, None).await;
    for (target, list) in [
        ("v4/Users?pageSize=5", "/data"),
        ("User?usersPerPage=5", "/Result/Users"),
    ] {
        let right = far.get(target).await;
        for (fault, left) in [
            (Fault::Shuffled, 5),
            (Fault::Missing, 4),
            (Fault::Duplicated, 6),
            (Fault::OtherUser, 5),
        ] {
            far.sandbox.inject(FaultRule::from(fault.clone()).times(1));
            let spoilt = far.get(target).await;
            let users = spoilt.pointer(list).unwrap().as_array().unwrap();
            assert!(users.len() == left && spoilt != right, "{target} {fault:?}");
            let keys = |user: &Value| user.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
            assert_eq!(
                keys(&users[0]),
                keys(&right.pointer(list).unwrap()[0]),
                "{target} {fault:?}"
            );
        }
    }
    far.sandbox
        .inject(FaultRule::from(Fault::ErrorCode { code: 503 }).times(2));
    assert_eq!(far.get("v4/Users").await["message"]["code"], "UsersOrchestrator_E503");
    assert_eq!(far.get("User").await["Errors"][0]["Message"], "injected failure");
    far.sandbox.clock().freeze();
    far.sandbox.users_api().change_settings(|all| {
        all.quota = Quota {
            burst: 1,
            per_second: 1,
        };
    });
    assert_eq!(far.send("GET", "v4/Users", &HEADERS, "").await.status, 200);
    let limited = far.send("GET", "v4/Users", &HEADERS, "").await;
    assert!(limited.status == 429 && (1..=2).contains(&limited.number("retry-after")));
    let shown = format!("{:?}", far.sandbox.users_api().settings());
    assert!(!shown.contains("sandbox-users-token"), "{shown}");
}
