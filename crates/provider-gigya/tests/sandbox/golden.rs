//! What we put on the wire, held against what npm gigya sends for the same calls.

use std::{collections::BTreeMap, path::PathBuf};

use masthead_domain::{email::Email, metadata::Metadata, query::UserFilter};
use masthead_ports::{
    accounts::{AccountChange, AccountWriter, NewAccount, PlainPassword},
    source::UserSource as _,
};
use serde_json::{Value, json};

use crate::support::{SourceClient, World, crid, listing};

fn fixture(name: &str) -> Value {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../sandbox/fixtures/gigya-node");
    serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap()
}

/// A request as it is compared: what differs from call to call, and the order of the fields, apart. Values are held against
/// each other as they are escaped, objects as what they say.
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
            "profile" | "data" | "findBy" => serde_json::from_str(&unescaped(value)).unwrap(),
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

fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next().unwrap()).to_digit(16).unwrap();
            bytes.push(u8::try_from(digit() * 16 + digit()).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn recorded(name: &str) -> Vec<Value> {
    let requests = fixture(&format!("{name}.json"))["requests"].clone();
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

fn ours(world: &World) -> Vec<Value> {
    let log = world.sandbox.log_with_secrets().into_iter();
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
    fixture("seed/accounts.json").as_array().unwrap().clone()
}

#[tokio::test]
async fn an_account_is_asked_for_as_the_library_does() {
    let world = World::with(seed(), &[]).await;
    for (at, account) in seed().iter().enumerate() {
        world.sandbox.clear_log();
        let found = world.by_id(account["UID"].as_str().unwrap()).await.unwrap().unwrap();
        assert_eq!(*found.first_name, *account["profile"]["firstName"].as_str().unwrap());
        assert_eq!(ours(&world), recorded(&format!("get-{at}")));
    }
    world.sandbox.clear_log();
    assert!(world.by_id("nobody").await.unwrap().is_none());
    // The library was told to show the usual.
    assert_eq!(without(ours(&world), "include"), recorded("get-missing"));
}

#[tokio::test]
async fn an_account_is_asked_for_with_a_token_as_the_library_does() {
    let world = World::with(seed(), &[("Gigya.Auth", "bearer")]).await;
    world.by_id(seed()[1]["UID"].as_str().unwrap()).await.unwrap();
    assert_eq!(without(ours(&world), "include"), recorded("get-bearer"));
}

#[tokio::test]
async fn an_address_is_asked_for_as_the_library_does() {
    let world = World::with(seed(), &[]).await;
    assert_eq!(world.ids_by_email("Ann+News@example.com").await, ["ann", "twin"]);
    let asked = ours(&world);
    let search = asked
        .iter()
        .find(|request| request["path"] == "/accounts.search")
        .unwrap();
    let condition = |request: &Value| {
        let query = unescaped(request["fields"]["query"].as_str().unwrap());
        let condition = query.split_once(" WHERE ").unwrap().1.to_lowercase();
        condition.replace(" limit 21", "")
    };
    // As the library's, and also for those who have it beside their profile.
    let (asked_for, also) = condition(search)
        .split_once(" or ")
        .map(|(first, rest)| (first.to_owned(), rest.to_owned()))
        .unwrap();
    assert_eq!(asked_for, condition(&recorded("search-by-email")[0]));
    assert_eq!(also.matches("contains \"ann+news@example.com\"").count(), 3, "{also}");
    for at in 1..=5 {
        world.sandbox.clear_log();
        let (uid, email) = (
            &seed()[at]["UID"],
            seed()[at]["profile"]["email"].as_str().unwrap().to_owned(),
        );
        assert_eq!(world.ids_by_email(&email).await, [uid.as_str().unwrap()]);
        let asked = ours(&world);
        let search = asked
            .iter()
            .find(|request| request["path"] == "/accounts.search")
            .unwrap();
        // The library was told to mind the case.
        let wanted = condition(&recorded(&format!("search-odd-email-{at}"))[0])
            .replace(" = ", " contains ")
            .replace(" limit 10", "");
        let asked = condition(search);
        let first = asked.split(" or ").next().unwrap();
        assert_eq!(first, wanted);
    }
    world.sandbox.clear_log();
    let odd = seed()[1]["profile"]["email"].as_str().unwrap().to_owned();
    assert_eq!(world.by_email(&odd).await.unwrap().len(), 1);
    let asked = without(ours(&world), "include");
    let direct = asked
        .iter()
        .find(|request| request["path"] == "/accounts.getAccountInfo")
        .unwrap();
    assert_eq!(*direct, recorded("get-by-email")[0]);
}

#[tokio::test]
async fn pages_are_asked_for_as_the_library_does() {
    let world = World::with(seed(), &[("Gigya.PageSize", "3")]).await;
    let page = world
        .gigya
        .search(&world.cx(), &listing(UserFilter::default(), 100))
        .await
        .unwrap();
    assert_eq!(page.accounts.len(), seed().len());
    let mut asked = ours(&world);
    // More is shown of each account than the library was told to.
    assert!(
        asked[0]["fields"]["query"]
            .as_str()
            .unwrap()
            .ends_with("%20FROM%20accounts%20LIMIT%203")
    );
    asked[0]["fields"]["query"] = recorded("search-cursor")[0]["fields"]["query"].clone();
    assert_eq!(asked, recorded("search-cursor"));
}

#[tokio::test]
async fn writes_are_made_as_the_library_makes_them() {
    let settings = [("Gigya.MetadataMap", "note, plan")];
    let world = World::with(seed(), &settings).await;
    let (cx, ann) = (world.cx(), crid("ann"));
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
    world.gigya.update(&cx, &ann, &change).await.unwrap();
    assert_eq!(ours(&world)[..1], recorded("set"));
    world.sandbox.clear_log();
    let odd = PlainPassword::new("geheim'<>()*!~+&=% 2\u{fc}");
    world.gigya.set_password(&cx, &ann, &odd).await.unwrap();
    assert_eq!(ours(&world), recorded("set-password"));
    world.sandbox.clear_log();
    let change = AccountChange {
        first_name: Some("x".into()),
        ..AccountChange::default()
    };
    assert!(world.gigya.update(&cx, &crid("nobody"), &change).await.is_err());
    assert_eq!(ours(&world), recorded("set-missing"));
    world.sandbox.clear_log();
    world
        .gigya
        .delete(&cx, &crid(seed()[1]["UID"].as_str().unwrap()))
        .await
        .unwrap();
    assert_eq!(ours(&world), recorded("delete"));
}

#[tokio::test]
async fn accounts_are_made_as_the_library_makes_them() {
    let world = World::with(seed(), &[("Gigya.MetadataMap", "note")]).await;
    let new = |email: &str| NewAccount {
        email: Email::parse(email).unwrap(),
        password: Some(PlainPassword::new("Sandbox-password-1")),
        first_name: seed()[2]["profile"]["firstName"].as_str().unwrap().into(),
        last_name: seed()[2]["profile"]["lastName"].as_str().unwrap().into(),
        verified: false,
        metadata: Metadata::from_valid([("note".to_owned(), "\u{fc}".to_owned())]),
    };
    for (email, name) in [
        ("neu+'<>()*!~&=%@example.com", "register"),
        ("ann+news@example.com", "register-existing"),
    ] {
        world.sandbox.clear_log();
        let made = world.gigya.create(&world.cx(), &new(email)).await;
        assert_eq!(made.is_ok(), name == "register", "{made:?}");
        let mut wanted = recorded(name);
        // The library was given an address in the profile too.
        wanted[1]["fields"]["profile"].as_object_mut().unwrap().remove("email");
        let asked = ours(&world);
        let token = asked[1]["fields"]["regToken"].clone();
        wanted[1]["fields"]["regToken"] = token;
        assert_eq!(asked, wanted);
    }
}

#[tokio::test]
async fn somebody_signs_in_as_the_library_does() {
    let world = World::with(seed(), &[]).await;
    for (password, name) in [("Sandbox-password-1", "login"), ("wrong", "login-wrong")] {
        world.sandbox.clear_log();
        world
            .gigya
            .login(&world.cx(), "Ann+News@example.com", &PlainPassword::new(password))
            .await
            .unwrap();
        assert_eq!(ours(&world), recorded(name));
    }
}
