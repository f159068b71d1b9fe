//! The simulated Gigya over a socket.

use std::collections::BTreeMap;
use std::time::Duration;

use masthead_sandbox::{Fault, FaultRule, GigyaApplication, GigyaConfig, sample_account, sample_accounts};
use serde_json::{Value, json};

use crate::client::{FORM, ONE_CALL, SandboxClient, SandboxResponse, percent_encode};

const LIST: &str = "SELECT UID, profile FROM accounts";

type FormFields<'a> = BTreeMap<&'a str, String>;

fn uid(number: usize) -> String {
    sample_account(number)["UID"].as_str().unwrap().to_owned()
}

fn email(number: usize) -> String {
    sample_account(number)["profile"]["email"].as_str().unwrap().to_owned()
}

/// A simulated Gigya and its client.
struct GigyaTest(SandboxClient);

impl GigyaTest {
    async fn start(accounts: usize) -> Self {
        let config = GigyaConfig {
            accounts: sample_accounts(accounts).collect(),
            ..GigyaConfig::default()
        };
        Self(SandboxClient::start(config).await)
    }

    /// The parameters of a call with user key and secret.
    fn with_secret<'a>(&self, params: &[(&'a str, &str)]) -> FormFields<'a> {
        let gigya = self.0.sandbox.gigya();
        let application = &gigya.applications()[0];
        let mut all: FormFields<'a> = params
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        all.insert("apiKey", gigya.settings().api_key);
        all.insert("userKey", application.user_key.clone());
        all.insert("secret", application.secret.clone());
        all
    }

    async fn post(&self, method: &str, headers: &[(&str, &str)], params: &FormFields<'_>) -> SandboxResponse {
        let pairs: Vec<String> = params
            .iter()
            .map(|(name, value)| format!("{name}={}", percent_encode(value)))
            .collect();
        let headers: Vec<(&str, &str)> = headers.iter().copied().chain([FORM]).collect();
        let url = format!("{}accounts.{method}", self.0.sandbox.url());
        self.0.exchange("POST", &url, &headers, pairs.join("&")).await.unwrap()
    }

    /// Calls a method with exactly these parameters and returns the code.
    async fn code(&self, method: &str, headers: &[(&str, &str)], params: &FormFields<'_>) -> u64 {
        self.post(method, headers, params).await.json()["errorCode"]
            .as_u64()
            .unwrap()
    }

    /// Calls a method with user key and secret; the HTTP status is 200.
    async fn call(&self, method: &str, params: &[(&str, &str)]) -> Value {
        let response = self.post(method, &[], &self.with_secret(params)).await;
        assert_eq!(response.status, 200);
        response.json()
    }

    /// Calls a method and expects this code.
    async fn refused(&self, method: &str, params: &[(&str, &str)], code: u64) -> Value {
        let response = self.call(method, params).await;
        assert_eq!(response["errorCode"], code, "{response}");
        response
    }

    async fn search(&self, query: &str) -> Value {
        self.call("search", &[("query", query)]).await
    }

    async fn batch(&self, cursor: &Value) -> Value {
        self.call("search", &[("cursorId", cursor.as_str().unwrap())]).await
    }
}

#[tokio::test]
async fn responses_have_the_envelope_and_status_200() {
    let site = GigyaTest::start(1).await;
    let response = site
        .post("getAccountInfo", &[], &site.with_secret(&[("UID", &uid(0))]))
        .await;
    assert_eq!(response.headers["content-type"], "text/javascript; charset=utf-8");
    let body = response.json();
    let envelope = [
        &body["errorCode"],
        &body["apiVersion"],
        &body["statusCode"],
        &body["statusReason"],
    ];
    assert_eq!(envelope, [&json!(0), &json!(2), &json!(200), &json!("OK")]);
    assert!(body["callId"].is_string() && body["time"].as_str().unwrap().ends_with('Z'));
    let unknown = site.refused("getAccountInfo", &[("UID", "unknown")], 403_005).await;
    assert_eq!(
        (&unknown["errorDetails"], &unknown["statusCode"]),
        (&json!("Unknown user"), &json!(403))
    );
}

#[tokio::test]
async fn code_403005_is_explained_by_its_details() {
    let site = GigyaTest::start(1).await;
    let unknown = site.call("getAccountInfo", &[("UID", "unknown")]).await;
    let mut params = site.with_secret(&[("UID", "unknown")]);
    params.insert("userKey", "unknown".into());
    let misconfigured = site.post("getAccountInfo", &[], &params).await.json();
    assert_eq!(unknown["errorCode"], misconfigured["errorCode"]);
    assert_eq!(unknown["errorMessage"], misconfigured["errorMessage"]);
    assert_eq!(unknown["errorDetails"], "Unknown user");
    assert_eq!(misconfigured["errorDetails"], "The supplied userkey was not found");
}

#[tokio::test]
async fn credentials_are_checked_first() {
    let site = GigyaTest::start(1).await;
    for (name, value, code) in [
        ("apiKey", "", 400_002),
        ("apiKey", "3_other", 400_093),
        ("secret", "c29tZXRoaW5n", 403_010),
        ("userKey", "", 403_036),
        ("secret", "", 403_005),
    ] {
        let mut params = site.with_secret(&[("UID", &uid(0))]);
        params.insert(name, value.into());
        assert_eq!(site.code("deleteAccount", &[], &params).await, code, "{name} {value}");
    }
    assert_eq!(site.0.sandbox.gigya().user_count(), 1);
    site.0.sandbox.gigya().change_settings(|all| all.https = false);
    site.refused("getAccountInfo", &[("UID", &uid(0))], 403_006).await;
}

#[tokio::test]
async fn other_data_center_reports_the_right_one() {
    let site = GigyaTest::start(0).await;
    let params = site.with_secret(&[("UID", "x")]);
    let host = [("host", "accounts.us1.gigya.com")];
    let moved = site.post("getAccountInfo", &host, &params).await.json();
    assert_eq!(
        (&moved["errorCode"], &moved["apiDomain"]),
        (&json!(301_001), &json!("eu1.gigya.com"))
    );
    assert_eq!(
        moved["location"],
        "https://accounts.eu1.gigya.com/accounts.getAccountInfo"
    );
    let host = [("host", "accounts.eu1.gigya.com")];
    assert_eq!(site.code("getAccountInfo", &host, &params).await, 403_005);
    site.0
        .sandbox
        .gigya()
        .change_settings(|all| all.served_data_center = Some("au1".into()));
    site.refused("getAccountInfo", &[("UID", "x")], 301_001).await;
}

#[tokio::test]
async fn application_needs_permission_and_key() {
    let limited = GigyaApplication {
        user_key: "limited".into(),
        key: None,
        denied: vec!["accounts.deleteAccount".into()],
        ..GigyaApplication::default()
    };
    let config = GigyaConfig {
        applications: vec![limited],
        accounts: vec![sample_account(0)],
        ..GigyaConfig::default()
    };
    let site = GigyaTest(SandboxClient::start(config).await);
    site.refused("deleteAccount", &[("UID", &uid(0))], 403_007).await;
    assert!(site.0.sandbox.gigya().applications()[0].private_key_pem().is_none());
    let pem = GigyaApplication::default().private_key_pem().unwrap();
    assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    let mut params = site.with_secret(&[("UID", "x")]);
    params.remove("secret");
    let token = [("authorization", "Bearer a.b.c")];
    assert_eq!(site.code("getAccountInfo", &token, &params).await, 403_003);
}

#[tokio::test]
async fn account_is_found_by_uid_and_login_address() {
    let site = GigyaTest::start(60).await;
    let params = [("UID", &*uid(3)), ("include", "profile,emails,loginIDs")];
    let found = site.call("getAccountInfo", &params).await;
    assert_eq!(found["UID"], uid(3));
    assert!(found["emails"]["unverified"].is_array() && found.get("data").is_none());
    for (address, number) in [(email(9).to_uppercase(), 9), (email(24), 23)] {
        let by = json!({"_email": address}).to_string();
        assert_eq!(
            site.call("getAccountInfo", &[("findBy", &by)]).await["UID"],
            uid(number)
        );
    }
    for (params, code) in [
        (vec![("findBy", r#"{"_email":"unknown@example.com"}"#)], 403_047),
        (vec![("findBy", r#"{"loyalty":"7"}"#)], 400_006),
        (vec![("findBy", "no json")], 400_006),
        (vec![], 400_002),
        (vec![("UID", "x"), ("include", "password")], 400_006),
    ] {
        site.refused("getAccountInfo", &params, code).await;
    }
}

#[tokio::test]
async fn search_pages_and_finds_shared_addresses() {
    let site = GigyaTest::start(60).await;
    let query = format!(
        r#"SELECT UID FROM accounts WHERE profile.email CONTAINS "{}""#,
        email(23)
    );
    let both = site.search(&query).await;
    assert_eq!((&both["totalCount"], &both["objectsCount"]), (&json!(2), &json!(2)));
    let page = site.search(&format!("{LIST} ORDER BY UID START 10 LIMIT 7")).await;
    assert_eq!(
        (page["results"].as_array().unwrap().len(), &page["totalCount"]),
        (7, &json!(59))
    );
    assert!(page.get("nextCursorId").is_none());
    for (params, code) in [
        (
            vec![("query", "SELECT * FROM accounts ORDER BY profile.email")],
            400_006,
        ),
        (
            vec![("query", r#"SELECT * FROM accounts WHERE profile.email > "a""#)],
            400_006,
        ),
        (vec![("query", LIST), ("restrictedQuery", ".*")], 400_006),
        (vec![("query", LIST), ("timeout", "60000")], 400_006),
        (vec![("query", LIST), ("accountTypes", "lite")], 400_006),
        (vec![], 400_002),
    ] {
        site.refused("search", &params, code).await;
    }
    let all = site
        .call("search", &[("query", LIST), ("accountTypes", "full,lite")])
        .await;
    assert_eq!(all["totalCount"], 60);
}

#[tokio::test]
async fn cursor_returns_every_account_and_repeats_its_last_batch() {
    let site = GigyaTest::start(60).await;
    site.0.sandbox.clock().freeze();
    let query = format!("{LIST} LIMIT 25");
    let open = async || site.call("search", &[("query", &query), ("openCursor", "true")]).await;
    let first = open().await;
    let next = first["nextCursorId"].as_str().unwrap();
    let second = site.batch(&first["nextCursorId"]).await;
    assert_eq!(site.batch(&first["nextCursorId"]).await["results"], second["results"]);
    let third = site.batch(&second["nextCursorId"]).await;
    assert!(third.get("nextCursorId").is_none());
    let sizes = [&first, &second, &third].map(|page| page["objectsCount"].as_u64().unwrap());
    assert_eq!(sizes, [25, 25, 9]);
    let (too_long, start) = (format!("{LIST} LIMIT 1001"), format!("{LIST} START 5"));
    for params in [
        vec![("cursorId", next)],
        vec![("cursorId", "made up")],
        vec![("cursorId", next), ("query", LIST)],
        vec![("query", &too_long), ("openCursor", "true")],
        vec![("query", &start), ("openCursor", "true")],
    ] {
        site.refused("search", &params, 400_006).await;
    }
    let again = open().await["nextCursorId"].clone();
    site.0.sandbox.clock().advance(Duration::from_secs(301));
    site.refused("search", &[("cursorId", again.as_str().unwrap())], 400_006)
        .await;
    site.0.sandbox.gigya().change_settings(|all| all.short_batches = true);
    assert_eq!(open().await["objectsCount"], 13);
}

#[tokio::test]
async fn overlapping_batches_repeat_one_account() {
    let site = GigyaTest::start(60).await;
    site.0
        .sandbox
        .gigya()
        .change_settings(|all| all.overlapping_batches = true);
    let query = format!("{LIST} LIMIT 25");
    let first = site.call("search", &[("query", &query), ("openCursor", "true")]).await;
    let second = site.batch(&first["nextCursorId"]).await;
    for count in ["objectsCount", "totalCount"] {
        assert_eq!(second[count], first[count]);
    }
    assert_eq!(second["results"][0], first["results"][24]);
}

#[tokio::test]
async fn only_search_lags_behind_changes() {
    let site = GigyaTest::start(2).await;
    let id = uid(0);
    site.0.sandbox.clock().freeze();
    site.0.sandbox.gigya().change_settings(|all| all.search_lag_ms = 1_000);
    let change = r#"{"firstName":"Ghent","nickname":null}"#;
    site.call("setAccountInfo", &[("UID", &id), ("profile", change)]).await;
    let found = site.call("getAccountInfo", &[("UID", &id)]).await;
    assert_eq!(
        (&found["profile"]["firstName"], found["profile"].get("nickname")),
        (&json!("Ghent"), None)
    );
    assert_eq!(found["profile"]["email"], email(0));
    let query = r#"SELECT * FROM accounts WHERE profile.firstName = "Ghent""#;
    assert_eq!(site.search(query).await["totalCount"], 0);
    site.0.sandbox.clock().advance(Duration::from_secs(1));
    assert_eq!(site.search(query).await["totalCount"], 1);
    assert_eq!(site.call("deleteAccount", &[("UID", &id)]).await["errorCode"], 0);
    site.refused("getAccountInfo", &[("UID", &id)], 403_005).await;
    site.refused("deleteAccount", &[("UID", &id)], 403_005).await;
}

#[tokio::test]
async fn change_is_checked_before_it_is_written() {
    let site = GigyaTest::start(3).await;
    let (first, taken) = (uid(0), email(1));
    for (params, code) in [
        (vec![("profile", r#"{"city":"x","shoes":1}"#)], 400_006),
        (vec![("profile", "[1]")], 400_006),
        (vec![("profile", r#"{"email":"no address"}"#)], 400_006),
        (vec![("data", r#"{"a":1}"#), ("addLoginEmails", &taken)], 400_003),
        (vec![("isVerified", "perhaps")], 400_006),
        (vec![("preferences", "{}")], 400_006),
        (vec![("newPassword", "Long-enough-1")], 400_002),
        (vec![("newPassword", "short"), ("securityOverride", "true")], 400_009),
    ] {
        let all: Vec<(&str, &str)> = params.into_iter().chain([("UID", &*first)]).collect();
        site.refused("setAccountInfo", &all, code).await;
    }
    assert_eq!(site.0.sandbox.gigya().user(&first), Some(sample_account(0)));
    site.refused("setAccountInfo", &[("profile", "{}")], 400_002).await;
    site.refused("setAccountInfo", &[("UID", "unknown"), ("profile", "{}")], 403_005)
        .await;
    let params = [
        ("UID", first.as_str()),
        ("addLoginEmails", "new@example.com"),
        ("newPassword", "Long-enough-1"),
        ("securityOverride", "true"),
    ];
    assert_eq!(site.call("setAccountInfo", &params).await["errorCode"], 0);
    assert!(site.0.sandbox.gigya().is_password(&first, "Long-enough-1"));
    let by = r#"{"_email":"NEW@example.com"}"#;
    assert_eq!(site.call("getAccountInfo", &[("findBy", by)]).await["UID"], first);
}

#[tokio::test]
async fn registration_takes_a_token_and_is_finalized() {
    let site = GigyaTest::start(2).await;
    site.0.sandbox.clock().freeze();
    let begin = async || {
        site.call("initRegistration", &[]).await["regToken"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let token = begin().await;
    let right = [
        ("regToken", token.as_str()),
        ("email", "new@example.com"),
        ("password", "Long-enough-1"),
        ("profile", r#"{"firstName":"Nova"}"#),
    ];
    let login = [("loginID", "new@example.com"), ("password", "Long-enough-1")];
    let pending = site.refused("register", &right, 206_001).await;
    site.refused("login", &login, 206_001).await;
    site.refused("register", &right, 400_006).await;
    let token = pending["regToken"].as_str().unwrap();
    let done = site.call("finalizeRegistration", &[("regToken", token)]).await;
    let account = [&done["UID"], &done["isRegistered"], &done["profile"]["firstName"]];
    assert_eq!(account, [&pending["UID"], &json!(true), &json!("Nova")]);
    assert!(done["sessionInfo"]["cookieValue"].as_str().unwrap().starts_with("st2."));
    let token = begin().await;
    let occupied = [
        ("regToken", token.as_str()),
        ("email", "NEW@example.com"),
        ("password", "x"),
        ("finalizeRegistration", "true"),
    ];
    let refused = site.refused("register", &occupied, 400_009).await;
    let errors = refused["validationErrors"].as_array().unwrap().iter();
    let fields: Vec<&Value> = errors.map(|error| &error["fieldName"]).collect();
    assert_eq!(fields, ["email", "password"]);
    site.0.sandbox.clock().advance(Duration::from_hours(1));
    let late = [
        ("regToken", token.as_str()),
        ("email", "late@example.com"),
        ("password", "Long-enough-1"),
    ];
    site.refused("register", &late, 400_006).await;
}

#[tokio::test]
async fn login_reports_its_failure_and_locks() {
    let mut account = sample_account(0);
    account["password"] = "Long-enough-1".into();
    let site = GigyaTest::start(0).await;
    let gigya = site.0.sandbox.gigya();
    site.0.sandbox.clock().freeze();
    gigya.seed([account.clone()]);
    let mail = email(0);
    let right = [("loginID", mail.as_str()), ("password", "Long-enough-1")];
    assert_eq!(site.call("login", &right).await["UID"], uid(0));
    site.refused(
        "login",
        &[("loginID", "unknown@example.com"), ("password", "x")],
        403_042,
    )
    .await;
    for _ in 0..5 {
        site.refused("login", &[("loginID", &mail), ("password", "wrong")], 403_042)
            .await;
    }
    site.refused("login", &right, 403_120).await;
    site.0.sandbox.clock().advance(Duration::from_secs(301));
    assert_eq!(site.call("login", &right).await["errorCode"], 0);
    gigya.change_settings(|all| all.require_verification = true);
    for (flag, code) in [("isVerified", 206_002), ("isActive", 403_041)] {
        account[flag] = false.into();
        gigya.seed([account.clone()]);
        site.refused("login", &right, code).await;
    }
}

#[tokio::test]
async fn rate_limit_comes_inside_a_200() {
    let site = GigyaTest::start(1).await;
    site.0.sandbox.clock().freeze();
    site.0.sandbox.gigya().change_settings(|all| all.quota = ONE_CALL);
    site.call("initRegistration", &[]).await;
    let limited = site.post("initRegistration", &[], &site.with_secret(&[])).await;
    assert_eq!(
        (limited.status.as_u16(), &limited.json()["errorCode"]),
        (200, &json!(403_048))
    );
    assert_eq!(limited.json()["errorDetails"], "Api rate limit exceeded");
    assert!(!limited.headers.contains_key("retry-after"));
    site.0.sandbox.clock().advance(Duration::from_secs(1));
    assert_eq!(site.call("initRegistration", &[]).await["errorCode"], 0);
}

#[tokio::test]
async fn malformed_requests_are_refused() {
    let site = GigyaTest::start(0).await;
    let url = format!("{}accounts.search", site.0.sandbox.url());
    for (kind, body, code) in [
        (("content-type", "application/json"), "{}", 400_001),
        (FORM, "apiKey=a&apiKey=b", 400_006),
        (FORM, "", 400_002),
    ] {
        let refused = site.0.exchange("POST", &url, &[kind], body).await.unwrap();
        assert_eq!(refused.json()["errorCode"], code, "{body}");
    }
    site.refused("makeCoffee", &[], 405_001).await;
    site.refused("search", &[("format", "jsonp"), ("query", LIST)], 400_006)
        .await;
}

#[tokio::test]
async fn faults_have_the_format_of_gigya() {
    let site = GigyaTest::start(30).await;
    let id = uid(0);
    let info = async || {
        site.post("getAccountInfo", &[], &site.with_secret(&[("UID", &id)]))
            .await
    };
    let inject = |fault: &Fault| {
        let rule = FaultRule::from(fault.clone()).on("/accounts.").times(1);
        site.0.sandbox.inject(rule)
    };
    inject(&Fault::ErrorCode { code: 409_030 });
    site.refused("getAccountInfo", &[("UID", &id)], 409_030).await;
    inject(&Fault::Status {
        status: 429,
        retry_after: Some(3),
        reset_in: None,
        body: None,
    });
    let limited = info().await;
    assert_eq!((limited.status.as_u16(), limited.number("retry-after")), (429, 3));
    assert_eq!(limited.json()["errorCode"], 403_048);
    inject(&Fault::OtherUser);
    let other = info().await.json();
    assert!(other["errorCode"] == 0 && other["UID"] != id.as_str());
    let query = format!("{LIST} ORDER BY UID LIMIT 5");
    let right = site.search(&query).await;
    let faults = [Fault::Shuffled, Fault::Missing, Fault::Duplicated, Fault::OtherUser];
    for (fault, length) in faults.iter().zip([5, 4, 6, 5]) {
        inject(fault);
        let spoiled = site.search(&query).await;
        assert_ne!(spoiled["results"], right["results"]);
        assert_eq!(spoiled["results"].as_array().unwrap().len(), length);
    }
    inject(&Fault::TruncatedJson);
    let cut = info().await;
    assert!(cut.status == 200 && serde_json::from_slice::<Value>(&cut.body).is_err());
}
