//! A directory that no code knows, described in settings alone: tried, set, and asked by a running server.

use std::{process::Output, time::Instant};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tokio::{net::TcpListener, runtime::Runtime};

use crate::{
    asking::{Client, Told, by_email, by_id},
    people::{LAST_NAME, OUR_NAME, THEIR_NAME, crid, email},
    support::{served, wire::FOREVER},
    under_test::SSOR,
    world::{Paper, World},
};

const PAPER: &str = "guild";
const TENANT: &str = "north/daily/guild";

/// How a tenant describes the stub, without its address and its secret's place.
const DESCRIPTION: [(&str, &str); 25] = [
    ("Flow.UserProvider", "SSOR"),
    ("SSOR.Preset", "none"),
    ("SSOR.Auth", "basic"),
    ("SSOR.AuthUser", "masthead"),
    ("SSOR.Param.edition", "north & south"),
    ("SSOR.ById.Method", "POST"),
    ("SSOR.ById.Path", "/rpc/person"),
    ("SSOR.ById.Body", r#"{"want": {"ref": "{id}"}}"#),
    ("SSOR.ByEmail.Method", "POST"),
    ("SSOR.ByEmail.Path", "/rpc/people"),
    ("SSOR.ByEmail.Body", r#"{"want": {"mail": "{email}"}}"#),
    ("SSOR.Search.Method", "POST"),
    ("SSOR.Search.Path", "/rpc/people"),
    ("SSOR.Search.Body", r#"{"want": {}}"#),
    ("SSOR.Page.Style", "none"),
    ("SSOR.Envelope.Status", "/ok"),
    ("SSOR.Envelope.Ok", "yes"),
    ("SSOR.Envelope.Code", "/why"),
    ("SSOR.NotFound.Codes", "E17"),
    ("SSOR.User", "/hit"),
    ("SSOR.List", "/hits"),
    ("SSOR.Field.Id", "/ref"),
    ("SSOR.Field.Email", "/mails/0/at"),
    ("SSOR.Field.FirstName", "/called/given"),
    ("SSOR.Field.LastName", "/called/family"),
];

/// What it is asked for beside.
const METADATA: (&str, &str) = ("SSOR.Metadata.displayName", "/called/as");

/// The readers of the stub.
type Readers = &'static [&'static str];

fn shown(name: &str) -> Value {
    json!({
        "ref": crid(name), "mails": [{"at": email(name)}],
        "called": {"given": THEIR_NAME, "family": LAST_NAME, "as": THEIR_NAME},
    })
}

type Answer = Result<Json<Value>, StatusCode>;

/// Lets in the tenant that is described.
fn admit(headers: &HeaderMap, asked: &Value) -> Result<(), StatusCode> {
    let proof = BASE64_STANDARD.encode(format!("masthead:{}", SSOR.secret));
    if headers["authorization"] == format!("Basic {proof}") && asked["edition"] == "north & south" {
        Ok(())
    } else {
        Err(StatusCode::UNAUTHORIZED)
    }
}

async fn person(State(readers): State<Readers>, headers: HeaderMap, Json(asked): Json<Value>) -> Answer {
    admit(&headers, &asked)?;
    let wanted = readers.iter().find(|name| asked["want"]["ref"] == crid(name));
    Ok(Json(match wanted {
        Some(name) => json!({"ok": "yes", "hit": shown(name)}),
        None => json!({"ok": "no", "why": "E17"}),
    }))
}

async fn people(State(readers): State<Readers>, headers: HeaderMap, Json(asked): Json<Value>) -> Answer {
    admit(&headers, &asked)?;
    let mail = asked["want"]["mail"].as_str().map(str::to_lowercase);
    let meant = readers
        .iter()
        .filter(|name| mail.as_ref().is_none_or(|mail| *mail == email(name)));
    Ok(Json(
        json!({"ok": "yes", "hits": meant.map(|name| shown(name)).collect::<Vec<_>>()}),
    ))
}

/// The stub, at an address of its own; on a runtime of its own, with which its connections end too.
fn stub(readers: Readers) -> (String, Runtime) {
    let routes = Router::new()
        .route("/rpc/person", post(person))
        .route("/rpc/people", post(people))
        .with_state(readers);
    let runtime = Runtime::new().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    runtime.spawn(async move { axum::serve(listener, routes).await.unwrap() });
    (address, runtime)
}

/// The description with this address, and these settings otherwise.
fn described(address: &str, otherwise: &[(&str, &str)]) -> Vec<String> {
    let own = [
        ("SSOR.BaseUrl", address),
        ("SSOR.SecretEnv", "MASTHEAD_SECRET_SSOR"),
        METADATA,
    ];
    let all = DESCRIPTION.into_iter().chain(own);
    let kept = all.filter(|(key, _)| !otherwise.iter().any(|(other, _)| other == key));
    let all = kept.chain(otherwise.iter().copied());
    all.map(|(key, value)| format!("{key}={value}")).collect()
}

/// What the check of these settings says, as a file.
fn check(world: &World, settings: &[String]) -> Output {
    let file = format!("# A directory\n\n{}\n", settings.join("\n"));
    served::run(&world.settings, &["provider", "check", "--settings", "-"], &file)
}

/// Standard output, and standard error.
fn said(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

/// Asks until the server follows the new settings.
async fn ask_until_described(client: &Client, path: &str) -> Told {
    let began = Instant::now();
    loop {
        let told = client.ask(path, "new").await;
        let user = told.users().into_iter().next();
        if user.is_some_and(|user| user["metadata"]["displayName"] == THEIR_NAME) {
            return told;
        }
        assert!(began.elapsed() < FOREVER, "{told:?}");
    }
}

#[test]
fn a_directory_described_in_settings_alone_is_tried_and_then_asked() {
    let paper = Paper {
        source: &SSOR,
        shown: Vec::new(),
        ..Paper::of(PAPER)
    };
    let world = World::start(&[paper], &[("PROVIDERS__FRESH", "0s")]);
    let (address, serving) = stub(&["both-guild", "theirs-guild"]);
    let settings = described(&address, &[]);

    // Tried before any tenant is set so.
    let output = check(&world, &settings);
    let (told, error) = said(&output);
    assert!(output.status.success(), "{told}{error}");
    assert!(told.lines().count() >= 5 && !told.contains("differs"), "{told}");
    for (otherwise, words) in [
        (("SSOR.List", "/people"), "List"),
        (("SSOR.NotFound.Codes", "E18"), "NotFound"),
        (("SSOR.AuthUser", "somebody"), "Auth"),
        (("SSOR.Field.FirstName", "/given"), "Field.FirstName"),
    ] {
        let output = check(&world, &described(&address, &[otherwise]));
        let (told, error) = said(&output);
        assert_eq!(output.status.code(), Some(1), "{told}{error}");
        let differs = told
            .lines()
            .any(|line| line.starts_with("differs") && line.contains(words));
        assert!(differs, "{words} is not told of: {told}");
        assert!(error.contains("requests differ"), "{error}");
        for private in [LAST_NAME, THEIR_NAME, "hidden.example", SSOR.secret] {
            assert!(!told.contains(private) && !error.contains(private), "{told}{error}");
        }
    }

    // Set while the server runs.
    let set = ["tenant", "set", TENANT, "SSOR.Param.product_code="];
    let set: Vec<_> = set.into_iter().chain(settings.iter().map(String::as_str)).collect();
    served::done(&world.settings, &set, "");
    let client = world.client(PAPER);
    world.runtime.block_on(async {
        for path in [by_id("both-guild"), by_email("both-guild")] {
            let told = ask_until_described(&client, &path).await;
            assert_eq!((told.source("SSOR").0, told.source("Subscribe").0), ("ok", "ok"));
            assert_eq!(told.complete(), Some(true));
            let user = told.user();
            assert_eq!(
                (&user["firstName"], &user["state"]),
                (&THEIR_NAME.into(), &"Standard".into())
            );
            assert_eq!(user["metadata"]["city"], "Nowhereville", "the store's");
        }
        let told = client.ask("/v4/Users?lastName=quizz", "list").await;
        assert_eq!((told.users().len(), told.complete()), (3, Some(true)), "{told:?}");
        let told = client.ask(&by_id("nobody"), "nobody").await;
        assert_eq!((told.status, told.complete()), (404, Some(true)));
    });
    let checked = ["provider", "check", "--tenant", TENANT];
    let told = served::done(&world.settings, &checked, "");
    assert!(!told.contains("differs"), "{told}");

    // And gone.
    drop(serving);
    world.runtime.block_on(async {
        let told = client.ask(&by_id("ours-guild"), "off").await;
        assert_eq!(told.source("SSOR"), ("unavailable", "unavailable"));
        assert_eq!(told.user()["firstName"], OUR_NAME);
        client.ask(&by_id("nobody"), "off").await.cannot_tell();
    });
    let output = served::run(&world.settings, &checked, "");
    let (told, _) = said(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        told.contains("differs  an unknown id: ") && told.contains("BaseUrl"),
        "{told}"
    );
    world.end();
}

#[test]
fn a_check_that_cannot_be_made_says_why() {
    let world = World::start(&[Paper::of("alone")], &[]);
    for (settings, words) in [
        ("Flow.UserProvider=Nobody", "contains no known provider"),
        ("Flow.UserProvider=Auth0", "Auth0.ClientId"),
        ("Flow.UserProvider", "line 3"),
    ] {
        let output = check(&world, &[settings.to_owned()]);
        assert_eq!(output.status.code(), Some(1));
        let (told, error) = said(&output);
        assert!(told.is_empty() && error.contains(words), "{words} is not told: {error}");
    }
    let output = served::run(
        &world.settings,
        &["provider", "check", "--tenant", "north/daily/none"],
        "",
    );
    assert!(said(&output).1.contains("no such tenant"));
    assert_eq!(
        served::run(&world.settings, &["provider", "check"], "").status.code(),
        Some(2)
    );
    world.runtime.block_on(async {
        world
            .client("alone")
            .ask(&by_id("nobody"), "metrics have something to tell")
            .await;
    });
    world.end();
}
