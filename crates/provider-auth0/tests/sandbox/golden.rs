//! What we put on the wire, held against what Auth0's own Node library sends for the same calls.

use std::path::PathBuf;

use masthead_domain::{email::Email, metadata::Metadata};
use masthead_ports::accounts::{AccountChange, AccountWriter, NewAccount, PlainPassword};
use masthead_sandbox::Recorded;
use serde_json::{Value, json};

use crate::support::{DATABASE, SourceClient, World, crid};

fn fixture(name: &str) -> Value {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../sandbox/fixtures/auth0-node");
    serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap()
}

/// The recorded requests of a call, in the form in which they are compared.
fn recorded(name: &str) -> Vec<Value> {
    let requests = fixture(&format!("{name}.json"))["requests"].clone();
    let text = |request: &Value, member: &str| request[member].as_str().unwrap().to_owned();
    let all = requests.as_array().unwrap().iter();
    all.map(|request| {
        let kind = request["headers"]["content-type"].as_str();
        compared(
            &text(request, "method"),
            &text(request, "path"),
            &text(request, "query"),
            kind,
            &text(request, "body"),
        )
    })
    .collect()
}

/// What the protocol says of a request: order of parameters, form fields and members apart, without what is a library's own.
fn compared(method: &str, path: &str, query: &str, kind: Option<&str>, body: &str) -> Value {
    let sorted = |text: &str| {
        let mut parts: Vec<String> = text.split('&').map(str::to_owned).collect();
        parts.sort();
        parts
    };
    let body = match serde_json::from_str::<Value>(body) {
        Ok(json @ Value::Object(_)) => json,
        _ => json!(sorted(body)),
    };
    json!({"method": method, "path": path, "query": sorted(query), "content-type": kind, "body": body})
}

fn ours(world: &World) -> Vec<Value> {
    let form = |entry: &Recorded| {
        let body = entry.body.replace(
            &encoded(world.sandbox.auth0().audience().as_str()),
            "https%3A%2F%2Ftenant.example%2Fapi%2Fv2%2F",
        );
        if entry.path != "/oauth/token" {
            assert!(entry.header("authorization").unwrap().starts_with("Bearer "));
        }
        compared(
            &entry.method,
            &entry.path,
            &entry.query,
            entry.header("content-type"),
            &body,
        )
    };
    world.sandbox.log_with_secrets().iter().map(form).collect()
}

fn encoded(text: &str) -> String {
    text.replace(':', "%3A").replace('/', "%2F")
}

/// A world with the users of the recordings, whose token is already fetched.
async fn world(settings: &[(&str, &str)]) -> World {
    let users = fixture("seed/users.json").as_array().unwrap().clone();
    let world = World::with(users, settings).await;
    world.by_id("auth0|plain").await.unwrap();
    world.sandbox.clear_log();
    world
}

#[tokio::test]
async fn a_user_is_asked_for_as_the_library_does() {
    let world = world(&[]).await;
    for (at, id) in ["plain", "a b+c", "sla/sh?x=1&y#z", "k\u{e4}se%41"].iter().enumerate() {
        world.sandbox.clear_log();
        world.by_id(&format!("auth0|{id}")).await.unwrap();
        assert_eq!(ours(&world), recorded(&format!("get-{at}")));
    }
    world.sandbox.clear_log();
    world.by_id("waad|Ann.O'Neil@example.com~(x)*!").await.unwrap();
    assert_eq!(ours(&world), recorded("get-4"));
    world.sandbox.clear_log();
    world.by_id("auth0|nobody").await.unwrap();
    assert_eq!(ours(&world)[..1], recorded("get-missing"));
}

#[tokio::test]
async fn a_linked_identity_is_searched_as_the_library_does() {
    let world = world(&[]).await;
    world.by_id("github|ann").await.unwrap();
    assert_eq!(ours(&world)[1..2], recorded("list-by-linked-identity"));
}

#[tokio::test]
async fn an_address_is_asked_for_as_the_library_does() {
    let world = world(&[]).await;
    world.by_email("Ann+News@example.com").await.unwrap();
    let mut asked = ours(&world);
    asked.sort_by_key(|request| request["path"].as_str().map(str::len));
    // The library was given capitals; our keys have none, and search does not mind.
    let search = recorded("list-by-email")[0]
        .to_string()
        .replace("Ann%2BNews", "ann%2Bnews");
    assert_eq!(asked[0].to_string(), search);
    assert_eq!(asked[1..], recorded("by-email"));
    world.sandbox.clear_log();
    world.by_email("o'neil&co=1/\u{e9} \u{fc}%@example.com").await.unwrap();
    assert!(
        ours(&world).contains(&recorded("by-email-odd")[0]),
        "{:?}",
        ours(&world)
    );
}

#[tokio::test]
async fn a_token_is_asked_for_as_the_library_does() {
    let world = World::with(vec![], &[]).await;
    world.by_id("auth0|nobody").await.unwrap();
    assert_eq!(ours(&world)[0], recorded("token")[0]);
}

#[tokio::test]
async fn pages_are_asked_for_as_the_library_does() {
    use masthead_domain::{
        order::Order,
        query::{CountMode, Position, UserFilter, UserQuery},
    };
    use masthead_ports::source::UserSource as _;
    let world = world(&[("Auth0.PageSize", "4")]).await;
    let query = UserQuery {
        filter: UserFilter::default(),
        order: Order::default(),
        position: Position::Offset(0),
        size: 1_000,
        count: CountMode::None,
    };
    world.auth0.search(&world.cx(), &query).await.unwrap();
    // The library was told to begin with the youngest.
    let wanted = json!(recorded("list-next-page"))
        .to_string()
        .replace("created_at%3A-1", "created_at%3A1");
    assert_eq!(json!(ours(&world)).to_string(), wanted);
}

#[tokio::test]
async fn writes_are_made_as_the_library_makes_them() {
    let settings = [
        ("Auth0.Connections", DATABASE),
        ("Auth0.Connection", DATABASE),
        ("Auth0.MetadataMap", "app_metadata.plan=plan, gone=displayName"),
    ];
    let world = world(&settings).await;
    let (cx, ann) = (world.cx(), crid("auth0|ann"));
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let new = NewAccount {
        email: Email::parse("new@example.com").unwrap(),
        password: Some(PlainPassword::new("Sandbox-password-1")),
        first_name: "Nova".into(),
        last_name: "M\u{fc}ller".into(),
        verified: false,
        metadata: Metadata::from_valid([pair("phoneNumber", "+12025550100"), pair("plan", "digital")]),
    };
    world.auth0.create(&cx, &new).await.unwrap();
    let change = AccountChange {
        first_name: Some("Anna".into()),
        metadata: vec![
            ("timeZone".into(), Some("Europe/Oslo".into())),
            ("displayName".into(), None),
        ],
        ..AccountChange::default()
    };
    world.auth0.update(&cx, &ann, &change).await.unwrap();
    world
        .auth0
        .set_email(&cx, &ann, &Email::parse("anna@example.com").unwrap(), true)
        .await
        .unwrap();
    world
        .auth0
        .set_password(&cx, &ann, &PlainPassword::new("Sandbox-password-2"))
        .await
        .unwrap();
    world.auth0.delete(&cx, &crid("auth0|a b+c")).await.unwrap();
    let calls = ["create", "update", "update-email", "update-password", "delete"];
    for (ours, call) in ours(&world).iter().zip(calls) {
        assert_eq!(*ours, recorded(call)[0], "{call}");
    }
}
