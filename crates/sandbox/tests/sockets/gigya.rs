//! The simulated Gigya over a socket: what it refuses. What it answers is held by the tests of the adapter.

use std::collections::BTreeMap;
use std::time::Duration;

use masthead_sandbox::{GigyaConfig, sample_account, sample_accounts};
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
async fn unsupported_calls_are_refused() {
    let site = GigyaTest::start(60).await;
    let query = format!("{LIST} LIMIT 25");
    let first = site.call("search", &[("query", &query), ("openCursor", "true")]).await;
    let cursor = first["nextCursorId"].as_str().unwrap();
    let second = site.call("search", &[("cursorId", cursor)]).await;
    let last = second["nextCursorId"].as_str().unwrap();
    site.call("search", &[("cursorId", last)]).await;
    let (too_long, start) = (format!("{LIST} LIMIT 1001"), format!("{LIST} START 5"));
    for (method, params, code) in [
        ("getAccountInfo", vec![("findBy", r#"{"loyalty":"7"}"#)], 400_006),
        ("getAccountInfo", vec![("findBy", "no json")], 400_006),
        ("getAccountInfo", vec![], 400_002),
        ("getAccountInfo", vec![("UID", "x"), ("include", "password")], 400_006),
        (
            "search",
            vec![("query", "SELECT * FROM accounts ORDER BY profile.email")],
            400_006,
        ),
        ("search", vec![("query", LIST), ("timeout", "60000")], 400_006),
        ("search", vec![("query", LIST), ("accountTypes", "lite")], 400_006),
        ("search", vec![("query", LIST), ("format", "jsonp")], 400_006),
        ("search", vec![], 400_002),
        ("search", vec![("cursorId", cursor)], 400_006),
        ("search", vec![("cursorId", "made up")], 400_006),
        ("search", vec![("cursorId", last), ("query", LIST)], 400_006),
        ("search", vec![("query", &too_long), ("openCursor", "true")], 400_006),
        ("search", vec![("query", &start), ("openCursor", "true")], 400_006),
        ("makeCoffee", vec![], 405_001),
    ] {
        site.refused(method, &params, code).await;
    }
    let url = format!("{}accounts.search", site.0.sandbox.url());
    for (kind, body, code) in [
        (("content-type", "application/json"), "{}", 400_001),
        (FORM, "apiKey=a&apiKey=b", 400_006),
        (FORM, "", 400_002),
    ] {
        let refused = site.0.exchange("POST", &url, &[kind], body).await.unwrap();
        assert_eq!(refused.json()["errorCode"], code, "{body}");
    }
}
