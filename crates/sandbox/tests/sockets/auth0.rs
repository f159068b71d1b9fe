//! The stand-in Auth0 over a socket: each endpoint, its rules and its error bodies.

use std::time::Duration;

use crate::support::{World, encoded, ids};
use masthead_sandbox::Quota;
use serde_json::{Value, json};

fn with(body: Value, name: &str, value: &str) -> Value {
    let mut body = body;
    body[name] = value.into();
    body
}

#[tokio::test]
async fn a_token_is_given_for_json_and_for_a_form() {
    let world = World::with(0).await;
    let answer = world.ask_for_token(&world.credentials()).await.json();
    assert_eq!(
        (&answer["token_type"], &answer["expires_in"]),
        (&json!("Bearer"), &json!(86_400))
    );
    assert!(answer["scope"].as_str().unwrap().contains("read:users"));
    let right = world.credentials();
    let form: Vec<String> = right
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| format!("{name}={}", encoded(value.as_str().unwrap())))
        .collect();
    let wire = raw(
        &world,
        "POST",
        "/oauth/token",
        "content-type: application/x-www-form-urlencoded\r\n",
        &form.join("&"),
    )
    .await;
    assert!(
        wire.starts_with("HTTP/1.1 200 OK\r\n") && wire.contains("access_token"),
        "{wire}"
    );
}

#[tokio::test]
async fn a_wrong_token_request_is_refused_in_the_oauth_envelope() {
    let world = World::with(0).await;
    let right = world.credentials();
    let url = world.sandbox.url().to_owned();
    for (body, status, error) in [
        (with(right.clone(), "client_secret", "wrong"), 401, "access_denied"),
        (with(right.clone(), "client_id", "nobody"), 401, "access_denied"),
        (
            with(right.clone(), "audience", &format!("{url}api/v2")),
            403,
            "access_denied",
        ),
        (
            with(right.clone(), "grant_type", "password"),
            403,
            "unauthorized_client",
        ),
        (
            with(right.clone(), "grant_type", "magic"),
            403,
            "unsupported_grant_type",
        ),
        (with(right.clone(), "grant_type", ""), 400, "invalid_request"),
    ] {
        let answer = world.ask_for_token(&body).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["error"]),
            (status, &json!(error)),
            "{body}"
        );
        assert!(answer.json()["error_description"].is_string());
    }
}

#[tokio::test]
async fn the_token_endpoint_has_a_quota_of_its_own() {
    let world = World::with(0).await;
    world.sandbox.clock().freeze();
    world.sandbox.auth0().change_settings(|all| {
        all.token_quota = Quota {
            burst: 1,
            per_second: 1,
        }
    });
    assert_eq!(world.ask_for_token(&world.credentials()).await.status, 200);
    let refused = world.ask_for_token(&world.credentials()).await;
    assert_eq!(refused.status, 429);
    assert_eq!(
        refused.json(),
        json!({"error": "too_many_requests", "error_description": "Client quota exceeded"})
    );
    assert!(refused.number("retry-after") >= 1);
    assert!(refused.headers.contains_key("auth0-client-quota-limit"));
}

#[tokio::test]
async fn the_discovery_document_leads_to_the_key_set() {
    let world = World::with(0).await;
    let document = world
        .call("GET", "/.well-known/openid-configuration", None)
        .await
        .json();
    assert_eq!(document["issuer"], world.sandbox.url());
    let keys = world
        .send("GET", document["jwks_uri"].as_str().unwrap(), None)
        .await
        .unwrap()
        .json();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1);
    for member in ["kty", "use", "alg", "kid", "n", "e", "x5t", "x5c"] {
        assert!(keys["keys"][0].get(member).is_some(), "{member}");
    }
    assert!(world.sandbox.auth0().rotate_keys(false));
    let keys = world
        .send("GET", document["jwks_uri"].as_str().unwrap(), None)
        .await
        .unwrap()
        .json();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 2);
    assert_eq!(keys["keys"][0]["kid"], world.sandbox.auth0().key_ids()[0]);
}

#[tokio::test]
async fn every_call_checks_its_token() {
    let mut world = World::with(1).await;
    let right = world.token.clone().unwrap();
    world.token = None;
    let answer = world.call("GET", "/api/v2/users", None).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["error"]),
        (401, &json!("Unauthorized"))
    );
    world.token = Some("rubbish".into());
    assert_eq!(
        world.call("GET", "/api/v2/users", None).await.json()["message"],
        "Invalid token."
    );
    let claims = json!({"aud": world.sandbox.auth0().audience(), "scope": "read:clients"});
    world.token = world.sandbox.auth0().mint(&claims);
    let answer = world.call("GET", "/api/v2/users", None).await;
    assert_eq!(answer.status, 403);
    assert_eq!(
        answer.json(),
        json!({"statusCode": 403, "error": "Forbidden", "errorCode": "insufficient_scope",
        "message": "Insufficient scope, expected any of: read:users"})
    );
    world.token = world
        .sandbox
        .auth0()
        .mint(&json!({"aud": "https://elsewhere.example/", "scope": "read:users"}));
    assert_eq!(world.call("GET", "/api/v2/users", None).await.status, 401);
    world.token = Some(right);
    assert_eq!(world.call("GET", "/api/v2/users", None).await.status, 200);
    world.sandbox.clock().advance(Duration::from_secs(86_401));
    let answer = world.call("GET", "/api/v2/users", None).await;
    assert_eq!(answer.status, 401);
    assert_eq!(
        answer.json()["message"],
        "Expired token received for JSON Web Token validation"
    );
    assert_eq!(answer.json()["attributes"]["error"], answer.json()["message"]);
    world.sign_in().await;
    assert!(world.sandbox.auth0().rotate_keys(true));
    let answer = world.call("GET", "/api/v2/users", None).await;
    assert_eq!(
        answer.json()["message"],
        "Invalid signature received for JSON Web Token validation."
    );
}

#[tokio::test]
async fn pages_hold_every_user_once() {
    let world = World::with(130).await;
    let mut seen = Vec::new();
    for page in 0..3 {
        let answer = world
            .call(
                "GET",
                &format!("/api/v2/users?page={page}&per_page=50&include_totals=true"),
                None,
            )
            .await
            .json();
        assert_eq!(
            (&answer["start"], &answer["limit"], &answer["total"]),
            (&json!(page * 50), &json!(50), &json!(130))
        );
        assert_eq!(answer["length"], json!(answer["users"].as_array().unwrap().len()));
        seen.extend(ids(&answer).into_iter().map(str::to_owned));
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 130);
    assert!(world.call("GET", "/api/v2/users", None).await.json().is_array());
    world.sandbox.auth0().change_settings(|all| all.longest_page = 20);
    let answer = world
        .call("GET", "/api/v2/users?per_page=50&include_totals=true", None)
        .await
        .json();
    assert_eq!((&answer["limit"], &answer["length"]), (&json!(20), &json!(20)));
}

#[tokio::test]
async fn nobody_pages_past_a_thousand() {
    let world = World::with(1_050).await;
    let last = world
        .call("GET", "/api/v2/users?page=9&per_page=100&include_totals=true", None)
        .await;
    assert_eq!((last.status.as_u16(), &last.json()["total"]), (200, &json!(1_050)));
    let past = world.call("GET", "/api/v2/users?page=10&per_page=100", None).await;
    assert_eq!(past.status, 400);
    assert_eq!(past.json()["errorCode"], "invalid_paging");
    assert!(
        past.json()["message"]
            .as_str()
            .unwrap()
            .starts_with("You can only page through the first 1000 records.")
    );
}

#[tokio::test]
async fn wrong_parameters_are_named() {
    let world = World::with(1).await;
    for query in [
        "page=-1",
        "page=x",
        "per_page=101",
        "include_totals=1",
        "sort=email",
        "sort=user_metadata.x:1",
        "foo=1",
        "search_engine=v9",
        "q=picture:x",
        "q=name:*ab",
        "q=name:(",
        "page=1&page=2",
        "q=user_metadata.a:b*",
    ] {
        let answer = world.call("GET", &format!("/api/v2/users?{query}"), None).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["errorCode"]),
            (400, &json!("invalid_query_string")),
            "{query}"
        );
    }
    let long = format!("/api/v2/users?q={}", "a".repeat(9_000));
    assert_eq!(world.call("GET", &long, None).await.status, 414);
    assert_eq!(world.call("GET", "/api/v2/nothing", None).await.status, 404);
}

#[tokio::test]
async fn a_list_can_be_ordered_either_way_and_cut_to_fields() {
    let world = World::with(40).await;
    let up = world
        .call("GET", "/api/v2/users?sort=created_at:1&fields=user_id,created_at", None)
        .await
        .json();
    let down = world.call("GET", "/api/v2/users?sort=created_at:-1", None).await.json();
    let mut turned = ids(&down);
    turned.reverse();
    assert_eq!(ids(&up), turned);
    assert_eq!(up[0].as_object().unwrap().len(), 2);
    let without = world
        .call("GET", "/api/v2/users?fields=identities&include_fields=false", None)
        .await
        .json();
    assert!(without[0].get("identities").is_none() && without[0].get("email").is_some());
    let loose = world
        .call("GET", "/api/v2/users?primary_order=false", None)
        .await
        .json();
    assert_ne!(ids(&loose), ids(&world.call("GET", "/api/v2/users", None).await.json()));
}

#[tokio::test]
async fn an_unencoded_plus_finds_nobody() {
    let world = World::with(0).await;
    world
        .sandbox
        .auth0()
        .seed([json!({"user_id": "auth0|1", "email": "a+b@example.com"})]);
    assert_eq!(
        ids(&world.search(r#"email:"a+b@example.com""#, "").await.json()),
        ["auth0|1"]
    );
    let loose = world
        .call("GET", "/api/v2/users?q=email:%22a+b@example.com%22", None)
        .await;
    assert_eq!(loose.json(), json!([]));
}

#[tokio::test]
async fn search_lags_behind_and_the_other_reads_do_not() {
    let world = World::with(0).await;
    world.sandbox.clock().freeze();
    world.sandbox.auth0().change_settings(|all| all.search_lag_ms = 3_000);
    let body = json!({"connection": "Username-Password-Authentication", "email": "New@Example.com", "password": "long enough"});
    let made = world.call("POST", "/api/v2/users", Some(&body)).await;
    assert_eq!(
        (made.status.as_u16(), &made.json()["email"]),
        (201, &json!("new@example.com"))
    );
    let id = made.json()["user_id"].as_str().unwrap().to_owned();
    assert_eq!(world.search("email:new*", "").await.json(), json!([]));
    assert_eq!(
        world
            .call("GET", &format!("/api/v2/users/{}", encoded(&id)), None)
            .await
            .status,
        200
    );
    let by_email = world
        .call("GET", "/api/v2/users-by-email?email=new%40example.com", None)
        .await
        .json();
    assert_eq!(ids(&by_email), [id.as_str()]);
    world.sandbox.clock().advance(Duration::from_secs(3));
    assert_eq!(ids(&world.search("email:new*", "").await.json()), [id.as_str()]);
}

#[tokio::test]
async fn an_address_is_looked_up_to_the_letter_and_may_have_several_users() {
    let world = World::with(0).await;
    world.sandbox.auth0().seed([
        json!({"user_id": "auth0|1", "email": "ann@example.com"}),
        json!({"user_id": "google-oauth2|2", "email": "ann@example.com"}),
        json!({"user_id": "saml|3", "email": "Ann@Example.com"}),
    ]);
    let by = async |email: &str| {
        let answer = world
            .call("GET", &format!("/api/v2/users-by-email?email={}", encoded(email)), None)
            .await;
        ids(&answer.json()).len()
    };
    assert_eq!(
        (
            by("ann@example.com").await,
            by("Ann@Example.com").await,
            by("ANN@example.com").await
        ),
        (2, 1, 0)
    );
    assert_eq!(
        ids(&world.search(r#"email:"ANN@example.com""#, "").await.json()).len(),
        3
    );
    assert_eq!(world.call("GET", "/api/v2/users-by-email", None).await.status, 400);
    assert_eq!(
        world
            .call("GET", "/api/v2/users-by-email?email=x&page=1", None)
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn a_linked_identity_is_found_by_search_and_not_by_id() {
    let world = World::with(40).await;
    let user = world
        .sandbox
        .auth0()
        .users()
        .into_iter()
        .find(|user| user["identities"][1].is_object())
        .unwrap();
    let second = user["identities"][1]["user_id"].as_str().unwrap();
    let missing = world
        .call("GET", &format!("/api/v2/users/facebook%7C{second}"), None)
        .await;
    assert_eq!(missing.status, 404);
    assert_eq!(
        missing.json(),
        json!({"statusCode": 404, "error": "Not Found", "message": "The user does not exist.", "errorCode": "inexistent_user"})
    );
    let found = world
        .search(&format!(r#"identities.user_id:"{second}""#), "")
        .await
        .json();
    assert_eq!(ids(&found), [user["user_id"].as_str().unwrap()]);
}

#[tokio::test]
async fn ids_are_decoded_once_and_must_look_like_ids() {
    let world = World::with(0).await;
    let odd = "auth0|a+b/c%41é ü";
    world
        .sandbox
        .auth0()
        .seed([json!({"user_id": odd, "email": "x@example.com"})]);
    assert_eq!(
        world
            .call("GET", &format!("/api/v2/users/{}", encoded(odd)), None)
            .await
            .json()["user_id"],
        odd
    );
    let wrong = world.call("GET", "/api/v2/users/2937", None).await;
    assert_eq!(
        (wrong.status.as_u16(), &wrong.json()["errorCode"]),
        (400, &json!("invalid_uri"))
    );
    let fields = format!("/api/v2/users/{}?fields=email", encoded(odd));
    assert_eq!(
        world.call("GET", &fields, None).await.json(),
        json!({"email": "x@example.com"})
    );
    assert_eq!(
        world
            .call("GET", &format!("{fields},app_metadata.x"), None)
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn a_user_is_created_once_in_a_connection() {
    let world = World::with(0).await;
    let right = json!({"connection": "Username-Password-Authentication", "email": "a@example.com", "password": "long enough",
        "user_id": "mine", "user_metadata": {"x": 1}});
    let made = world.call("POST", "/api/v2/users", Some(&right)).await;
    assert_eq!(
        (made.status.as_u16(), &made.json()["user_id"]),
        (201, &json!("auth0|mine"))
    );
    assert!(made.json().get("password").is_none());
    let again = world
        .call("POST", "/api/v2/users", Some(&with(right.clone(), "user_id", "other")))
        .await;
    assert_eq!(
        (again.status.as_u16(), &again.json()["message"]),
        (409, &json!("The user already exists."))
    );
    let elsewhere = with(
        with(right.clone(), "user_id", "third"),
        "connection",
        "imported-readers",
    );
    assert_eq!(world.call("POST", "/api/v2/users", Some(&elsewhere)).await.status, 201);
    for (name, value, code) in [
        ("password", "short", "invalid_password"),
        ("connection", "nowhere", "inexistent_connection"),
        ("foo", "bar", "invalid_body"),
    ] {
        let answer = world
            .call("POST", "/api/v2/users", Some(&with(right.clone(), name, value)))
            .await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["errorCode"]),
            (400, &json!(code)),
            "{name}"
        );
    }
    let huge = json!({"connection": "email", "email": "b@example.com", "name": "x".repeat(1_100_000)});
    assert_eq!(world.call("POST", "/api/v2/users", Some(&huge)).await.status, 413);
}

#[tokio::test]
async fn a_user_is_changed_by_the_documented_rules() {
    let world = World::with(10).await;
    let id = world.sandbox.auth0().users()[0]["user_id"].as_str().unwrap().to_owned();
    let path = format!("/api/v2/users/{}", encoded(&id));
    let change = json!({"given_name": "Nova", "nickname": null, "user_metadata": {"x": {"y": 1}}});
    let changed = world.call("PATCH", &path, Some(&change)).await.json();
    assert_eq!(
        (&changed["given_name"], changed.get("nickname")),
        (&json!("Nova"), None)
    );
    assert_eq!(changed["user_metadata"]["timeZone"], "Europe/Madrid");
    let moved = world
        .call("PATCH", &path, Some(&json!({"email": "Nova@Example.com"})))
        .await
        .json();
    assert_eq!(
        (&moved["email"], &moved["email_verified"]),
        (&json!("nova@example.com"), &json!(false))
    );
    let both = json!({"password": "long enough", "email": "n@example.com"});
    assert_eq!(world.call("PATCH", &path, Some(&both)).await.status, 400);
    let missing = world
        .call("PATCH", "/api/v2/users/auth0%7Cnobody", Some(&json!({"name": "x"})))
        .await;
    assert_eq!(missing.status, 404);
    let users = world.sandbox.auth0().users();
    let social = users
        .iter()
        .find(|user| user["identities"][0]["isSocial"] == true)
        .unwrap()["user_id"]
        .as_str()
        .unwrap();
    let refused = world
        .call(
            "PATCH",
            &format!("/api/v2/users/{}", encoded(social)),
            Some(&json!({"name": "x"})),
        )
        .await;
    assert_eq!(
        (refused.status.as_u16(), &refused.json()["errorCode"]),
        (400, &json!("operation_not_supported"))
    );
}

#[tokio::test]
async fn deleting_nobody_succeeds_as_well() {
    let world = World::with(1).await;
    let id = world.sandbox.auth0().users()[0]["user_id"].as_str().unwrap().to_owned();
    for _ in 0..2 {
        let answer = world
            .call("DELETE", &format!("/api/v2/users/{}", encoded(&id)), None)
            .await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0));
    }
    assert_eq!(world.sandbox.auth0().user_count(), 0);
}

#[tokio::test]
async fn a_used_up_quota_says_when_it_is_back() {
    let world = World::with(1).await;
    world.sandbox.clock().freeze();
    world.sandbox.auth0().change_settings(|all| all.quota = Quota::free());
    let first = world.call("GET", "/api/v2/users", None).await;
    assert_eq!(
        (first.number("x-ratelimit-limit"), first.number("x-ratelimit-remaining")),
        (2, 1)
    );
    world.call("GET", "/api/v2/users", None).await;
    let refused = world.call("GET", "/api/v2/users", None).await;
    assert_eq!(refused.status, 429);
    assert_eq!(
        refused.json(),
        json!({"statusCode": 429, "error": "Too Many Requests", "errorCode": "too_many_requests",
        "message": "Global limit has been reached"})
    );
    let wait = refused.number("x-ratelimit-reset") - world.sandbox.clock().now().unix_timestamp();
    world.sandbox.clock().advance(Duration::from_secs(wait.unsigned_abs()));
    assert_eq!(world.call("GET", "/api/v2/users", None).await.status, 200);
}

#[tokio::test]
async fn a_slow_wildcard_times_out_when_the_tenant_is_set_so() {
    let world = World::with(5).await;
    world.sandbox.auth0().change_settings(|all| all.slow_wildcards = true);
    let answer = world.search("email:*example*", "").await;
    assert_eq!(answer.status, 503);
    assert!(
        answer.json()["message"]
            .as_str()
            .unwrap()
            .starts_with("The query exceeded the timeout.")
    );
    assert_eq!(world.search("email:m*", "").await.status, 200);
}

#[tokio::test]
async fn a_long_answer_is_packed_for_those_who_take_gzip() {
    let world = World::with(50).await;
    let token = format!(
        "authorization: Bearer {}\r\naccept-encoding: gzip\r\n",
        world.token.as_deref().unwrap()
    );
    let wire = raw(&world, "GET", "/api/v2/users", &token, "").await;
    assert!(wire.contains("content-encoding: gzip"), "{}", &wire[..200]);
}

async fn raw(world: &World, method: &str, path: &str, headers: &str, body: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let address = world
        .sandbox
        .url()
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .to_owned();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let wire = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(wire.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}
