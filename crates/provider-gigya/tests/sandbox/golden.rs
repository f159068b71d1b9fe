//! Compares the requests with those of npm gigya for the same calls.

use std::{collections::BTreeMap, path::PathBuf};

use masthead_domain::{email::Email, query::UserFilter};
use masthead_ports::accounts::{AccountChange, NewAccount};
use serde_json::{Value, json};

use crate::support::{GigyaFixture, SourceClient, decoded, listing, with};
use masthead_provider_testkit::{first_name, new_account};

fn recording(name: &str) -> Value {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../sandbox/fixtures/gigya-node");
    serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap()
}

/// The compared parts of a request, without those that differ from call to call and the order of fields. Values are
/// compared as escaped, objects as parsed.
fn compared(method: &str, path: &str, query: &str, headers: &[(String, String)], body: &str) -> Value {
    let header = |name: &str| {
        headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
    };
    let mut fields: BTreeMap<&str, Value> = BTreeMap::new();
    for pair in body.split('&') {
        let (name, value) = pair.split_once('=').unwrap();
        let value = match name {
            "timestamp" => json!(value.parse::<i64>().is_ok()),
            "nonce" | "sig" => json!(!value.is_empty()),
            "profile" | "data" | "findBy" => serde_json::from_str(&decoded(value)).unwrap(),
            _ => value.into(),
        };
        assert!(fields.insert(name, value).is_none(), "{name} comes twice");
    }
    let bearer = header("authorization").map(|value| {
        let token = value.strip_prefix("Bearer ").unwrap().to_owned();
        token.split('.').count() == 3
    });
    json!({"method": method, "path": path, "query": query, "content-type": header("content-type"), "bearer": bearer, "fields": fields})
}

fn recorded(name: &str) -> Vec<Value> {
    let requests = recording(&format!("{name}.json"))["requests"].clone();
    let all = requests.as_array().unwrap().iter();
    all.map(|request| {
        let text = |member: &str| request[member].as_str().unwrap();
        let headers = request["headers"].as_object().unwrap().iter();
        let headers: Vec<_> = headers
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
            .collect();
        compared(text("method"), text("path"), text("query"), &headers, text("body"))
    })
    .collect()
}

fn local(fixture: &GigyaFixture) -> Vec<Value> {
    let log = fixture.sandbox.log_with_secrets().into_iter();
    log.map(|entry| compared(&entry.method, &entry.path, &entry.query, &entry.headers, &entry.body))
        .collect()
}

/// Without a field that only one of the two sends.
fn without(mut requests: Vec<Value>, field: &str) -> Vec<Value> {
    for request in &mut requests {
        request["fields"].as_object_mut().unwrap().remove(field);
    }
    requests
}

fn seed() -> Vec<Value> {
    recording("seed/accounts.json").as_array().unwrap().clone()
}

#[tokio::test]
async fn account_request_matches_library() {
    let fixture = with(seed(), &[]).await;
    for (at, account) in seed().iter().enumerate() {
        fixture.sandbox.clear_log();
        let found = fixture.by_id(account["UID"].as_str().unwrap()).await.unwrap().unwrap();
        assert_eq!(*found.first_name, *account["profile"]["firstName"].as_str().unwrap());
        assert_eq!(local(&fixture), recorded(&format!("get-{at}")));
    }
    fixture.sandbox.clear_log();
    assert!(fixture.by_id("nobody").await.unwrap().is_none());
    // The library requested its default fields.
    assert_eq!(without(local(&fixture), "include"), recorded("get-missing"));
}

#[tokio::test]
async fn bearer_request_matches_library() {
    let fixture = with(seed(), &[("Gigya.Auth", "bearer")]).await;
    fixture.by_id(seed()[1]["UID"].as_str().unwrap()).await.unwrap();
    assert_eq!(without(local(&fixture), "include"), recorded("get-bearer"));
}

#[tokio::test]
async fn address_request_matches_library() {
    let fixture = with(seed(), &[]).await;
    assert_eq!(fixture.ids_by_email("Ann+News@example.com").await, ["ann", "twin"]);
    let requests = local(&fixture);
    let search = requests
        .iter()
        .find(|request| request["path"] == "/accounts.search")
        .unwrap();
    let condition = |request: &Value| {
        let query = decoded(request["fields"]["query"].as_str().unwrap());
        let condition = query.split_once(" WHERE ").unwrap().1.to_lowercase();
        condition.replace(" limit 21", "")
    };
    // As the library's, and also for those who have it beside their profile.
    let (condition_sent, also) = condition(search)
        .split_once(" or ")
        .map(|(first, rest)| (first.to_owned(), rest.to_owned()))
        .unwrap();
    assert_eq!(condition_sent, condition(&recorded("search-by-email")[0]));
    assert_eq!(also.matches("contains \"ann+news@example.com\"").count(), 3, "{also}");
    for at in 1..=5 {
        fixture.sandbox.clear_log();
        let (uid, email) = (
            &seed()[at]["UID"],
            seed()[at]["profile"]["email"].as_str().unwrap().to_owned(),
        );
        assert_eq!(fixture.ids_by_email(&email).await, [uid.as_str().unwrap()]);
        let requests = local(&fixture);
        let search = requests
            .iter()
            .find(|request| request["path"] == "/accounts.search")
            .unwrap();
        // The library's query compared case.
        let wanted = condition(&recorded(&format!("search-odd-email-{at}"))[0])
            .replace(" = ", " contains ")
            .replace(" limit 10", "");
        let requests = condition(search);
        let first = requests.split(" or ").next().unwrap();
        assert_eq!(first, wanted);
    }
    fixture.sandbox.clear_log();
    let odd = seed()[1]["profile"]["email"].as_str().unwrap().to_owned();
    assert_eq!(fixture.by_email(&odd).await.unwrap().len(), 1);
    let requests = without(local(&fixture), "include");
    let direct = requests
        .iter()
        .find(|request| request["path"] == "/accounts.getAccountInfo")
        .unwrap();
    assert_eq!(*direct, recorded("get-by-email")[0]);
}

#[tokio::test]
async fn page_requests_match_library() {
    let fixture = with(seed(), &[("Gigya.PageSize", "3")]).await;
    let page = fixture.search(&listing(UserFilter::default(), 100)).await.unwrap();
    assert_eq!(page.accounts.len(), seed().len());
    let mut requests = local(&fixture);
    // Masthead requests more fields of each account than the library did.
    assert!(
        requests[0]["fields"]["query"]
            .as_str()
            .unwrap()
            .ends_with("%20FROM%20accounts%20LIMIT%203")
    );
    requests[0]["fields"]["query"] = recorded("search-cursor")[0]["fields"]["query"].clone();
    assert_eq!(requests, recorded("search-cursor"));
}

#[tokio::test]
async fn write_requests_match_library() {
    let settings = [("Gigya.MetadataMap", "note, plan")];
    let fixture = with(seed(), &settings).await;
    let name = |at: usize| seed()[at]["profile"]["firstName"].as_str().unwrap().to_owned();
    let change = AccountChange {
        first_name: Some(name(1).into()),
        metadata: vec![
            ("displayName".into(), None),
            ("note".into(), Some(name(4).into())),
            ("plan".into(), None),
        ],
        ..AccountChange::default()
    };
    fixture.update("ann", &change).await.unwrap();
    assert_eq!(local(&fixture)[..1], recorded("set"));
    fixture.sandbox.clear_log();
    let odd = "geheim'<>()*!~+&=% 2\u{fc}";
    fixture.set_password("ann", odd).await.unwrap();
    assert_eq!(local(&fixture), recorded("set-password"));
    fixture.sandbox.clear_log();
    assert!(fixture.update("nobody", &first_name("x")).await.is_err());
    assert_eq!(local(&fixture), recorded("set-missing"));
    fixture.sandbox.clear_log();
    fixture.delete(seed()[1]["UID"].as_str().unwrap()).await.unwrap();
    assert_eq!(local(&fixture), recorded("delete"));
}

#[tokio::test]
async fn registration_requests_match_library() {
    let fixture = with(seed(), &[("Gigya.MetadataMap", "note")]).await;
    let new = |email: &str| NewAccount {
        email: Email::parse(email).unwrap(),
        first_name: seed()[2]["profile"]["firstName"].as_str().unwrap().into(),
        last_name: seed()[2]["profile"]["lastName"].as_str().unwrap().into(),
        ..new_account(&[("note", "\u{fc}")])
    };
    for (email, name) in [
        ("neu+'<>()*!~&=%@example.com", "register"),
        ("ann+news@example.com", "register-existing"),
    ] {
        fixture.sandbox.clear_log();
        let made = fixture.create(&new(email)).await;
        assert_eq!(made.is_ok(), name == "register", "{made:?}");
        let mut wanted = recorded(name);
        // The library was given an address in the profile too.
        wanted[1]["fields"]["profile"].as_object_mut().unwrap().remove("email");
        let requests = local(&fixture);
        let token = requests[1]["fields"]["regToken"].clone();
        wanted[1]["fields"]["regToken"] = token;
        assert_eq!(requests, wanted);
    }
}

#[tokio::test]
async fn login_request_matches_library() {
    let fixture = with(seed(), &[]).await;
    for (password, name) in [("Sandbox-password-1", "login"), ("wrong", "login-wrong")] {
        fixture.sandbox.clear_log();
        fixture.sign_in("Ann+News@example.com", password).await.unwrap();
        assert_eq!(local(&fixture), recorded(name));
    }
}
