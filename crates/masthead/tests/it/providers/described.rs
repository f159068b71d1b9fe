//! A generic provider: its settings are checked, set, and used by a running server.

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
    providers::{
        client::{UserApiClient, UserResponse, by_email, by_id},
        server::{FederatedTenant, ProviderTestServer},
    },
    support::{
        process,
        raw_http::FOREVER,
        readers::{LAST_NAME, PROVIDER_NAME, STORE_NAME, crid, email},
        sources::SSOR,
    },
};

const PAPER: &str = "guild";
const TENANT: &str = "north/daily/guild";

/// The settings of the stub, without its address and secret.
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

/// An additional field.
const METADATA: (&str, &str) = ("SSOR.Metadata.displayName", "/called/as");

/// The users of the stub.
type StubReaders = &'static [&'static str];

fn shown(name: &str) -> Value {
    json!({
        "ref": crid(name), "mails": [{"at": email(name)}],
        "called": {"given": PROVIDER_NAME, "family": LAST_NAME, "as": PROVIDER_NAME},
    })
}

type StubResult = Result<Json<Value>, StatusCode>;

/// Checks the credentials and the parameter.
fn admit(headers: &HeaderMap, requested: &Value) -> Result<(), StatusCode> {
    let proof = BASE64_STANDARD.encode(format!("masthead:{}", SSOR.secret));
    if headers["authorization"] == format!("Basic {proof}") && requested["edition"] == "north & south" {
        Ok(())
    } else {
        Err(StatusCode::UNAUTHORIZED)
    }
}

async fn person(State(readers): State<StubReaders>, headers: HeaderMap, Json(requested): Json<Value>) -> StubResult {
    admit(&headers, &requested)?;
    let wanted = readers.iter().find(|name| requested["want"]["ref"] == crid(name));
    Ok(Json(match wanted {
        Some(name) => json!({"ok": "yes", "hit": shown(name)}),
        None => json!({"ok": "no", "why": "E17"}),
    }))
}

async fn people(State(readers): State<StubReaders>, headers: HeaderMap, Json(requested): Json<Value>) -> StubResult {
    admit(&headers, &requested)?;
    let mail = requested["want"]["mail"].as_str().map(str::to_lowercase);
    let meant = readers
        .iter()
        .filter(|name| mail.as_ref().is_none_or(|mail| *mail == email(name)));
    Ok(Json(
        json!({"ok": "yes", "hits": meant.map(|name| shown(name)).collect::<Vec<_>>()}),
    ))
}

/// The stub's address, and its runtime; dropping that closes its connections.
fn stub(readers: StubReaders) -> (String, Runtime) {
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

/// The settings with this address and these overrides.
fn described(address: &str, otherwise: &[(&str, &str)]) -> Vec<String> {
    let secret = process::secret_variable(TENANT, "PROVIDER");
    let own = [("SSOR.BaseUrl", address), ("SSOR.SecretEnv", &*secret), METADATA];
    let all = DESCRIPTION.into_iter().chain(own);
    let kept = all.filter(|(key, _)| !otherwise.iter().any(|(other, _)| other == key));
    let all = kept.chain(otherwise.iter().copied());
    all.map(|(key, value)| format!("{key}={value}")).collect()
}

/// Runs `provider check` with these settings as a file.
fn check(server: &ProviderTestServer, settings: &[String]) -> Output {
    let file = format!("# A directory\n\n{}\n", settings.join("\n"));
    let arguments = ["provider", "check", "--settings", "-", "--tenant", TENANT];
    process::run(&server.settings, &arguments, &file)
}

/// Standard output and standard error.
fn printed(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

/// Repeats the request until the server uses the new settings.
async fn get_until_described(client: &UserApiClient, path: &str) -> UserResponse {
    let began = Instant::now();
    loop {
        let response = client.get(path, "new").await;
        let user = response.users().into_iter().next();
        if user.is_some_and(|user| user["metadata"]["displayName"] == PROVIDER_NAME) {
            return response;
        }
        assert!(began.elapsed() < FOREVER, "{response:?}");
    }
}

#[test]
fn generic_provider_is_checked_and_read() {
    let paper = FederatedTenant {
        source: &SSOR,
        shown: Vec::new(),
        ..FederatedTenant::new(PAPER)
    };
    let server = ProviderTestServer::start(&[paper], &[("PROVIDERS__FRESH", "0s")]);
    let (address, serving) = stub(&["both-guild", "provider-guild"]);
    let settings = described(&address, &[]);

    // Checked before a tenant has them.
    let output = check(&server, &settings);
    let (response, error) = printed(&output);
    assert!(output.status.success(), "{response}{error}");
    assert!(
        response.lines().count() >= 5 && !response.contains("differs"),
        "{response}"
    );
    for (otherwise, words) in [
        (("SSOR.List", "/people"), "List"),
        (("SSOR.NotFound.Codes", "E18"), "NotFound"),
        (("SSOR.AuthUser", "another"), "Auth"),
        (("SSOR.Field.FirstName", "/given"), "Field.FirstName"),
    ] {
        let output = check(&server, &described(&address, &[otherwise]));
        let (response, error) = printed(&output);
        assert_eq!(output.status.code(), Some(1), "{response}{error}");
        let differs = response
            .lines()
            .any(|line| line.starts_with("differs") && line.contains(words));
        assert!(differs, "{words} is missing in: {response}");
        assert!(error.contains("requests differ"), "{error}");
        for private in [LAST_NAME, PROVIDER_NAME, "hidden.example", SSOR.secret] {
            assert!(
                !response.contains(private) && !error.contains(private),
                "{response}{error}"
            );
        }
    }

    // Set while the server runs.
    let set = ["tenant", "set", TENANT, "SSOR.Param.product_code="];
    let set: Vec<_> = set.into_iter().chain(settings.iter().map(String::as_str)).collect();
    process::run_ok(&server.settings, &set, "");
    let client = server.client(PAPER);
    server.runtime.block_on(async {
        for path in [by_id("both-guild"), by_email("both-guild")] {
            let response = get_until_described(&client, &path).await;
            assert_eq!(
                (response.source("SSOR").0, response.source("Subscribe").0),
                ("ok", "ok")
            );
            assert_eq!(response.complete(), Some(true));
            let user = response.user();
            assert_eq!(
                (&user["firstName"], &user["state"]),
                (&PROVIDER_NAME.into(), &"Standard".into())
            );
            assert_eq!(user["metadata"]["city"], "Nowhereville", "the store's");
        }
        let response = client.get("/v4/Users?lastName=quizz", "list").await;
        assert_eq!(
            (response.users().len(), response.complete()),
            (3, Some(true)),
            "{response:?}"
        );
        let response = client.get(&by_id("missing"), "missing").await;
        response.assert_status(404, true);
    });
    let checked = ["provider", "check", "--tenant", TENANT];
    let response = process::run_ok(&server.settings, &checked, "");
    assert!(!response.contains("differs"), "{response}");

    // The provider is off.
    drop(serving);
    server.runtime.block_on(async {
        let response = client.get(&by_id("local-guild"), "off").await;
        assert_eq!(response.source("SSOR"), ("unavailable", "unavailable"));
        assert_eq!(response.user()["firstName"], STORE_NAME);
        client.get(&by_id("missing"), "off").await.assert_unconfirmed();
    });
    let output = process::run(&server.settings, &checked, "");
    let (response, _) = printed(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        response.contains("differs  an unknown id: ") && response.contains("BaseUrl"),
        "{response}"
    );
    server.stop();
}

#[test]
fn impossible_check_reports_the_reason() {
    let server = ProviderTestServer::start(&[FederatedTenant::new("alone")], &[]);
    for (settings, words) in [
        ("Flow.UserProvider=Unknown", "contains a known provider"),
        ("Flow.UserProvider=Auth0", "Auth0.ClientId"),
        ("Flow.UserProvider", "line 3"),
    ] {
        let output = check(&server, &[settings.to_owned()]);
        assert_eq!(output.status.code(), Some(1));
        let (response, error) = printed(&output);
        assert!(
            response.is_empty() && error.contains(words),
            "{words} is missing: {error}"
        );
    }
    let unknown = ["provider", "check", "--tenant", "north/daily/none"];
    assert!(process::run_err(&server.settings, &unknown, "").contains("no such tenant"));
    assert_eq!(
        process::run(&server.settings, &["provider", "check"], "").status.code(),
        Some(2)
    );
    server.runtime.block_on(async {
        server.client("alone").get(&by_id("missing"), "for the metrics").await;
    });
    server.stop();
}
