//! The stand-in Gigya over its socket.

use std::collections::BTreeMap;
use std::time::Duration;

use masthead_sandbox::{Fault, FaultRule, GigyaApplication, GigyaConfig, Quota, Sandbox, sample_account};
use serde_json::{Value, json};

use crate::plain::{FORM, Plain, Site};

const LIST: &str = "SELECT UID, profile FROM accounts";

fn uid(number: usize) -> String {
    sample_account(number)["UID"].as_str().unwrap().to_owned()
}

fn email(number: usize) -> String {
    sample_account(number)["profile"]["email"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_answer_has_the_envelope_and_refusals_come_with_200_unless_statuses_are_asked_for() {
    let site = Site::with(1).await;
    let answer = site.post("getAccountInfo", &[], &site.keyed(&[("UID", &uid(0))])).await;
    assert_eq!(answer.headers["content-type"], "text/javascript; charset=utf-8");
    let body = answer.json();
    for (name, value) in [
        ("errorCode", json!(0)),
        ("apiVersion", json!(2)),
        ("statusCode", json!(200)),
        ("statusReason", json!("OK")),
    ] {
        assert_eq!(body[name], value, "{name}");
    }
    assert!(
        body["callId"].is_string() && body["time"].as_str().unwrap().ends_with('Z') && body["UIDSignature"].is_string()
    );
    let unknown = site.refused("getAccountInfo", &[("UID", "nobody")], 403_005).await;
    assert_eq!(
        (&unknown["errorDetails"], &unknown["statusCode"]),
        (&json!("Unknown user"), &json!(403))
    );
    let params = site.keyed(&[("UID", "nobody"), ("httpStatusCodes", "true")]);
    assert_eq!(site.post("getAccountInfo", &[], &params).await.status, 403);
}

#[tokio::test]
async fn the_two_meanings_of_403005_are_told_apart_by_their_details_alone() {
    let site = Site::with(1).await;
    let mut params = site.keyed(&[("UID", "nobody")]);
    let unknown = site.post("getAccountInfo", &[], &params).await.json();
    params.insert("userKey", "nobody".into());
    let misconfigured = site.post("getAccountInfo", &[], &params).await.json();
    assert_eq!(unknown["errorCode"], misconfigured["errorCode"]);
    assert_eq!(unknown["errorMessage"], misconfigured["errorMessage"]);
    assert_eq!(unknown["errorDetails"], "Unknown user");
    assert_eq!(misconfigured["errorDetails"], "The supplied userkey was not found");
}

#[tokio::test]
async fn credentials_are_checked_before_anything_else() {
    let site = Site::with(1).await;
    let id = uid(0);
    let right = site.keyed(&[("UID", &id)]);
    let with = |name: &'static str, value: Option<&str>| {
        let mut params = right.clone();
        params.remove(name);
        if let Some(value) = value {
            params.insert(name, value.into());
        }
        params
    };
    for (params, code) in [
        (with("apiKey", None), 400_002),
        (with("apiKey", Some("3_other")), 400_093),
        (with("secret", Some("c29tZXRoaW5n")), 403_010),
        (with("userKey", None), 403_036),
        (with("secret", None), 403_005),
    ] {
        let answer = site.post("getAccountInfo", &[], &params).await.json();
        assert_eq!(answer["errorCode"], code, "{answer}");
    }
    let mut client = right.clone();
    client.remove("secret");
    client.insert("query", LIST.into());
    for method in ["search", "deleteAccount"] {
        assert_eq!(
            site.post(method, &[], &client).await.json()["errorCode"],
            403_007,
            "{method}"
        );
    }
    assert_eq!(site.sandbox.gigya().user_count(), 1);
    site.sandbox.gigya().change_settings(|all| all.https = false);
    site.refused("getAccountInfo", &[("UID", &id)], 403_006).await;
}

#[tokio::test]
async fn a_site_of_another_data_center_says_where_it_is() {
    let site = Site::with(0).await;
    let params = site.keyed(&[("UID", "x")]);
    let host = [("host", "accounts.us1.gigya.com")];
    let answer = site.post("getAccountInfo", &host, &params).await.json();
    assert_eq!(answer["errorCode"], 301_001);
    assert_eq!(answer["apiDomain"], "eu1.gigya.com");
    assert_eq!(
        answer["location"],
        "https://accounts.eu1.gigya.com/accounts.getAccountInfo"
    );
    let host = [("host", "accounts.eu1.gigya.com")];
    assert_eq!(
        site.post("getAccountInfo", &host, &params).await.json()["errorCode"],
        403_005
    );
    site.sandbox
        .gigya()
        .change_settings(|all| all.served_data_center = Some("au1".into()));
    site.refused("getAccountInfo", &[("UID", "x")], 301_001).await;
}

/// What an application signs, by the recipe of the README of the recordings: with an independent HMAC from ring.
fn signed(
    site: &Site,
    method: &str,
    params: &[(&str, &str)],
    timestamp: i64,
    nonce: &str,
) -> BTreeMap<&'static str, String> {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let application = &site.sandbox.gigya().applications()[0];
    let names = ["UID", "query"];
    let mut all: BTreeMap<&'static str, String> = BTreeMap::new();
    for name in names {
        if let Some((_, value)) = params.iter().find(|(known, _)| *known == name) {
            all.insert(name, (*value).to_owned());
        }
    }
    all.insert("apiKey", site.sandbox.gigya().settings().api_key);
    all.insert("userKey", application.user_key.clone());
    all.insert("timestamp", timestamp.to_string());
    all.insert("nonce", nonce.to_owned());
    let strict = |text: &str| -> String {
        let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        text.bytes()
            .map(|byte| {
                if keep(byte) {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            })
            .collect()
    };
    let pairs: Vec<String> = all
        .iter()
        .map(|(name, value)| format!("{name}={}", strict(value)))
        .collect();
    let url = format!("{}accounts.{method}", site.sandbox.url());
    let base = format!("POST&{}&{}", strict(&url), strict(&pairs.join("&")));
    let key = ring::hmac::Key::new(
        ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        &STANDARD.decode(&application.secret).unwrap(),
    );
    all.insert("sig", STANDARD.encode(ring::hmac::sign(&key, base.as_bytes())));
    all
}

#[tokio::test]
async fn a_signed_request_is_taken_once_and_only_in_its_time() {
    let site = Site::with(1).await;
    let id = uid(0);
    site.sandbox.clock().freeze();
    let now = site.sandbox.clock().now().unix_timestamp();
    let code = async |params: BTreeMap<&str, String>| {
        site.post("getAccountInfo", &[], &params).await.json()["errorCode"].clone()
    };
    let right = signed(&site, "getAccountInfo", &[("UID", &id)], now, "n1");
    assert_eq!(code(right.clone()).await, 0);
    assert_eq!(code(right).await, 403_004);
    assert_eq!(
        code(signed(&site, "getAccountInfo", &[("UID", &id)], now * 1000, "n2")).await,
        0
    );
    for (at, expected) in [
        (now - 300, 0),
        (now - 301, 403_002),
        (now + 300, 0),
        (now + 301, 403_002),
    ] {
        let nonce = format!("at{at}");
        assert_eq!(
            code(signed(&site, "getAccountInfo", &[("UID", &id)], at, &nonce)).await,
            expected,
            "{at}"
        );
    }
    assert_eq!(code(signed(&site, "search", &[("UID", &id)], now, "n3")).await, 403_003);
    let mut changed = signed(&site, "getAccountInfo", &[("UID", &id)], now, "n4");
    changed.insert("UID", "somebody else".into());
    assert_eq!(code(changed).await, 403_003);
    for name in ["nonce", "timestamp", "userKey"] {
        let mut lacking = signed(&site, "getAccountInfo", &[("UID", &id)], now, "n5");
        lacking.remove(name);
        assert_eq!(code(lacking).await, 400_002, "{name}");
    }
}

#[tokio::test]
async fn a_skewed_clock_is_told_by_the_date_header() {
    let site = Site::with(1).await;
    let id = uid(0);
    site.sandbox.clock().freeze();
    let ours = site.sandbox.clock().now().unix_timestamp();
    site.sandbox.clock().set_back(Duration::from_hours(2));
    let params = signed(&site, "getAccountInfo", &[("UID", &id)], ours, "a");
    let refused = site.post("getAccountInfo", &[], &params).await;
    assert_eq!(refused.json()["errorCode"], 403_002);
    let date = refused.headers["date"].to_str().unwrap();
    let format = time::macros::format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let theirs = time::PrimitiveDateTime::parse(date, &format)
        .unwrap()
        .assume_utc()
        .unix_timestamp();
    assert_eq!(ours - theirs, 7_200, "{date}");
    let mended = signed(&site, "getAccountInfo", &[("UID", &id)], theirs, "b");
    assert_eq!(site.post("getAccountInfo", &[], &mended).await.json()["errorCode"], 0);
}

#[tokio::test]
async fn an_application_without_a_permission_or_a_key_is_refused() {
    let second = GigyaApplication {
        user_key: "limited".into(),
        key: None,
        denied: vec!["accounts.deleteAccount".into()],
        ..GigyaApplication::default()
    };
    let config = GigyaConfig {
        applications: vec![second],
        accounts: vec![sample_account(0)],
        ..GigyaConfig::default()
    };
    let site = Site {
        sandbox: Sandbox::start(config).await.unwrap(),
        plain: Plain::new(),
    };
    site.refused("deleteAccount", &[("UID", &uid(0))], 403_007).await;
    assert!(site.sandbox.gigya().applications()[0].private_key_pem().is_none());
    assert!(
        GigyaApplication::default()
            .private_key_pem()
            .unwrap()
            .starts_with("-----BEGIN PRIVATE KEY-----\n")
    );
    let mut params = site.keyed(&[("UID", "x")]);
    params.remove("secret");
    let rubbish = [("authorization", "Bearer a.b.c")];
    assert_eq!(
        site.post("getAccountInfo", &rubbish, &params).await.json()["errorCode"],
        403_003
    );
}

#[tokio::test]
async fn an_account_is_found_by_uid_and_by_login_identifier() {
    let site = Site::with(60).await;
    let found = site
        .call(
            "getAccountInfo",
            &[("UID", &uid(3)), ("include", "profile,emails,loginIDs")],
        )
        .await;
    assert_eq!(found["UID"], uid(3));
    assert!(found["emails"]["unverified"].is_array() && found.get("data").is_none());
    let by = json!({"_email": email(9).to_uppercase()}).to_string();
    assert_eq!(site.call("getAccountInfo", &[("findBy", &by)]).await["UID"], uid(9));
    let by = json!({"_uid": uid(4), "_email": email(9)}).to_string();
    assert_eq!(site.call("getAccountInfo", &[("findBy", &by)]).await["UID"], uid(4));
    let shared = json!({"_email": email(24)}).to_string();
    assert_eq!(
        site.call("getAccountInfo", &[("findBy", &shared)]).await["UID"],
        uid(23)
    );
    site.refused(
        "getAccountInfo",
        &[("findBy", r#"{"_email":"nobody@example.com"}"#)],
        403_047,
    )
    .await;
    site.refused("getAccountInfo", &[("findBy", r#"{"loyalty":"7"}"#)], 403_005)
        .await;
    site.refused("getAccountInfo", &[("findBy", "no json")], 400_006).await;
    site.refused("getAccountInfo", &[], 400_002).await;
    site.refused("getAccountInfo", &[("UID", "x"), ("include", "shoes")], 400_006)
        .await;
}

#[tokio::test]
async fn search_pages_caps_and_finds_several_accounts_of_one_address() {
    let site = Site::with(60).await;
    let query = format!(
        r#"SELECT UID FROM accounts WHERE profile.email CONTAINS "{}""#,
        email(23)
    );
    let both = site.call("search", &[("query", &query)]).await;
    assert_eq!((&both["totalCount"], &both["objectsCount"]), (&json!(2), &json!(2)));
    let page = site
        .call("search", &[("query", &format!("{LIST} ORDER BY UID START 10 LIMIT 7"))])
        .await;
    assert_eq!(
        (page["results"].as_array().unwrap().len(), &page["totalCount"]),
        (7, &json!(59))
    );
    assert!(page.get("nextCursorId").is_none());
    for (wrong, code) in [
        ("SELECT * FROM accounts ORDER BY profile.email", 400_006),
        (r#"SELECT * FROM accounts WHERE profile.email > "a""#, 400_006),
        ("SELECT * FROM accounts LIMIT 3 START 1", 400_006),
    ] {
        site.refused("search", &[("query", wrong)], code).await;
    }
    site.refused("search", &[("query", LIST), ("restrictedQuery", ".*")], 400_096)
        .await;
    site.refused("search", &[], 400_002).await;
    site.refused("search", &[("query", LIST), ("timeout", "60001")], 400_006)
        .await;
    let all = site
        .call("search", &[("query", LIST), ("accountTypes", "full,lite")])
        .await;
    assert_eq!(all["totalCount"], 60);
}

#[tokio::test]
async fn a_cursor_hands_out_each_account_once_and_the_last_batch_again() {
    let site = Site::with(60).await;
    site.sandbox.clock().freeze();
    let query = format!("{LIST} LIMIT 25");
    let first = site.call("search", &[("query", &query), ("openCursor", "true")]).await;
    let next = first["nextCursorId"].as_str().unwrap();
    let second = site.call("search", &[("cursorId", next)]).await;
    assert_eq!(
        site.call("search", &[("cursorId", next)]).await["results"],
        second["results"]
    );
    let third = site
        .call("search", &[("cursorId", second["nextCursorId"].as_str().unwrap())])
        .await;
    assert!(third.get("nextCursorId").is_none());
    let sizes: Vec<u64> = [&first, &second, &third]
        .iter()
        .map(|page| page["objectsCount"].as_u64().unwrap())
        .collect();
    assert_eq!(sizes, [25, 25, 9]);
    site.refused("search", &[("cursorId", next)], 400_006).await;
    site.refused("search", &[("cursorId", "made up")], 400_006).await;
    site.refused("search", &[("cursorId", next), ("query", LIST)], 400_006)
        .await;
    site.refused(
        "search",
        &[("query", &format!("{LIST} LIMIT 1001")), ("openCursor", "true")],
        400_006,
    )
    .await;
    site.refused(
        "search",
        &[("query", &format!("{LIST} START 5")), ("openCursor", "true")],
        400_006,
    )
    .await;
    let again = site.call("search", &[("query", &query), ("openCursor", "true")]).await;
    site.sandbox.clock().advance(Duration::from_secs(301));
    site.refused(
        "search",
        &[("cursorId", again["nextCursorId"].as_str().unwrap())],
        400_006,
    )
    .await;
    site.sandbox.gigya().change_settings(|all| all.short_batches = true);
    let short = site.call("search", &[("query", &query), ("openCursor", "true")]).await;
    assert_eq!(short["objectsCount"], 13);
}

/// `providers.md` §2.5: the real one gives no guarantee against duplicates between pages.
#[tokio::test]
async fn batches_that_overlap_repeat_one_account_and_miss_another() {
    let site = Site::with(60).await;
    site.sandbox
        .gigya()
        .change_settings(|all| all.overlapping_batches = true);
    let query = format!("{LIST} LIMIT 25");
    let first = site.call("search", &[("query", &query), ("openCursor", "true")]).await;
    let next = first["nextCursorId"].as_str().unwrap();
    let second = site.call("search", &[("cursorId", next)]).await;
    assert_eq!(
        (&second["objectsCount"], &second["totalCount"]),
        (&first["objectsCount"], &first["totalCount"])
    );
    assert_eq!(second["results"][0], first["results"][24]);
}

#[tokio::test]
async fn search_follows_a_change_after_the_lag_and_getting_sees_it_at_once() {
    let site = Site::with(2).await;
    site.sandbox.clock().freeze();
    site.sandbox.gigya().change_settings(|all| all.search_lag_ms = 1_000);
    site.call(
        "setAccountInfo",
        &[("UID", &uid(0)), ("profile", r#"{"city":"Ghent","nickname":null}"#)],
    )
    .await;
    let found = site.call("getAccountInfo", &[("UID", &uid(0))]).await;
    assert_eq!(
        (&found["profile"]["city"], found["profile"].get("nickname")),
        (&json!("Ghent"), None)
    );
    assert_eq!(found["profile"]["email"], email(0));
    let query = r#"SELECT * FROM accounts WHERE profile.city = "Ghent""#;
    assert_eq!(site.call("search", &[("query", query)]).await["totalCount"], 0);
    site.sandbox.clock().advance(Duration::from_secs(1));
    assert_eq!(site.call("search", &[("query", query)]).await["totalCount"], 1);
    assert_eq!(site.call("deleteAccount", &[("UID", &uid(0))]).await["errorCode"], 0);
    site.refused("getAccountInfo", &[("UID", &uid(0))], 403_005).await;
    site.refused("deleteAccount", &[("UID", &uid(0))], 403_005).await;
}

#[tokio::test]
async fn a_change_is_checked_whole_before_it_is_written() {
    let site = Site::with(3).await;
    let (first, taken) = (uid(0), email(1));
    for (params, code) in [
        (vec![("profile", r#"{"city":"x","shoes":1}"#)], 400_006),
        (vec![("profile", "[1]")], 400_006),
        (vec![("profile", r#"{"email":"no address"}"#)], 400_006),
        (
            vec![("data", r#"{"a":1}"#), ("addLoginEmails", taken.as_str())],
            400_003,
        ),
        (vec![("isActive", "perhaps")], 400_006),
        (vec![("newPassword", "Long-enough-1")], 400_002),
        (vec![("newPassword", "short"), ("securityOverride", "true")], 400_009),
    ] {
        let all: Vec<(&str, &str)> = params.into_iter().chain([("UID", first.as_str())]).collect();
        site.refused("setAccountInfo", &all, code).await;
    }
    assert_eq!(site.sandbox.gigya().user(&first), Some(sample_account(0)));
    site.refused("setAccountInfo", &[("profile", "{}")], 400_002).await;
    site.refused("setAccountInfo", &[("UID", "nobody"), ("profile", "{}")], 403_005)
        .await;
    let params = [
        ("UID", first.as_str()),
        ("addLoginEmails", "new@example.com"),
        ("newPassword", "Long-enough-1"),
        ("securityOverride", "true"),
    ];
    assert_eq!(site.call("setAccountInfo", &params).await["errorCode"], 0);
    assert!(site.sandbox.gigya().is_password(&first, "Long-enough-1"));
    let by = r#"{"_email":"NEW@example.com"}"#;
    assert_eq!(site.call("getAccountInfo", &[("findBy", by)]).await["UID"], first);
}

#[tokio::test]
async fn registering_takes_a_token_and_ends_in_an_account_that_can_log_in() {
    let site = Site::with(2).await;
    site.sandbox.clock().freeze();
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
    let pending = site.refused("register", &right, 206_001).await;
    let account = pending["UID"].as_str().unwrap().to_owned();
    site.refused(
        "login",
        &[("loginID", "new@example.com"), ("password", "Long-enough-1")],
        206_001,
    )
    .await;
    site.refused("register", &right, 400_006).await;
    let done = site
        .call(
            "finalizeRegistration",
            &[("regToken", pending["regToken"].as_str().unwrap())],
        )
        .await;
    assert_eq!(
        (&done["UID"], &done["isRegistered"], &done["profile"]["firstName"]),
        (&json!(account), &json!(true), &json!("Nova"))
    );
    let session = done["sessionInfo"]["cookieValue"].as_str().unwrap();
    assert!(session.starts_with("st2."));
    let token = begin().await;
    let occupied = [
        ("regToken", token.as_str()),
        ("email", "NEW@example.com"),
        ("password", "x"),
        ("finalizeRegistration", "true"),
    ];
    let refused = site.refused("register", &occupied, 400_009).await;
    let fields: Vec<&Value> = refused["validationErrors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| &error["fieldName"])
        .collect();
    assert_eq!(fields, ["email", "password"]);
    site.sandbox.clock().advance(Duration::from_hours(1));
    let late = [
        ("regToken", token.as_str()),
        ("email", "late@example.com"),
        ("password", "Long-enough-1"),
    ];
    site.refused("register", &late, 400_006).await;
    assert_eq!(
        site.call("isAvailableLoginID", &[("loginID", "late@example.com")])
            .await["isAvailable"],
        true
    );
    assert_eq!(
        site.call("isAvailableLoginID", &[("loginID", "New@example.com")]).await["isAvailable"],
        false
    );
}

#[tokio::test]
async fn a_login_says_why_it_fails_and_locks_after_too_many() {
    let mut account = sample_account(0);
    account["password"] = "Long-enough-1".into();
    let site = Site::with(0).await;
    site.sandbox.clock().freeze();
    site.sandbox.gigya().seed([account]);
    let mail = email(0);
    let right = [("loginID", mail.as_str()), ("password", "Long-enough-1")];
    assert_eq!(site.call("login", &right).await["UID"], uid(0));
    site.refused(
        "login",
        &[("loginID", "nobody@example.com"), ("password", "x")],
        403_042,
    )
    .await;
    for _ in 0..5 {
        site.refused("login", &[("loginID", &mail), ("password", "wrong")], 403_042)
            .await;
    }
    site.refused("login", &right, 403_120).await;
    site.sandbox.clock().advance(Duration::from_secs(301));
    assert_eq!(site.call("login", &right).await["errorCode"], 0);
    site.sandbox
        .gigya()
        .change_settings(|all| all.require_verification = true);
    site.call("setAccountInfo", &[("UID", &uid(0)), ("isVerified", "false")])
        .await;
    site.refused("login", &right, 206_002).await;
    site.call("setAccountInfo", &[("UID", &uid(0)), ("isActive", "false")])
        .await;
    site.refused("login", &right, 403_041).await;
}

#[tokio::test]
async fn the_rate_limit_comes_inside_a_200_and_clients_reach_it_first() {
    let site = Site::with(1).await;
    site.sandbox.clock().freeze();
    let one = Quota {
        burst: 1,
        per_second: 1,
    };
    site.sandbox.gigya().change_settings(|all| all.client_quota = one);
    let mut client = site.keyed(&[("loginID", "x@example.com")]);
    client.remove("secret");
    assert_eq!(
        site.post("isAvailableLoginID", &[], &client).await.json()["errorCode"],
        0
    );
    let limited = site.post("isAvailableLoginID", &[], &client).await;
    assert_eq!(
        (limited.status.as_u16(), &limited.json()["errorCode"]),
        (200, &json!(403_048))
    );
    assert!(!limited.headers.contains_key("retry-after"));
    assert_eq!(
        site.call("isAvailableLoginID", &[("loginID", "x@example.com")]).await["errorCode"],
        0
    );
    site.sandbox.gigya().change_settings(|all| all.quota = one);
    site.call("isAvailableLoginID", &[("loginID", "x")]).await;
    let limited = site.refused("isAvailableLoginID", &[("loginID", "x")], 403_048).await;
    assert_eq!(limited["errorDetails"], "Api rate limit exceeded");
    site.sandbox.clock().advance(Duration::from_secs(1));
    assert_eq!(
        site.call("isAvailableLoginID", &[("loginID", "x")]).await["errorCode"],
        0
    );
}

#[tokio::test]
async fn malformed_requests_are_refused() {
    let site = Site::with(0).await;
    let url = format!("{}accounts.search", site.sandbox.url());
    let code = async |kind: (&str, &str), body: &str| {
        site.plain.send("POST", &url, &[kind], body).await.unwrap().json()["errorCode"].clone()
    };
    assert_eq!(code(("content-type", "application/json"), "{}").await, 400_001);
    assert_eq!(code(FORM, "apiKey=a&apiKey=b").await, 400_006);
    assert_eq!(code(FORM, "").await, 400_002);
    site.refused("makeCoffee", &[], 405_001).await;
    site.refused("search", &[("format", "jsonp"), ("query", LIST)], 400_006)
        .await;
}

#[tokio::test]
async fn faults_wear_gigyas_clothes() {
    let site = Site::with(30).await;
    let id = uid(0);
    let inject = |fault: Fault| site.sandbox.inject(FaultRule::from(fault).on("/accounts.").times(1));
    inject(Fault::ErrorCode { code: 409_030 });
    site.refused("getAccountInfo", &[("UID", &id)], 409_030).await;
    inject(Fault::Status {
        status: 429,
        retry_after: Some(3),
        reset_in: None,
        body: None,
    });
    let answer = site.post("getAccountInfo", &[], &site.keyed(&[("UID", &id)])).await;
    assert_eq!(
        (
            answer.status.as_u16(),
            &answer.json()["errorCode"],
            answer.number("retry-after")
        ),
        (429, &json!(403_048), 3)
    );
    inject(Fault::OtherUser);
    let other = site.call("getAccountInfo", &[("UID", &id)]).await;
    assert!(other["errorCode"] == 0 && other["UID"] != id.as_str());
    let query = format!("{LIST} ORDER BY UID LIMIT 5");
    let right = site.call("search", &[("query", &query)]).await;
    for (fault, changed) in [
        (Fault::Shuffled, 5),
        (Fault::Missing, 4),
        (Fault::Duplicated, 6),
        (Fault::OtherUser, 5),
    ] {
        inject(fault);
        let spoilt = site.call("search", &[("query", &query)]).await;
        assert_ne!(spoilt["results"], right["results"]);
        assert_eq!(spoilt["results"].as_array().unwrap().len(), changed);
    }
    inject(Fault::TruncatedJson);
    let cut = site.post("getAccountInfo", &[], &site.keyed(&[("UID", &id)])).await;
    assert!(cut.status == 200 && serde_json::from_slice::<Value>(&cut.body).is_err());
}

#[tokio::test]
async fn the_control_address_drives_gigya_and_hides_its_secrets() {
    let site = Site::with(3).await;
    let control = async |method: &str, path: &str, body: &str| {
        let url = format!("{}{path}", site.sandbox.control_url());
        site.plain.send(method, &url, &[], body).await.unwrap()
    };
    let state = control("GET", "state", "").await.json();
    assert_eq!(
        (&state["provider"], &state["users"], &state["dataCenter"]),
        (&json!("gigya"), &json!(3), &json!("eu1"))
    );
    control("POST", "users", r#"{"sample": 20}"#).await;
    assert_eq!(site.sandbox.gigya().user_count(), 20);
    control("PATCH", "settings", r#"{"searchLagMs": 7}"#).await;
    assert_eq!(site.sandbox.gigya().settings().search_lag_ms, 7);
    assert_eq!(control("PATCH", "settings", r#"{"shoes": 7}"#).await.status, 400);
    control("POST", "clock", r#"{"advanceMs": -60000}"#).await;
    let applications = control("GET", "applications", "").await.json();
    assert!(applications[0]["privateKey"].as_str().unwrap().contains("PRIVATE KEY"));
    assert_eq!(control("POST", "keys/rotate", "{}").await.status, 404);
    site.call("search", &[("query", LIST)]).await;
    let log = control("GET", "requests", "").await;
    let text = String::from_utf8_lossy(&log.body).into_owned();
    assert!(
        text.contains("secret=<hidden>") && !text.contains(&site.sandbox.gigya().applications()[0].secret),
        "{text}"
    );
    control("POST", "reset", "").await;
    assert_eq!(site.sandbox.gigya().user_count(), 3);
    assert_eq!(site.sandbox.gigya().settings().search_lag_ms, 0);
}
